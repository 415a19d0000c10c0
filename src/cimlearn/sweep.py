"""Many experiments on one machine: each point in its own run folder, side by side in processes.

What is finished stays finished: a point whose folder holds a complete run of the same experiment is not run again,
one that was cut off goes on where it stopped. The records of a point don't depend on the number of workers.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cimlearn.errors import InputError
from cimlearn.experiment import Experiment, same_experiment
from cimlearn.runfolder import read_configuration


@dataclass(frozen=True)
class Point:
    """One experiment of a sweep, under a name such as 'chip/hidden=256/seed=3'."""

    name: str
    experiment: Experiment

    def folder(self, root: Path) -> Path:
        """Where its run is kept."""
        return root / self.name.replace("/", ",")


Tell = Callable[[Point, int, int], None]  # the point that is finished, how many are, of how many


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_points(
    points: Iterable[Point], root: Path, *, workers: int | None = None, tell: Tell | None = None
) -> dict[str, Path]:
    """Run what is not finished yet; returns the run folder of each point by its name.

    Raises
    ------
    InputError
        If two points have one name, a folder holds another experiment, or a point can't be run; what was finished
        before stays.
    """
    wanted = tuple(points)
    folders = {point.name: point.folder(root) for point in wanted}
    if len(folders) != len(wanted):
        raise InputError("two points of the sweep have the same name; name them by what differs")
    todo = [point for point in wanted if not _finished(point, root)]
    done = len(wanted) - len(todo)
    workers = min(workers or cores(), max(1, len(todo)))
    if workers == 1:
        for n, point in enumerate(todo, start=done + 1):
            _run(point, root)
            if tell is not None:
                tell(point, n, len(wanted))
        return folders
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures: dict[Future[None], Point] = {pool.submit(_run, point, root): point for point in todo}
        try:
            for n, future in enumerate(as_completed(futures), start=done + 1):
                future.result()
                if tell is not None:
                    tell(futures[future], n, len(wanted))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return folders


def _finished(point: Point, root: Path) -> bool:
    """Whether the folder holds a complete run of the point; InputError if it holds another experiment."""
    folder = point.folder(root)
    if not (folder / "run.json").exists():
        return False
    before: Mapping[str, Any] = read_configuration(folder)
    if not same_experiment(before, point.experiment):
        raise InputError(
            f"{folder} holds another experiment than {point.name}; remove it, or name another folder with --out"
        )
    lines = folder / "records.jsonl"
    written = sum(1 for _ in lines.open("rb")) if lines.exists() else 0
    return written == len(before["seeds"]) * len(before["tasks"])


def _run(point: Point, root: Path) -> None:
    """Run one point, or go on with it."""
    folder = point.folder(root)
    if (folder / "run.json").exists():
        point.experiment.run(resume=folder)
    else:
        point.experiment.run(folder)
