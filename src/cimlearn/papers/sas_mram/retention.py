"""Accuracy after years at rest, at the temperatures at which retention is specified."""

from __future__ import annotations

from typing import Any, Final

from matplotlib.figure import Figure

from cimlearn import metrics
from cimlearn.devices.technology import technology
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.papers.base import FigureResult, PaperFigure, Row, Runs
from cimlearn.papers.plots import accuracy_lines
from cimlearn.papers.sas_mram.faults import STREAM
from cimlearn.studies.sweep import Point

YEAR: Final = 365.25 * 86400.0  # [s]
TEMPERATURES: Final = (300.0, 358.0, 398.0)  # [K]: room, 85 C, 125 C
YEARS: Final = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


def name(kelvin: float, years: float) -> str:
    """The name of one point."""
    return f"retention/temperature={kelvin:g}/years={years:g}"


def points(quick: bool) -> tuple[Point, ...]:
    """The default run, classifying after longer and longer rests; weights of frozen and trained layers fade."""
    size: dict[str, Any] = {
        "stream.tasks": 2,
        "stream.examples": 100 if quick else 1000,
        "stream.held_out": 200,
    }
    years = YEARS[::5] if quick else YEARS
    return tuple(
        Point(
            name(kelvin, rest),
            Experiment(
                "sas-mram",
                STREAM,
                "chip",
                (0,),
                {**size, "cell.rest_temperature": kelvin, "faults.rest_years": rest},
            ),
        )
        for kelvin in TEMPERATURES
        for rest in years
    )


def analyse(runs: Runs, quick: bool) -> FigureResult:
    """Accuracy by temperature and time, with the share of bits that is lost by then."""
    rows: list[Row] = []
    for kelvin in TEMPERATURES:
        cell = technology("sas-mram", {"cell.rest_temperature": kelvin})
        for years in YEARS:
            if name(kelvin, years) in runs:
                matrix = runs[name(kelvin, years)].matrices()[0]
                rows.append(
                    {
                        "temperature": f"{kelvin:g} K",
                        "years": years,
                        "lost": cell.retention_failure(years * YEAR),
                        "accuracy": metrics.average_accuracy(matrix),
                    }
                )
    if not rows:
        raise InputError("the retention study needs finished runs of the chip; none finished")
    ten = ", ".join(
        f"{technology('sas-mram', {'cell.rest_temperature': kelvin}).retention_failure(10 * YEAR):.1e} at {kelvin:g} K"
        for kelvin in TEMPERATURES
    )
    caption = (
        f"Accuracy on {STREAM}, 2 tasks, one seed, after a rest in which no weight is refreshed. "
        f"Bits lost in ten years: {ten}. "
        "The junction is assumed, so are its barrier and these figures."
    )
    return FigureResult(rows, caption)


def draw(result: FigureResult) -> Figure:
    """Accuracy against years."""
    return accuracy_lines(
        result.rows,
        title="Accuracy after years at rest",
        by="temperature",
        x="years",
        label="years at rest",
    )


FIGURE: Final = PaperFigure("retention", "Accuracy against years of retention", points, analyse, draw)
