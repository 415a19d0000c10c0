"""The analog crossbar: weights are conductances in tiled arrays, read by weighted-bit streaming.

    w_ij = scale * (sum_l s_l G_lij - G_ref)      l: the cells of one weight, s_l = +1 or -1, of slices +1 and 1 / r

Mapping 'reference': n cells against a fixed reference, s = +1, scale = 2 w_max / (n (G_max - G_min)) and G_ref =
n (G_max + G_min) / 2, so that w runs from -w_max to w_max (Scientific Reports 2024, s41598-024-78290-w, writes the
same with resistances). Mapping 'pair': n cells with s = +1 and n with s = -1, G_ref = 0 and
scale = w_max / (n (G_max - G_min)).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.ageing import NOW, Aged, Laws
from cimlearn.arrays.base import (
    freeze,
    lit_up,
    pass_key,
    product,
    product_groups,
    product_rows,
    products,
    write,
    write_rows,
)
from cimlearn.arrays.circuit import Circuit, Loads, Seen, solve
from cimlearn.arrays.dense import DenseScratch
from cimlearn.arrays.periphery import Periphery
from cimlearn.arrays.reading import (
    SideScratch,
    groups_of,
    key_of_pass,
    product_rows_of,
    product_whole,
    products_of,
    switched_on,
)
from cimlearn.arrays.refresh import refresh
from cimlearn.arrays.schemes.cells import pulse_until
from cimlearn.arrays.schemes.one_sided import begin_one_sided, write_one_sided
from cimlearn.arrays.schemes.scheme import (
    SLICES,
    OneSidedScheme,
    SliceScheme,
    WriteScheme,
    begin_by,
    write_by,
)
from cimlearn.arrays.schemes.slices import weight_of
from cimlearn.arrays.telegraph import freeze_traps
from cimlearn.compiled import entry, kernel
from cimlearn.devices.base import Cells, inside
from cimlearn.devices.walk import WalkScratch


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
    seen: Seen  # what the circuit makes of the cells; empty where it is exact
    aged: Aged  # what time and temperature make of them; empty where they don't
    correction: NDArray[
        np.float32
    ]  # (3, row tiles, columns) gain, offset, part of the inputs' sum (arrays/calibrate.py)


class CrossbarScratch(NamedTuple):
    """Memory that holds nothing between two calls."""

    side: SideScratch  # of one vector
    dense: DenseScratch  # of writes
    walk: WalkScratch  # of pulses
    column: NDArray[np.float32]  # (3, columns)
    pick: NDArray[np.int32]  # (3, cells + 1) layer, row, column of each cell that is written
    asked: NDArray[
        np.float32
    ]  # (9, cells + 1) of each of these cells: change, target [S]; normal; uniform; change that
    # the circuit sees [S]; wanted weight or normal of relaxation; held [S], held state, seen [S] before the write
    frozen: NDArray[
        np.float32
    ]  # (rows, columns) weights of one inference with its telegraph noise, or (0, 0)
    wanted: NDArray[np.float32]  # (rows, columns) where a write shall land, or (0, 0)


class Crossbar(NamedTuple):
    """One array of rows x columns weights: its description, its state, and scratch memory."""

    device: Any
    gambles: bool  # the device rounds at random, so it needs uniform numbers
    scheme: WriteScheme
    periphery: Periphery
    sign: NDArray[np.float32]  # (layers,) s_l, its size the significance of a slice
    significance: float  # sum of the sizes of s_l, of one side
    scale: float  # weight per siemens [ohm]
    reference: float  # G_ref [S]
    read_variance: float  # (relative standard deviation of a cell's read, per cycle)^2
    tiles: NDArray[np.int64]  # (row tiles + 1,) first row of each tile, then the number of rows
    hanging: NDArray[
        np.int64
    ]  # the same of the rows whose cells load a column together: a tile, or a selected group
    loads: Loads
    ageing: Laws
    state: CrossbarState
    scratch: CrossbarScratch


@kernel
def _write(bar, change):
    if bar.ageing.on:
        bar.state.aged.clock[NOW] += bar.ageing.update
    _write_rows(bar, np.int64(0), change)


@kernel
def _write_rows(bar, first, change):
    write_by(bar.scheme, bar, first, change)
    refresh(bar, first, first + change.shape[0])


freeze.register(Crossbar, freeze_traps)
product.register(Crossbar, product_whole)
product_rows.register(Crossbar, product_rows_of)
product_groups.register(Crossbar, groups_of)
products.register(Crossbar, products_of)
pass_key.register(Crossbar, key_of_pass)
lit_up.register(Crossbar, switched_on)
write.register(Crossbar, _write)
write_rows.register(Crossbar, _write_rows)


@kernel
def _begin(scheme, bar, wanted, middle):
    """All cells of a weight alike; of slices, first the one that counts most, then the others by what is left."""
    layers, (rows, columns) = bar.sign.size, wanted.shape
    for k in range(layers):
        for i in range(rows):
            for j in range(columns):
                n = i * columns + j
                if scheme.kind == SLICES:
                    target = middle + (wanted[i, j] - weight_of(bar, i, j, k)) / (bar.scale * bar.sign[k])
                else:
                    target = middle + wanted[i, j] * bar.sign[k] / (bar.scale * layers)
                bar.scratch.pick[0, n], bar.scratch.pick[1, n], bar.scratch.pick[2, n] = k, i, j
                bar.scratch.asked[0, n] = target - bar.state.cells.conductance[k, i, j]
                bar.scratch.asked[1, n] = inside(bar.device, np.float32(target))
        pulse_until(bar, rows * columns, scheme.first_tries, scheme.tolerance)


begin_by.register(WriteScheme, _begin)
begin_by.register(SliceScheme, _begin)
begin_by.register(OneSidedScheme, begin_one_sided)
write_by.register(OneSidedScheme, write_one_sided)


@entry
def program_all(bar, wanted, middle):
    """Bring every weight from rest to wanted (rows, columns), which may be used up, with write-verify.

    A weight of 0 has its cells at `middle` [S], where pulses move them both ways.
    """
    begin_by(bar.scheme, bar, wanted, middle)
    refresh(bar, 0, bar.state.weight.shape[0])


@entry
def _refresh_all(bar):
    refresh(bar, 0, bar.state.weight.shape[0])


def solve_circuit(bar: Crossbar, circuit: Circuit) -> None:
    """Solve the wires of `bar` for its cells as they are, and bring its weights in step."""
    solve(bar, circuit)
    _refresh_all(bar)


def row_tiles(rows: int, largest: int, together: int = 1) -> NDArray[np.int64]:
    """(tiles + 1,) borders of the fewest row tiles of at most `largest` rows, as even as can be.

    `together` rows that are read at once stay in one tile.
    """
    groups = rows // together
    count = -(-groups // (largest // together))
    return np.array([together * (groups * k // count) for k in range(count + 1)], np.int64)
