"""Accuracy after each task, one line per design: mean over seeds, with a band of one standard deviation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cimlearn.report.compare.grouping import ComparedDesign
from cimlearn.report.html import chart
from cimlearn.report.html.markup import text
from cimlearn.report.html.scales import Tick, scale

_MOST_MARKS = 12  # tasks; above it marks would hide the line


def curves(
    designs: Sequence[ComparedDesign], labels: Mapping[int, str], series: Mapping[int, int], alt: str
) -> str:
    """The drawing; designs by number have a label and, if they have a colour, a series."""
    drawn = [design for design in designs if design.samples]
    tasks = max(len(design.run.task_names) for design in drawn)
    edges = [m + sign * s for d in drawn for m, s in d.curve for sign in (-1, 1)]
    y = scale([100 * min(1.0, e) for e in edges], least=10.0, bounds=(0.0, 100.0))
    lines = [
        _line(d, labels[d.number], series.get(d.number), tasks, lambda value: chart.up(y.place(100 * value)))
        for d in sorted(drawn, key=lambda d: d.number not in series, reverse=True)
    ]
    ticks = [Tick(_share(k, tasks), str(k + 1)) for k in _tasks_marked(tasks)]
    frame = chart.axes(ticks, y.ticks(), "Tasks learned", "Average accuracy over the tasks so far [%]")
    return chart.svg("curves", alt, frame, *lines)


def _share(task: int, tasks: int) -> float:
    """Where a task (from 0) stands, with room for its mark at both ends."""
    return 0.5 if tasks == 1 else 0.02 + 0.96 * task / (tasks - 1)


def _tasks_marked(tasks: int) -> range:
    """Every task, or every second, fifth, ... where there are many."""
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, tasks) if tasks / s <= 12)
    return range(0 if step < 5 else step - 1, tasks, step)


def _line(
    design: ComparedDesign, label: str, series: int | None, tasks: int, height: Callable[[float], float]
) -> str:
    """One design: band, line, marks."""
    xs = [chart.across(_share(k, tasks)) for k in range(design.learned)]
    middle = [(x, height(mean)) for x, (mean, _) in zip(xs, design.curve, strict=True)]
    parts = [f"<title>{text(label)}</title>"]
    if series is not None and len(design.samples) > 1:
        above = [(x, height(min(1.0, m + s))) for x, (m, s) in zip(xs, design.curve, strict=True)]
        below = [(x, height(max(0.0, m - s))) for x, (m, s) in zip(xs, design.curve, strict=True)]
        parts.append(f'<path class="band" d="{_path([*above, *reversed(below)])}Z"/>')
    parts.append(f'<path class="line" d="{_path(middle)}"/>')
    if design.learned == 1 or (series is not None and tasks <= _MOST_MARKS):
        d = chart.shape(series)
        parts += [f'<path class="mark" d="{d}" transform="translate({x:.1f} {y:.1f})"/>' for x, y in middle]
    return f'<g class="series {chart.colour(series)}" data-design="{design.number}">{"".join(parts)}</g>'


def _path(points: Sequence[tuple[float, float]]) -> str:
    """A path through the points."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
