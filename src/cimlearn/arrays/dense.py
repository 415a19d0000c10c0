"""Blind writes of whole rows of cells that land where they are asked to: in vectors over columns, chance included.

What arrays/schemes/cells.py does cell by cell, of one cell in turn of each weight. The normal of a write belongs to its
key, the row and the column, so rows without a change cost nothing and no order matters.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import PULSES, ROW_WRITES
from cimlearn.arrays.reading import WIDTH
from cimlearn.arrays.smooth import SMOOTH, smooth_rows
from cimlearn.compiled import apart, kernel, overloaded
from cimlearn.noise import fill_normal_at, next_word

BLOCK = 16  # rows that are written together, in the nearest memory


class DenseScratch(NamedTuple):
    """Memory of a write that holds nothing between two calls."""

    rows: NDArray[np.int64]  # (BLOCK,) that are written
    pick: NDArray[np.int64]  # (BLOCK,) of these, those with a cell of one layer that is written
    change: NDArray[np.float32]  # (BLOCK, columns) what is asked of them
    normals: NDArray[np.float32]  # (BLOCK, wide)
    reached: NDArray[np.float32]  # (BLOCK, columns) where cells land [S]
    mine: NDArray[np.int32]  # (BLOCK, columns)


def dense_scratch(columns: int) -> DenseScratch:
    """Memory for an array of so many columns."""
    wide = WIDTH * -(-columns // WIDTH)
    return DenseScratch(
        np.zeros(BLOCK, np.int64),
        np.zeros(BLOCK, np.int64),
        np.zeros((BLOCK, columns), np.float32),
        np.zeros((BLOCK, wide), np.float32),
        np.zeros((BLOCK, columns), np.float32),
        np.zeros((BLOCK, columns), np.int32),
    )


@apart
def _taken(change, i, into, due):
    """into[due] = change[i]; answers whether any of it is not 0."""
    some = np.int64(0)
    for j in range(change.shape[1]):
        some += np.int64(change[i, j] != 0)
    for j in range(change.shape[1]):
        into[due, j] = change[i, j]
    return some > 0


@apart
def _draw(key, rows, count, normals):
    """normals (at least count, wide): those of key that belong to each of the rows (count,)."""
    for r in range(count):
        fill_normal_at(key, rows[r] * (normals.shape[1] // 2), normals[r])


@kernel
def _block(bar, work, count, key):
    """Write the first `count` rows of work."""
    _draw(key, work.rows, count, work.normals)
    state = bar.state
    bar.state.counts[ROW_WRITES] += count
    bar.state.counts[PULSES] += smooth_rows(
        bar.device, state.cells, state.turn, state.row_on, bar.sign, bar.scale, work.rows, count, work.change,
        work.normals, work.reached, work.mine, work.pick,
    )  # fmt: skip


@kernel
def _dense(bar, first, change):
    """Ask the weights of the rows from `first` on for their change (n, columns)."""
    work, due = bar.scratch.dense, 0
    key = next_word(bar.state.write_words)
    for i in range(change.shape[0]):
        if _taken(change, i, work.change, due):
            work.rows[due] = first + i
            due += 1
        if due == BLOCK:
            _block(bar, work, due, key)
            due = 0
    if due > 0:
        _block(bar, work, due, key)


@kernel
def _is_blind(bar):
    """Whether a change is one blind write of one cell in turn of its weight, and cells don't age."""
    scheme = bar.scheme
    return (
        scheme.tries == 0
        and not scheme.together
        and (not scheme.alone or bar.sign.size == 1)
        and not bar.ageing.on
    )


@kernel
def _write(bar, first, change):
    if not _is_blind(bar):
        return False
    _dense(bar, first, change)
    return True


def written_densely(bar: Any, first: Any, change: Any) -> Any:
    """Write the rows from `first` on if cells and scheme allow it; answers whether."""
    return _write(bar, first, change) if isinstance(bar.device, SMOOTH) else False


@overloaded(written_densely)
def _by_type(bar, first, change):
    if issubclass(bar.types[bar.fields.index("device")].instance_class, SMOOTH):
        return lambda bar, first, change: _write(bar, first, change)
    return lambda bar, first, change: False
