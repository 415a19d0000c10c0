"""One Rep-Net for all tasks, which forgets: domain- and class-incremental, with and without replay, INT8 and float32.

Split MNIST, five tasks of two digits, 500 images each shown once, the shipped ResNet-8. Domain-incremental: the answer
is which of the task's two digits it is; class-incremental: which of ten.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from matplotlib.figure import Figure

from cimlearn import metrics
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.papers.base import FigureResult, PaperFigure, Row, Runs
from cimlearn.papers.plots import bars
from cimlearn.papers.sas_mram.rows import FLOAT_NORM, NORM, SEEDS, Curve
from cimlearn.studies.sweep import Point

STREAMS: Final = {"domain": "split-mnist-domain", "class": "split-mnist"}
SLOTS: Final = (0, 500)
EXAMPLES: Final = 500
CURVES: Final[Mapping[str, Curve]] = {
    "chip": Curve("INT8", "chip"),
    "chip-norm": Curve("INT8, norms", "chip", NORM),
    "float-norm": Curve("float32, norms", "float", FLOAT_NORM),
}


def name(scenario: str, slots: int, curve: str, seed: int) -> str:
    """The name of one point."""
    return f"shared/{scenario}/replay={slots}/{curve}/seed={seed}"


def points(quick: bool) -> tuple[Point, ...]:
    """One experiment per scenario, replay memory, curve and seed."""
    examples = 60 if quick else EXAMPLES
    base: dict[str, Any] = {
        "network.tasks": "shared",
        "stream.examples": examples,
        "stream.held_out": 50 if quick else 200,
        "rule.horizon": examples,
    }
    return tuple(
        Point(
            name(scenario, slots, curve, seed),
            Experiment("sas-mram", stream, on, (seed,), {**base, "replay.slots": slots, **own}),
        )
        for scenario, stream in STREAMS.items()
        for slots in SLOTS
        for curve, (_, on, own) in CURVES.items()
        for seed in range(1 if quick else SEEDS)
    )


def analyse(runs: Runs, quick: bool) -> FigureResult:
    """Average accuracy after the last task, and what was forgotten."""
    rows: list[Row] = []
    for scenario in STREAMS:
        for slots in SLOTS:
            for curve, (label, _, _) in CURVES.items():
                names = [name(scenario, slots, curve, seed) for seed in range(SEEDS)]
                found = [runs[one].matrices()[0] for one in names if one in runs]
                if found:
                    rows.append(_row(f"{scenario}-incremental, replay of {slots}", label, found))
    if not rows:
        raise InputError("the study of shared networks needs finished runs; none finished")
    said = "; ".join(
        f"{row['setting']}, {row['learner']}: {100 * row['accuracy']:.1f} % (forgets {100 * row['forgetting']:.1f})"
        for row in rows
    )
    return FigureResult(rows, f"One Rep-Net and head for all five tasks of split MNIST. {said}.")


def _row(setting: str, label: str, matrices: list[Any]) -> Row:
    """One bar: means over seeds."""
    averages = [metrics.average_accuracy(matrix) for matrix in matrices]
    return {
        "setting": setting,
        "learner": label,
        "accuracy": metrics.mean(averages),
        "accuracy_std": metrics.std(averages),
        "forgetting": metrics.mean([metrics.forgetting(matrix) or 0.0 for matrix in matrices]),
        "seeds": len(matrices),
    }


def draw(result: FigureResult) -> Figure:
    """Accuracy by setting and learner."""
    return bars(
        result.rows,
        title="One Rep-Net for all tasks, split MNIST",
        by="learner",
        name="setting",
        value="accuracy",
        label="accuracy [%]",
        scale=100,
    )


FIGURE: Final = PaperFigure("shared", "One Rep-Net for all tasks", points, analyse, draw)
