"""Figure 4 of M2RU: accuracy after each task of the chip, its float twin and Adam; two streams, two sizes.

The paper's numbers of tasks, examples, slots and seeds are unknown. Ours: 5 tasks, 5 seeds; permuted MNIST with 30,000
of the 60,000 examples a task (half the time; docs/recipe.md has 60,000), split CIFAR-10 with all 20,000 of our files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cimlearn.experiment import Experiment
from cimlearn.sweep import Point

PLACEMENTS: Final = {"chip": "M2RU chip", "float": "float twin, same rule", "adam": "Adam, software"}
STREAMS: Final = {"permuted-mnist": "permuted MNIST", "split-cifar10": "split CIFAR-10"}
PANELS: Final = {
    "4a": ("permuted-mnist", 100),
    "4b": ("permuted-mnist", 256),
    "4c": ("split-cifar10", 100),
    "4d": ("split-cifar10", 256),
}
SEEDS: Final = 5
WITHIN: Final = 0.05  # the claim: at most this far below software

_FULL: Final[Mapping[str, dict[str, Any]]] = {
    "permuted-mnist": {"stream.examples": 30_000, "stream.held_out": 5_000},
    "split-cifar10": {},
}
_QUICK: Final[Mapping[str, dict[str, Any]]] = {
    "permuted-mnist": {"stream.examples": 800, "stream.held_out": 300, "rule.batch": 1},
    "split-cifar10": {"stream.examples": 500, "stream.held_out": 300, "rule.batch": 1},
}


def points(stream: str, hidden: int, quick: bool) -> tuple[Point, ...]:
    """One experiment per placement and seed."""
    settings = {"network.hidden": hidden, **(_QUICK if quick else _FULL)[stream]}
    return tuple(
        Point(f"{stream}/hidden={hidden}/{on}/seed={seed}", Experiment("m2ru", stream, on, (seed,), settings))
        for on in PLACEMENTS
        for seed in range(1 if quick else SEEDS)
    )
