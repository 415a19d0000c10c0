"""Worker processes on this machine, each with one thread; one that dies or takes too long is replaced."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import BufferedReader, FileIO
from multiprocessing.connection import wait
from typing import IO, Any, Final, cast

from cimlearn.runfolder.files import to_json
from cimlearn.studies.workers.base import Ended, Job, Lost, plain

# The child finds this package where its parent found it, and nothing of the parent's main file is imported.
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from cimlearn.studies.workers import child; child.main()"
)
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_GRACE = 60.0  # seconds for a run to save where it stands


@contextmanager
def _scratch() -> Iterator[IO[bytes]]:
    """A file without a name."""
    with tempfile.TemporaryFile() as file:
        yield file


class _Child:
    """One worker process and the job that it has."""

    def __init__(self, command: Sequence[str]) -> None:
        self._open = ExitStack()
        self.said = self._open.enter_context(_scratch())  # its stderr
        self.process = subprocess.Popen(
            [*command, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
            env={**os.environ, **dict.fromkeys(_THREADS, "1")},
            start_new_session=True,  # Ctrl-C reaches the sweep alone, which then stops its workers
        )
        self.out = cast(
            "FileIO", cast("BufferedReader", self.process.stdout).raw
        )  # a buffer hides lines from `wait`
        self.inlet = cast("IO[bytes]", self.process.stdin)
        self.job: Job | None = None
        self.since = math.inf  # when the job was begun; loading this package is not part of it

    def give(self, job: Job) -> None:
        """Send a job; a child that has died shows that on its stdout."""
        self.job, self.since = job, math.inf
        line = {
            "name": job.name,
            "folder": str(job.folder),
            "floors": job.floors,
            "experiment": plain(job.experiment),
        }
        with suppress(BrokenPipeError):
            self.inlet.write(to_json(line).encode() + b"\n")
            self.inlet.flush()

    def kill(self) -> None:
        """End the process now."""
        self.process.kill()
        self._forget()

    def stop(self) -> None:
        """Ask the process to save and end."""
        with suppress(BrokenPipeError):
            self.inlet.close()

    def end(self, seconds: float) -> None:
        """Wait for the end that `stop` asked for; then end the process."""
        try:
            self.process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._forget()

    def _forget(self) -> None:
        """Close everything."""
        self.process.wait()
        self.stop()
        self.out.close()
        self._open.close()

    def obituary(self) -> str:
        """How the process, which has closed its stdout, died; in a few words."""
        status = self.process.wait()
        if status < 0:
            return f"its worker was killed ({signal.Signals(-status).name})"
        self.said.seek(0)
        last = self.said.read().decode(errors="replace").strip().splitlines()[-1:]
        return ": ".join([f"its worker ended with status {status}", *last])


class LocalWorkers:
    """`count` processes; `limit` [s] is the longest that one attempt may take."""

    def __init__(self, count: int, limit: float | None = None, command: Sequence[str] | None = None) -> None:
        self._count, self._limit = count, limit
        self._command = command or (sys.executable, "-c", _START)
        self._jobs: deque[Job] = deque()
        self._children: list[_Child] = []

    def submit(self, job: Job) -> None:
        """Take a job."""
        self._jobs.append(job)

    def next(self) -> Ended | Lost:
        """How one job ended."""
        while True:
            self._hand_out()
            busy = {child.out: child for child in self._children if child.job is not None}
            for out in wait([cast("Any", out) for out in busy], self._patience()):
                child = busy[cast("FileIO", out)]
                answer = self._answer(child, child.out.readline())
                if answer is not None:
                    return answer
            late = [child for child in busy.values() if self._left(child) <= 0]
            if late:
                return self._drop(late[0], f"took longer than {self._limit:g} s")

    def close(self) -> None:
        """Let running jobs save where they stand."""
        self._jobs.clear()
        until = time.monotonic() + _GRACE
        for child in self._children:
            child.stop()
        for child in self._children:
            child.end(until - time.monotonic())
        self._children.clear()

    def _hand_out(self) -> None:
        """Give waiting jobs to idle processes, starting new ones where there are fewer than `count`."""
        while self._jobs:
            child = next((child for child in self._children if child.job is None), None)
            if child is None:
                if len(self._children) >= self._count:
                    return
                child = _Child(self._command)
                self._children.append(child)
            child.give(self._jobs.popleft())

    def _left(self, child: _Child) -> float:
        """Seconds that the job of `child` may still take."""
        return math.inf if self._limit is None else child.since + self._limit - time.monotonic()

    def _patience(self) -> float | None:
        """Seconds until a job is late; None: there is no limit."""
        if self._limit is None:
            return None
        left = min(self._left(child) for child in self._children if child.job is not None)
        return None if left == math.inf else max(0.0, left)

    def _answer(self, child: _Child, line: bytes) -> Ended | Lost | None:
        """What a line of a child says: an end, or None for a beginning; an empty one says that it has died."""
        if not line.endswith(b"\n"):
            return self._drop(child, child.obituary())
        said = json.loads(line)
        if "begun" in said:
            child.since = time.monotonic()
            return None
        child.job = None
        return Ended(said["name"], said["reason"])

    def _drop(self, child: _Child, reason: str) -> Lost:
        """Part with a child; its job is lost."""
        name = child.job.name if child.job is not None else ""
        child.kill()
        self._children.remove(child)
        return Lost(name, reason)
