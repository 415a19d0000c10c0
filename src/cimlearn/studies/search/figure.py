"""The picture of a search: the first two objectives of every finished trial, the front in front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from cimlearn.report.html import drawing
from cimlearn.studies.results import Row
from cimlearn.studies.search.goals import GOALS
from cimlearn.units import quantity, unit_symbol

_MAP = "viridis"
_WIDE = 8  # ratio of the largest to the smallest value above which an axis is logarithmic
_LABEL = 14  # pixels between two labels
_BEYOND = 1.2  # where what never ends is drawn, in parts of the largest number


def front_figure(rows: Sequence[Row], objectives: Sequence[str]) -> Figure:
    """One dot per finished trial, with the numbers of those that nothing beats.

    Accuracy stands upwards if it is an objective, the next objective to the right, a third one is the colour. One
    objective alone is drawn over the trials, with the best so far as a line.
    """
    names = sorted(objectives, key=lambda name: name != "accuracy")
    columns = {name: _Column(rows, name) for name in names[:3]}
    with drawing.style():
        figure, axes = drawing.new(
            "Pareto front" if len(names) > 1 else "Course of the search", size=(6.4, 4.2)
        )
        y = columns[names[0]]
        if len(names) == 1:
            _course(axes, rows, y, larger=GOALS[names[0]].larger)
        else:
            x = columns[names[1]]
            axes.set_xlabel(x.label)
            if 0 < _WIDE * min(x.values) < max(x.values):
                axes.set_xscale("log")
                axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            _front(axes, rows, x, y, columns[names[2]] if len(names) > 2 else None)
            if len(names) > 2:
                _bar(figure, axes, columns[names[2]])
        axes.set_ylabel(y.label)
        axes.grid(axis="y")
    return figure


class _Column:
    """The values of one objective in a readable unit; infinity stands beyond the largest."""

    def __init__(self, rows: Sequence[Row], name: str) -> None:
        goal = GOALS[name]
        finite = [row[name] for row in rows if math.isfinite(row[name])] or [1.0]
        factor, unit = _readable(max(map(abs, finite)), goal.unit)
        self.larger = goal.larger
        self.values = [factor * min(row[name], _BEYOND * max(finite)) for row in rows]
        self.label = f"{goal.name} [{unit}]" if unit else goal.name
        if len(finite) < len(rows) and rows:
            self.label += ", never at the end"

    @property
    def norm(self) -> Normalize:
        """From the smallest to the largest value."""
        low, high = min(self.values), max(self.values)
        return Normalize(low, high if high > low else low + 1)


def _readable(largest: float, unit: str) -> tuple[float, str]:
    """What to multiply values by, and the unit that they have then."""
    if unit == "share":
        return 100.0, "%"
    step = 6 if unit == "m2" else 3
    power = math.floor(math.log10(largest) / step) * step if largest > 0 else 0
    text = quantity(10.0**power, unit)
    return (10.0**-power, text.removeprefix("1 ")) if text.startswith("1 ") else (1.0, unit_symbol(unit))


def _front(axes: Axes, rows: Sequence[Row], x: _Column, y: _Column, colour: _Column | None) -> None:
    """Dots, and numbers at those of the front."""
    best = [row["best"] for row in rows]
    axes.plot(
        x.values, y.values, linestyle="none"
    )  # limits from all of them, also where one kind has one dot
    for is_best in (False, True):
        chosen = [i for i, flag in enumerate(best) if flag == is_best]
        tint: dict[str, Any] = (
            {"c": [colour.values[i] for i in chosen], "cmap": _MAP, "norm": colour.norm}
            if colour is not None
            else {"color": drawing.ACCENT if is_best else drawing.LINE}
        )
        axes.scatter(
            [x.values[i] for i in chosen],
            [y.values[i] for i in chosen],
            s=44,
            edgecolors=drawing.INK if is_best else drawing.MUTED,
            linewidths=1.3 if is_best else 0.5,
            zorder=3 if is_best else 2,
            **tint,
        )
    ends = sorted((x.values[i], y.values[i]) for i, flag in enumerate(best) if flag)
    if colour is None:
        where: Literal["pre", "post"] = "pre" if x.larger else "post"
        axes.step(*zip(*ends, strict=True), where=where, color=drawing.ACCENT, linewidth=0.8, zorder=1)
    axes.margins(0.1)
    for (across, up), trials in _close(
        axes, [(x.values[i], y.values[i], rows[i]["trial"]) for i in range(len(rows)) if best[i]]
    ):
        axes.annotate(
            ", ".join(map(str, trials)),
            (across, up),
            textcoords="offset points",
            xytext=(6, -9),
            size=7,
            color=drawing.MUTED,
        )


def _close(axes: Axes, points: list[tuple[float, float, int]]) -> list[tuple[tuple[float, float], list[int]]]:
    """Points (x, y, trial) whose labels would lie on each other as one: place and trials, from above."""
    groups: list[tuple[tuple[float, float], list[int]]] = []
    for x, y, trial in sorted(points, key=lambda point: -point[1]):
        near = axes.transData.transform((x, y))
        for place, trials in groups:
            if math.dist(near, axes.transData.transform(place)) < _LABEL:
                trials.append(trial)
                break
        else:
            groups.append(((x, y), [trial]))
    return groups


def _course(axes: Axes, rows: Sequence[Row], y: _Column, *, larger: bool) -> None:
    """Values over the trials, and the best so far."""
    trials, pick = [row["trial"] for row in rows], max if larger else min
    axes.scatter(
        trials, y.values, s=30, color=drawing.LINE, edgecolors=drawing.MUTED, linewidths=0.5, zorder=2
    )
    so_far = [pick(y.values[: i + 1]) for i in range(len(rows))]
    axes.step(trials, so_far, where="post", color=drawing.ACCENT, zorder=3)
    axes.set_xlabel("trial")
    axes.margins(0.1)


def _bar(figure: Figure, axes: Axes, colour: _Column) -> None:
    """What the colours mean."""
    figure.subplots_adjust(right=0.94)
    figure.colorbar(ScalarMappable(colour.norm, _MAP), ax=axes, pad=0.02).set_label(colour.label)
