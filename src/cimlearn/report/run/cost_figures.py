"""Figures of costs: energy by part, and worn cells over the years."""

from __future__ import annotations

import math
from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from cimlearn.costs.base import Phase
from cimlearn.costs.told import years
from cimlearn.report.costs import Ageing
from cimlearn.report.html import drawing
from cimlearn.report.run.cost_words import ONE, part, share
from cimlearn.units import number, quantity

_POINTS = 240  # of the curve of worn cells
_NAMES = {"first_cell": "first cell", "one_percent": "1 %", "ten_percent": "10 %"}


def energy(name: str, phase: Phase) -> Figure:
    """Energy of one inference or one learned example by part, the largest on top."""
    parts = sorted(((v, part(p)) for p, v in phase.parts.items() if v > 0), reverse=True)
    with drawing.style():
        title = f"Energy of one {ONE[name]}: {quantity(phase.joules, 'J')}"
        figure, axes = drawing.new(title)
        figure.subplots_adjust(left=0.26, right=0.96)  # room for names of parts and the last number
        largest = parts[0][0]
        for row, (value, _) in enumerate(parts):
            axes.barh(row, value, height=0.62, color=drawing.ACCENT)
            note = f"{quantity(value, 'J')}, {share(value / phase.joules)}"
            axes.annotate(
                note, (value, row), xytext=(4, 0), textcoords="offset points", va="center", size=7.5
            )
        axes.set_yticks(range(len(parts)), [label for _, label in parts])
        axes.tick_params(axis="y", labelcolor=drawing.INK, labelsize=7.5)
        axes.set(ylim=(len(parts) - 0.4, -0.6), xlim=(0, 1.5 * largest), xlabel="energy")
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: quantity(value, "J")))
        axes.grid(axis="x")
    return figure


def worn(ageing: Ageing, lifetime: Mapping[str, float | None]) -> Figure:
    """Share of worn cells over the years; `lifetime` holds the years of the three dots, first cell known."""
    known = {name: t for name, t in lifetime.items() if t is not None}
    first, last = min(known.values()), max(known.values())
    low, high = math.log(first / 1.6), math.log(last * 4)
    times = [math.exp(low + (high - low) * k / _POINTS) for k in range(_POINTS + 1)]
    curve = [(t, stuck) for t in times if (stuck := ageing.share_stuck(t)) > 0]
    with drawing.style():
        figure, axes = drawing.new("Worn cells")
        axes.plot(*zip(*curve, strict=True), color=drawing.ACCENT, linewidth=2.2)
        for t, name in _dots(known):
            stuck = max(ageing.share_stuck(t), curve[0][1])
            axes.plot(t, stuck, "o", color=drawing.INK, markersize=5, zorder=3)
            axes.annotate(
                f"{name}: {years(t)}",
                (t, stuck),
                xytext=(7, -3),
                textcoords="offset points",
                va="top",
            )
        axes.set(xscale="log", yscale="log", xlim=(times[0], times[-1]), ylim=(_floor(curve, first), 1.6))
        axes.set(xlabel="years", ylabel="worn cells [%]")
        ticks = _ticks(times[0], times[-1])
        axes.set_xticks(ticks, [number(t, 3) for t in ticks])
        axes.xaxis.minorticks_off()
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(float(f"{100 * value:.6g}"), 3)))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.grid(axis="y")
    return figure


def _dots(known: Mapping[str, float]) -> list[tuple[float, str]]:
    """(years, label) of each dot; those that fall together, as without spread, share a label."""
    dots: list[tuple[float, str]] = []
    for name, t in known.items():
        if dots and math.isclose(dots[-1][0], t, rel_tol=1e-3):
            dots[-1] = (dots[-1][0], f"{dots[-1][1]}, {_NAMES[name]}")
        else:
            dots.append((t, _NAMES[name]))
    return dots


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high`, seven at most: 1, 2, 5, 10, ... or powers of ten."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 5), (1,)):
        ticks = [t for e in decades for d in digits if low <= (t := float(f"{d}e{e}")) <= high]
        if len(ticks) <= 7:
            return ticks
    return ticks[:: math.ceil(len(ticks) / 7)]


def _floor(curve: list[tuple[float, float]], first: float) -> float:
    """Where the axis of shares starts: somewhat below the share at the first worn cell."""
    return next((stuck for t, stuck in curve if t >= first), curve[-1][1]) / 3
