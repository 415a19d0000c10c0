"""The analog crossbar: weights are conductances in tiled arrays, read by weighted-bit streaming.

    w_ij = scale * (sum_l s_l G_lij - G_ref)      l: the cells of one weight, s_l = +1 or -1

Mapping 'reference': n cells against a fixed reference, s = +1, scale = 2 w_max / (n (G_max - G_min)) and G_ref =
n (G_max + G_min) / 2, so that w runs from -w_max to w_max (Scientific Reports 2024, s41598-024-78290-w, writes the
same with resistances). Mapping 'pair': n cells with s = +1 and n with s = -1, G_ref = 0, scale = w_max / (n (G_max - G_min)).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import ACTIVE_BITS, PULSES, ROW_WRITES, VECTORS, VERIFY_READS, product, write
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


class Crossbar(NamedTuple):
    """State, description and scratch memory of one array of rows x columns weights."""

    device: Any
    gambles: bool  # the device rounds at random, so it needs uniform numbers
    cells: Cells
    scheme: WriteScheme
    periphery: Periphery
    sign: NDArray[np.float32]  # (layers,) s_l
    scale: float  # weight per siemens [ohm]
    reference: float  # G_ref [S]
    read_variance: float  # (relative standard deviation of a cell's read, per cycle)^2
    tiles: NDArray[np.int64]  # (row tiles + 1,) first row of each tile, then the number of rows
    weight: NDArray[np.float32]  # (rows, columns) effective weight, kept in step with the cells
    variance: NDArray[np.float32]  # (rows, columns) variance of a read for a full input, in weight^2
    row_on: NDArray[np.float64]  # (rows,) conductance of all cells of the row [S]
    pending: NDArray[np.float32]  # (rows, columns) digital accumulators, or (0, 0)
    turn: NDArray[np.int64]  # (1,) which cell of a weight is written next
    row: NDArray[np.float32]  # (2, rows) scratch: effective input; its noise weight
    column: NDArray[np.float32]  # (4, columns) scratch: sum, its variance, two lots of random numbers
    picked: NDArray[np.int64]  # (columns,) scratch: columns of a row that are written
    read_words: NDArray[np.uint64]  # (4,) generator of read noise
    write_words: NDArray[np.uint64]  # (4,) generator of write noise
    counts: NDArray[np.int64]  # (COUNTERS,)
    on: NDArray[np.float64]  # (1,) conductance switched on by active input bits [S]


@kernel
def _encode(p, x, applied, row, row_on, counts, on):
    """row (2, rows): effective input of x (rows,) and its noise weight; counts what is switched on."""
    bits = 0
    lit = 0.0
    steps = np.float32(p.steps)
    for i in range(x.size):
        size = abs(x[i])
        if p.steps > 0:
            code = int(min(size * steps + np.float32(0.5), steps - np.float32(1)))
            value, known = p.code[0, code], np.float32(code) / steps
            row[1, i] = p.code[1, code]
            ones = p.ones[code]
        else:
            value, known = size, size
            row[1, i] = size * size
            ones = 1 if size > 0 else 0
        sign = np.float32(-1) if x[i] < 0 else np.float32(1)
        row[0, i] = sign * value
        applied[i] = sign * known
        bits += ones
        lit += ones * row_on[i]
    counts[VECTORS] += 1
    counts[ACTIVE_BITS] += bits
    on[0] += lit


@kernel
def _product(bar, x, applied, out):
    p = bar.periphery
    _encode(p, x, applied, bar.row, bar.row_on, bar.counts, bar.on)
    step, low, high = np.float32(p.step), np.float32(-p.top - 1), np.float32(p.top)
    reach, thermal = np.float32(p.reach), np.float32(p.thermal)
    total, variance, draws = bar.column[0], bar.column[1], bar.column[2]
    for j in range(out.size):
        out[j] = 0
    for tile in range(bar.tiles.size - 1):
        first, last = bar.tiles[tile], bar.tiles[tile + 1]
        for j in range(out.size):
            total[j] = 0
            variance[j] = thermal
        accumulate(total, bar.weight, bar.row[0], first, last)
        if bar.read_variance > 0:
            accumulate(variance, bar.variance, bar.row[1], first, last)
        if bar.read_variance > 0 or thermal > 0:
            fill_normal(bar.read_words, draws)
            for j in range(out.size):
                total[j] += np.sqrt(variance[j]) * draws[j]
        gain, offset = p.column[0, tile], p.column[1, tile]
        for j in range(out.size):
            seen = min(max(total[j] * gain[j] + offset[j], -reach), reach)
            if step > 0:
                seen = step * min(max(np.rint(seen / step), low), high)
            out[j] += seen


@kernel
def _gather(scheme, pending, change, draw):
    """The change to write now, and what stays in the accumulator, for one weight."""
    if scheme.resolution > 0:
        change = np.float32(np.floor(change / scheme.resolution + draw) * scheme.resolution)
    waiting = pending + change
    if abs(waiting) < scheme.least:
        return np.float32(0), waiting
    return waiting, np.float32(0)


@kernel
def _write(bar, change):
    cells, scheme, device = bar.cells, bar.scheme, bar.device
    normals, uniforms, picked = bar.column[2], bar.column[3], bar.picked
    layers = bar.sign.size
    for i in range(change.shape[0]):
        count = 0
        for j in range(change.shape[1]):
            if change[i, j] != 0:
                picked[count] = j
                count += 1
        if count == 0:
            continue
        fill_normal(bar.write_words, normals[:count])
        if bar.gambles:
            fill_uniform(bar.write_words, uniforms[:count])
        before = 0.0
        after = 0.0
        pulses = 0
        for n in range(count):
            j = picked[n]
            wanted = change[i, j]
            if scheme.least > 0:
                wanted, bar.pending[i, j] = _gather(scheme, bar.pending[i, j], wanted, uniform(bar.write_words))
                if wanted == 0:
                    continue
            layer = bar.turn[0]
            bar.turn[0] = layer + 1 if layer + 1 < layers else 0
            start = cells.conductance[layer, i, j]
            ask = np.float32(wanted * bar.sign[layer] / bar.scale)
            target = inside(device, start + ask)
            normal = normals[n]
            draw = uniforms[n]
            for attempt in range(scheme.tries + 1):
                now = cells.conductance[layer, i, j]
                if attempt > 0:
                    bar.counts[VERIFY_READS] += 1
                    ask = np.float32(target - now)
                    if abs(ask) * bar.scale <= scheme.tolerance:
                        break
                    fill_normal(bar.write_words, uniforms[n : n + 1])
                    normal = uniforms[n]
                    draw = uniform(bar.write_words)
                reached, state, pulsed = program(
                    device, now, cells.state[layer, i, j], cells.gain[layer, i, j], ask, normal, draw
                )
                if pulsed:
                    pulses += 1
                    cells.writes[layer, i, j] += np.uint32(1)
                    if cells.writes[layer, i, j] <= cells.limit[layer, i, j]:
                        cells.conductance[layer, i, j] = reached
                        cells.state[layer, i, j] = state
            before += start
            after += cells.conductance[layer, i, j]
        _refresh(bar, i, picked[:count])
        bar.row_on[i] += after - before
        bar.counts[PULSES] += pulses
        if pulses > 0:
            bar.counts[ROW_WRITES] += 1


@kernel
def _refresh(bar, i, picked):
    """Bring the effective weights of row i, columns `picked`, and their read variances in step with the cells."""
    scale, reference = np.float32(bar.scale), np.float32(bar.reference)
    unit = np.float32(bar.read_variance * bar.scale * bar.scale)
    for n in range(picked.size):
        j = picked[n]
        total, power = -reference, np.float32(0)
        for layer in range(bar.sign.size):
            g = bar.cells.conductance[layer, i, j]
            total += bar.sign[layer] * g
            power += g * g
        bar.weight[i, j] = scale * total
        bar.variance[i, j] = unit * power


product.register(Crossbar, _product)
write.register(Crossbar, _write)


@entry
def program_all(bar, wanted):
    """Bring every weight from rest to wanted (rows, columns) with one blind pulse on each of its cells."""
    cells = bar.cells
    layers = bar.sign.size
    normals, uniforms = bar.column[2], bar.column[3]
    for i in range(wanted.shape[0]):
        for layer in range(layers):
            fill_normal(bar.write_words, normals)
            fill_uniform(bar.write_words, uniforms)
            for j in range(wanted.shape[1]):
                now = cells.conductance[layer, i, j]
                ask = np.float32(wanted[i, j] * bar.sign[layer] / bar.scale / layers)
                reached, state, pulsed = program(
                    bar.device, now, cells.state[layer, i, j], cells.gain[layer, i, j], ask, normals[j], uniforms[j]
                )
                if pulsed:
                    bar.counts[PULSES] += 1
                    cells.writes[layer, i, j] += np.uint32(1)
                    if cells.writes[layer, i, j] <= cells.limit[layer, i, j]:
                        cells.conductance[layer, i, j] = reached
                        cells.state[layer, i, j] = state
        for j in range(wanted.shape[1]):
            bar.picked[j] = j
        _refresh(bar, i, bar.picked)


def row_tiles(rows: int, largest: int) -> NDArray[np.int64]:
    """(tiles + 1,) borders of the fewest row tiles of at most `largest` rows, as even as can be."""
    count = -(-rows // largest)
    return np.array([rows * k // count for k in range(count + 1)], np.int64)
