"""Figures of accuracy: over time, task against task, and several runs on one axis."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from cimlearn import metrics
from cimlearn.errors import InputError
from cimlearn.report.html import chart, drawing, shades
from cimlearn.report.run.chance import chance
from cimlearn.report.run.numbers import measure
from cimlearn.report.run.words import placement
from cimlearn.runfolder.records import Run
from cimlearn.units import plural

_MARKERS = "os^Dv*"  # one per series, so that lines can be told apart without colour
_NEAR = 0.35  # accuracy; a chance line further below the axis stays out, it would flatten the curves
_UNDER = 0.07  # accuracy; height of the word "chance" below its line
_LEAST_SPAN = 0.1  # accuracy; smaller differences do not use the whole scale of shades
_MOST_NUMBERS = 25  # tasks; the numbers in a larger matrix would be unreadable


def _floor(lowest: float) -> float:
    """Where the accuracy axis starts: the tenth below the lowest value; below 0 where a variance isn't explained."""
    return int(lowest * 10 - 0.2) / 10 if lowest >= 0 else math.floor(lowest * 10 - 0.2) / 10


def _task_axis(axes: Axes, tasks: int) -> None:
    """Tasks learned, 1 to `tasks`, on whole numbers."""
    axes.set_xlim(0.85 if tasks > 1 else 0.5, tasks + (0.15 if tasks > 1 else 0.5))
    _whole_ticks(axes.xaxis, tasks)
    axes.set_xlabel("tasks learned")


def _whole_ticks(axis: Axis, tasks: int) -> None:
    """Every task, or every second, fifth, ... where there are many."""
    step = next(s for s in (1, 2, 5, 10, 20, 50, tasks) if tasks / s <= 12)
    first = [1] if step > 2 else []
    axis.set_major_locator(FixedLocator([*first, *range(step, tasks + 1, step)]))


def _average(axes: Axes, matrices: Sequence[metrics.Rows], label: str, series: int = 0) -> list[float]:
    """Draw the average over the tasks so far, mean of seeds with a band of one standard deviation.

    Returns the lower edge of what was drawn, one value per task.
    """
    colour = drawing.SERIES[series % len(drawing.SERIES)]
    marker = _MARKERS[series % len(_MARKERS)]
    curves = list(zip(*[metrics.after_each_task(m) for m in matrices], strict=True))
    x, middle = range(1, len(curves) + 1), [metrics.mean(c) for c in curves]
    axes.plot(x, middle, color=colour, linewidth=2.2, marker=marker, markersize=4.5, label=label, zorder=3)
    if len(matrices) > 1:
        spread = [metrics.std(c) or 0.0 for c in curves]
        low = [m - s for m, s in zip(middle, spread, strict=True)]
        high = [min(1.0, m + s) for m, s in zip(middle, spread, strict=True)]
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0, zorder=2)
        return low
    return middle


def _legend(axes: Axes, lowest: Sequence[float]) -> None:
    """Scale the accuracy axis to the lowest value after each task, and put the legend where there is room."""
    low = _floor(min(lowest))
    drawing.percent_axis(axes, low)
    room = min(lowest[: len(lowest) // 2 + 1]) - low > 0.3 * (1 - low)
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda k: -handles[k].get_zorder())  # heavy lines first
    axes.legend([handles[k] for k in order], [labels[k] for k in order], loc="lower left" if room else "best")


def curves(run: Run) -> Figure:
    """Accuracy after each task: the average over the tasks so far (heavy) and every single task (thin)."""
    matrices = run.matrices()
    rows = metrics.mean_matrix(matrices)
    with drawing.style():
        figure, axes = drawing.new(f"{measure(run.numbers).capitalize()} after each task")
        for j in range(len(rows)):
            label = "each task, from where it was learned" if j == 0 else None
            x, y = range(j + 1, len(rows) + 1), [rows[i][j] for i in range(j, len(rows))]
            axes.plot(
                x, y, color=drawing.MUTED, alpha=0.55, linewidth=0.9, marker="o", markersize=1.8, label=label
            )
        low = _average(axes, matrices, "average of the tasks so far")
        _task_axis(axes, len(rows))
        _legend(axes, [min(a, *row) for a, row in zip(low, rows, strict=True)])
        axes.set_ylabel(f"{measure(run.numbers)} [%]")
        _chance(axes, chance(run))
    return figure


def _chance(axes: Axes, level: float | None) -> None:
    """A line at chance; the axis reaches down to it where the curves come near."""
    if level is None:
        return
    low = axes.get_ylim()[0]
    if level < low and low - level > _NEAR:
        return
    below = (
        level >= _UNDER
    )  # where there is room the word stands below the line: near chance the curves run above it
    axes.set_ylim(min(low, max(0.0, level - _UNDER)), 1)
    axes.axhline(level, color=drawing.MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.annotate(
        "chance",
        (1, level),
        (-2, -3 if below else 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        va="top" if below else "baseline",
        color=drawing.MUTED,
        size=8,
    )


def matrix(run: Run) -> Figure:
    """The accuracy matrix, mean of seeds: rows after learning task i, columns accuracy on task j."""
    rows = metrics.mean_matrix(run.matrices())
    tasks = len(rows)
    values = np.array([[*row, *[np.nan] * (tasks - len(row))] for row in rows])
    high = float(np.nanmax(values))
    low = min(float(np.nanmin(values)), high - _LEAST_SPAN)
    digits = 1 if tasks <= 10 else 0
    texts = (
        [[f"{100 * value:.{digits}f}" for value in row] for row in rows] if tasks <= _MOST_NUMBERS else None
    )
    with drawing.style():
        figure, axes = drawing.new(f"{measure(run.numbers).capitalize()} on each task [%]")
        shades.cells(axes, values, texts, low, high)
        axes.set(xlabel=f"{measure(run.numbers)} on task", ylabel="after task")
        _whole_ticks(axes.xaxis, tasks)
        _whole_ticks(axes.yaxis, tasks)
    return figure


def compare(runs: Sequence[Run], labels: Sequence[str] | None = None, title: str = "") -> Figure:
    """Accuracy over the tasks so far of several runs on one axis, mean of seeds with one standard deviation.

    Labels default to what each run ran on (chip or software twin), with the folder where two are the same.
    """
    runs = [run for run in runs if run.records]
    names = list(labels) if labels is not None else compare_labels(runs)
    if not runs:
        raise InputError("no run to compare has a record; learn at least one task")
    with drawing.style():
        figure, axes = drawing.new(title or "Average accuracy over the tasks so far")
        lowest = [1.0] * max(run.learned for run in runs)
        colours = chart.series_of([str(run.config["on"]) for run in runs])
        for k, run, name in zip(colours, runs, names, strict=True):
            matrices = run.matrices()
            label = name if len(matrices) == 1 else f"{name} ({plural(len(matrices), 'seed')})"
            low = _average(axes, matrices, label, k)
            lowest = [min(pair) for pair in zip(lowest, low, strict=False)] + lowest[len(low) :]
        _task_axis(axes, len(lowest))
        _legend(axes, lowest)
    return figure


def compare_labels(runs: Sequence[Run]) -> list[str]:
    """One name per run: its placement, followed by the folder's name where two placements are the same."""
    names = [placement(run.config) for run in runs]
    return [
        n if names.count(n) == 1 else f"{n}, {run.folder.name}" for n, run in zip(names, runs, strict=True)
    ]
