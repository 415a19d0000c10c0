"""Design points side by side: accuracy against energy against lifetime over chosen parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.report.front import front
from cimlearn.report.measures import average, samples, spread
from cimlearn.runfolder.records import Run, read_run
from cimlearn.studies.study import combinations, varied
from cimlearn.studies.sweep import Point, Tell, run_points

Row = dict[str, Any]


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

    A row holds what was varied and, as means over seeds, `accuracy`, `accuracy_std`, `inference_J`, `learning_J` (a new
    example with its replays), `lifetime_years` (until 10 % of the cells are stuck; infinity = never), `area_m2`,
    `ops_per_J`, then `best` (nothing is better in accuracy, learning energy and lifetime at once) and `run_folder`.
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
    """Accuracy and costs of one run, means over its seeds."""
    found, why_not = samples(run)
    values = average(found)
    if "learning_J" not in values:
        raise InputError(
            why_not
            or f"{run.folder}: a software twin has no energy or lifetime; explore the chip (--on chip)"
        )
    row: Row = {"accuracy": values["accuracy"], "accuracy_std": spread(found).get("accuracy")}
    row |= {
        key: values[key] for key in ("inference_J", "learning_J", "lifetime_years", "area_m2", "ops_per_J")
    }
    return {**row, "run_folder": str(run.folder)}
