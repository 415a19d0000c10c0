"""SAS-MRAM as simulated here beside published digital macros and a GPU."""

from __future__ import annotations

from typing import Final

from cimlearn.errors import InputError
from cimlearn.papers.base import FigureResult, PaperFigure, Row, Runs
from cimlearn.papers.published import published
from cimlearn.papers.sas_mram import technologies
from cimlearn.report.costs import run_costs


def analyse(runs: Runs, quick: bool) -> FigureResult:
    """Ours, then what was published."""
    run = runs.get(technologies.POINT)
    costs = None if run is None else run_costs(run)
    if run is None or costs is None:
        raise InputError("the anchors need a finished run of the chip; it did not finish")
    now = costs.phases["inference"]
    ours: Row = {
        "name": "SAS-MRAM as simulated here",
        "node": str(run.prices["technology.node"].value),
        "precision": "INT8",
        "memory": "SAS-MRAM, 4 junctions a line",
        "learns": "yes: Rep-Net in INT8",
        "level": "simulated, this project: a whole chip",
        "power_W": now.watts,
        "ops_per_s": now.ops_per_s,
        "ops_per_J": now.ops_per_J,
        "source": "inference, with activations, rounding and leakage; most sizes assumed",
    }
    caption = (
        "Published macros leave out what a whole chip needs. Ours is built up from public prices of adders at 28 nm "
        "and a sensed bit per AND; it learns."
    )
    return FigureResult([ours, *published("anchors.toml", "anchor")], caption)


FIGURE: Final = PaperFigure("anchors", "Beside digital macros and a GPU", technologies.points, analyse, None)
