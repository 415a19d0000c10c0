"""What the accuracy studies of SAS-MRAM share: learners by name, their experiments, their accuracies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from cimlearn import metrics
from cimlearn.experiments.experiment import Experiment
from cimlearn.papers.base import Row, Runs
from cimlearn.studies.sweep import Point

BACKBONE: Final = {
    "network.backbone": "resnet20",
    "network.weights": "weights/resnet20-cifar10.safetensors",
    "rule.flip": True,
}
SEEDS: Final = 3
NORM: Final = {"network.norm": "batch"}
FLOAT_NORM: Final = {"float.norm": "batch", "float.rate_modules": 0.01}
LAST: Final = {"network.train": "last"}


class Curve(NamedTuple):
    """One learner."""

    label: str
    on: str  # chip or float
    own: Mapping[str, Any] = {}  # settings


def curve_points(
    curves: Mapping[str, Curve],
    stream: str,
    settings: Mapping[str, Any],
    name: Callable[[str, int], str],
    quick: bool,
) -> tuple[Point, ...]:
    """One experiment per curve and seed, one seed where it is quick; each curve's own settings on top of `settings`."""
    return tuple(
        Point(name(curve, seed), Experiment("sas-mram", stream, one.on, (seed,), {**settings, **one.own}))
        for curve, one in curves.items()
        for seed in range(1 if quick else SEEDS)
    )


class Ends(NamedTuple):
    """Accuracy after the last task, by learner."""

    rows: list[Row]  # learner, task ('1', ..., 'average'), mean and spread over seeds
    averages: dict[str, list[float]]  # curve -> average over tasks of each seed


def ends(curves: Mapping[str, Curve], runs: Runs, name: Callable[[str, int], str]) -> Ends:
    """Of the runs that are there; `name` of a curve and seed is that of its point."""
    rows: list[Row] = []
    averages: dict[str, list[float]] = {}
    for curve, (label, _, _) in curves.items():
        found = [runs[name(curve, seed)] for seed in range(SEEDS) if name(curve, seed) in runs]
        if not found:
            continue
        last = [metrics.per_task(run.matrices()[0]) for run in found]
        averages[curve] = [metrics.mean(row) for row in last]
        columns = {str(k + 1): [row[k] for row in last] for k in range(len(last[0]))}
        for task, values in (columns | {"average": averages[curve]}).items():
            rows.append(
                {
                    "learner": label,
                    "task": task,
                    "accuracy": metrics.mean(values),
                    "accuracy_std": metrics.std(values),
                    "seeds": len(values),
                }
            )
    return Ends(rows, averages)
