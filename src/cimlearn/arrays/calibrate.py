"""Calibration of each column with stored vectors, as a chip does it: by reads of its own.

    y' = a y + b + c sum_i x_i          per column of a tile, in digital logic after the converter
    offset   b = -a y_0                 y_0: the mean of reads without input
    gain     a that brings the sums of stored vectors back to what they were before the cells had aged
    sum      a and c: c takes a part that all weights of a column have in common, such as a reference that did not age

Before a rest the chip reads the stored vectors and keeps their sums; afterwards it reads them again and fits a and c to
the sums kept (least squares). Sums at the converter's end are left out. Numbers of the correction have 16 bits.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import freeze, product_rows
from cimlearn.arrays.calibrate_counts import compares
from cimlearn.compiled import entry
from cimlearn.random import generator

GAIN, OFFSET, COMMON = 0, 1, 2
STEPS: Final = 2.0**12  # of a number of the correction per unit: 16 bits reach +-8
Float = NDArray[np.float32]


def correction(kind: str, tiles: int, columns: int) -> Float:
    """(3, row tiles, columns) a, b, c before any calibration; (3, 0, columns) without one."""
    made = np.zeros((3, tiles if kind != "none" else 0, columns), np.float32)
    made[GAIN] = 1
    return made


def stored_vectors(rows: int, count: int, *, seed: int, name: str) -> Float:
    """(count, rows) inputs in [-1, 1] whose sums differ: uniform noise around a level of each vector."""
    draw = generator(seed, name, "calibration")
    level = np.linspace(-0.3, 0.3, count)[:, None]
    return np.asarray(np.clip(level + draw.uniform(-1, 1, (count, rows)), -1, 1), np.float32)


@entry
def _read(bar, first, x, applied, sums):
    """sums (vectors, columns) of x (vectors, n), which drives rows from `first` on; applied (vectors, n)."""
    for v in range(x.shape[0]):
        freeze(bar)
        product_rows(bar, first, x[v], applied[v], sums[v])


def read(bar: Any, x: Float) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Of each row tile: the sum of each vector's inputs (vectors,), and the sums of its columns (vectors, columns)."""
    found = []
    for first, last in zip(bar.tiles[:-1], bar.tiles[1:], strict=True):
        part = np.ascontiguousarray(x[:, first:last])
        applied = np.zeros_like(part)
        sums = np.zeros((len(x), bar.state.weight.shape[1]), np.float32)
        _read(bar, int(first), part, applied, sums)
        found.append((applied.sum(axis=1, dtype=np.float64), sums.astype(np.float64)))
    return found


def zero(bar: Any, count: int) -> None:
    """Take the columns' offsets away: the mean of `count` reads without input."""
    state = bar.state.correction
    state[OFFSET] = 0
    for tile, (_, sums) in enumerate(read(bar, np.zeros((count, bar.state.weight.shape[0]), np.float32))):
        state[OFFSET, tile] = _rounded(-sums.mean(axis=0))


def fit(bar: Any, kind: str, x: Float, wanted: list[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> None:
    """Bring the sums of x (vectors, rows) back to `wanted`, what `read` gave when they were right; sets a, b, c."""
    state = bar.state.correction
    state[GAIN], state[COMMON] = 1, 0
    zero(bar, len(x))
    if not compares(kind):
        return
    for tile, ((_, right), (inputs, sums)) in enumerate(zip(wanted, read(bar, x), strict=True)):
        inside = (np.abs(sums - state[OFFSET, tile]) < bar.periphery.reach * 0.98) & (
            np.abs(right) < bar.periphery.reach * 0.98
        )
        for j in range(sums.shape[1]):
            use = inside[:, j]
            if np.count_nonzero(use) < 4:
                continue  # too few to tell
            terms = [sums[use, j]] if kind == "gain" else [sums[use, j], inputs[use]]
            found, *_ = np.linalg.lstsq(np.stack(terms, axis=1), right[use, j], rcond=None)
            state[GAIN, tile, j] = _rounded(found[0])
            state[OFFSET, tile, j] = _rounded(found[0] * state[OFFSET, tile, j])
            state[COMMON, tile, j] = _rounded(found[1]) if kind == "sum" else 0


def _rounded(values: Any) -> Any:
    """To what 16 bits hold."""
    return np.clip(np.rint(np.asarray(values) * STEPS), -(2.0**15), 2.0**15 - 1) / STEPS
