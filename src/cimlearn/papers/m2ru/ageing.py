"""To the end of life: accuracy against years while cells stick. Not in the paper.

Accelerated ageing: the cells of the simulated chip last ENDURANCE writes instead of `cell.endurance`, so one simulated
example stands for cell.endurance / ENDURANCE of them. Assumed: learning between two simulated examples would have
changed nothing else. A stuck cell stays where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cimlearn import chips
from cimlearn.costs.lifetime import YEAR
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.papers.base import FigureResult, PaperFigure, Row, Runs
from cimlearn.papers.plots import lines, series
from cimlearn.report.costs import price_parameters
from cimlearn.studies.sweep import Point

ENDURANCE: Final = 4000.0  # median writes of a simulated cell
KEPT: Final[Mapping[str, tuple[int | None, int | None]]] = {  # changes kept per column: hidden, output
    "all changes written": (None, None),
    "half of them": (64, 50),
    "a quarter": (32, 25),
}
STREAM: Final = "permuted-mnist"
UNWORN: Final = "cells that never wear"  # the control: half of the changes written
LOST: Final = 0.1  # accuracy below the control at the end of useful life
SMOOTHED: Final = 3  # tasks over which accuracy is averaged for that
_FULL: Final[dict[str, Any]] = {"stream.tasks": 24, "stream.examples": 2_500, "stream.held_out": 1_000}
_QUICK: Final[dict[str, Any]] = {"stream.tasks": 8, "stream.examples": 300, "stream.held_out": 200}


def name(label: str) -> str:
    """The name of one point."""
    if label == UNWORN:
        return "ageing/unworn"
    hidden, output = KEPT[label]
    return f"ageing/keep={hidden or 'all'}+{output or 'all'}"


def points(quick: bool) -> tuple[Point, ...]:
    """A long stream of short tasks on cells that don't last."""
    endurance = _endurance(quick)
    kept = {UNWORN: KEPT["half of them"], **KEPT}
    size = _QUICK if quick else _FULL
    return tuple(
        Point(
            name(label),
            Experiment(
                "m2ru",
                STREAM,
                "chip",
                (0,),
                {
                    **size,
                    "rule.batch": 2,
                    "rule.keep_hidden": hidden,
                    "rule.keep_output": output,
                    "cell.endurance": None if label == UNWORN else endurance,
                },
            ),
        )
        for label, (hidden, output) in kept.items()
    )


def _endurance(quick: bool) -> float:
    """Median writes of a simulated cell."""
    return ENDURANCE / (10 if quick else 1)


def analyse(runs: Runs, quick: bool) -> FigureResult:
    """Accuracy on the task just learned, and the share of stuck cells, against years."""
    real = chips.parameters("m2ru", {})["cell.endurance"]
    rows: list[Row] = []
    for label in (UNWORN, *KEPT):
        run = runs.get(name(label))
        if run is None:
            continue
        scale = real / (run.config["parameters"]["cell.endurance"]["value"] or _endurance(quick))
        rate, learned = price_parameters(run)["operation.rate"], 0
        for record in run.records:
            learned += record.examples
            cells = sum(w.cells for w in record.writes.values())
            rows.append(
                {
                    "written": label,
                    "years": learned * scale / rate / YEAR,
                    "accuracy": record.accuracy[-1],
                    "accuracy_of_all_tasks": sum(record.accuracy) / len(record.accuracy),
                    "stuck": sum(w.worn for w in record.writes.values()) / cells,
                    "simulated_examples": learned,
                    "acceleration": scale,
                }
            )
    if not rows:
        raise InputError("the ageing study needs a finished run of the chip; none finished")
    return FigureResult(rows, _caption(rows))


def _caption(rows: list[Row]) -> str:
    """When each variant falls behind cells that never wear."""
    found, curves = [], {label: _smooth(points_) for label, points_ in series(rows, "written").items()}
    control = curves.get(UNWORN, [])
    for label, points_ in series(rows, "written").items():
        if label == UNWORN or not control:
            continue
        late = (
            row
            for row, mine, best in zip(points_, curves[label], control, strict=False)
            if mine < best - LOST
        )
        row = next(late, None)
        found.append(
            f"{label}: not within {points_[-1]['years']:.3g} years"
            if row is None
            else f"{label}: after {row['years']:.3g} years ({100 * row['stuck']:.0f} % of cells stuck)"
        )
    behind = f" Ten points behind cells that never wear: {'; '.join(found)}." if found else ""
    return (
        "Accuracy on the task just learned while cells wear out, one seed. Accelerated ageing: one simulated example "
        f"stands for {rows[0]['acceleration']:.3g}.{behind}"
    )


def _smooth(rows: list[Row]) -> list[float]:
    """Accuracy averaged over the last few tasks."""
    values = [row["accuracy"] for row in rows]
    return [sum(values[max(0, n - SMOOTHED + 1) : n + 1]) / min(n + 1, SMOOTHED) for n in range(len(values))]


def draw(result: FigureResult) -> Figure:
    """Accuracy (solid) and share of stuck cells (dashed) against years."""

    def finish(axes: Axes) -> None:
        for line, points_ in zip(list(axes.lines), series(result.rows, "written").values(), strict=False):
            years, stuck = [p["years"] for p in points_], [100 * p["stuck"] for p in points_]
            axes.plot(years, stuck, color=line.get_color(), linestyle="--", linewidth=1)
        axes.plot([], [], color="#5c6570", linestyle="--", linewidth=1, label="cells stuck")
        axes.set_ylim(0, 100)

    return lines(
        result.rows,
        title="To the end of life",
        by="written",
        x="years",
        y="accuracy",
        labels=("years", "accuracy on a new task, cells stuck [%]"),
        scale=100,
        style=lambda _: {"marker": None},
        finish=finish,
    )


FIGURE: Final = PaperFigure(
    "ageing", "Accuracy to the end of life, with and without sparsification", points, analyse, draw
)
