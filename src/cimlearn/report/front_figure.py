"""The Pareto front as a picture: designs in two measures, a third as the colour; those on the front have names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from cimlearn.report.html import drawing
from cimlearn.report.html.quantity import column
from cimlearn.report.measures import MEASURE
from cimlearn.units import number

Rows = Sequence[Mapping[str, Any]]  # measures by key, their spread as KEY_std (may lack), and `best`
_MAP: Final = "viridis"
_SIZE: Final = (6.4, 4.2)  # inches
_WIDE: Final = 8  # ratio of the largest to the smallest value above which an axis is logarithmic
_LABEL: Final = 14  # pixels between two labels
_BEYOND: Final = 1.2  # where what never ends is drawn, in parts of the largest number


class _Values:
    """One measure of all rows in a readable unit; infinity stands beyond the largest."""

    def __init__(self, rows: Rows, key: str) -> None:
        measure = MEASURE[key]
        finite = [row[key] for row in rows if math.isfinite(row[key])] or [1.0]
        shown = column(measure, finite)
        self.larger = measure.larger
        self.values = [shown.scaled(min(row[key], _BEYOND * max(finite))) for row in rows]
        self.spreads = [shown.scaled(row.get(f"{key}_std") or 0.0) for row in rows]
        never = ", never at the end" if len(finite) < len(rows) else ""
        self.label = shown.heading + never

    @property
    def wide(self) -> bool:
        """Whether a logarithmic scale shows them better."""
        return 0 < _WIDE * min(self.values) < max(self.values)

    @property
    def norm(self) -> Normalize:
        """From the smallest to the largest value."""
        low, high = min(self.values), max(self.values)
        return LogNorm(low, high) if self.wide else Normalize(low, high if high > low else low + 1)


def front_figure(rows: Rows, objectives: Sequence[str], names: Sequence[str]) -> Figure:
    """One dot per row, one standard deviation beside it, and the names of those on the front.

    Parameters
    ----------
    rows
        one or more, each with all objectives
    objectives
        two or more measures: accuracy stands upwards if it is one, the next to the right, a third is the colour
    names
        of the rows
    """
    keys = sorted(objectives, key=lambda key: key != "accuracy")[:3]
    y, x, *rest = (_Values(rows, key) for key in keys)
    with drawing.style():
        figure, axes = drawing.new("Pareto front", size=_SIZE)
        axes.set(xlabel=x.label, ylabel=y.label)
        if x.wide:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_locator(NullLocator())  # its labels would lie on the others'
        axes.grid(axis="y")
        _dots(axes, rows, x, y, rest[0] if rest else None)
        axes.margins(0.12)
        if rest:
            _bar(figure, axes, rest[0])
        _names(axes, [(x.values[i], y.values[i], names[i]) for i, row in enumerate(rows) if row["best"]])
    return figure


def course_figure(rows: Rows, objective: str, trials: Sequence[int]) -> Figure:
    """One measure over the numbers of the trials, and the best so far."""
    y = _Values(rows, objective)
    pick = max if y.larger else min
    with drawing.style():
        figure, axes = drawing.new("Course of the search", size=_SIZE)
        axes.scatter(
            trials, y.values, s=30, color=drawing.LINE, edgecolors=drawing.MUTED, linewidths=0.5, zorder=2
        )
        so_far = [pick(y.values[: i + 1]) for i in range(len(rows))]
        axes.step(trials, so_far, where="post", color=drawing.ACCENT, zorder=3)
        axes.set(xlabel="trial", ylabel=y.label)
        axes.grid(axis="y")
        axes.margins(0.1)
    return figure


def _dots(axes: Axes, rows: Rows, x: _Values, y: _Values, colour: _Values | None) -> None:
    """A dot with its spread for each row; without colours the front is a line."""
    for i in range(len(rows)):
        axes.errorbar(
            x.values[i], y.values[i], xerr=x.spreads[i], yerr=y.spreads[i], color=drawing.LINE, zorder=1
        )
    for is_best in (False, True):
        chosen = [i for i, row in enumerate(rows) if row["best"] == is_best]
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
    ends = sorted((x.values[i], y.values[i]) for i, row in enumerate(rows) if row["best"])
    if colour is None and ends:
        where: Literal["pre", "post"] = "pre" if x.larger else "post"
        axes.step(*zip(*ends, strict=True), where=where, color=drawing.ACCENT, linewidth=0.8, zorder=1)


def _names(axes: Axes, points: list[tuple[float, float, str]]) -> None:
    """The names of points (x, y, name), inside the axes; those that would lie on each other stand together."""
    left, right = axes.get_xlim()
    middle = axes.transData.transform(((left, 0.0), (right, 0.0)))[:, 0].mean()
    for place, names in _close(axes, points):
        far = axes.transData.transform(place)[0] > middle
        axes.annotate(
            (", " if all(len(name) < 5 for name in names) else "\n").join(names),
            place,
            textcoords="offset points",
            xytext=(-7 if far else 7, -8),
            ha="right" if far else "left",
            va="center",
            size=7,
            color=drawing.MUTED,
        )


def _close(axes: Axes, points: list[tuple[float, float, str]]) -> list[tuple[tuple[float, float], list[str]]]:
    """Points whose names would lie on each other as one: place and names, from above."""
    groups: list[tuple[tuple[float, float], list[str]]] = []
    for x, y, name in sorted(points, key=lambda point: -point[1]):
        near = axes.transData.transform((x, y))
        for place, names in groups:
            if math.dist(near, axes.transData.transform(place)) < _LABEL:
                names.append(name)
                break
        else:
            groups.append(((x, y), [name]))
    return groups


def _bar(figure: Figure, axes: Axes, colour: _Values) -> None:
    """What the colours mean."""
    figure.subplots_adjust(right=0.94)
    bar = figure.colorbar(ScalarMappable(colour.norm, _MAP), ax=axes, pad=0.02)
    bar.set_label(colour.label)
    if colour.wide:
        low, high = min(colour.values), max(colour.values)
        ticks = [low, math.sqrt(low * high), high]
        bar.set_ticks(ticks, labels=[number(tick, 2) for tick in ticks])
        bar.ax.minorticks_off()
