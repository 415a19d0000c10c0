"""Accuracy against wrong bits: failed writes while learning, and misread bits while learning and classifying."""

from __future__ import annotations

from typing import Any, Final

from matplotlib.figure import Figure

from cimlearn import chips, metrics
from cimlearn.devices.technology import technology
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.papers.base import FigureResult, PaperFigure, Row, Runs
from cimlearn.papers.plots import accuracy_lines
from cimlearn.studies.sweep import Point

STREAM: Final = "split-mnist-domain"
KINDS: Final = {
    "faults.write_error": "failed writes, while learning",
    "faults.read_error": "wrong bits, in use",
}
RATES: Final = (1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)


def name(kind: str, rate: float) -> str:
    """The name of one point."""
    return f"faults/{kind.partition('.')[2]}={rate:g}"


def points(quick: bool) -> tuple[Point, ...]:
    """The default run with more and more wrong bits."""
    size: dict[str, Any] = {
        "stream.tasks": 2,
        "stream.examples": 100 if quick else 1000,
        "stream.held_out": 200,
    }
    rates = RATES[::3] if quick else RATES
    return tuple(
        Point(name(kind, rate), Experiment("sas-mram", STREAM, "chip", (0,), {**size, kind: f"{rate:g}"}))
        for kind in KINDS
        for rate in rates
    )


def analyse(runs: Runs, quick: bool) -> FigureResult:
    """Accuracy by kind of fault and rate."""
    rows: list[Row] = [
        {
            "fault": label,
            "rate": rate,
            "accuracy": metrics.average_accuracy(runs[name(kind, rate)].matrices()[0]),
        }
        for kind, label in KINDS.items()
        for rate in RATES
        if name(kind, rate) in runs
    ]
    if not rows:
        raise InputError("the fault study needs finished runs of the chip; none finished")
    cell = technology(chips.parameters("sas-mram")["cell.technology"])
    years = 10 * 365.25 * 86400.0
    caption = (
        f"Accuracy on {STREAM}, 2 tasks, one seed. The device itself fails to write a bit with probability "
        f"{cell.write_error:.1e}, misreads one with {cell.read_error:.1e}, and loses one in ten years with "
        f"{cell.retention_failure(years):.1e}: all far to the left."
    )
    return FigureResult(rows, caption)


def draw(result: FigureResult) -> Figure:
    """Accuracy against the probability that a bit is wrong."""
    return accuracy_lines(
        result.rows,
        title="Accuracy with wrong bits",
        by="fault",
        x="rate",
        label="probability that a bit is wrong",
    )


FIGURE: Final = PaperFigure("faults", "Accuracy against wrong bits", points, analyse, draw)
