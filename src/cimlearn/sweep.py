"""Many experiments on one machine: each point in its own run folder, side by side in processes.

What is finished stays finished: a point whose folder holds a complete run of the same experiment is not run again,
one that was cut off goes on where it stopped. The records of a point don't depend on the number of workers.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
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


@dataclass(frozen=True)
class Outcome:
    """What became of a sweep's points, by name."""

    folders: Mapping[str, Path]  # run folders of the finished ones
    failures: Mapping[str, str]  # one-line reasons of the others


Tell = Callable[[Point, str | None, int, int], None]  # point, reason if it failed, points ended, of how many


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_points(
    points: Iterable[Point], root: Path, *, workers: int | None = None, tell: Tell | None = None
) -> Outcome:
    """Run what is not finished yet, `workers` points at a time (default: one per core).

    A point that can't be run is a failure with its reason; the others go on.

    Raises
    ------
    InputError
        If two different experiments have one name, or a folder holds another experiment than its point.
    KeyboardInterrupt
        On Ctrl-C; points that were running have saved where they stand.
    """
    wanted: dict[str, Point] = {}
    for point in points:
        if wanted.setdefault(point.name, point) != point:
            raise InputError(
                f"two experiments of the sweep have the name {point.name}; name them by what differs"
            )
    todo = [point for point in wanted.values() if not _finished(point, root)]
    failures: dict[str, str] = {}
    ended = len(wanted) - len(todo)
    for point, reason in _run_all(todo, root, min(workers or cores(), max(1, len(todo)))):
        ended += 1
        if reason is not None:
            failures[point.name] = reason
        if tell is not None:
            tell(point, reason, ended, len(wanted))
    folders = {name: point.folder(root) for name, point in wanted.items() if name not in failures}
    return Outcome(folders, failures)


def _run_all(todo: list[Point], root: Path, workers: int) -> Iterator[tuple[Point, str | None]]:
    """Each point as it ends, with the reason if it failed."""
    if workers == 1:
        for point in todo:
            yield point, _run(point, root)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = {pool.submit(_run, point, root): point for point in todo}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


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
    written = len(lines.read_bytes().splitlines()) if lines.exists() else 0
    return written == len(before["seeds"]) * len(before["tasks"])


def _run(point: Point, root: Path) -> str | None:
    """Run one point, or go on with it; answers why it couldn't be run, or None."""
    folder = point.folder(root)
    try:
        if (folder / "run.json").exists():
            point.experiment.run(resume=folder)
        else:
            point.experiment.run(folder)
    except InputError as error:
        return str(error)
    return None
