"""The simplest worker: this process, one job after the other."""

from __future__ import annotations

from collections import deque

from cimlearn.studies.workers.attempt import attempt
from cimlearn.studies.workers.base import Ended, Job, Lost


class Here:
    """Runs a job when its end is asked for."""

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()

    def submit(self, job: Job) -> None:
        """Take a job."""
        self._jobs.append(job)

    def next(self) -> Ended | Lost:
        """Run the oldest job."""
        job = self._jobs.popleft()
        return Ended(job.name, attempt(job.experiment, job.folder, floors=job.floors))

    def close(self) -> None:
        """Forget what was not begun."""
        self._jobs.clear()
