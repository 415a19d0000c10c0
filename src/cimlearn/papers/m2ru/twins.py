"""Chip against digital chips: energy of an inference over that of the chip, by kind of digital twin and node.

The chip's currents and capacitors stay as they are from node to node; logic, memories and converters shrink. What the
supply leaves of swing shrinks too: the integrators' range follows it, and the capacitors keep the range of weights.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cimlearn.chips.m2ru import HIGHOHMIC, LOWOHMIC
from cimlearn.costs import prices
from cimlearn.costs.crossbar.twin import KINDS
from cimlearn.experiments.experiment import Experiment
from cimlearn.experiments.pricing import price_design, usual_stream
from cimlearn.papers.base import FigureResult, PaperFigure, Row, Runs
from cimlearn.papers.plots import lines
from cimlearn.report.html import drawing
from cimlearn.studies.sweep import Point

NODES: Final = ("65nm", "45nm", "32nm", "28nm", "22nm")
CHIPS: Final = (LOWOHMIC, HIGHOHMIC)


def points(quick: bool) -> tuple[Point, ...]:
    """No experiments: designs are priced without training."""
    return ()


def at_node(chip: str, node: str) -> dict[str, Any]:
    """Settings of a design at a node: its swing at most what the supply leaves, its range of weights as before."""
    p = Experiment(chip, usual_stream(chip)).parameters[0]
    q = prices.parameters({"technology.node": node})
    settings: dict[str, Any] = {"technology.node": node}
    before, most = p["periphery.saturation"], q["technology.supply"] / 2 - q["price.headroom"]
    usual = prices.parameters()
    served = before <= usual["technology.supply"] / 2 - usual["price.headroom"]
    if served and most < before:  # a design that no circuit serves anyway stays as it is set
        settings["periphery.saturation"] = most
        for array in ("hidden", "output", "feedback"):
            name = f"periphery.{array}_capacitance"
            settings[name] = p[name] * before / most
    return settings


def analyse(runs: Runs, quick: bool) -> FigureResult:
    """Ratio by design, twin and node; where the tight twin wins."""
    rows: list[Row] = []
    for chip in CHIPS:
        for node in NODES:
            settings = at_node(chip, node)
            costs = price_design(chip, settings)
            unserved = sorted({note.part for note in costs.notes if note.kind == "unserved"})
            feature = prices.parameters({"technology.node": node})["technology.feature"]
            for kind, ratios in costs.ratios.items():
                rows.append(
                    {
                        "chip": chip,
                        "line": f"{kind}, {chip.removeprefix('m2ru-')}",
                        "kind": kind,
                        "node_nm": 1e9 * feature,
                        "ratio": ratios["inference"],
                        "learning_ratio": ratios["learning"],
                        "unserved": ", ".join(unserved),
                    }
                )
    return FigureResult(rows, " ".join(_said(rows, chip) for chip in CHIPS))


def crossing(rows: list[Row]) -> float | None:
    """Node [nm] at which the ratio falls to 1, on a straight line between logarithms; None where it doesn't."""
    for larger, smaller in itertools.pairwise(sorted(rows, key=lambda row: -row["node_nm"])):
        if larger["ratio"] >= 1 > smaller["ratio"]:
            part = math.log(larger["ratio"]) / math.log(larger["ratio"] / smaller["ratio"])
            return float(larger["node_nm"] * (smaller["node_nm"] / larger["node_nm"]) ** part)
    return None


def _said(rows: list[Row], chip: str) -> str:
    """What one design's lines say."""
    mine = [row for row in rows if row["chip"] == chip]
    tight = [row for row in mine if row["kind"] == "tight"]
    at_65 = [row["ratio"] for row in mine if row["node_nm"] == max(r["node_nm"] for r in mine)]
    node, last = crossing(tight), tight[-1]
    wins = (
        f"a tight digital chip wins below {node:.0f} nm"
        if node is not None
        else f"against a tight digital chip the ratio is {last['ratio']:.2g} at {last['node_nm']:.0f} nm"
    )
    return (
        f"At 65 nm a digital chip of the same function takes {min(at_65):.2g} (tight) to {max(at_65):.2g} times the "
        f"energy per inference of {chip} (published 29); {wins}."
    )


def _look(line: str) -> dict[str, Any]:
    """A colour and mark for each kind of twin; the design that no circuit serves is dashed and not named."""
    kind, design = line.split(", ")
    k = list(KINDS).index(kind)
    own = {"color": drawing.SERIES[k], "marker": "os^D"[k]}
    if design == LOWOHMIC.removeprefix("m2ru-"):
        return own | {"linestyle": "--", "label": f"_{line}", "linewidth": 1.0}
    return own | {"label": kind}


def draw(result: FigureResult) -> Figure:
    """Ratio against node."""

    def finish(axes: Axes) -> None:
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(0.4, 90)
        axes.axhline(1.0, color="0.4", linewidth=1)
        axes.axhline(29.0, color="0.4", linewidth=1, linestyle=":")
        axes.annotate("published: 29", (22, 29), xytext=(0, -10), textcoords="offset points", fontsize=8)
        nodes = sorted({row["node_nm"] for row in result.rows})
        axes.set_xticks(nodes, [f"{node:.0f}" for node in nodes])
        axes.set_yticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
        axes.minorticks_off()

    return lines(
        result.rows,
        title="Energy of a digital chip over M2RU's (dashed: low-ohmic)",
        by="line",
        x="node_nm",
        y="ratio",
        labels=("node [nm]", "ratio per inference"),
        style=_look,
        finish=finish,
    )


FIGURE: Final = PaperFigure("twins", "Which digital chip, at which node", points, analyse, draw)
