"""Rows of writes to cells that land where they are asked to, in loops of which the compiler makes vectors.

For devices whose every write is one pulse and that keep no state beside the conductance (continuous, ideal). Each loop
writes one piece of memory: with more, the compiler would have to prove that they are apart. Kernels take the few arrays
that they need and all rows at once: an array costs two atomic operations for each call that it is given to.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from cimlearn.compiled import apart, kernel
from cimlearn.devices.base import program
from cimlearn.devices.continuous import Continuous
from cimlearn.devices.ideal import Ideal

SMOOTH: Final = (Continuous, Ideal)


@apart
def _mine(turn, k, rows, count, change, mine, pick):
    """mine (count, columns): 1 where the cell of layer k is the one that is written, else 0.

    pick (count,) gets the rows in which there is one; answers how many.
    """
    found = 0
    for r in range(count):
        i, some = rows[r], np.int64(0)
        for j in range(change.shape[1]):
            mine[r, j] = np.int32((turn[i, j] == k) & (change[r, j] != 0))
        for j in range(change.shape[1]):
            some += np.int64(mine[r, j])
        pick[found] = r
        found += 1 if some > 0 else 0
    return found


@apart
def _reach(device, conductance, gain, k, rows, pick, found, change, per_weight, normals, reached):
    """reached (count, columns) [S]: where the cells of layer k would land."""
    zero = np.float32(0)
    for q in range(found):
        r = pick[q]
        i = rows[r]
        for j in range(change.shape[1]):
            ask = change[r, j] * per_weight
            reached[r, j] = program(
                device, conductance[k, i, j], zero, gain[k, i, j], ask, normals[r, j], zero
            )[0]


@apart
def _seen(writes, limit, k, rows, pick, found, mine):
    """One more pulse for each cell that is written; answers how many cells of these rows are worn out."""
    worn = np.int64(0)
    for q in range(found):
        r = pick[q]
        i = rows[r]
        for j in range(mine.shape[1]):
            writes[k, i, j] += np.int64(mine[r, j])
        for j in range(mine.shape[1]):
            worn += np.int64(writes[k, i, j] > limit[k, i, j])
    return worn


@apart
def _stuck(writes, limit, k, rows, pick, found, mine):
    """A cell that is worn out is not written."""
    for q in range(found):
        r = pick[q]
        i = rows[r]
        for j in range(mine.shape[1]):
            if writes[k, i, j] > limit[k, i, j]:
                mine[r, j] = 0


@apart
def _settle(conductance, k, rows, pick, found, mine, reached, row_on):
    """The written cells are where they landed; the conductance of their rows follows. `reached` becomes the moves."""
    for q in range(found):
        r = pick[q]
        i = rows[r]
        for j in range(mine.shape[1]):
            held = conductance[k, i, j]
            landed = reached[r, j] if mine[r, j] else held
            conductance[k, i, j] = landed
            reached[r, j] = landed - held
        n = mine.shape[1]
        while n > 1:  # halves are added up, again and again
            half = n // 2
            if n % 2:
                reached[r, 0] += reached[r, n - 1]
            for j in range(half):
                reached[r, j] += reached[r, half + j]
            n = half
        row_on[i] += np.float64(reached[r, 0])


@apart
def _next(turn, layers, rows, count, change):
    """The next write of a weight goes to its next cell; answers the weights that were written."""
    written, last = np.int64(0), np.uint8(layers - 1)
    for r in range(count):
        i = rows[r]
        for j in range(change.shape[1]):
            written += np.int64(change[r, j] != 0)
        if layers > 1:
            for j in range(change.shape[1]):
                after = np.uint8(0) if turn[i, j] == last else np.uint8(turn[i, j] + np.uint8(1))
                turn[i, j] = after if change[r, j] != 0 else turn[i, j]
    return written


@kernel
def smooth_rows(device, cells, turn, row_on, sign, scale, rows, count, change, normals, reached, mine, pick):
    """A pulse of one cell of each weight of the rows (count,); answers the pulses.

    change, normals, reached, mine, pick
        (at least count, columns) what is asked of each weight; chance; scratch, float32 and int32; (count,) too
    """
    for k in range(sign.size):
        per_weight = np.float32(np.float32(1.0 / scale) * sign[k])
        found = _mine(turn, k, rows, count, change, mine, pick)
        if found == 0:
            continue
        conductance = cells.conductance
        _reach(device, conductance, cells.gain, k, rows, pick, found, change, per_weight, normals, reached)
        if _seen(cells.writes, cells.limit, k, rows, pick, found, mine):
            _stuck(cells.writes, cells.limit, k, rows, pick, found, mine)
        _settle(conductance, k, rows, pick, found, mine, reached, row_on)
    return _next(turn, sign.size, rows, count, change)
