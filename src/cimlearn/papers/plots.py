"""Drawings that figures of papers share: lines with bands and bars, in the style of the reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cimlearn.papers.base import Row
from cimlearn.report.html import chart, drawing

MARKERS: Final = "os^Dv*"  # of a series, by its number
_LABELS = 0.27  # part of a figure of bars left of them
_GAP = 0.2  # inches between a label and what is beside it


def series(rows: Sequence[Row], key: str) -> dict[str, list[Row]]:
    """Rows by the value of one column, in the order in which the values appear."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row[key]), []).append(row)
    return found


def lines(
    rows: Sequence[Row],
    *,
    title: str,
    by: str,
    x: str,
    y: str,
    labels: tuple[str, str],
    scale: float = 1.0,
    style: Callable[[str], dict[str, Any]] | None = None,
    finish: Callable[[Axes], None] | None = None,
) -> Figure:
    """One line per value of column `by`; a column f'{y}_std' becomes a band of one standard deviation."""
    with drawing.style():
        figure, axes = drawing.new(title)
        found = series(rows, by)
        for k, (name, points) in zip(chart.series_of(list(found)), found.items(), strict=True):
            colour = drawing.SERIES[k]
            own: dict[str, Any] = {
                "color": colour,
                "marker": MARKERS[k % 6],
                "linewidth": 1.8,
                "markersize": 4,
                "label": name,
            }
            own |= style(name) if style else {}
            xs, ys = [p[x] for p in points], [scale * p[y] for p in points]
            axes.plot(xs, ys, **own)
            spread = [s for p in points if (s := p.get(f"{y}_std")) is not None]
            if len(spread) == len(ys):
                low = [v - scale * s for v, s in zip(ys, spread, strict=True)]
                high = [v + scale * s for v, s in zip(ys, spread, strict=True)]
                axes.fill_between(xs, low, high, color=own["color"], alpha=0.16, linewidth=0)
        axes.set(xlabel=labels[0], ylabel=labels[1])
        axes.grid(axis="y")
        if finish:
            finish(axes)
        axes.legend()
    return figure


def accuracy_lines(rows: Sequence[Row], *, title: str, by: str, x: str, label: str) -> Figure:
    """Accuracy in percent against column `x` on a logarithmic axis, one line per value of column `by`."""

    def finish(axes: Axes) -> None:
        axes.set_xscale("log")

    return lines(
        rows, title=title, by=by, x=x, y="accuracy", labels=(label, "accuracy [%]"), scale=100, finish=finish
    )


def largest_parts(rows: Sequence[Row], *, by: str, part: str, value: str, least: float) -> list[Row]:
    """Rows of the parts that are more than `least` of any group's total; the rest of each group as 'all others'."""
    groups = series(rows, by)
    totals = {name: sum(row[value] for row in members) for name, members in groups.items()}
    large = {row[part] for row in rows if row[value] > least * totals[str(row[by])]}
    shown = [{**row, part: str(row[part]).replace("_", " ")} for row in rows if row[part] in large]
    for name, members in groups.items():
        rest = sum(row[value] for row in members if row[part] not in large)
        shown.append({by: name, part: "all others", value: rest})
    return shown


def bars(
    rows: Sequence[Row],
    *,
    title: str,
    by: str,
    name: str,
    value: str,
    label: str,
    scale: float = 1.0,
) -> Figure:
    """Horizontal bars: one group per value of column `name`, one bar in it per value of column `by`."""
    groups, kinds = series(rows, name), series(rows, by)
    height = 0.8 / len(kinds)
    with drawing.style():
        figure, axes = drawing.new(title)
        for k, kind in enumerate(kinds):
            places, sizes = [], []
            for n, (_, members) in enumerate(groups.items()):
                mine = [row for row in members if str(row[by]) == kind]
                if mine:
                    places.append(n + (k - (len(kinds) - 1) / 2) * height)
                    sizes.append(scale * mine[0][value])
            axes.barh(
                places, sizes, height=height * 0.92, color=drawing.SERIES[k % len(drawing.SERIES)], label=kind
            )
        axes.set_yticks(range(len(groups)), list(groups))
        axes.invert_yaxis()
        axes.set_xlabel(label)
        axes.grid(axis="x")
        if len(kinds) > 1:  # room below the last group, so that the legend hides no bar
            axes.set_ylim(len(groups) - 0.5 + 0.09 * len(kinds) * len(groups), -0.5)
            axes.legend(loc="lower right")
        _make_room(figure, axes)
    return figure


def _make_room(figure: Figure, axes: Axes) -> None:
    """Widen the figure by what labels of the vertical axis need beyond the usual margin; bars keep their size."""
    canvas: Any = figure.canvas
    drawn = canvas.get_renderer()
    width = float(figure.get_figwidth())
    widest = max(label.get_window_extent(drawn).width for label in axes.get_yticklabels())
    usual, needed = _LABELS * width, widest / figure.dpi + _GAP
    more = max(0.0, needed - usual)
    figure.set_figwidth(width + more)
    figure.subplots_adjust(left=(usual + more) / (width + more))
