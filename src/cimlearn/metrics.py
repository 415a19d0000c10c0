"""Accuracy, forgetting and transfer as pure functions of the accuracy matrix.

`R[i][j]` is the accuracy (0 to 1) on task j after learning task i; both count from 0, T is the number of tasks.
A matrix is any sequence of rows: row i needs its first i + 1 values; what stands above the diagonal (nothing,
or NaN in a two-dimensional array) is not read, except by `forward_transfer`. Libraries disagree on the
names; here each has one definition.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cimlearn.errors import InputError

Rows = Sequence[Sequence[float]]


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean of one or more numbers."""
    return math.fsum(values) / len(values)


def std(values: Sequence[float]) -> float | None:
    """Sample standard deviation, sqrt(sum (x - mean)^2 / (n - 1)); None for fewer than two numbers."""
    if len(values) < 2:
        return None
    middle = mean(values)
    return math.sqrt(math.fsum((v - middle) ** 2 for v in values) / (len(values) - 1))


def _lower(matrix: Rows) -> list[list[float]]:
    """The lower triangle, row i as i + 1 plain numbers. Raises InputError if a value is missing or NaN."""
    rows = [[float(v) for v in row[: i + 1]] for i, row in enumerate(matrix)]
    if not rows:
        raise InputError("an accuracy matrix without rows has no metrics; learn at least one task")
    for i, row in enumerate(rows):
        if len(row) != i + 1 or any(math.isnan(v) for v in row):
            raise InputError(f"accuracy matrix: row {i} needs {i + 1} numbers, it is {row}")
    return rows


def average_accuracy(matrix: Rows) -> float:
    """ACC = mean_j R[T, j]: accuracy over all tasks at the end."""
    return mean(_lower(matrix)[-1])


def after_each_task(matrix: Rows) -> list[float]:
    """(T,) mean_{j<=i} R[i, j] for each i: accuracy over the tasks learned so far."""
    return [mean(row) for row in _lower(matrix)]


def per_task(matrix: Rows) -> list[float]:
    """(T,) R[T, j]: accuracy on each task at the end."""
    return _lower(matrix)[-1]


def learning_accuracy(matrix: Rows) -> float:
    """LA = mean_j R[j, j]: accuracy on each task just after it was learned."""
    return mean([row[-1] for row in _lower(matrix)])


def forgetting(matrix: Rows) -> float | None:
    """mean_{j<T} ( max_{i<=T} R[i, j] - R[T, j] ): the fall from the best, >= 0; None for one task."""
    rows = _lower(matrix)
    last = len(rows) - 1
    if last == 0:
        return None
    return mean([max(rows[i][j] for i in range(j, last + 1)) - rows[last][j] for j in range(last)])


def backward_transfer(matrix: Rows) -> float | None:
    """BWT = mean_{j<T} ( R[T, j] - R[j, j] ): negative when old tasks got worse; None for one task."""
    rows = _lower(matrix)
    last = len(rows) - 1
    if last == 0:
        return None
    return mean([rows[last][j] - rows[j][j] for j in range(last)])


def forward_transfer(matrix: Rows, chance: float | Sequence[float]) -> float | None:
    """FWT = mean_{j>1} ( R[j-1, j] - chance_j ): what earlier tasks give before a task is learned.

    `matrix` is (T, T) and needs the values just above the diagonal; `chance` is the accuracy of guessing, one
    number or (T,) numbers. None for one task.
    """
    tasks = len(matrix)
    guess = [float(chance)] * tasks if isinstance(chance, int | float) else [float(c) for c in chance]
    if tasks < 2:
        return None
    if len(guess) != tasks or any(len(row) != tasks for row in matrix):
        raise InputError(f"forward transfer needs a full {tasks} x {tasks} matrix and {tasks} chance levels")
    gains = [float(matrix[j - 1][j]) - guess[j] for j in range(1, tasks)]
    if any(math.isnan(g) for g in gains):
        raise InputError("forward transfer needs R[j-1, j]: evaluate each task also before it is learned")
    return mean(gains)


def mean_matrix(matrices: Sequence[Rows]) -> list[list[float]]:
    """Row i as i + 1 numbers: the mean over seeds of matrices with the same number of tasks."""
    lowers = [_lower(m) for m in matrices]
    if len({len(m) for m in lowers}) != 1:
        raise InputError(f"can't average matrices of different sizes: {[len(m) for m in lowers]} tasks")
    return [[mean(values) for values in zip(*rows, strict=True)] for rows in zip(*lowers, strict=True)]


def summary(matrices: Sequence[Rows]) -> dict[str, Any]:
    """The accuracy figures of one matrix per seed, each computed per seed and then averaged over seeds.

    `std` is the sample standard deviation of the average accuracy over seeds, None for one seed; `forgetting`
    and `backward_transfer` are None for one task.
    """
    averages = [average_accuracy(m) for m in matrices]
    middle = mean_matrix(matrices)
    several = len(middle) > 1
    return {
        "average": mean(averages),
        "std": std(averages),
        "per_task": middle[-1],
        "after_each_task": [mean(row) for row in middle],
        "forgetting": mean([forgetting(m) or 0.0 for m in matrices]) if several else None,
        "learning": mean([learning_accuracy(m) for m in matrices]),
        "backward_transfer": mean([backward_transfer(m) or 0.0 for m in matrices]) if several else None,
    }
