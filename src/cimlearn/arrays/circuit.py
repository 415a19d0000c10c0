"""What the circuit makes of the cells: reference columns and their copies, wires, loaded amplifiers, calibration.

    w_ij = scale t_j k_j (sum_l s_l p_lij G_lij - sum_l R_lij),   k_j = g_m / (g_m + sum_li G_lij + sum_li R_lij)

p     share of a cell's conductance that the column sees through the wires (arrays/wires.py), from the last solution;
      between two solutions a cell keeps its share (docs/theory/arrays.md says how far that is off)
R     what is subtracted: the reference column of a group of columns through the same wires, by a copy of gain 1 + m_j
G     what time and temperature leave of the cells (arrays/ageing.py); R ages too if `periphery.reference_tracks`
k     what an amplifier of transconductance g_m takes of the current of the column that loads it; with wires it is
      part of their solution (1 / g_m in series with the column), so k = 1 here
t     calibration: one gain per tile ('mean'), or one per column ('column'), that makes the sum over the cells right

None of it is there where nothing of it is asked for: the arrays are empty, and the weights are the exact ones.
"""

from __future__ import annotations

import itertools
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays import rules
from cimlearn.arrays.ageing import seen_cells
from cimlearn.arrays.references import reference_share
from cimlearn.arrays.wires import Wires, effective
from cimlearn.parameters import ParameterSet
from cimlearn.random import generator

CALIBRATIONS: Final = ("none", "mean", "column")


class Circuit(NamedTuple):
    """The description, drawn once (fabrication)."""

    wires: Wires | None
    columns: NDArray[np.int64]  # (column tiles + 1,) borders
    group: int  # columns that share a reference column; 0 = an exact number
    cells: NDArray[np.float64]  # (layers, rows, reference columns) of all column tiles in turn [S]
    copies: NDArray[np.float64]  # (row tiles, columns) gain of the copy that each column subtracts
    transconductance: float  # of the virtual grounds [S]; 0 = ideal
    calibration: int  # place in CALIBRATIONS
    ages: bool  # time or temperature change the cells


class Seen(NamedTuple):
    """The state; every field is saved with a run. All empty where the circuit is exact."""

    path: NDArray[np.float32]  # (layers, rows, columns) p
    reference: NDArray[np.float32]  # (rows, columns) sum of R over layers [S]
    trim: NDArray[np.float32]  # (row tiles, columns) t of the wires' last solution


class Loads(NamedTuple):
    """What a kernel needs of the description."""

    transconductance: float  # of amplifiers that load apart from wires [S]; 0 = ideal
    calibration: int  # place in CALIBRATIONS
    cells: bool  # what is subtracted comes from cells, whose reads are noisy
    beside: bool  # a reference column hangs on the same virtual ground as its column


