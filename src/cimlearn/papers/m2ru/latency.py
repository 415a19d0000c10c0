"""Figure 5c of M2RU: latency of a time step against network size and bits, with and without tiling.

Tiled: crossbars of at most 256 x 256, each with its own 16 converters; sums of tiles are added in a tree. Not tiled:
one crossbar of any size with one bank of 16 converters. Wire delay is not modelled, which favours the large crossbar.
"""

from __future__ import annotations

from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cimlearn import chips
from cimlearn.experiments.pricing import price_design
from cimlearn.papers.base import FigureResult, PaperFigure, Row, Runs
from cimlearn.papers.plots import lines
from cimlearn.studies.sweep import Point

HIDDEN: Final = (32, 64, 100, 128, 192, 256, 384, 512, 768, 1024)
BITS: Final = (4, 6, 8)
TILED: Final[dict[str, dict[str, Any]]] = {
    "tiled": {"tile.rows": 256, "tile.columns": 256},
    "one crossbar": {"tile.rows": 100_000, "tile.columns": 100_000},
}


def points(quick: bool) -> tuple[Point, ...]:
    """No experiments: latency follows from sizes."""
    return ()


def analyse(runs: Runs, quick: bool) -> FigureResult:
    """Seconds per step by size, bits and tiling."""
    rows: list[Row] = []
    for label, tiles in TILED.items():
        for bits in BITS:
            for hidden in HIDDEN:
                settings = {
                    "network.hidden": hidden,
                    "periphery.input_bits": bits,
                    "periphery.converter_bits": bits,
                    "digital.lanes": 1024,
                    **tiles,
                }
                costs = price_design("m2ru", settings)
                rows.append(
                    {
                        "design": f"{label}, {bits} bits",
                        "bits": bits,
                        "hidden": hidden,
                        "seconds_per_step": costs.phases["inference"].step_seconds,
                        "ops_per_s": costs.phases["inference"].ops_per_s,
                        "area_m2": sum(costs.area.values()),
                    }
                )
    usual = chips.parameters("m2ru")
    largest = {row["design"]: row["seconds_per_step"] for row in rows if row["hidden"] == HIDDEN[-1]}
    ratio = largest["one crossbar, 8 bits"] / largest["tiled, 8 bits"]
    caption = (
        f"Latency of a time step at {usual['periphery.clock'] / 1e6:g} MHz, {usual['periphery.converters']} converters "
        f"per tile. At {HIDDEN[-1]} units and 8 bits "
        f"one crossbar takes "
        f"{ratio:.1f} times as long as tiles: its one bank of converters works through all columns."
    )
    return FigureResult(rows, caption)


def draw(result: FigureResult) -> Figure:
    """Latency against size; solid tiled, dashed not."""

    def finish(axes: Axes) -> None:
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
        axes.minorticks_off()
        ticks = [h for h in HIDDEN if h.bit_count() == 1]
        axes.set_xticks(ticks, [str(h) for h in ticks])

    return lines(
        result.rows,
        title="Latency of a time step",
        by="design",
        x="hidden",
        y="seconds_per_step",
        labels=("hidden units", "latency [µs]"),
        scale=1e6,
        style=lambda name: {} if name.startswith("tiled") else {"linestyle": "--"},
        finish=finish,
    )


FIGURE: Final = PaperFigure(
    "5c", "Latency against network size and bits, with and without tiling", points, analyse, draw
)
