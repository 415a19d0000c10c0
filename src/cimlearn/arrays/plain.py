"""The array without physics: float weights. The software twin runs on it, and tests compare with it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import (
    COUNTERS,
    VECTORS,
    freeze,
    lit_up,
    pass_key,
    product,
    product_groups,
    product_rows,
    products,
    write,
    write_rows,
)
from cimlearn.arrays.matmul import add_product
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
def _product(array, x, applied, out):
    _product_rows(array, 0, x, applied, out)


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
def _products(array, which, count, x, keys, place, applied, out, room):
    """The sums of the vectors side by side; nothing is drawn."""
    array.state.counts[VECTORS] += count
    for v in range(count):
        for i in range(x.shape[1]):
            applied[v, i] = x[v, i]
        for j in range(out.shape[1]):
            out[v, j] = 0
    add_product(out, x, array.state.weight, count, 0, x.shape[1])


@kernel
def _product_groups(array, x, applied, outs):
    for g in range(outs.shape[0]):
        _product_rows(array, g * x.size, x, applied, outs[g])


@kernel
def _pass_key(array):
    return np.uint64(0)


@kernel
def _lit_up(array, first, last, lit):
    """Float weights switch nothing on."""


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
product_groups.register(Plain, _product_groups)
products.register(Plain, _products)
pass_key.register(Plain, _pass_key)
lit_up.register(Plain, _lit_up)
write.register(Plain, _write)
write_rows.register(Plain, _write_rows)
