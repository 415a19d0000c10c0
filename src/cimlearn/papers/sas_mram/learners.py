"""What learns, and with which mechanisms: every learner in INT8 beside float32, on a short form of the accuracy study.

The first two tasks of split CIFAR-100 (10 classes, 100 training images each, shown 4 times, 200 test images a task),
three seeds: 500 steps a run, about a minute of one core. Rates of float32, and of INT8's last layer, were chosen on
classes 50 to 69, which no table uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from matplotlib.figure import Figure

from cimlearn.errors import InputError
from cimlearn.papers.base import FigureResult, PaperFigure, Runs, percent_text
from cimlearn.papers.plots import bars
from cimlearn.papers.sas_mram.rows import BACKBONE, FLOAT_NORM, LAST, NORM, Curve, curve_points, ends
from cimlearn.studies.sweep import Point

STREAM: Final = "split-cifar100"
TASKS: Final = 2
PASSES: Final = 4
BIAS: Final = {"network.train": "repnet+bias"}
FULL: Final = {"network.train": "full"}
CURVES: Final[Mapping[str, Curve]] = {
    "last": Curve(
        "last layer, INT8, its own rate", "chip", LAST | {"rule.scale": "aware", "rule.bits_head": 5}
    ),
    "last-float": Curve("last layer, float32", "float", LAST | {"float.rate_head": 0.03}),
    "repnet": Curve("Rep-Net, INT8", "chip"),
    "repnet-float": Curve("Rep-Net, float32", "float"),
    "repnet-norm": Curve("Rep-Net, INT8, norms", "chip", NORM),
    "repnet-norm-float": Curve("Rep-Net, float32, norms", "float", FLOAT_NORM),
    "bias": Curve("Rep-Net + biases, INT8", "chip", BIAS),
    "bias-norm": Curve("Rep-Net + biases, INT8, norms", "chip", BIAS | NORM),
    "bias-norm-float": Curve("Rep-Net + biases, float32, norms", "float", BIAS | FLOAT_NORM),
    "moving": Curve("Rep-Net, INT8, exponents of weights move", "chip", {"rule.exponents": "moving"}),
    "momentum": Curve("Rep-Net, INT8, momentum 7/8", "chip", {"rule.momentum": 3}),
    "norm-momentum": Curve("Rep-Net, INT8, norms, momentum 7/8", "chip", NORM | {"rule.momentum": 3}),
    "norm-refold": Curve(
        "Rep-Net, INT8, norms folded every 16 batches", "chip", NORM | {"network.refold": 16}
    ),
    "norm-last": Curve(
        "Rep-Net, INT8, norms, exponents of the last batch", "chip", NORM | {"network.exponents": "last"}
    ),
    "full": Curve("full, INT8", "chip", FULL),
    "full-norm": Curve("full, INT8, norms", "chip", FULL | NORM),
    "full-momentum": Curve("full, INT8, norms, momentum 7/8", "chip", FULL | NORM | {"rule.momentum": 3}),
    "full-refold": Curve(
        "full, INT8, norms folded every 16 batches", "chip", FULL | NORM | {"network.refold": 16}
    ),
    "full-float": Curve(
        "full, float32, norms", "float", FULL | {"float.norm": "batch", "float.rate_modules": 0.003}
    ),
}


def settings(quick: bool) -> dict[str, Any]:
    """Of all points."""
    passes, examples = (1, 100) if quick else (PASSES, 1000)
    found = {**BACKBONE, "stream.tasks": TASKS, "stream.passes": passes, "rule.horizon": examples * passes}
    return found | ({"stream.examples": examples, "stream.held_out": 50} if quick else {})


def name(curve: str, seed: int) -> str:
    """The name of one point."""
    return f"learners/{curve}/seed={seed}"


def points(quick: bool) -> tuple[Point, ...]:
    """One experiment per curve and seed."""
    return curve_points(CURVES, STREAM, settings(quick), name, quick)


def analyse(runs: Runs, quick: bool) -> FigureResult:
    """Accuracy at the end by task, and on average over the tasks."""
    rows, averages = ends(CURVES, runs, name)
    if not rows:
        raise InputError("the study of learners needs finished runs; none finished")
    said = ", ".join(f"{CURVES[curve].label} {percent_text(values)}" for curve, values in averages.items())
    caption = (
        f"Accuracy after the second of {TASKS} tasks of split CIFAR-100, 10 classes a task, images shown "
        f"{1 if quick else PASSES} time(s), ResNet-20 trained on CIFAR-10. {said}."
    )
    return FigureResult(rows, caption)


def draw(result: FigureResult) -> Figure:
    """The average of each learner."""
    return bars(
        [row for row in result.rows if row["task"] == "average"],
        title="What learns, split CIFAR-100",
        by="task",
        name="learner",
        value="accuracy",
        label="accuracy [%]",
        scale=100,
    )


FIGURE: Final = PaperFigure("learners", "What learns, in INT8 and float32", points, analyse, draw)
