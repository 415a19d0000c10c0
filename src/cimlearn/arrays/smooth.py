"""Rows of writes to cells that land where they are asked to, in loops of which the compiler makes vectors.

For devices whose every write is one pulse and that keep no state beside the conductance (continuous, ideal). Rows that
lie side by side in memory are one long vector, so a loop has one remainder for all of them and narrow arrays are whole
vectors too. Each loop writes one piece of memory: with more, the compiler would have to prove that they are apart.
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
def _reach(device, conductance, gain, change, per_weight, normals, reached):
    """reached (cells,) [S]: where the cells would land."""
    zero = np.float32(0)
    for j in range(conductance.size):
        ask = change[j] * per_weight
        reached[j] = program(device, conductance[j], zero, gain[j], ask, normals[j], zero)[0]


@apart
def _seen(writes, limit, turn, k, change):
    """One more pulse for each cell that is written; answers how many of these cells are worn out."""
    worn = np.int64(0)
    for j in range(writes.size):
        seen = writes[j] + np.int64((turn[j] == k) & (change[j] != 0))
        writes[j] = seen
        worn += np.int64(seen > limit[j])
    return worn


@apart
def _stuck(writes, limit, conductance, reached):
    """A cell that is worn out stays where it is."""
    for j in range(writes.size):
        if writes[j] > limit[j]:
            reached[j] = conductance[j]


@apart
def _settle(conductance, turn, k, change, reached):
    """The written cells are where they landed; `reached` becomes the moves."""
    for j in range(conductance.size):
        held = conductance[j]
        landed = reached[j] if (turn[j] == k) & (change[j] != 0) else held
        conductance[j] = landed
        reached[j] = landed - held


@apart
def _add_moves(moves, columns, row_on):
    """row_on (rows,) follows the moves of the cells of each row: halves are added up, again and again."""
    for r in range(row_on.size):
        row, n = moves[r * columns : (r + 1) * columns], columns
        while n > 1:
            half = n // 2
            if n % 2:
                row[0] += row[n - 1]
            for j in range(half):
                row[j] += row[half + j]
            n = half
        row_on[r] += np.float64(row[0])


@apart
def _written(change):
    """How many changes are not 0."""
    some = np.int32(0)
    for j in range(change.size):
        some += np.int32(change[j] != 0)
    return np.int64(some)


@apart
def _next(turn, last, change):
    """The next write of a weight goes to its next cell."""
    for j in range(change.size):
        after = np.uint8(0) if turn[j] == last else np.uint8(turn[j] + np.uint8(1))
        turn[j] = after if change[j] != 0 else turn[j]


@kernel
def smooth_rows(device, cells, turn, row_on, sign, scale, first, count, change, normals, reached):
    """A pulse of one cell of each weight of the rows first .. first + count - 1; answers the pulses.

    change, normals, reached
        (at least count * columns,) float32 what is asked of each weight, row after row; chance; scratch
    """
    columns = turn.shape[1]
    start, end = first * columns, (first + count) * columns
    turns, asked = turn.reshape(-1)[start:end], change[: end - start]
    for k in range(sign.size):
        per_weight = np.float32(np.float32(1.0 / scale) * sign[k])
        conductance = cells.conductance[k].reshape(-1)[start:end]
        writes, limit = cells.writes[k].reshape(-1)[start:end], cells.limit[k].reshape(-1)[start:end]
        gain = cells.gain[k].reshape(-1)[start:end]
        _reach(device, conductance, gain, asked, per_weight, normals, reached)
        if _seen(writes, limit, turns, k, asked) > 0:
            _stuck(writes, limit, conductance, reached)
        _settle(conductance, turns, k, asked, reached)
        _add_moves(reached, columns, row_on[first : first + count])
    if sign.size > 1:
        _next(turns, np.uint8(sign.size - 1), asked)
    return _written(asked)
