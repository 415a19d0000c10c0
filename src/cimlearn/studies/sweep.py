"""Many experiments, each point in its own run folder, side by side on whatever workers there are.

What is finished stays finished: a point whose folder holds a complete run of the same experiment is not run again.
A point whose worker died is tried again a few times. The records of a point don't depend on the workers.
See docs/decisions/0007-studies.md.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment, same_experiment
from cimlearn.runfolder.files import held, make, read_configuration, remove_left, remove_own, write_atomic
from cimlearn.studies.workers.base import Job, Lost, Workers, plain
from cimlearn.studies.workers.local import LocalWorkers
from cimlearn.untrusted import limits
from cimlearn.untrusted.files import read_bytes

TRIES = 3  # attempts at a point, one after the other, whose workers die or hang before it has come further
_LONGEST = 200  # bytes of a folder's name
FILES = (
    "run.json",
    "timing.json",
    "records.jsonl",
)  # of a run that comes from elsewhere; the last makes it finished


@dataclass(frozen=True)
class Point:
    """One experiment of a sweep, under a name such as 'chip/hidden=256/seed=3'."""

    name: str
    experiment: Experiment

    def folder(self, root: Path) -> Path:
        """Where its run is kept."""
        flat = self.name.replace("/", ",")
        if flat.strip(".") == "" or "\0" in flat:
            raise InputError(f"a run can't be called {self.name!a}; give it a name with a letter or digit")
        if len(flat.encode()) > _LONGEST:  # file systems end at 255
            flat = flat[: _LONGEST // 2] + "," + hashlib.sha256(flat.encode()).hexdigest()[:16]
        return root / flat


@dataclass(frozen=True)
class Outcome:
    """What became of a sweep's points, by name."""

    folders: Mapping[str, Path]  # run folders of the finished ones
    failures: Mapping[str, str]  # one-line reasons of the others


Tell = Callable[[Point, str | None, int, int], None]  # point, reason if it failed, points ended, of how many
Retried = Callable[[Point, str], None]  # point that is tried again, what was wrong


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_points(
    points: Iterable[Point],
    root: Path,
    *,
    workers: int | None = None,
    on: Workers | None = None,
    tell: Tell | None = None,
    retried: Retried | None = None,
) -> Outcome:
    """Run what is not finished yet.

    A point that can't be run, or whose workers died or hung `TRIES` times, is a failure with its reason; the others
    go on.

    Parameters
    ----------
    points
        what to run
    root
        folder of the run folders
    workers
        processes of this machine; default: one per core
    on
        other workers, such as a Dask cluster's; they are closed at the end
    tell, retried
        called as each point ends, and as one is tried again

    Raises
    ------
    InputError
        If two different experiments have one name, a folder holds another experiment than its point, another process
        runs points in `root`, or no worker is left.
    KeyboardInterrupt
        On Ctrl-C; points that were running have saved where they stand.
    """
    wanted = _named(points)
    make(root, exist_ok=True)
    lock = root / ".lock"
    lock.touch()
    with held(lock):
        remove_left(root.parent)
        todo = [point for point in wanted.values() if not finished(point, root)]
        workers_now = on or LocalWorkers(min(workers or cores(), max(1, len(todo))))
        failures: dict[str, str] = {}
        ended = len(wanted) - len(todo)
        try:
            for point, reason in _run_all(todo, root, workers_now, retried):
                ended += 1
                if reason is not None:
                    failures[point.name] = reason
                if tell is not None:
                    tell(point, reason, ended, len(wanted))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"{ended - len(failures)} of {len(wanted)} runs are finished; the same command goes on"
            ) from None
        finally:
            workers_now.close()
    folders = {name: point.folder(root) for name, point in wanted.items() if name not in failures}
    return Outcome(folders, failures)


def _named(points: Iterable[Point]) -> dict[str, Point]:
    """The points by name; one that is given twice is one."""
    wanted: dict[str, Point] = {}
    for point in points:
        if wanted.setdefault(point.name, point) != point:
            raise InputError(
                f"two experiments of the sweep have the name {point.name}; name them by what differs"
            )
        plain(point.experiment)  # what can't travel is an error now
    return wanted


def _run_all(
    todo: list[Point], root: Path, workers: Workers, retried: Retried | None
) -> Iterator[tuple[Point, str | None]]:
    """Each point as it ends, with the reason if it failed."""
    jobs = {point.name: (point, Job(point.name, point.experiment, point.folder(root))) for point in todo}
    tries = dict.fromkeys(jobs, 1)
    for _, job in jobs.values():
        workers.submit(job)
    while jobs:
        end = workers.next()
        point, job = jobs[end.name]
        if isinstance(end, Lost) and end.further:  # workers end sooner than the run, which goes on
            tries[end.name] = 1
            workers.submit(job)
            continue
        if isinstance(end, Lost) and tries[end.name] < TRIES:
            tries[end.name] += 1
            if retried is not None:
                retried(point, end.reason)
            workers.submit(job)
            continue
        del jobs[end.name]
        if isinstance(end, Lost):
            yield point, f"{end.reason}; given up after {TRIES} attempts"
            continue
        reason = end.reason
        if end.files is not None:
            try:
                _place(job.folder, end.files)
            except InputError as error:
                reason = str(error)
        yield point, reason


def _place(folder: Path, files: Mapping[str, str]) -> None:
    """Put a finished run that came from elsewhere into its folder; the records come last, and as one step.

    Raises
    ------
    InputError
        If the folder holds something else than a run, or `files` has a name that is none of a run's.
    """
    if strange := sorted(files.keys() - set(FILES)):
        raise InputError(f"a worker sent the file {strange[0]!a}, which is none of a run's")
    if (folder / "run.json").exists():  # begun earlier, and not finished
        remove_own(folder)
    elif folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} holds other files; name another folder with --out")
    make(folder, exist_ok=True)
    for name in sorted(files, key=FILES.index):
        write_atomic(folder / name, files[name].encode())


def finished(point: Point, root: Path) -> bool:
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
    written = len(read_bytes(lines, limits.most_bytes()).splitlines()) if lines.exists() else 0
    return written == len(before["seeds"]) * len(before["tasks"])
