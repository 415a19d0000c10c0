"""Run a search: price each design that Optuna proposes, run what may win, prune what can't.

STUDY/study.toml        the description
STUDY/search.db         the trials (Optuna), unless another storage is named
STUDY/runs/...          a run folder for each seed of each trial: m2ru,trial=17,seed=0
and what outcome.py writes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cimlearn import metrics
from cimlearn.errors import InputError
from cimlearn.report.measures import PRICED
from cimlearn.runfolder.files import remove_left
from cimlearn.runfolder.records import Run, read_run
from cimlearn.studies.results import Row, need_arrow, run_rows
from cimlearn.studies.run import claim
from cimlearn.studies.search.expected import expected_costs
from cimlearn.studies.search.goals import averaged, broken
from cimlearn.studies.search.outcome import INFEASIBLE, PRUNED, Searched, write_outcome
from cimlearn.studies.search.pruning import Rival, floors
from cimlearn.studies.search.store import State, Store, opened
from cimlearn.studies.search.table import Search
from cimlearn.studies.sweep import TRIES, Point, finished
from cimlearn.studies.workers.attempt import below
from cimlearn.studies.workers.base import Ended, Job, Lost, Workers
from cimlearn.units import quantity

Tell = Callable[[int, str, int, int], None]  # trial, what became of it, trials that ended, of how many


@dataclass
class _Design:
    """A trial in work."""

    number: int
    points: tuple[Point, ...]  # one a seed
    expected: dict[str, float]  # costs; empty where the chip has no prices
    left: deque[Point]
    tries: int = 1
    floors: tuple[float, ...] = ()  # of the run in work


def run_search(
    search: Search, folder: Path, workers: Workers, count: int, tell: Tell | None = None
) -> Searched:
    """Run what is left of a search in `folder` on `count` workers, which are closed at the end.

    Trials side by side know less of each other, so one worker alone gives the same trials every time.

    Raises
    ------
    InputError
        If a package is missing, the folder holds another study, the storage can't be used, or a design can't be
        priced although its costs are limits or all that is wanted.
    KeyboardInterrupt
        On Ctrl-C; runs have saved where they stand.
    """
    need_arrow()
    if search.limits or not search.train:
        expected_costs(search.study.base)
    claim(search.study, folder)
    remove_left(folder, shared=True)
    with opened(search, folder) as store:
        work = _Work(search, folder / "runs", store, workers, tell)
        try:
            work.all(count)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"{work.ended()} of {search.trials} trials have ended; the same command goes on"
            ) from None
        finally:
            workers.close()
        outcome = write_outcome(search, folder, store.trials())
        remove_left(folder, shared=True)  # what was too young before
        return outcome


class _Work:
    """The trials in work, by the name of the run that each has with the workers."""

    def __init__(self, search: Search, root: Path, store: Store, workers: Workers, tell: Tell | None) -> None:
        self._search, self._root, self._store = search, root, store
        self._workers, self._tell = workers, tell
        self._going: dict[str, _Design] = {}

    def all(self, count: int) -> None:
        """Go on until no trial is left."""
        while True:
            while len(self._going) < count and (taken := self._store.take()) is not None:
                self._begin(*taken)
            if not self._going:
                return
            self._follow(self._workers.next())

    def ended(self) -> int:
        """How many trials have come to an end."""
        return sum(trial.state.is_finished() for trial in self._store.trials())

    def _begin(self, number: int, chosen: dict[str, Any]) -> None:
        """Price a trial, then run it unless it breaks a limit or its price is all that is wanted."""
        try:
            points = self._search.points(number, chosen)
            expected = self._price(points[0])
        except InputError as error:
            self._fail(number, str(error))
            return
        self._store.note(number, expected=expected)
        worse = broken(expected, self._search.limits)
        self._store.limit(number, worse)
        over = [name for name, share in worse.items() if share > 0]
        if over:
            unit = PRICED[over[0]].unit
            cost, limit = quantity(expected[over[0]], unit), quantity(self._search.limits[over[0]], unit)
            self._prune(number, INFEASIBLE, f"{over[0]} {cost}, limit {limit}")
        elif not self._search.train:
            self._finish(number, expected)
        else:
            self._next(_Design(number, points, expected, deque(points)))

    def _price(self, point: Point) -> dict[str, float]:
        """What a design is expected to cost; nothing for a chip without prices, if nobody needs them."""
        try:
            return expected_costs(point.experiment) if point.experiment.on == "chip" else {}
        except InputError:
            if self._search.limits or not self._search.train:
                raise
            return {}

    def _next(self, design: _Design) -> None:
        """Hand the next run of a trial to the workers, or end the trial."""
        while design.left:
            point = design.left[0]
            folder = point.folder(self._root)
            if finished(point, self._root):
                design.left.popleft()
                continue
            seed = point.experiment.seeds[0]
            design.floors = floors(
                design.expected, self._rivals(), self._search.goals, seed, self._search.margin
            )
            if why := _why_pruned(folder, seed, design.floors):
                self._prune(design.number, PRUNED, f"{point.name}: {why}")
                return
            self._going[point.name] = design
            self._workers.submit(Job(point.name, point.experiment, folder, design.floors))
            return
        self._measure(design)

    def _follow(self, end: Ended | Lost) -> None:
        """What is next after one run has ended in some way."""
        design = self._going.pop(end.name)
        point = design.left[0]
        if isinstance(end, Lost):
            if design.tries == TRIES:
                self._fail(design.number, f"{end.name}: {end.reason}; given up after {TRIES} attempts")
                return
            design.tries += 1
            self._next(design)
        elif end.reason is None:
            design.left.popleft()
            self._next(design)
        elif _why_pruned(point.folder(self._root), point.experiment.seeds[0], design.floors):
            self._prune(design.number, PRUNED, f"{end.name}: {end.reason}")
        else:
            self._fail(design.number, f"{end.name}: {end.reason}")

    def _measure(self, design: _Design) -> None:
        """End a trial whose runs are all finished."""
        runs = [read_run(point.folder(self._root)) for point in design.points]
        ends = [row for run in runs for row in run_rows(run) if row["final"]]
        row = averaged(ends)
        missing = next((name for name in self._search.objectives if row[name] is None), None)
        if missing is not None:
            why = next((f": {end['not_priced']}" for end in ends if end["not_priced"]), "")
            self._fail(design.number, f"its runs have no {missing}{why}")
            return
        self._store.note(
            design.number, curves={str(run.seeds[0]): _course(run, run.seeds[0]) for run in runs}
        )
        self._finish(design.number, row)

    def _rivals(self) -> list[Rival]:
        """The finished trials."""
        facts = [trial.user_attrs for trial in self._store.trials() if trial.state == State.COMPLETE]
        return [Rival(known.get("expected", {}), known.get("curves", {})) for known in facts]

    def _finish(self, number: int, row: Row) -> None:
        """A trial has its objectives."""
        self._store.finish(number, row)
        values = [f"{name} {row[name]:.4g}" for name in self._search.objectives]
        self._told(number, ", ".join(values))

    def _prune(self, number: int, state: str, why: str) -> None:
        """A trial is not worth its end."""
        self._store.note(number, state=state, reason=why)
        self._store.prune(number)
        self._told(number, f"{state}: {why}")

    def _fail(self, number: int, why: str) -> None:
        """A trial can't be run."""
        self._store.note(number, reason=why)
        self._store.fail(number)
        self._told(number, f"failed: {why}")

    def _told(self, number: int, what: str) -> None:
        """Tell how a trial has ended."""
        if self._tell is not None:
            self._tell(number, what, self.ended(), self._search.trials)


def _course(run: Run, seed: int) -> list[float]:
    """(tasks,) accuracy on the tasks so far, after each."""
    records = run.of_seed(seed)
    return metrics.after_each_task([record.accuracy for record in records]) if records else []


def _why_pruned(folder: Path, seed: int, limits: tuple[float, ...]) -> str | None:
    """Why what a run has recorded is below the floors; None if it isn't."""
    if not limits or not (folder / "run.json").exists():
        return None
    said = (below(record.task, record.accuracy, limits) for record in read_run(folder).of_seed(seed))
    return next((why for why in said if why), None)
