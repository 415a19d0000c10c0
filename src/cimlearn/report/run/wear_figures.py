"""Figures of wear: where the writes went, and how unevenly."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from cimlearn.report.html import drawing
from cimlearn.runfolder.records import ArrayWrites
from cimlearn.units import count


def write_map(name: str, writes: ArrayWrites) -> Figure:
    """Mean writes of each block of the array, over its rows and columns; colour begins at no writes, so even wear
    looks even.
    """
    down, across = (writes.block[0] * len(writes.map), writes.block[1] * len(writes.map[0]))
    lowest, high = 0.0, max(max(map(max, writes.map)), 1.0)
    with drawing.style():
        figure, axes = drawing.new(f"Array ‘{_plain(name)}’: writes per cell")
        figure.subplots_adjust(right=0.85)  # room for the colour bar
        image: dict[str, Any] = {
            "cmap": "viridis",
            "vmin": lowest,
            "vmax": high,
            "aspect": "auto",
            "interpolation": "none",
        }
        axes.imshow(writes.map, extent=(0, across, down, 0), **image)
        axes.set(xlim=(0, writes.columns), ylim=(writes.rows, 0), xlabel="column", ylabel="row")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(6, integer=True))
        axes.spines[:].set_visible(False)
        bar = axes.inset_axes((1.04, 0, 0.04, 1))
        steps = [[lowest + (high - lowest) * (255 - i) / 255] for i in range(256)]
        bar.imshow(steps, extent=(0, 1, lowest, high), **image)
        bar.set_xticks([])
        bar.yaxis.tick_right()
        bar.yaxis.set_major_locator(MaxNLocator(5))
        bar.yaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))
        bar.spines[:].set_visible(False)
    return figure


def write_histogram(name: str, writes: ArrayWrites) -> Figure:
    """How many cells saw how many writes; the scale is logarithmic where rare cells would not be seen."""
    filled = [c for c in writes.counts if c > 0]
    logarithmic = bool(filled) and max(filled) > 100 * min(filled)
    with drawing.style():
        figure, axes = drawing.new(f"Array ‘{_plain(name)}’: cells by writes")
        if logarithmic:
            axes.set_yscale("log")
            axes.yaxis.set_minor_formatter(NullFormatter())
        floor = 0.5 if logarithmic else 0
        bars = max((i + 1 for i, c in enumerate(writes.counts) if c), default=len(writes.counts))
        drawn = writes.counts[:bars], writes.edges[: bars + 1]
        axes.stairs(*drawn, baseline=floor, fill=True, color=drawing.ACCENT)
        axes.set_ylim(floor, max(filled, default=1) * (3 if logarithmic else 1.12))  # room for the label
        axes.axvline(writes.mean, color=drawing.INK, linewidth=1)
        left = writes.mean > sum(axes.get_xlim()) / 2
        axes.annotate(
            f"mean {count(writes.mean)}",
            (writes.mean, 1),
            xycoords=("data", "axes fraction"),
            xytext=(-4 if left else 4, -3),
            textcoords="offset points",
            ha="right" if left else "left",
            va="top",
            size=8,
        )
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))
        axes.set_xlabel("writes of a cell")
        axes.set_ylabel("cells (logarithmic)" if logarithmic else "cells")
        axes.grid(axis="y")
    return figure


def _plain(name: str) -> str:
    """A name as it stands: a dollar sign would start a formula."""
    return name.replace("$", r"\$")
