"""The machine's limit: the multiply-adds and the random numbers of learning on the chip, and nothing else.

What is left out is the simulation itself: encoding inputs, mismatch, saturation, conversion, tanh, softmax,
programming cells, wear, counting, replay. Loops and sizes are those of the chip, so the ratio of the two
speeds says how much of the time goes into work that no program for this chip could leave out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cimlearn.compiled import entry, kernel
from cimlearn.noise import fill_normal
from cimlearn.random import kernel_state


class Sheets(NamedTuple):
    """Matrices of the chip's sizes; of two, the second is for the variance of a read."""

    hidden: Any  # (2, rows, hidden)
    output: Any  # (2, hidden + 1, classes)
    recurrent: Any  # (hidden, hidden)
    rows: Any  # (steps, rows)
    delta: Any  # (steps, hidden)
    change: Any  # (rows, hidden)
    change_output: Any  # (hidden + 1, classes)
    column: Any  # (2, hidden)
    out: Any  # (2, classes)
    draws: Any  # (hidden,)
    words: Any  # (4,) generator


def sheets(steps: int, features: int, hidden: int, classes: int) -> Sheets:
    """Matrices filled with small numbers."""
    rng = np.random.default_rng(0)

    def small(*shape: int) -> Any:
        return (0.01 * rng.standard_normal(shape)).astype(np.float32)

    rows = features + hidden + 1
    return Sheets(
        small(2, rows, hidden),
        small(2, hidden + 1, classes),
        small(hidden, hidden),
        small(steps, rows),
        small(steps, hidden),
        small(rows, hidden),
        small(hidden + 1, classes),
        small(2, hidden),
        small(2, classes),
        small(hidden),
        kernel_state(0, "benchmark"),
    )


@kernel
def add_product(total, weight, x):
    """total (columns,) += x (rows,) @ weight (rows, columns), four rows at a time."""
    rows, columns = weight.shape
    for i in range(0, rows - 3, 4):
        a, b, c, d = x[i], x[i + 1], x[i + 2], x[i + 3]
        for j in range(columns):
            first = a * weight[i, j] + b * weight[i + 1, j]
            total[j] += first + (c * weight[i + 2, j] + d * weight[i + 3, j])
    for i in range(rows - rows % 4, rows):
        a = x[i]
        for j in range(columns):
            total[j] += a * weight[i, j]


@kernel
def add_outer(total, rows, delta):
    """total (inputs, columns) += rows^T (steps, inputs) @ delta (steps, columns), four steps at a time."""
    steps, columns = delta.shape
    for i in range(total.shape[0]):
        for t in range(0, steps - 3, 4):
            a, b, c, d = rows[t, i], rows[t + 1, i], rows[t + 2, i], rows[t + 3, i]
            for j in range(columns):
                first = a * delta[t, j] + b * delta[t + 1, j]
                total[i, j] += first + (c * delta[t + 2, j] + d * delta[t + 3, j])
        for t in range(steps - steps % 4, steps):
            a = rows[t, i]
            for j in range(columns):
                total[i, j] += a * delta[t, j]


@kernel
def noisy_product(total, weights, x, draws, words):
    """total (2, columns): product and variance for weights (2, rows, columns), and a draw per column."""
    for j in range(total.shape[1]):
        total[0, j] = 0
        total[1, j] = 0
    add_product(total[0], weights[0], x)
    add_product(total[1], weights[1], x)
    fill_normal(words, draws)
    for j in range(total.shape[1]):
        total[0, j] += total[1, j] * draws[j]


@kernel
def one_pass(s, through):
    """Arithmetic and read noise of one example: forward, error to every step, outer products."""
    steps, hidden = s.delta.shape
    classes = s.out.shape[1]
    for t in range(steps):
        noisy_product(s.column, s.hidden, s.rows[t], s.draws, s.words)
    noisy_product(s.out, s.output, s.rows[0, : hidden + 1], s.draws[:classes], s.words)
    for t in range(steps):
        if through:
            add_product(s.delta[t], s.recurrent, s.column[0])
        else:
            add_product(s.delta[t], s.recurrent[:classes], s.out[0])
    add_outer(s.change, s.rows, s.delta)
    for i in range(s.change_output.shape[0]):
        for k in range(classes):
            s.change_output[i, k] += s.rows[0, i] * s.out[0, k]


@entry
def learn(s, new, passes, written, batch, through):
    """`new` examples of `passes` passes each; after each `batch` of them a normal for each `written` cell."""
    total = np.float32(0)
    for n in range(new):
        s.change[:] = 0
        s.delta[:] = 0
        for _ in range(passes):
            one_pass(s, through)
        left = written if (n + 1) % batch == 0 else 0
        while left > 0:
            count = min(left, s.draws.size)
            fill_normal(s.words, s.draws[:count])
            left -= count
        total += s.change[0, 0] + s.draws[0]
    return total
