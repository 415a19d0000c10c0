"""An update row by row: rows of weights without a change are left out, and what is written is brought in step at once.

A change is asked of one cell in turn of its weight, by one blind write: `Blind`, a few rows in the nearest memory.
Other write schemes (accumulators, write-verify, slices, all cells of a weight) take their rows through `write_rows`,
one by one. The rounds of a row are the pulses of its cell that saw the most.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import PULSES, ROW_WRITES, write_rows
from cimlearn.arrays.crossbar import Crossbar
from cimlearn.arrays.dense import DenseScratch, together, write_block
from cimlearn.arrays.refresh import refresh_rows
from cimlearn.arrays.schemes.cells import settle_rows
from cimlearn.arrays.schemes.scheme import CELLS
from cimlearn.arrays.smooth import SMOOTH, next_turn
from cimlearn.arrays.walked import pulse_chosen
from cimlearn.compiled import apart, dispatched, kernel, overloaded
from cimlearn.devices.base import Cells
from cimlearn.devices.pulsed import Pulsed
from cimlearn.devices.walk import WalkScratch, whole_pulses
from cimlearn.noise import fill_uniform_at, mixed, normal_at


class LineScratch(NamedTuple):
    """Memory that holds nothing between two calls."""

    rows: NDArray[np.int64]  # (together,) that are written
    change: NDArray[np.float32]  # (together, columns) what is asked of them
    row: NDArray[np.float32]  # (3, columns) of cells of one row: change asked [S], uniform number, pulses
    limits: NDArray[
        np.float32
    ]  # (.., columns) of the largest changes: scratch; last two, scale of factors, of weights


def scratch(columns: int, limits: int) -> LineScratch:
    """Memory for an array of so many columns, and so many rows of `limits`."""
    rows = together(columns)
    return LineScratch(
        np.empty(rows, np.int64),
        np.empty((rows, columns), np.float32),
        np.empty((3, columns), np.float32),
        np.empty((limits, columns), np.float32),
    )


class Still(NamedTuple):
    """Cells that don't age."""

    on: bool = False


class BlindState(NamedTuple):
    """What blind writes change of `CrossbarState`."""

    cells: Cells
    weight: NDArray[np.float32]
    variance: NDArray[np.float32]
    row_on: NDArray[np.float64]
    turn: NDArray[np.uint8]
    write_words: NDArray[np.uint64]
    counts: NDArray[np.int64]


class BlindScratch(NamedTuple):
    """What they use of `CrossbarScratch`."""

    dense: DenseScratch
    walk: WalkScratch
    pick: NDArray[np.int32]
    asked: NDArray[np.float32]


class Blind(NamedTuple):
    """What blind writes need of a crossbar: a fifth of its arrays, so that a call from Python costs little."""

    device: Any
    gambles: bool
    sign: NDArray[np.float32]
    scale: float
    reference: float
    read_variance: float
    ageing: Still
    state: BlindState
    scratch: BlindScratch


def written_as(bar: Crossbar) -> Crossbar | Blind:
    """`bar`, or what is needed of it where a change is one blind write of one cell that nothing else changes."""
    scheme, state, work = bar.scheme, bar.state, bar.scratch
    if (
        scheme.kind != CELLS
        or state.pending.size
        or scheme.tries
        or scheme.together
        or scheme.alone
        or bar.ageing.on
        or state.seen.path.size
    ):
        return bar
    return Blind(
        bar.device,
        bar.gambles,
        bar.sign,
        bar.scale,
        bar.reference,
        bar.read_variance,
        Still(),
        BlindState(*(getattr(state, name) for name in BlindState._fields)),
        BlindScratch(*(getattr(work, name) for name in BlindScratch._fields)),
    )


@dispatched
def ask_rows(bar: Any, work: Any, count: Any, key: Any) -> Any:
    """Ask the weights of the rows work.rows[:count] for work.change[:count]; key (uint64): of chance."""


@kernel
def _one_by_one(bar, work, count, key):
    """By the scheme of the array."""
    for r in range(count):
        write_rows(bar, work.rows[r], work.change[r : r + 1])


@kernel
def run_end(rows, begin, count):
    """Where the rows (count,) that lie side by side from rows[begin] on end."""
    end = begin + 1
    while end < count and rows[end] == rows[end - 1] + 1:
        end += 1
    return end


@kernel
def _smooth_rows(bar, work, count, key):
    """A blind write of each change, of cells that land where they are asked to; rows side by side are one."""
    begin = 0
    while begin < count:
        end = run_end(work.rows, begin, count)
        write_block(bar, key, work.rows[begin], work.change[begin:end])
        begin = end


