"""The same run with its weights in five memories: device figures, energy per image, area, lifetime; and energy by part.

Counts are one run's (SAS-MRAM, the default stream); prices and cells change. Accuracy with each memory's own write
errors is what `cimlearn compare` runs.
"""

from __future__ import annotations

import math
from typing import Final

from matplotlib.figure import Figure

from cimlearn.devices.technology import names, technology
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.papers.base import NOT_COMPARABLE, Claim, FigureResult, PaperFigure, Row, Runs, verdict
from cimlearn.papers.plots import bars
from cimlearn.report.costs import reprice
from cimlearn.studies.sweep import Point

STREAM: Final = "split-mnist-domain"
POINT: Final = "technologies/sas-mram"


def points(quick: bool) -> tuple[Point, ...]:
    """One run of the chip."""
    size = {"stream.tasks": 2, "stream.examples": 100 if quick else 1000, "stream.held_out": 200}
    return (Point(POINT, Experiment("sas-mram", STREAM, "chip", (0,), size)),)


def analyse(runs: Runs, quick: bool) -> FigureResult:
    """Every memory on the same counts."""
    run = runs.get(POINT)
    if run is None:
        raise InputError("the comparison of memories needs a finished run of the chip; it did not finish")
    rows: list[Row] = []
    for name in names():
        cell = technology(name)
        costs = reprice(run, cell.as_dict())
        if costs is None:
            continue
        ten = costs.lifetime["ten_percent"]
        rows.append(
            {
                "memory": name,
                "write_J_per_bit": cell.write_energy,
                "write_s": cell.write_time,
                "write_error": cell.write_error,
                "read_J_per_bit": cell.read_energy,
                "area_m2_per_bit": cell.area,
                "inference_J": costs.phases["inference"].joules,
                "learning_J": costs.phases["learning"].joules,
                "inference_s": costs.phases["inference"].seconds,
                "learning_s": costs.phases["learning"].seconds,
                "area_m2": math.fsum(costs.area.values()),
                "ops_per_J": costs.phases["inference"].ops_per_J,
                "lifetime_years": math.inf if ten is None else ten,
            }
        )
    by_name = {row["memory"]: row for row in rows}
    sas, sot = by_name["sas-mram"], by_name["sot-mram"]
    caption = (
        "Energy of one image with the weights in each memory, the same work. SAS-MRAM against SOT-MRAM: "
        f"{100 * (1 - sas['area_m2_per_bit'] / sot['area_m2_per_bit']):.0f} % less area a bit, "
        f"{100 * (sas['write_J_per_bit'] / sot['write_J_per_bit'] - 1):+.0f} % write energy a bit."
    )
    return FigureResult(rows, caption, _claims(sas, sot, quick))


def _claims(sas: Row, sot: Row, quick: bool) -> tuple[Claim, ...]:
    """Better area efficiency than SOT-MRAM, and digital learning; write efficiency is `write`'s."""
    command = "cimlearn reproduce sas-mram technologies" + (" --quick" if quick else "")
    stated = "abstract (no number)"
    return (
        Claim(
            "Better area efficiency than SOT-MRAM",
            stated,
            "better",
            f"{sas['area_m2_per_bit'] * 1e12:.3g} against {sot['area_m2_per_bit'] * 1e12:.3g} um2 a bit",
            sas["area_m2_per_bit"] / sot["area_m2_per_bit"],
            verdict(sas["area_m2_per_bit"] < sot["area_m2_per_bit"]),
            "One transistor of the line is shared by four junctions; transistor areas are assumed.",
            command,
        ),
        Claim(
            "Digital bit-serial inference and learning in memory",
            stated,
            "no number",
            f"{sas['ops_per_J'] / 1e12:.3g} TOPS/W in inference, {1e6 * sas['learning_J']:.3g} uJ a learned image",
            None,
            NOT_COMPARABLE,
            "No system figure is published that we can see. A macro of the same group (FP8, 28 nm, 2025) reaches "
            "15.3 TOPS/W, "
            "without the rest of a chip.",
            command,
        ),
    )


def draw(result: FigureResult) -> Figure:
    """Energy per image by memory."""
    rows = [
        {"memory": row["memory"], "phase": phase, "joules": row[f"{phase}_J"]}
        for row in result.rows
        for phase in ("inference", "learning")
    ]
    return bars(
        rows,
        title="Energy of one image by memory",
        by="phase",
        name="memory",
        value="joules",
        label="energy [µJ]",
        scale=1e6,
    )


FIGURE: Final = PaperFigure("technologies", "The same work in five memories", points, analyse, draw)
