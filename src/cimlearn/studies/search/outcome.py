"""What a search has found, from its trials and the records of their runs.

STUDY/front.csv          the Pareto front: the designs that no other beats in all objectives at once; none near chance
STUDY/trials.parquet     every trial: parameters, means over its seeds, what became of it
STUDY/results.parquet    a row per run and task of the finished trials (studies/results.py)
STUDY/failures.json      why trials failed
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cimlearn import metrics
from cimlearn.report.front import front
from cimlearn.report.measures import MEASURE
from cimlearn.report.run.chance import chance, near
from cimlearn.runfolder.files import write_atomic, write_json
from cimlearn.runfolder.records import read_run
from cimlearn.studies.results import Row, column, run_rows, write_results
from cimlearn.studies.search.backend import optuna
from cimlearn.studies.search.goals import averaged
from cimlearn.studies.search.table import Search
from cimlearn.studies.sweep import Point

TRIALS: Final = "trials.parquet"
FRONT: Final = "front.csv"
FINISHED: Final = "finished"
INFEASIBLE: Final = "infeasible"  # over a limit
PRUNED: Final = "pruned"  # dominated before its end
FAILED: Final = "failed"
RUNNING: Final = "running"
STATES: Final = (FINISHED, PRUNED, INFEASIBLE, FAILED, RUNNING)
State = optuna.trial.TrialState
FrozenTrial = optuna.trial.FrozenTrial


@dataclass(frozen=True)
class Searched:
    """What a search came to."""

    folder: Path
    rows: tuple[Row, ...]  # every trial, by number

    @property
    def front(self) -> list[Row]:
        """The trials on the Pareto front; one near chance learned nothing, so it is on none."""
        return [row for row in self.rows if row["best"]]

    def count(self, state: str) -> int:
        """How many trials are in a state: one of STATES."""
        return sum(row["state"] == state for row in self.rows)


@dataclass(frozen=True)
class _Finished:
    """The runs of finished trials, as studies/results.py wants them."""

    name: str
    varied: tuple[str, ...]
    runs: tuple[Point, ...]

    def points(self) -> tuple[Point, ...]:
        """All runs."""
        return self.runs


def write_outcome(search: Search, folder: Path, trials: Sequence[FrozenTrial]) -> Searched:
    """Write all files of a search that can be made from what is finished.

    Raises
    ------
    InputError
        If the disk is full, or a run folder is damaged.
    """
    points = {trial.number: _points(search, trial) for trial in trials if trial.state == State.COMPLETE}
    rows = [_row(search, folder, trial, points.get(trial.number, ())) for trial in trials]
    ended = [row for row in rows if row["state"] == FINISHED]
    ranked = [{} if row["near_chance"] else row for row in ended]
    for row, best in zip(ended, front(ranked, search.goals), strict=True):
        row["best"] = best
    if search.train and points:
        runs = tuple(point for of_trial in points.values() for point in of_trial)
        places = {point.name: point.folder(folder / "runs") for point in runs}
        write_results(_Finished(search.study.name, search.varied, runs), folder, places)
    failed = {
        f"{search.study.base.chip}/trial={r['trial']}": r["reason"] for r in rows if r["state"] == FAILED
    }
    write_json(folder / "failures.json", failed)
    found = Searched(folder, tuple(rows))
    write_atomic(folder / FRONT, _csv(search, found.front).encode())
    _write_trials(search, folder / TRIALS, rows)
    return found


def _points(search: Search, trial: FrozenTrial) -> tuple[Point, ...]:
    """The runs of a trial."""
    return search.points(trial.number, chosen(search, trial)) if search.train else ()


def chosen(search: Search, trial: FrozenTrial) -> dict[str, Any]:
    """The parameters of a trial, as they were run."""
    return {
        dimension.name: dimension.value(trial.params[dimension.name])
        for dimension in search.space
        if dimension.name in trial.params
    }


def _row(search: Search, folder: Path, trial: FrozenTrial, points: Sequence[Point]) -> Row:
    """One trial: number, state, parameters by name, then the columns of measures.MEASURES."""
    facts = trial.user_attrs
    state = {
        State.COMPLETE: FINISHED,
        State.PRUNED: facts.get("state", PRUNED),
        State.FAIL: FAILED,
    }.get(trial.state, RUNNING)
    parameters = chosen(search, trial)
    row: Row = {"trial": trial.number, "state": state, "reason": facts.get("reason"), "best": False}
    row |= {dimension.name: parameters.get(dimension.name) for dimension in search.space}
    runs = [read_run(point.folder(folder / "runs")) for point in points]
    ends = [r for run in runs for r in run_rows(run) if r["final"]]
    costs: Mapping[str, Any] = facts.get("expected", {}) if state == FINISHED and not search.train else {}
    values = averaged(ends) if ends else {name: costs.get(name) for name in MEASURE}
    reached = [r["accuracy"] for r in ends]
    row["near_chance"] = bool(ends) and near(metrics.mean(reached), chance(runs[0]))
    return {**row, "seeds": len(points), "accuracy_std": metrics.std(reached), **values}


def front_columns(search: Search) -> list[str]:
    """What the front shows: trial, parameters, objectives, then the other columns."""
    rest = [name for name in MEASURE if name not in search.objectives]
    spread = ["accuracy_std"] if "accuracy" in search.objectives else []
    return ["trial", *(dimension.name for dimension in search.space), *search.objectives, *spread, *rest]


def _csv(search: Search, rows: Sequence[Row]) -> str:
    """The front as text, the first objective's best first."""
    text = io.StringIO()
    writer = csv.DictWriter(text, front_columns(search), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(in_order(search, rows))
    return text.getvalue()


def in_order(search: Search, rows: Sequence[Row]) -> list[Row]:
    """Rows with the best of the first objective first."""
    first = search.objectives[0]
    sign = -1 if search.goals[first] else 1
    return sorted(rows, key=lambda row: (sign * row[first], row["trial"]))


def _write_trials(search: Search, path: Path, rows: Sequence[Row]) -> None:
    """All trials as Parquet; parameters have no dot in their names, as in results.parquet."""
    import pyarrow
    import pyarrow.parquet

    number, text = pyarrow.float64(), pyarrow.string()
    fields = [("trial", pyarrow.int64()), ("state", text), ("reason", text), ("best", pyarrow.bool_())]
    arrays = [pyarrow.array([row[name] for row in rows], kind) for name, kind in fields]
    names = [name for name, _ in fields]
    for dimension in search.space:
        values = [row[dimension.name] for row in rows]
        mixed = len({type(value) for value in values if value is not None}) > 1
        arrays.append(pyarrow.array([None if v is None else str(v) if mixed else v for v in values]))
        names.append(column(dimension.name))
    for name in ("seeds", "accuracy_std", *MEASURE):
        arrays.append(
            pyarrow.array([row[name] for row in rows], pyarrow.int64() if name == "seeds" else number)
        )
        names.append(name)
    buffer = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(arrays, names), buffer, compression="zstd")
    write_atomic(path, buffer.getvalue().to_pybytes())