@apart
def _ask(turn, sign, per_weight, change, ask):
    """ask (columns,) [S] of the cells whose turn it is."""
    for j in range(change.size):
        ask[j] = change[j] * per_weight * sign[turn[j]]


@apart
def _gamble(key, place, uniforms):
    fill_uniform_at(key, place, uniforms)


def _pulses_due(device: Any, change: Any, ask: Any, uniforms: Any, due: Any) -> None:
    """due (columns,): pulses that cells will see; of cells that aren't written by whole pulses, 1."""
    if isinstance(device, Pulsed):
        whole_pulses(device, ask, uniforms, due)
    else:
        _all_due(device, change, ask, uniforms, due)


@kernel
def _all_due(device, change, ask, uniforms, due):
    for j in range(change.size):
        due[j] = np.float32(1) if change[j] != 0 else np.float32(0)


@overloaded(_pulses_due)
def _pulses_due_of_type(device, change, ask, uniforms, due):
    if issubclass(device.instance_class, Pulsed):
        return lambda device, change, ask, uniforms, due: whole_pulses(device, ask, uniforms, due)
    return lambda device, change, ask, uniforms, due: _all_due(device, change, ask, uniforms, due)


@apart
def _choose(row, turn, given, pick, asked, start):
    """Put those cells of a row that see pulses down as the choices from `start` on; answers where they end.

    Without a branch on what is written, which no processor could foretell.
    """
    count = start
    for j in range(turn.size):
        pick[0, count], pick[1, count], pick[2, count] = turn[j], row, j
        asked[0, count], asked[3, count] = given[0, j], given[1, j]
        count += 1 if given[2, j] > 0 else 0
    return count


@apart
def _draw(key, columns, row, column, normals):
    """normals (cells,): a cell's own."""
    for n in range(normals.size):
        normals[n] = normal_at(key, np.int64(row[n]) * columns + column[n])


@kernel
def _chosen_rows(bar, work, count, key):
    """A blind write of each change, of those cells alone that will see a pulse."""
    pick, asked, columns, layers = bar.scratch.pick, bar.scratch.asked, work.change.shape[1], bar.sign.size
    ask, uniforms, due = work.row[0], work.row[1], work.row[2]
    per_weight, other, some = np.float32(1.0 / bar.scale), mixed(~key), 0
    for r in range(count):
        i, change = work.rows[r], work.change[r]
        turn = bar.state.turn[i]
        _ask(turn, bar.sign, per_weight, change, ask)
        if bar.gambles:
            _gamble(other, i * columns, uniforms)
        _pulses_due(bar.device, change, ask, uniforms, due)
        some = _choose(i, turn, work.row, pick, asked, some)
        if layers > 1:
            next_turn(turn, np.uint8(layers - 1), change)
    _draw(key, columns, pick[1][:some], pick[2][:some], asked[2][:some])
    bar.state.counts[PULSES] += pulse_chosen(bar, some)
    rounds, rows = settle_rows(bar, some)
    bar.state.counts[ROW_WRITES] += rounds + count - rows


def _cells_of(bar: Any, work: Any, count: Any, key: Any) -> None:
    """The writes of rows to cells, by what the device is."""
    if isinstance(bar.device, SMOOTH):
        _smooth_rows(bar, work, count, key)
    else:
        _chosen_rows(bar, work, count, key)


@overloaded(_cells_of)
def _cells_of_type(bar, work, count, key):
    device = bar.types[bar.fields.index("device")].instance_class
    if issubclass(device, SMOOTH):
        return lambda bar, work, count, key: _smooth_rows(bar, work, count, key)
    return lambda bar, work, count, key: _chosen_rows(bar, work, count, key)


@kernel
def _blindly(bar, work, count, key):
    """One blind write for each change; then weights are brought in step."""
    _cells_of(bar, work, count, key)
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


ask_rows.register(Crossbar, _one_by_one)
ask_rows.register(Blind, _blindly)


@apart
def follow(weight, rows, unit, start, begin, parameter):
    """Bring the rows (n,) of weight (inputs, columns) to parameter (outputs, rows), in its own units.

    Output by output: of rows that lie apart many meet in one line of memory of the parameter.

    unit
        (columns,) the weight that 1 stands for
    start, begin
        first output and first input of the group that the rows belong to
    """
    for j in range(weight.shape[1]):
        for r in range(rows.size):
            i = rows[r]
            parameter[start + j, i - begin] = weight[i, j] * unit[j]