def describe(
    p: ParameterSet, shape: tuple[int, int, int], row_tiles: int, *, middle: float, seed: int, name: str
) -> Circuit:
    """The circuit around cells of `shape` (layers, rows, columns) with references of `middle` [S]."""
    layers, rows, columns = shape
    group, tiles = p["periphery.reference_group"] or 0, -(-columns // p["tile.columns"])
    borders = np.array([columns * k // tiles for k in range(tiles + 1)], np.int64)
    draw = generator(seed, name, "reference")
    count = sum(-(-int(width) // group) for width in np.diff(borders)) if group else 0
    spread, mismatch = p["periphery.reference_spread"], p["periphery.copy_mismatch"]
    cells = middle * np.maximum(1 + spread * draw.standard_normal((layers, rows, count)), 0.0)
    copies = 1 + mismatch * draw.standard_normal((row_tiles, columns))
    own = rules.known(p, f"periphery.{name}_transconductance", None)
    held = own or p["periphery.transconductance"] or 0.0
    wires = None
    if p["periphery.wire"] is not None:
        sink = p["periphery.sink_resistance"] + (1 / held if held else 0.0)
        both = p["periphery.wire_ends"] == "both"
        wires = Wires(float(p["periphery.wire"]), float(p["periphery.source_resistance"]), float(sink), both)
    return Circuit(
        wires,
        borders,
        group,
        cells,
        copies,
        held,
        CALIBRATIONS.index(p["periphery.calibration"]),
        rules.ages(p),
    )


def loads(circuit: Circuit) -> Loads:
    """What kernels need of the circuit."""
    apart = circuit.transconductance if circuit.wires is None else 0.0
    return Loads(apart, circuit.calibration, circuit.group > 0, circuit.group == 1)


def exact(circuit: Circuit) -> bool:
    """Whether the weights are those of the cells alone."""
    return circuit.wires is None and not circuit.group and not circuit.transconductance and not circuit.ages


def seen(circuit: Circuit, shape: tuple[int, int, int], row_tiles: int) -> Seen:
    """The state before anything is solved."""
    layers, rows, columns = shape if not exact(circuit) else (0, 0, 0)
    return Seen(
        np.ones((layers, rows, columns), np.float32),
        np.zeros((rows, columns), np.float32),
        np.ones((row_tiles if rows else 0, columns), np.float32),
    )


def tile_cells(
    bar: Any, circuit: Circuit, layer: int, row_tile: int, column_tile: int
) -> NDArray[np.float64]:
    """(rows, columns + reference columns) of one tile as it is built [S]; a reference column ends its group."""
    top, bottom = bar.tiles[row_tile], bar.tiles[row_tile + 1]
    left, right = circuit.columns[column_tile], circuit.columns[column_tile + 1]
    cells = seen_cells(bar)[layer, top:bottom, left:right]
    if not circuit.group:
        return cells
    groups, first = _groups(circuit, column_tile)
    references = (circuit.cells * reference_share(bar))[layer, top:bottom]
    parts = []
    for n, (start, end) in enumerate(groups):
        parts += [cells[:, start:end], references[:, first + n : first + n + 1]]
    return np.concatenate(parts, axis=1)


def columns_of(circuit: Circuit, column_tile: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places in `tile_cells` of each column (columns,), and of the reference column that it subtracts (columns,)."""
    width = int(circuit.columns[column_tile + 1] - circuit.columns[column_tile])
    place = np.arange(width)
    if not circuit.group:
        return place, np.full(width, -1)
    own = place // circuit.group
    ends = np.array([end for _, end in _groups(circuit, column_tile)[0]])
    return place + own, ends[own] + own


def group_of(circuit: Circuit) -> NDArray[np.int64]:
    """(columns,) number of the reference column of each column, over all column tiles; empty where there are none."""
    if not circuit.group:
        return np.zeros(0, np.int64)
    found: list[int] = []
    for tile in range(len(circuit.columns) - 1):
        groups, first = _groups(circuit, tile)
        found += [first + n for n, (start, end) in enumerate(groups) for _ in range(start, end)]
    return np.array(found, np.int64)


def _groups(circuit: Circuit, column_tile: int) -> tuple[list[tuple[int, int]], int]:
    """Borders of the groups of one column tile, and the first of its reference columns."""
    widths = np.diff(circuit.columns)
    first = sum(-(-int(width) // circuit.group) for width in widths[:column_tile])
    width = int(widths[column_tile])
    starts = range(0, width, circuit.group)
    return [(start, min(start + circuit.group, width)) for start in starts], first


def solve(bar: Any, circuit: Circuit) -> None:
    """Bring shares, references and gains of `bar` in step with its cells; refresh the weights afterwards."""
    if exact(circuit):
        return
    state = bar.state.seen
    state.reference[:] = 0 if circuit.group else bar.reference * reference_share(bar)[0, 0, 0]
    for row_tile in range(len(bar.tiles) - 1):
        for column_tile in range(len(circuit.columns) - 1):
            _solve_tile(bar, circuit, row_tile, column_tile)


def _through(bar: Any, wires: Wires, cells: NDArray[np.float64], rows: slice) -> NDArray[np.float64]:
    """Current per volt (rows, columns) of a tile's cells [S], group by group of those that are switched on together.

    Rows that are switched off hang no cell on a column: of its wire they leave the segments between a group and the
    sink in series, and a stub without current on the other side.
    """
    found = np.empty_like(cells)
    borders = bar.hanging[(bar.hanging >= rows.start) & (bar.hanging <= rows.stop)] - rows.start
    for top, bottom in itertools.pairwise(borders):
        below = (len(cells) - bottom) * wires.segment
        found[top:bottom] = effective(cells[top:bottom], wires._replace(sink=wires.sink + below))
    return found


def _solve_tile(bar: Any, circuit: Circuit, row_tile: int, column_tile: int) -> None:
    """The same for one tile; each layer of cells has wires of its own."""
    state = bar.state.seen
    rows = slice(bar.tiles[row_tile], bar.tiles[row_tile + 1])
    columns = slice(circuit.columns[column_tile], circuit.columns[column_tile + 1])
    own, reference = columns_of(circuit, column_tile)
    nominal, reached = np.zeros(own.size), np.zeros(own.size)
    for layer in range(len(bar.sign)):
        cells = tile_cells(bar, circuit, layer, row_tile, column_tile)
        through = _through(bar, circuit.wires, cells, rows) if circuit.wires is not None else cells
        share = np.ones_like(cells)
        np.divide(through, cells, out=share, where=cells > 0)
        state.path[layer, rows, columns] = share[:, own]
        if circuit.group:
            state.reference[rows, columns] += (
                through[:, reference] * circuit.copies[row_tile, columns] * abs(float(bar.sign[layer]))
            )
        nominal += cells[:, own].sum(axis=0)
        reached += through[:, own].sum(axis=0)
    if circuit.wires is not None and circuit.calibration:
        gain = nominal / reached if circuit.calibration == 2 else np.sum(nominal) / np.sum(reached)
        state.trim[row_tile, columns] = gain
