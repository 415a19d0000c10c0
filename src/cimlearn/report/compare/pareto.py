"""The plot of one measure against another: every design a link to its row, the Pareto front as a line.

All of an axis that the script needs to draw another pair stands in the drawing: each point has its place (and the
ends of its spread) as shares of each axis, each choice of axis its marks. The script places, and scales nothing.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from cimlearn.report.compare.grouping import ComparedDesign
from cimlearn.report.front import front
from cimlearn.report.html import chart
from cimlearn.report.html.markup import text
from cimlearn.report.html.quantity import Column, column
from cimlearn.report.html.scales import Scale, scale
from cimlearn.report.measures import SHOWN, Measure

ACROSS, UP = "learning_J", "accuracy"  # what is drawn first, where there is such a measure
_BOUNDS: Final = {"accuracy": (0.0, 100.0), "forgetting": (0.0, 100.0)}
_LEAST: Final = {"accuracy": 4.0, "forgetting": 4.0}  # percent; smaller differences do not fill the plot


class Axis(NamedTuple):
    """One measure as an axis."""

    column: Column
    scale: Scale

    @property
    def measure(self) -> Measure:
        """What it shows."""
        return self.column.measure

    def spot(self, design: ComparedDesign) -> tuple[float, float, float] | None:
        """Share of the axis of a design's mean and of one standard deviation below and above; None without value."""
        if self.measure.key not in design.values:
            return None
        middle = self.column.scaled(design.values[self.measure.key])
        std = self.column.scaled(design.spreads.get(self.measure.key, 0.0))
        low, mid, high = (round(self.scale.place(v), 4) for v in (middle - std, middle, middle + std))
        return mid, low, high


def plot_axes(designs: Sequence[ComparedDesign]) -> dict[str, Axis]:
    """An axis for each measure that a finished design has, by its key."""
    made = {}
    for measure in SHOWN:
        having = [d for d in designs if d.finished and measure.key in d.values]
        if not having:
            continue
        shown = column(measure, [d.values[measure.key] for d in having])
        ends = []
        for d in having:
            middle, std = d.values[measure.key], d.spreads.get(measure.key, 0.0)
            ends += [shown.scaled(middle - std), shown.scaled(middle + std)]
        least = _LEAST.get(measure.key, 0.02 * max((abs(e) for e in ends if math.isfinite(e)), default=1.0))
        made[measure.key] = Axis(shown, scale(ends, least, _BOUNDS.get(measure.key)))
    return made


def first_axes(axes: Mapping[str, Axis]) -> tuple[str, str] | None:
    """What stands across and up at first; None where there are not two measures."""
    if len(axes) < 2:
        return None
    y = UP if UP in axes else next(iter(axes))
    return (ACROSS if ACROSS in axes else next(key for key in axes if key != y)), y


def pareto(
    designs: Sequence[ComparedDesign],
    axes: Mapping[str, Axis],
    labels: Mapping[int, str],
    series: Mapping[int, int],
    targets: Mapping[int, str],
    alt: str,
) -> str:
    """The drawing of the first pair of axes. `targets` are the ids of the designs' rows."""
    first = first_axes(axes)
    assert first is not None
    x, y = axes[first[0]], axes[first[1]]
    finished = [d for d in designs if d.finished]
    goals = {first[0]: x.measure.larger, first[1]: y.measure.larger}
    best = front([d.values if d.ranked else {} for d in finished], goals)
    on_front = [d.number for d, is_best in zip(finished, best, strict=True) if is_best]
    drawn = sorted(finished, key=lambda d: (d.number in series, d.number))  # colours on top
    points = "".join(_point(d, axes, first, labels[d.number], series, targets, on_front) for d in drawn)
    spots = [(x.spot(d), y.spot(d)) for d in finished if d.number in on_front]
    line = _staircase([(a[0], b[0]) for a, b in spots if a and b], x.measure.larger, y.measure.larger)
    frame = chart.axes(x.scale.ticks(), y.scale.ticks(), axis_name(x), axis_name(y))
    return chart.svg(
        "pareto",
        alt,
        frame,
        f'<path class="front" d="{line}"/>',
        f'<g class="points">{points}</g>',
        role="group",
    )


def axis_name(axis: Axis) -> str:
    """'Energy per learned example [nJ], less is better'."""
    better = "more" if axis.measure.larger else "less"
    return f"{axis.column.heading}, {better} is better"


def options(axes: Mapping[str, Axis], chosen: str) -> str:
    """The measures as `<option>`s, each with its marks for the script."""
    return "".join(
        f'<option value="{key}" data-name="{text(axis_name(axis))}" data-larger="{int(axis.measure.larger)}"'
        f' data-ticks="{text(json.dumps([[round(t.share, 4), t.text] for t in axis.scale.ticks()]))}"'
        f"{' selected' if key == chosen else ''}>{text(axis.measure.name)}</option>"
        for key, axis in axes.items()
    )


def _point(
    design: ComparedDesign,
    axes: Mapping[str, Axis],
    first: tuple[str, str],
    label: str,
    series: Mapping[int, int],
    targets: Mapping[int, str],
    on_front: Sequence[int],
) -> str:
    """One design: its spread, its mark, its number; hidden where it has no place."""
    at = {key: spot for key, axis in axes.items() if (spot := axis.spot(design)) is not None}
    data = "".join(f' data-{key.lower()}="{" ".join(f"{s:g}" for s in spot)}"' for key, spot in at.items())
    number, own = design.number, series.get(design.number)
    name = f"{number} {label}: " + ", ".join(
        f"{axis.measure.name.lower()} {axis.column.text(design.values[key], design.spreads.get(key))}"
        f" {axis.column.symbol}".rstrip()
        for key, axis in axes.items()
        if key in design.values
    )
    placed = first[0] in at and first[1] in at
    x, y = (at[first[0]], at[first[1]]) if placed else ((0.0,) * 3, (0.0,) * 3)
    hidden = "" if placed else ' display="none"'
    kind = f"point {chart.colour(own)}" + (" best" if number in on_front and placed else "")
    return (
        f'<a class="{kind}" href="#{targets[number]}" data-design="{number}"{data} aria-label="{text(name)}"'
        f"{hidden}><title>{text(name)}</title>"
        f'<path class="bars" d="{_bars(x, y)}"/>'
        f'<g transform="translate({chart.across(x[0]):.1f} {chart.up(y[0]):.1f})"><circle class="halo" r="11"/>'
        f'<path class="mark" d="{chart.shape(own)}"/><text x="8" y="-6">{number}</text></g></a>'
    )


def _bars(x: Sequence[float], y: Sequence[float]) -> str:
    """One standard deviation to each side, along both axes."""
    left, right = f"{chart.across(x[1]):.1f}", f"{chart.across(x[2]):.1f}"
    low, high = f"{chart.up(y[1]):.1f}", f"{chart.up(y[2]):.1f}"
    return f"M{left} {chart.up(y[0]):.1f}H{right}M{chart.across(x[0]):.1f} {low}V{high}"


def _staircase(spots: Sequence[tuple[float, float]], x_larger: bool, y_larger: bool) -> str:
    """The border of what the front beats, from its best across to its best up."""
    ordered = sorted(set(spots), key=lambda s: (-s[0] if x_larger else s[0], s[1] if y_larger else -s[1]))
    if not ordered:
        return ""
    line = f"M{chart.across(ordered[0][0]):.1f} {chart.up(ordered[0][1]):.1f}"
    for before, after in itertools.pairwise(ordered):
        corner = f"H{chart.across(after[0]):.1f}V{chart.up(after[1]):.1f}"
        line += corner if before != after else ""
    return line
