"""A worker process of this machine: jobs come as lines of JSON on stdin, what is begun and done goes to stdout.

When stdin ends (the sweep has stopped, or was killed) a run in work saves where it stands, and the process ends.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

from cimlearn.studies.workers.attempt import attempt, one_thread
from cimlearn.studies.workers.base import experiment_of

_GRACE = 60.0  # seconds for a run to save where it stands


def main() -> int:
    """Serve until stdin ends."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    one_thread()
    jobs: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin, jobs), daemon=True).start()
    try:
        while (job := jobs.get()) is not None:
            _say(answers, {"begun": job["name"]})
            reason = attempt(
                experiment_of(job["experiment"]), Path(job["folder"]), floors=tuple(job["floors"])
            )
            _say(answers, {"name": job["name"], "reason": reason})
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    return 0


def _say(answers: IO[str], said: dict[str, Any]) -> None:
    """Write a line."""
    answers.write(json.dumps(said) + "\n")
    answers.flush()


def _listen(lines: IO[str], jobs: SimpleQueue[dict[str, Any] | None]) -> None:
    """Hand on jobs; at the end of `lines` interrupt the main thread, and end the process if that doesn't help."""
    for line in lines:
        jobs.put(json.loads(line))
    jobs.put(None)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    time.sleep(_GRACE)
    os._exit(1)
