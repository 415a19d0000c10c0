"""MobileNetV2 from ImageNet learns three data sets in a row in INT8: accuracy, memory, energy, time and writes.

Beside it float32, and published learning on small devices. CIFAR-10, MNIST and ten classes of CIFAR-100, enlarged to
160 pixels; few images, so that it ends: a step of 8 images takes a second of one core.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

from matplotlib.figure import Figure

from cimlearn import metrics
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.papers.base import FigureResult, PaperFigure, Row, Runs, percent_text
from cimlearn.papers.plots import bars
from cimlearn.report.costs import run_costs
from cimlearn.runfolder.records import Run
from cimlearn.studies.sweep import Point

STREAM: Final = "cifar10+mnist+cifar100:0-9"
CURVES: Final[Mapping[str, tuple[str, str, dict[str, Any]]]] = {  # name -> label, placement, settings
    "chip-norm": ("INT8 Rep-Net, integer batch norms (chip)", "chip", {"network.norm": "batch"}),
    "chip": ("INT8 Rep-Net (chip)", "chip", {}),
    "float-norm": ("float32 Rep-Net, batch norms", "float", {"float.norm": "batch"}),
    "last-float": ("float32 last layer", "float", {"network.train": "last", "float.rate_head": 0.01}),
}
EXAMPLES: Final = 200
PASSES: Final = 2
HEADER: Final = ("name", "level", "memory_B", "accuracy_cifar10", "source")


def settings(quick: bool) -> dict[str, Any]:
    """Of all points."""
    examples, passes = (16, 1) if quick else (EXAMPLES, PASSES)
    return {
        "network.backbone": "mobilenet_v2",
        "network.weights": "weights/mobilenet_v2-imagenet.safetensors",
        "network.side": 96 if quick else 160,
        "network.fit": "resize",
        "rule.batch": 8,
        "rule.horizon": examples * passes,
        "stream.examples": examples,
        "stream.held_out": 10 if quick else 100,
        "stream.passes": passes,
    }


def name(curve: str) -> str:
    """The name of one point."""
    return f"mobile/{curve}"


def points(quick: bool) -> tuple[Point, ...]:
    """One experiment per curve."""
    curves = {"chip-norm": CURVES["chip-norm"]} if quick else CURVES
    return tuple(
        Point(name(curve), Experiment("sas-mram", STREAM, on, (0,), settings(quick) | own))
        for curve, (_, on, own) in curves.items()
    )


def analyse(runs: Runs, quick: bool) -> FigureResult:
    """Ours with their costs, then what was published."""
    rows: list[Row] = []
    for curve, (label, on, _) in CURVES.items():
        if name(curve) in runs:
            rows.append(_row(label, runs[name(curve)], settings(quick)["rule.horizon"], chip=on == "chip"))
    if not rows:
        raise InputError("the study of MobileNetV2 needs finished runs; none finished")
    said = ", ".join(f"{row['name']} {percent_text([row['accuracy']])}" for row in rows)
    caption = (
        f"MobileNetV2 (ImageNet) on {STREAM}, a Rep-Net and head per task, one seed, {EXAMPLES} images a task shown "
        f"{PASSES} times, 100 test images a task: {said}. Published rows learn more images of other sets: they stand "
        "there for their memory."
    )
    header = list(dict.fromkeys(column for row in [*rows, *_published()] for column in row))
    empty: Row = dict.fromkeys(header)
    return FigureResult([empty | row for row in [*rows, *_published()]], caption)


def _row(label: str, run: Run, images: int, *, chip: bool) -> Row:
    """One learner; a task shows it so many `images`."""
    ends = metrics.per_task(run.matrices()[0])
    found: Row = {"name": label, "level": "simulated, this project", "accuracy": metrics.mean(ends)}
    found |= {f"accuracy_task_{k + 1}": value for k, value in enumerate(ends)}
    costs = run_costs(run) if chip else None
    if costs is None:
        return found
    learning, memory = costs.phases["learning"], run.config["inventory"]["memory"]
    return found | {
        "memory_B": sum(memory.values()) / 8 + run.config["inventory"]["stored"]["task_bits"] / 8,
        "task_J": learning.joules * images,
        "task_s": learning.seconds * images,
        "image_J": learning.joules,
        "writes_per_cell_and_image": costs.writes_per_example,
    }


def _published() -> list[Row]:
    """Learners that others measured."""
    text = (resources.files("cimlearn.papers") / "learners.toml").read_text("utf-8")
    return [{column: entry.get(column) for column in HEADER} for entry in tomllib.loads(text)["learner"]]


def draw(result: FigureResult) -> Figure:
    """Accuracy by task and learner."""
    rows = [
        {"learner": row["name"], "task": str(k), "accuracy": row[f"accuracy_task_{k}"]}
        for row in result.rows
        for k in (1, 2, 3)
        if row.get(f"accuracy_task_{k}") is not None
    ]
    return bars(
        rows,
        title="MobileNetV2 on three data sets",
        by="learner",
        name="task",
        value="accuracy",
        label="accuracy [%]",
        scale=100,
    )


FIGURE: Final = PaperFigure("mobile", "MobileNetV2 over three data sets", points, analyse, draw)
