"""What a worker does with a job: run the experiment in a folder, or go on with it, on one thread."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from cimlearn import metrics
from cimlearn.compiled import STRICT
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.experiments.loop import Evaluated
from cimlearn.experiments.scheduler import Progress
from cimlearn.runfolder.files import Busy

_PATIENCE = 60.0  # seconds that a run is waited for which an earlier, stopped sweep still holds


class Unwanted(BaseException):
    """Nobody waits for this run any more."""


class _Below(Exception):
    """The run learns too badly to be worth its end."""


def attempt(
    experiment: Experiment,
    folder: Path,
    wanted: Callable[[], bool] = lambda: True,
    floors: Sequence[float] = (),
    told: Callable[[Progress], None] = lambda event: None,
) -> str | None:
    """Run `experiment` in `folder`, or go on with what is there; answers why it has no end, or None.

    `told` is called at the begin, after each chunk of examples and after each task. With `floors` it is pruned after
    task k if the mean accuracy on the tasks so far (0 to 1) is below floors[k].

    Raises
    ------
    Unwanted
        At the next chunk of examples after `wanted` has become false; where the run stands is saved.
    KeyboardInterrupt
        On Ctrl-C, in the same way.
    """

    def still(event: Progress) -> None:
        told(event)
        if not wanted():
            raise Unwanted
        if isinstance(event, Evaluated) and (why := below(event.task, event.record["accuracy"], floors)):
            raise _Below(why)

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
        except (InputError, _Below) as error:
            return str(error)
        except Exception as error:  # one broken run must not end a study of thousands
            return f"{type(error).__name__}: {' '.join(str(error).split())}"


def below(task: int, accuracy: Sequence[float], floors: Sequence[float]) -> str | None:
    """How far `accuracy`, on each task so far, is below the floor of `task`; None if it isn't."""
    if task >= len(floors) or metrics.mean(accuracy) >= floors[task]:
        return None
    return f"accuracy {metrics.mean(accuracy):.3f} after task {task + 1}, below {floors[task]:.3f}"


def one_thread() -> None:
    """Let libraries that are loaded use one thread, since the runs themselves are side by side."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@cache
def code() -> str:
    """A digest of this package's sources, and `-strict` for strict kernels: what runs a study together has one."""
    package = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for file in sorted((*package.rglob("*.py"), *package.rglob("*.toml"))):
        digest.update(f"{file.relative_to(package)}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:12] + ("-strict" if STRICT else "")
