"""Design points side by side: accuracy against energy against lifetime over chosen parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cimlearn import metrics
from cimlearn.errors import InputError
from cimlearn.experiment import Experiment
from cimlearn.report.costs import run_costs
from cimlearn.report.records import Run, read_run
from cimlearn.study import combinations, varied
from cimlearn.sweep import Point, Tell, run_points

Row = dict[str, Any]
GOALS = {"accuracy": True, "learning_J": False, "lifetime_years": True}  # column -> larger is better


def grid(base: Experiment, vary: Mapping[str, Sequence[Any]]) -> tuple[Point, ...]:
    """One point per combination of the values in `vary` ('part.key' -> values).

    Raises
    ------
    InputError
        If nothing is varied, a parameter has no value, or a value isn't allowed.
    """
    if not vary:
        raise InputError(
            "nothing to explore: name parameters and values, such as --vary network.hidden=50,100"
        )
    for name, values in vary.items():
        if not values:
            raise InputError(f"--vary {name}: give at least one value, such as {name}=1,2,3")
    points = []
    for chosen in combinations(vary):
        experiment = varied(base, chosen)
        _ = experiment.parameters, experiment.prices  # a wrong value is an error now, not an hour later
        points.append(Point("/".join(f"{k}={v}" for k, v in chosen.items()), experiment))
    return tuple(points)


def explore(
    base: Experiment,
    vary: Mapping[str, Sequence[Any]],
    folder: Path,
    *,
    workers: int | None = None,
    tell: Tell | None = None,
) -> tuple[list[Row], dict[str, str]]:
    """Run the grid (finished points are used again); a row per point, and why the others failed.

    A row holds what was varied, `accuracy`, `accuracy_std`, `inference_J`, `learning_J` (a new example with its
    replays), `lifetime_years` (until 10 % of the cells are stuck; infinity = never), `area_m2`, `ops_per_J`, `best`
    (nothing is better in accuracy, learning energy and lifetime at once) and `run_folder`.
    """
    points = grid(base, vary)
    outcome = run_points(points, folder / "runs", workers=workers, tell=tell)
    rows = []
    for point in points:
        if point.name in outcome.folders:
            chosen = {name: point.experiment.settings[name] for name in vary}
            rows.append({**chosen, **_numbers(read_run(outcome.folders[point.name]))})
    for row, best in zip(rows, front(rows), strict=True):
        row["best"] = best
    return rows, dict(outcome.failures)


def _numbers(run: Run) -> Row:
    """Accuracy and costs of one run."""
    accuracy, costs = metrics.summary(run.matrices()), run_costs(run)
    if costs is None:
        raise InputError(
            f"{run.folder}: a software twin has no energy or lifetime; explore the chip (--on chip)"
        )
    ten = costs.lifetime["ten_percent"]
    return {
        "accuracy": accuracy["average"],
        "accuracy_std": accuracy["std"],
        "inference_J": costs.phases["inference"].joules,
        "learning_J": costs.phases["learning"].joules,
        "lifetime_years": math.inf if ten is None else ten,
        "area_m2": math.fsum(costs.area.values()),
        "ops_per_J": costs.phases["inference"].ops_per_J,
        "run_folder": str(run.folder),
    }


def front(rows: Sequence[Row], goals: Mapping[str, bool] = GOALS) -> list[bool]:
    """For each row, whether no other is at least as good in every goal and better in one (Pareto optimal)."""
    scores = [[row[name] if larger else -row[name] for name, larger in goals.items()] for row in rows]

    def beaten(mine: Sequence[float]) -> bool:
        return any(
            all(a >= b for a, b in zip(other, mine, strict=True)) and other != mine for other in scores
        )

    return [not beaten(mine) for mine in scores]
