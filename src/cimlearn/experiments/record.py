"""One record: what a chip has reached after a task. Its counts run from the start of the seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.chips.base import Chip
from cimlearn.experiments.numbers import Measured

_BINS = 32  # bars of a write histogram
_BLOCKS = 64  # blocks of a write map, at most, each way


class Answers(NamedTuple):
    """How a chip answered on the held-out set of one task."""

    seen: NDArray[np.int64]  # (classes,) examples of each class
    right: NDArray[np.int64]  # (classes,) of them, answered right
    confusion: NDArray[np.int64] | None = None  # (classes, answers) examples; None where nobody looked

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return int(self.right.sum()) / int(self.seen.sum())

    @property
    def score(self) -> float:
        """What the matrix of a run holds: larger is better."""
        return self.accuracy

    @property
    def balanced(self) -> float:
        """Share of right answers in each class that is there, averaged: every class counts alike."""
        there = self.seen > 0
        return float(np.mean(self.right[there] / self.seen[there]))


def never_right(answers: Sequence[Answers]) -> list[int]:
    """Classes of which examples were seen in some task, and none was answered right in any."""
    seen, right = (sum(getattr(a, name) for a in answers) for name in ("seen", "right"))
    return np.flatnonzero((np.asarray(seen) > 0) & (np.asarray(right) == 0)).tolist()


def make_record(
    chip: Chip,
    *,
    seed: int,
    task: int,
    name: str,
    examples: int,
    accuracy: list[float] | None = None,
    balanced: list[float] | None = None,
    never_right: list[int] | None = None,
    confusion: list[list[int]] | None = None,
    errors: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The record of `chip` after task number `task`.

    Parameters
    ----------
    chip, seed, task, name
        what learned, and what it learned
    examples
        new examples learned in this task
    accuracy
        share of right answers on the held-out set of each task so far; None for numbers
    balanced
        the same as `accuracy`, every class counting alike
    never_right
        classes with held-out examples in the tasks so far of which none is answered right
    confusion
        examples of each class by the answer that they got, over the held-out sets of all tasks; of the last task alone
    errors
        of numbers, on the held-out set of each task so far
    """
    worn = chip.worn()
    classes: dict[str, Any] = {"accuracy": accuracy, "balanced_accuracy": balanced or []}
    return {
        "seed": seed,
        "task": task,
        "task_name": name,
        **({"errors": errors} if errors is not None else classes),
        **({"never_right": never_right} if never_right else {}),
        **({"confusion": confusion} if confusion is not None else {}),
        "examples": examples,
        "ledger": chip.ledger().as_dict(),
        "writes": {array: _writes(counts, worn.get(array, 0)) for array, counts in chip.writes().items()},
        "memory_bits": chip.memory_bits(),
    }


def told(answers: Sequence[Answers | Measured]) -> dict[str, Any]:
    """Arguments of `make_record` that say how a chip answered on the held-out set of each task so far."""
    classes = [one for one in answers if isinstance(one, Answers)]
    if not classes:
        return {"errors": [one.as_dict() for one in answers if isinstance(one, Measured)]}
    looked = [one.confusion for one in classes if one.confusion is not None]
    return {
        "accuracy": [one.accuracy for one in classes],
        "balanced": [one.balanced for one in classes],
        "never_right": never_right(classes),
        "confusion": np.sum(looked, axis=0).tolist() if looked else None,
    }


def histogram(counts: NDArray[np.int64]) -> tuple[list[int], list[int]]:
    """Edges (32 + 1) and counts (32) of the (cells per weight, rows, columns) writes of one array's cells."""
    width = int(counts.max(initial=0)) // _BINS + 1  # whole numbers per bar
    bars = np.bincount(counts.ravel() // width, minlength=_BINS)
    return [width * i for i in range(_BINS + 1)], bars.tolist()


def _writes(counts: NDArray[np.int64], worn: int) -> dict[str, Any]:
    """Statistics of the (cells per weight, rows, columns) writes of one array's cells."""
    edges, bars = histogram(counts)
    return {
        "cells": counts.size,
        "total": int(counts.sum()),
        "mean": float(counts.mean()) if counts.size else 0.0,
        "max": int(counts.max(initial=0)),
        "worn": int(worn),
        "histogram": {"edges": edges, "counts": bars},
        "map": _map(counts.mean(axis=0)),
    }


def _map(counts: NDArray[np.float64]) -> dict[str, Any]:
    """(rows, columns) writes per cell as means over blocks, at most 64 x 64 of them."""
    rows, columns = counts.shape
    block = [max(1, -(-rows // _BLOCKS)), max(1, -(-columns // _BLOCKS))]
    starts = [np.arange(0, size, step) for size, step in zip(counts.shape, block, strict=True)]
    sums = np.add.reduceat(np.add.reduceat(counts, starts[0], axis=0), starts[1], axis=1)
    heights = np.diff(starts[0], append=rows)
    widths = np.diff(starts[1], append=columns)
    mean = sums / (heights[:, None] * widths[None, :])  # (row blocks, column blocks)
    return {"rows": rows, "columns": columns, "block": block, "mean": np.round(mean, 3).tolist()}
