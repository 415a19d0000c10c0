"""What a Dask worker does with a job: run it in a folder of its own, and send the finished run back.

Nothing is written into the study's folder here, so a worker that was given up and comes back late harms nothing.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cimlearn.studies.workers.attempt import Unwanted, attempt, code, one_thread
from cimlearn.studies.workers.base import experiment_of

FILES: Final = ("run.json", "records.jsonl", "timing.json")  # of a finished run; states stay behind
TOPIC: Final = "cimlearn"  # where workers say what they begin


def work(line: str, expected: str) -> dict[str, Any]:
    """Do the job in `line` (JSON). `expected` is the digest of the sources that the sweep runs on.

    The answer has `name` and one of: `files` (name -> text), `reason`, `other` (the digest of other sources).
    """
    from distributed import get_worker
    from distributed.worker import thread_state

    job = json.loads(line)
    if code() != expected:
        return {"name": job["name"], "other": f"{code()} on the worker {get_worker().address}"}
    worker, key = get_worker(), thread_state.key
    worker.log_event(TOPIC, {"key": key, "worker": worker.address})
    one_thread()

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state != "cancelled"

    with tempfile.TemporaryDirectory(prefix="cimlearn-", dir=worker.local_directory) as scratch:
        try:
            return {"name": job["name"], **_run(job, Path(scratch) / "run", wanted)}
        except Unwanted:
            return {"name": job["name"], "reason": "stopped"}


def _run(job: Mapping[str, Any], folder: Path, wanted: Any) -> dict[str, Any]:
    """The finished run's files, or the reason why there are none."""
    reason = attempt(experiment_of(job["experiment"]), folder, wanted)
    if reason is not None:
        return {"reason": reason}
    return {"files": {name: (folder / name).read_text("utf-8") for name in FILES}}
