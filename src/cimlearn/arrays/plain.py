"""The array without physics: float weights. The software twin runs on it, and tests compare with it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import COUNTERS, VECTORS, freeze, product, product_rows, write, write_rows
from cimlearn.compiled import kernel


class PlainState(NamedTuple):
    """All of it that changes; every field is saved with a run."""

    weight: NDArray[np.float32]  # (rows, columns)
    counts: NDArray[np.int64]  # (COUNTERS,)


class Plain(NamedTuple):
    """Float weights, clipped to +-bound as a conductance window would."""

    bound: float  # largest |weight|; infinity = none
    state: PlainState


def plain(weight: NDArray[np.float32], bound: float = float("inf")) -> Plain:
    """An array that holds a copy of weight (rows, columns)."""
    copy = np.ascontiguousarray(weight, np.float32).copy()
    return Plain(float(bound), PlainState(copy, np.zeros(COUNTERS, np.int64)))


@kernel
def accumulate(total, weight, x, first, last):
    """total (columns,) += x[first:last] @ weight[first:last], four rows at a time.

    Rows are indexed, not sliced: a slice costs two atomic operations (reference counts).
    """
    columns = total.size
    for i in range(first, last - 3, 4):
        a, b, c, d = x[i], x[i + 1], x[i + 2], x[i + 3]
        for j in range(columns):
            total[j] += (a * weight[i, j] + b * weight[i + 1, j]) + (
                c * weight[i + 2, j] + d * weight[i + 3, j]
            )
    for i in range(last - (last - first) % 4, last):
        a = x[i]
        for j in range(columns):
            total[j] += a * weight[i, j]


@kernel
def _product(array, x, applied, out):
    array.state.counts[VECTORS] += 1
    for i in range(x.size):
        applied[i] = x[i]
    for j in range(out.size):
        out[j] = 0
    accumulate(out, array.state.weight, x, 0, x.size)


@kernel
def _product_rows(array, first, x, applied, out):
    array.state.counts[VECTORS] += 1
    for j in range(out.size):
        out[j] = 0
    for i in range(x.size):
        value = x[i]
        applied[i] = value
        for j in range(out.size):
            out[j] += value * array.state.weight[first + i, j]


@kernel
def _write(array, change):
    _write_rows(array, 0, change)


@kernel
def _write_rows(array, first, change):
    bound = np.float32(array.bound)
    for i in range(change.shape[0]):
        row = first + i
        for j in range(change.shape[1]):
            array.state.weight[row, j] = min(max(array.state.weight[row, j] + change[i, j], -bound), bound)


@kernel
def _freeze(array):
    """Float weights have no noise."""


freeze.register(Plain, _freeze)
product.register(Plain, _product)
product_rows.register(Plain, _product_rows)
write.register(Plain, _write)
write_rows.register(Plain, _write_rows)
