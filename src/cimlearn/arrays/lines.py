"""An update row by row: rows of weights without a change are left out, and what is written is brought in step at once.

A change is asked of one cell in turn of its weight, by one blind write: `_blind`, a few rows in the nearest memory.
Other write schemes (accumulators, write-verify, slices, all cells of a weight) take their rows through `write_rows`,
one by one. The rounds of a row are the pulses of its cell that saw the most.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import PULSES, ROW_WRITES, write_rows
from cimlearn.arrays.refresh import refresh_rows
from cimlearn.arrays.schemes.scheme import CELLS
from cimlearn.arrays.smooth import SMOOTH, smooth_rows
from cimlearn.compiled import kernel, overloaded
from cimlearn.devices.base import program
from cimlearn.noise import fill_normal_at, fill_uniform, pairs

BLOCK = 16  # rows that are written together


class LineScratch(NamedTuple):
    """Memory that holds nothing between two calls."""

    rows: NDArray[np.int64]  # (BLOCK,) that are written
    change: NDArray[np.float32]  # (BLOCK, columns) what is asked of them
    draws: NDArray[np.float32]  # (3, BLOCK, columns) normals; where cells land; uniforms
    limits: NDArray[np.float32]  # (.., columns) of the largest changes: scratch; last, scale of factors


def scratch(columns: int, limits: int) -> LineScratch:
    """Memory for an array of so many columns, and so many rows of `limits`."""
    return LineScratch(
        np.empty(BLOCK, np.int64),
        np.empty((BLOCK, columns), np.float32),
        np.empty((3, BLOCK, columns), np.float32),
        np.empty((limits, columns), np.float32),
    )


@kernel
def _is_blind(bar):
    """Whether a change is one blind write of one cell of its weight, of cells that nothing else changes."""
    scheme = bar.scheme
    return (
        scheme.kind == CELLS
        and bar.state.pending.size == 0
        and scheme.tries == 0
        and not scheme.together
        and not scheme.alone
        and not bar.ageing.on
        and bar.state.seen.path.size == 0
    )


@kernel
def _pulsed_rows(bar, rows, count, change, draws):
    """A write of one cell of each weight of the rows (count,), cell by cell; answers the pulses, counts the rounds."""
    layers, (height, columns) = bar.sign.size, bar.state.weight.shape
    conductance, states = bar.state.cells.conductance.reshape(-1), bar.state.cells.state.reshape(-1)
    gains, writes, limits = (
        bar.state.cells.gain,
        bar.state.cells.writes.reshape(-1),
        bar.state.cells.limit.reshape(-1),
    )
    turn, device, sign, row_on = bar.state.turn, bar.device, bar.sign, bar.state.row_on
    per_weight, pulses, rounds = np.float32(1.0 / bar.scale), np.int64(0), np.int64(0)
    for r in range(count):
        i, longest, moved = rows[r], np.int64(1), 0.0
        for j in range(columns):
            step = change[r, j]
            if step == 0:
                continue
            k = np.int64(turn[i, j])
            turn[i, j] = 0 if k + 1 == layers else k + 1
            place = np.uint64((k * height + i) * columns + j)
            now, ask = conductance[place], step * per_weight * sign[k]
            reached, state, pulsed = program(
                device, now, states[place], gains[k, i, j], ask, draws[0, r, j], draws[2, r, j]
            )
            if not pulsed:
                continue
            seen = writes[place] + np.int64(pulsed)
            pulses += np.int64(pulsed)
            longest = max(longest, np.int64(pulsed))
            writes[place] = seen
            if seen <= limits[place]:
                moved += np.float32(reached) - now
                conductance[place] = reached
                states[place] = state
        row_on[i] += moved
        rounds += longest
    bar.state.counts[ROW_WRITES] += rounds
    return pulses


@kernel
def _smooth_rows(bar, rows, count, change, draws):
    """The same for a device whose every write is one pulse; rows side by side are written as one."""
    state, columns, begin, pulses = bar.state, change.shape[1], 0, np.int64(0)
    bar.state.counts[ROW_WRITES] += count
    while begin < count:
        end = run_end(rows, begin, count)
        start, size = begin * columns, (end - begin) * columns
        pulses += smooth_rows(
            bar.device, state.cells, state.turn, state.row_on, bar.sign, bar.scale, rows[begin], end - begin,
            change.reshape(-1)[start : start + size], draws[0].reshape(-1)[start:], draws[1].reshape(-1),
        )  # fmt: skip
        begin = end
    return pulses


@kernel
def run_end(rows, begin, count):
    """Where the rows (count,) that lie side by side from rows[begin] on end."""
    end = begin + 1
    while end < count and rows[end] == rows[end - 1] + 1:
        end += 1
    return end


def _cells_of(bar: Any, rows: Any, count: Any, change: Any, draws: Any) -> Any:
    """The writes of rows to cells, by what the device is."""
    if isinstance(bar.device, SMOOTH):
        return _smooth_rows(bar, rows, count, change, draws)
    return _pulsed_rows(bar, rows, count, change, draws)


@overloaded(_cells_of)
def _cells_of_type(bar, rows, count, change, draws):
    device = bar.types[bar.fields.index("device")].instance_class
    if issubclass(device, SMOOTH):
        return lambda bar, rows, count, change, draws: _smooth_rows(bar, rows, count, change, draws)
    return lambda bar, rows, count, change, draws: _pulsed_rows(bar, rows, count, change, draws)


@kernel
def _blind(bar, work, count, key):
    """One blind write for each change of the first `count` rows of `work`."""
    columns = work.change.shape[1]
    for r in range(count):
        fill_normal_at(key, work.rows[r] * pairs(columns), work.draws[0, r])
        if bar.gambles:
            fill_uniform(bar.state.write_words, work.draws[2, r])
    bar.state.counts[PULSES] += _cells_of(bar, work.rows, count, work.change, work.draws)
    unit = np.float32(bar.read_variance * bar.scale * bar.scale)
    scale, reference = np.float32(bar.scale), np.float32(bar.reference)
    cells, state = bar.state.cells, bar.state
    begin = 0
    while begin < count:
        first, end = work.rows[begin], run_end(work.rows, begin, count)
        last = first + end - begin
        refresh_rows(
            cells.conductance, bar.sign, scale, reference, unit, first, last, state.weight, state.variance
        )
        begin = end


@kernel
def ask_rows(bar, work, count, key):
    """Ask the weights of the rows work.rows[:count] for work.change[:count]; key (uint64): of normals."""
    if _is_blind(bar):
        _blind(bar, work, count, key)
    else:
        for r in range(count):
            write_rows(bar, work.rows[r], work.change[r : r + 1])


@kernel
def follow(weight, rows, count, bound, start, begin, parameter):
    """Bring the rows (count,) of weight (inputs, columns) to parameter (outputs, rows), in its own units.

    bound
        (outputs,) or (1,) the weight that 1 stands for
    start, begin
        first output and first input of the group that the rows belong to
    """
    for j in range(weight.shape[1]):
        unit = bound[start + j if bound.size > 1 else 0]
        for r in range(count):
            parameter[start + j, rows[r] - begin] = weight[rows[r], j] * unit
