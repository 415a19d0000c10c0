"""The Pareto plot: accuracy against energy of learning, coloured by lifetime; what nothing beats is named."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from cimlearn.report.html import drawing
from cimlearn.units import number

_MAP = "viridis"


def pareto(rows: Sequence[dict[str, Any]], varied: Sequence[str]) -> Figure:
    """One dot per design; rows as `cimlearn.explore` makes them, `varied` the columns that name a design."""
    lives = [row["lifetime_years"] for row in rows if math.isfinite(row["lifetime_years"])]
    low, high = (min(lives), max(lives)) if lives else (1.0, 10.0)
    norm = LogNorm(low, high if high > low else low * 10)
    energies = [1e6 * row["learning_J"] for row in rows]
    middle = 0.5 * (min(energies) + max(energies))
    with drawing.style():
        figure, axes = drawing.new("Accuracy, energy and lifetime", size=(6.4, 4.2))
        figure.subplots_adjust(right=0.94)
        for row in rows:
            x, y = 1e6 * row["learning_J"], 100 * row["accuracy"]
            life = min(row["lifetime_years"], high)
            axes.errorbar(x, y, yerr=100 * (row["accuracy_std"] or 0), color=drawing.LINE, zorder=1)
            ring = drawing.INK if row["best"] else "none"
            axes.scatter(
                x, y, c=[life], cmap=_MAP, norm=norm, s=44, edgecolors=ring, linewidths=1.3, zorder=3
            )
            if row["best"]:
                name = ", ".join(f"{key.rpartition('.')[2]} {_value(row[key])}" for key in varied)
                left = x > middle  # names stay inside the plot
                axes.annotate(
                    name,
                    (x, y),
                    textcoords="offset points",
                    xytext=(-7 if left else 7, -3),
                    ha="right" if left else "left",
                    size=7,
                    color=drawing.MUTED,
                )
        axes.set(xlabel="energy of learning one example [µJ]", ylabel="accuracy [%]")
        axes.grid(axis="y")
        axes.margins(0.12)
        bar = figure.colorbar(ScalarMappable(norm, _MAP), ax=axes, pad=0.02)
        ticks = [low, math.sqrt(low * high), high] if high > low else [low]
        bar.set_ticks(ticks, labels=[number(t, 2) for t in ticks])
        bar.ax.minorticks_off()
        bar.set_label("years until 10 % of the cells are stuck")
    return figure


def _value(value: Any) -> str:
    """A varied value, short."""
    return "none" if value is None else format(value, "g") if isinstance(value, float) else str(value)
