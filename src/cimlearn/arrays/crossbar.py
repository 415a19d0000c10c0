"""The analog crossbar: weights are conductances in tiled arrays, read by weighted-bit streaming.

    w_ij = scale * (sum_l s_l G_lij - G_ref)      l: the cells of one weight, s_l = +1 or -1

Mapping 'reference': n cells against a fixed reference, s = +1, scale = 2 w_max / (n (G_max - G_min)) and G_ref =
n (G_max + G_min) / 2, so that w runs from -w_max to w_max (Scientific Reports 2024, s41598-024-78290-w, writes the
same with resistances). Mapping 'pair': n cells with s = +1 and n with s = -1, G_ref = 0 and
scale = w_max / (n (G_max - G_min)).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import (
    ACTIVE_BITS,
    PULSES,
    ROW_WRITES,
    VECTORS,
    VERIFY_READS,
    product,
    product_rows,
    write,
    write_rows,
)
from cimlearn.arrays.periphery import Periphery
from cimlearn.arrays.plain import accumulate
from cimlearn.compiled import entry, kernel
from cimlearn.devices.base import Cells, inside, program
from cimlearn.noise import fill_normal, fill_uniform, uniform


class WriteScheme(NamedTuple):
    """What the controller does between a proposed change and a pulse. Weights, not conductances."""

    least: float  # changes gather in a digital accumulator until they reach this; 0 = no accumulator
    resolution: float  # smallest step of the accumulator (stochastic rounding); 0 = exact
    tries: int  # extra pulses of write-verify; 0 = write blindly
    tolerance: float  # write-verify stops within this of the wanted weight
    first_tries: int  # extra pulses of write-verify when the array is first programmed
    together: bool  # a change is shared by all cells of a weight, not given to one of them in turn


class CrossbarState(NamedTuple):
    """All of an array that changes while it is used; every field is saved with a run."""

    cells: Cells
    weight: NDArray[np.float32]  # (rows, columns) effective weight, kept in step with the cells
    variance: NDArray[np.float32]  # (rows, columns) variance of a read for a full input, in weight^2
    row_on: NDArray[np.float64]  # (rows,) conductance of all cells of the row [S]
    pending: NDArray[np.float32]  # (rows, columns) digital accumulators, or (0, 0)
    turn: NDArray[np.uint8]  # (rows, columns) which cell of each weight is written next
    read_words: NDArray[np.uint64]  # (4,) generator of read noise
    write_words: NDArray[np.uint64]  # (4,) generator of write noise
    counts: NDArray[np.int64]  # (COUNTERS,)
    on: NDArray[np.float64]  # (1,) conductance switched on by active input bits [S]


class CrossbarScratch(NamedTuple):
    """Memory that holds nothing between two calls."""

    row: NDArray[np.float32]  # (2, rows) effective input; its noise weight
    column: NDArray[np.float32]  # (3, columns) sum; its variance; random numbers
    pick: NDArray[np.int32]  # (3, cells + 1) layer, row, column of each cell that is written
    asked: NDArray[np.float32]  # (5, cells + 1) change, target [S]; normals; uniforms; moved [S]


class Crossbar(NamedTuple):
    """One array of rows x columns weights: its description, its state, and scratch memory."""

    device: Any
    gambles: bool  # the device rounds at random, so it needs uniform numbers
    scheme: WriteScheme
    periphery: Periphery
    sign: NDArray[np.float32]  # (layers,) s_l
    scale: float  # weight per siemens [ohm]
    reference: float  # G_ref [S]
    read_variance: float  # (relative standard deviation of a cell's read, per cycle)^2
    tiles: NDArray[np.int64]  # (row tiles + 1,) first row of each tile, then the number of rows
    state: CrossbarState
    scratch: CrossbarScratch


@kernel
def _encode(p, first, x, applied, row, row_on, counts, on):
    """row (2, rows): effective input of x, which drives the rows from `first` on, and its noise weight; counts what is
    switched on.
    """
    bits = 0
    lit = 0.0
    steps = np.float32(p.steps)
    for i in range(x.size):
        size = abs(x[i])
        if p.steps > 0:
            code = int(min(size * steps + np.float32(0.5), steps - np.float32(1)))
            value, known = p.code[0, code], np.float32(code) / steps
            row[1, first + i] = p.code[1, code]
            ones = p.ones[code]
        else:
            value, known = size, size
            row[1, first + i] = size * size
            ones = 1 if size > 0 else 0
        sign = np.float32(-1) if x[i] < 0 else np.float32(1)
        row[0, first + i] = sign * value
        applied[i] = sign * known
        bits += ones
        lit += ones * row_on[first + i]
    counts[VECTORS] += 1
    counts[ACTIVE_BITS] += bits
    on[0] += lit


@kernel
def _product(bar, x, applied, out):
    _product_rows(bar, 0, x, applied, out)


@kernel
def _product_rows(bar, top_row, x, applied, out):
    p = bar.periphery
    _encode(p, top_row, x, applied, bar.scratch.row, bar.state.row_on, bar.state.counts, bar.state.on)
    step, low, high = np.float32(p.step), np.float32(-p.top - 1), np.float32(p.top)
    reach, thermal = np.float32(p.reach), np.float32(p.thermal)
    total, variance, draws = bar.scratch.column[0], bar.scratch.column[1], bar.scratch.column[2]
    for j in range(out.size):
        out[j] = 0
    for tile in range(bar.tiles.size - 1):
        first, last = max(bar.tiles[tile], top_row), min(bar.tiles[tile + 1], top_row + x.size)
        if first >= last:
            continue  # a tile without a driven row is not read
        for j in range(out.size):
            total[j] = 0
            variance[j] = thermal
        accumulate(total, bar.state.weight, bar.scratch.row[0], first, last)
        if bar.read_variance > 0:
            accumulate(variance, bar.state.variance, bar.scratch.row[1], first, last)
        if bar.read_variance > 0 or thermal > 0:
            fill_normal(bar.state.read_words, draws)
            for j in range(out.size):
                total[j] += np.sqrt(variance[j]) * draws[j]
        gain, offset = p.column[0, tile], p.column[1, tile]
        for j in range(out.size):
            seen = min(max(total[j] * gain[j] + offset[j], -reach), reach)
            if step > 0:
                seen = step * min(max(np.rint(seen / step), low), high)
            out[j] += seen


@kernel
def _gathered(scheme, pending, change, words):
    """Leave in change (rows, columns) only what is due now; the rest waits in pending (rows, columns)."""
    for i in range(change.shape[0]):
        for j in range(change.shape[1]):
            step = change[i, j]
            if step != 0:
                if scheme.resolution > 0:
                    step = np.float32(np.floor(step / scheme.resolution + uniform(words)) * scheme.resolution)
                waiting = pending[i, j] + step
                due = abs(waiting) >= scheme.least
                change[i, j] = waiting if due else np.float32(0)
                pending[i, j] = np.float32(0) if due else waiting


@kernel
def _choose(bar, first, change):
    """Which cells are written (of a weight all, or one in turn) and the change [S] asked of each; answers how many.
    `change` belongs to the rows from `first` on.

    Without a branch on what is written, which no processor could foretell: every weight is put down as the next
    choice, and stays if its change isn't 0.
    """
    pick, ask, turn, layers = bar.scratch.pick, bar.scratch.asked[0], bar.state.turn, bar.sign.size
    together = layers if bar.scheme.together else 1
    per_weight = np.float32(1.0 / (bar.scale * together))
    count, rows = 0, 0
    for i in range(change.shape[0]):
        before = count
        for j in range(change.shape[1]):
            step, row = change[i, j], first + i
            written = 1 if step != 0 else 0
            for _ in range(together):
                k = turn[row, j]
                pick[0, count], pick[1, count], pick[2, count] = k, row, j
                ask[count] = step * per_weight * bar.sign[k]
                turn[row, j] = (k + written) % layers if layers > 1 else 0
                count += written
        rows += 1 if count > before else 0
    bar.state.counts[ROW_WRITES] += rows
    return count


@kernel
def _aim(bar, count):
    """Where the chosen cells shall land [S], for write-verify."""
    pick, ask, target = bar.scratch.pick, bar.scratch.asked[0], bar.scratch.asked[1]
    for n in range(count):
        now = bar.state.cells.conductance[pick[0, n], pick[1, n], pick[2, n]]
        target[n] = inside(bar.device, now + ask[n])


@kernel
def _pulse(bar, count):
    """One pulse on each of the `count` chosen cells; a worn cell sees it and stays."""
    device, pick = bar.device, bar.scratch.pick
    ask, normals, uniforms, moved = (
        bar.scratch.asked[0],
        bar.scratch.asked[2],
        bar.scratch.asked[3],
        bar.scratch.asked[4],
    )
    conductance, states = bar.state.cells.conductance.reshape(-1), bar.state.cells.state.reshape(-1)
    gains, writes, limits = (
        bar.state.cells.gain.reshape(-1),
        bar.state.cells.writes.reshape(-1),
        bar.state.cells.limit.reshape(-1),
    )
    _, rows, columns = bar.state.cells.conductance.shape
    fill_normal(bar.state.write_words, normals[:count])
    if bar.gambles:
        fill_uniform(bar.state.write_words, uniforms[:count])
    pulses = 0
    for n in range(count):
        place = np.uint64((pick[0, n] * rows + pick[1, n]) * columns + pick[2, n])
        now, before = conductance[place], states[place]
        reached, state, pulsed = program(device, now, before, gains[place], ask[n], normals[n], uniforms[n])
        seen = writes[place] + (np.uint32(1) if pulsed else np.uint32(0))
        pulses += 1 if pulsed else 0
        alive = pulsed and seen <= limits[place]
        reached = np.float32(reached) if alive else now
        writes[place] = seen
        conductance[place] = reached
        states[place] = state if alive else before
        moved[n] = reached - now
    bar.state.counts[PULSES] += pulses
    start = 0
    while start < count:  # one sum per run of cells of the same row
        row, end = pick[1, start], start
        total = 0.0
        while end < count and pick[1, end] == row:
            total += moved[end]
            end += 1
        bar.state.row_on[row] += total
        start = end


@kernel
def _still_off(bar, count):
    """Keep of the chosen cells those that a read finds further from their target than the tolerance."""
    pick, ask, target = bar.scratch.pick, bar.scratch.asked[0], bar.scratch.asked[1]
    left = 0
    for n in range(count):
        error = target[n] - bar.state.cells.conductance[pick[0, n], pick[1, n], pick[2, n]]
        if abs(error) * bar.scale > bar.scheme.tolerance:
            pick[0, left], pick[1, left], pick[2, left] = pick[0, n], pick[1, n], pick[2, n]
            ask[left], target[left] = error, target[n]
            left += 1
    bar.state.counts[VERIFY_READS] += count
    return left


@kernel
def _refresh(bar, first, last):
    """Bring the weights and their read variances of rows first .. last - 1 in step with the cells."""
    weight, variance = bar.state.weight, bar.state.variance
    scale, reference = np.float32(bar.scale), np.float32(bar.reference)
    unit = np.float32(bar.read_variance * bar.scale * bar.scale)
    columns = weight.shape[1]
    for i in range(first, last):
        for j in range(columns):
            weight[i, j] = -reference
            variance[i, j] = 0
        for k in range(bar.sign.size):
            sign = bar.sign[k]
            for j in range(columns):
                g = bar.state.cells.conductance[k, i, j]
                weight[i, j] += sign * g
                variance[i, j] += g * g
        for j in range(columns):
            weight[i, j] *= scale
            variance[i, j] *= unit


@kernel
def _pulse_until(bar, count, tries):
    """A pulse on each chosen cell, then up to `tries` more on those that a read finds too far off."""
    _pulse(bar, count)
    for _ in range(tries):
        count = _still_off(bar, count)
        if count == 0:
            break
        _pulse(bar, count)


@kernel
def _write(bar, change):
    _write_rows(bar, 0, change)


@kernel
def _write_rows(bar, first, change):
    last = first + change.shape[0]
    if bar.scheme.least > 0:
        _gathered(bar.scheme, bar.state.pending[first:last], change, bar.state.write_words)
    count = _choose(bar, first, change)
    if bar.scheme.tries > 0:
        _aim(bar, count)
    _pulse_until(bar, count, bar.scheme.tries)
    _refresh(bar, first, last)


product.register(Crossbar, _product)
product_rows.register(Crossbar, _product_rows)
write.register(Crossbar, _write)
write_rows.register(Crossbar, _write_rows)


@entry
def program_all(bar, wanted, middle):
    """Bring every weight from rest to wanted (rows, columns), all its cells alike, with write-verify.

    A weight of 0 has its cells at `middle` [S].
    """
    layers, (rows, columns) = bar.sign.size, wanted.shape
    for k in range(layers):
        for i in range(rows):
            for j in range(columns):
                n = i * columns + j
                target = middle + wanted[i, j] * bar.sign[k] / (bar.scale * layers)
                bar.scratch.pick[0, n], bar.scratch.pick[1, n], bar.scratch.pick[2, n] = k, i, j
                bar.scratch.asked[0, n] = target - bar.state.cells.conductance[k, i, j]
                bar.scratch.asked[1, n] = inside(bar.device, np.float32(target))
        _pulse_until(bar, rows * columns, bar.scheme.first_tries)
    _refresh(bar, 0, rows)


def row_tiles(rows: int, largest: int, together: int = 1) -> NDArray[np.int64]:
    """(tiles + 1,) borders of the fewest row tiles of at most `largest` rows, as even as can be.

    `together` rows that are read at once stay in one tile.
    """
    groups = rows // together
    count = -(-groups // (largest // together))
    return np.array([together * (groups * k // count) for k in range(count + 1)], np.int64)
