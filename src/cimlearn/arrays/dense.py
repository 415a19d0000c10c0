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


def together(columns: int) -> int:
    """Rows of so many columns that are written together, in the nearest memory."""
    return max(8, 1024 // max(1, columns))


class DenseScratch(NamedTuple):
    """Memory of a write that holds nothing between two calls."""

    normals: NDArray[np.float32]  # (together * columns + wide,)
    moved: NDArray[np.float32]  # (together * columns,) how far cells move [S]


def _wide(columns: int) -> int:
    """Normals that are drawn for a row."""
    return WIDTH * -(-columns // WIDTH)


def dense_scratch(columns: int) -> DenseScratch:
    """Memory for an array of so many columns."""
    cells = together(columns) * columns
    return DenseScratch(np.zeros(cells + _wide(columns), np.float32), np.zeros(cells, np.float32))


@apart
def _is_asked(change):
    """Whether any of change (columns,) is not 0."""
    for j in range(min(8, change.size)):
        if change[j] != 0:
            return True
    some = np.int32(0)
    for j in range(change.size):
        some += np.int32(change[j] != 0)
    return some > 0


@apart
def _draw(key, first, count, columns, wide, normals):
    """normals: those of key that belong to each of the rows, row after row; each row ends where the next begins."""
    for r in range(count):
        fill_normal_at(key, (first + r) * (wide // 2), normals[r * columns : r * columns + wide])


@kernel
def write_block(bar, key, first, change):
    """Write the rows from `first` on, side by side, that change (rows, columns) asks for; `together` rows at most."""
    work, state, (count, columns) = bar.scratch.dense, bar.state, change.shape
    _draw(key, first, count, columns, work.normals.size - work.moved.size, work.normals)
    bar.state.counts[ROW_WRITES] += count
    bar.state.counts[PULSES] += smooth_rows(
        bar.device, state.cells, state.turn, state.row_on, bar.sign, bar.scale, first, count,
        change.reshape(count * columns), work.normals, work.moved,
    )  # fmt: skip


@kernel
def _dense(bar, first, change):
    """Ask the weights of the rows from `first` on for their change (n, columns)."""
    key = next_word(bar.state.write_words)
    begin, (rows, columns) = 0, change.shape
    most = bar.scratch.dense.moved.size // columns
    while begin < rows:
        end = begin
        while end < rows and end - begin < most and _is_asked(change[end]):
            end += 1
        if end > begin:
            write_block(bar, key, first + begin, change[begin:end])
        begin = max(end, begin + 1)


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
