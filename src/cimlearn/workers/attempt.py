"""What a worker does with a job: run the experiment in a folder, or go on with it, on one thread."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from cimlearn.errors import InputError
from cimlearn.experiment import Experiment
from cimlearn.runfolder import Busy
from cimlearn.scheduler import Progress

_PATIENCE = 60.0  # seconds that a run is waited for which an earlier, stopped sweep still holds


class Unwanted(BaseException):
    """Nobody waits for this run any more."""


def attempt(experiment: Experiment, folder: Path, wanted: Callable[[], bool] = lambda: True) -> str | None:
    """Run `experiment` in `folder`, or go on with what is there; answers why it can't be run, or None.

    Raises
    ------
    Unwanted
        At the next chunk of examples after `wanted` has become false; where the run stands is saved.
    KeyboardInterrupt
        On Ctrl-C, in the same way.
    """

    def still(event: Progress) -> None:
        if not wanted():
            raise Unwanted

    until = time.monotonic() + _PATIENCE
    while True:
        try:
            if (folder / "run.json").exists():
                experiment.run(resume=folder, progress=still)
            else:
                experiment.run(folder, progress=still)
            return None
        except Busy as error:
            if time.monotonic() > until:
                return str(error)
            time.sleep(0.2)
        except InputError as error:
            return str(error)
        except Exception as error:  # one broken run must not end a study of thousands
            return f"{type(error).__name__}: {' '.join(str(error).split())}"


def one_thread() -> None:
    """Let libraries that are loaded use one thread, since the runs themselves are side by side."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@cache
def code() -> str:
    """A digest of this package's sources: two machines that run a study together must have the same one."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for file in sorted((*package.rglob("*.py"), *package.rglob("*.toml"))):
        digest.update(f"{file.relative_to(package)}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:12]
