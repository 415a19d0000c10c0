"""INT8 Rep-Net on the chip and its float32 twin, both with norms and without, and the last layer alone.

Accuracy by task on split CIFAR-100. The published task sequence is unknown. Ours: 5 tasks of 10 classes of CIFAR-100
(100 training images a class, shown 12 times), told which task at test, one Rep-Net and head per task, on ResNet-20
trained on CIFAR-10, which saw none of these classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from matplotlib.figure import Figure

from cimlearn import metrics
from cimlearn.errors import InputError
from cimlearn.papers.base import (
    NOT_COMPARABLE,
    QUICK,
    Claim,
    FigureResult,
    PaperFigure,
    Runs,
    percent_text,
    verdict,
)
from cimlearn.papers.plots import bars
from cimlearn.papers.sas_mram.rows import BACKBONE, FLOAT_NORM, LAST, NORM, Curve, curve_points, ends
from cimlearn.studies.sweep import Point
from cimlearn.units import plural

STREAM: Final = "split-cifar100"
CURVES: Final[Mapping[str, Curve]] = {
    "chip": Curve("INT8 Rep-Net (chip)", "chip"),
    "float": Curve("float32 Rep-Net", "float"),
    "chip-norm": Curve("INT8 Rep-Net, integer batch norms (chip)", "chip", NORM),
    "float-norm": Curve("float32 Rep-Net, batch norms as published", "float", FLOAT_NORM),
    "last": Curve("INT8 last layer (chip)", "chip", LAST | {"rule.scale": "aware", "rule.bits_head": 5}),
    "last-float": Curve("float32 last layer", "float", LAST | {"float.rate_head": 0.01}),
}
WITHIN: Final = 0.015  # INT8 may lose this against float32
ABOVE: Final = 0.05  # Rep-Net gains this over the last layer
PASSES: Final = 12


def settings(quick: bool) -> dict[str, Any]:
    """Of all points."""
    passes, tasks, examples = (1, 2, 150) if quick else (PASSES, 5, None)
    shown = (examples or 1000) * passes
    found = {**BACKBONE, "stream.tasks": tasks, "stream.passes": passes, "rule.horizon": shown}
    return found | ({"stream.examples": examples, "stream.held_out": 100} if quick else {})


def name(curve: str, seed: int) -> str:
    """The name of one point."""
    return f"{STREAM}/{curve}/seed={seed}"


def points(quick: bool) -> tuple[Point, ...]:
    """One experiment per curve and seed."""
    return curve_points(CURVES, STREAM, settings(quick), name, quick)


def analyse(runs: Runs, quick: bool) -> FigureResult:
    """Accuracy at the end by task, and on average over the tasks."""
    rows, averages = ends(CURVES, runs, name)
    if "chip" not in averages:
        raise InputError("the accuracy study needs a finished run of the chip; none finished")
    said = ", ".join(f"{CURVES[c][0]} {percent_text(v)}" for c, v in averages.items())
    caption = (
        "Accuracy by task after the last one, split CIFAR-100, 10 classes a task, "
        f"{plural(len(averages['chip']), 'seed')}. "
        f"Nothing is forgotten by construction: each task has its own Rep-Net. On average: {said}."
    )
    return FigureResult(rows, caption, _claims(averages, quick))


def _claims(averages: Mapping[str, list[float]], quick: bool) -> tuple[Claim, ...]:
    """INT8 against float32, Rep-Net against the last layer."""
    command = "cimlearn reproduce sas-mram accuracy" + (" --quick" if quick else "")
    wanted = {
        ("chip", "float"): (
            "INT8 continual learning works: Rep-Net within 1.5 points of float32, both without norms",
            -WITHIN,
        ),
        ("chip-norm", "float-norm"): (
            "INT8 continual learning works: Rep-Net with integer batch norms within 1.5 points of the published "
            "float32 form",
            -WITHIN,
        ),
        ("chip", "last-float"): (
            "Rep-Net learns new tasks beside a frozen backbone: 5 points above the last layer alone",
            ABOVE,
        ),
    }
    return tuple(
        Claim(
            text=text,
            stated="abstract (no number); the margin is ours",
            published="no number",
            ours=f"INT8 Rep-Net {percent_text(averages[own])}, {CURVES[other][0]} {percent_text(averages[other])}",
            ratio=metrics.mean(averages[own]) / metrics.mean(averages[other]),
            verdict=NOT_COMPARABLE
            if quick
            else verdict(metrics.mean(averages[own]) - metrics.mean(averages[other]) >= margin),
            reason=QUICK
            if quick
            else "Task sequence, backbone, quantiser and optimiser of the paper are unknown; ours is NITI (arXiv "
            "2009.13108) with a scale for each filter (docs/decisions/0006-int8-rep-net.md) and, where said, norms in "
            "integers (docs/decisions/0029-integer-norm.md). Float rates were chosen on other classes.",
            command=command,
        )
        for (own, other), (text, margin) in wanted.items()
        if own in averages and other in averages
    )


def draw(result: FigureResult) -> Figure:
    """Accuracy by task and learner."""
    return bars(
        result.rows,
        title="Accuracy by task, split CIFAR-100",
        by="learner",
        name="task",
        value="accuracy",
        label="accuracy [%]",
        scale=100,
    )


FIGURE: Final = PaperFigure("accuracy", "INT8 and float32, Rep-Net and last layer", points, analyse, draw)
