"""Rows of writes to cells that land where they are asked to, in loops of which the compiler makes vectors.

For devices whose every write is one pulse and that keep no state beside the conductance (continuous, ideal). Rows that
lie side by side in memory are one long vector, so a loop has one remainder for all of them and narrow arrays are whole
vectors too.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from cimlearn.compiled import apart, disjoint, kernel
from cimlearn.devices.base import program
from cimlearn.devices.continuous import Continuous
from cimlearn.devices.ideal import Ideal

SMOOTH: Final = (Continuous, Ideal)


@disjoint
def _pulse(device, k, per_weight, turn, change, normals, gain, limit, conductance, writes, moved):
    """A pulse for the cells k of those weights that ask for a change and have their turn; moved (cells,) [S]: how far.

    A cell that is worn out stays where it is.
    """
    zero = np.float32(0)
    for j in range(conductance.size):
        due = (turn[j] == k) & (change[j] != 0)
        held = conductance[j]
        seen = writes[j] + np.int64(due)
        writes[j] = seen
        ask = change[j] * per_weight
        reached = program(device, held, zero, gain[j], ask, normals[j], zero)[0]
        landed = reached if due & (seen <= limit[j]) else held
        conductance[j] = landed
        moved[j] = landed - held


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
def _due(turn, k, change):
    """How many of the changes that are not 0 are asked of cell k of their weight."""
    some = np.int32(0)
    for j in range(change.size):
        some += np.int32((turn[j] == k) & (change[j] != 0))
    return np.int64(some)


@apart
def next_turn(turn, last, change):
    """The next write of a weight goes to its next cell."""
    for j in range(change.size):
        after = np.uint8(0) if turn[j] == last else np.uint8(turn[j] + np.uint8(1))
        turn[j] = after if change[j] != 0 else turn[j]


@kernel
def smooth_rows(device, cells, turn, row_on, sign, scale, first, count, change, normals, moved):
    """A pulse of one cell of each weight of the rows first .. first + count - 1; answers the pulses.

    change, normals, moved
        (at least count * columns,) float32 what is asked of each weight, row after row; chance; scratch
    """
    columns, pulses = turn.shape[1], np.int64(0)
    start, end = first * columns, (first + count) * columns
    turns, asked = turn.reshape(-1)[start:end], change[: end - start]
    for k in range(sign.size):
        due = _due(turns, np.uint8(k), asked)
        if due == 0:  # cells whose turn it isn't stay out of the processor's nearest memory
            continue
        pulses += due
        per_weight = np.float32(np.float32(1.0 / scale) * sign[k])
        place = slice(start, end)
        _pulse(
            device, np.uint8(k), per_weight, turns, asked, normals, cells.gain[k].reshape(-1)[place],
            cells.limit[k].reshape(-1)[place], cells.conductance[k].reshape(-1)[place],
            cells.writes[k].reshape(-1)[place], moved,
        )  # fmt: skip
        _add_moves(moved, columns, row_on[first : first + count])
    if sign.size > 1:
        next_turn(turns, np.uint8(sign.size - 1), asked)
    return pulses
