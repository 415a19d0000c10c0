"""Wires of a tile, exactly: what a voltage on a row becomes as a current of each column.

    v_i --R_s--r--r--r--      rows: a driver, then a segment of resistance r before each cell (and after the last one
               |  |  |              with drivers at both ends)
               G  G  G
               |  |  |
               c--c--c        columns: a segment after each cell, then R_k into the virtual ground
    Kirchhoff:  A u = b_i v_i,   I_j = s_j . u   so   G_eff[i, j] = s_j . A^-1 b_i

A (2 rows columns unknowns) is symmetric and positive definite. It is factorised once; one adjoint solve A l_j = s_j for
each column gives G_eff[:, j] = b . l_j for all rows, because b_i has the driver's conductance at the row's ends only.
Superposition is exact: cells are linear and inputs are voltages of known sources, so G_eff holds until a cell is
written.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


class Wires(NamedTuple):
    """Resistances around the cells of a tile."""

    segment: float  # from cell to cell [ohm]
    source: float  # of a row driver [ohm]
    sink: float  # between a column and its virtual ground [ohm]
    both: bool  # rows are driven at both ends


def effective(cells: Matrix, wires: Wires) -> Matrix:
    """(rows, columns) current of each column per volt of each row [S], for cells (rows, columns) [S] of 0 or more."""
    if wires.segment == 0:
        return _without_segments(cells, wires)
    from scipy.sparse.linalg import splu

    rows, columns = cells.shape
    matrix = _nodal(cells, wires)
    solved = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    drive, sink = 1 / (wires.segment + wires.source), 1 / (wires.segment + wires.sink)
    found = np.empty((rows, columns))
    first, last = np.arange(rows) * columns, np.arange(rows) * columns + columns - 1
    bottom = rows * columns + (rows - 1) * columns
    for start in range(0, columns, 32):
        several = np.arange(start, min(start + 32, columns))
        right = np.zeros((2 * rows * columns, several.size))
        right[bottom + several, several - start] = sink
        adjoint = solved.solve(right)
        found[:, several] = drive * (adjoint[first] + adjoint[last] if wires.both else adjoint[first])
    return found


def _nodal(cells: Matrix, wires: Wires) -> Any:
    """The sparse nodal matrix A: nodes of rows (row-major), then nodes of columns."""
    from scipy.sparse import coo_matrix

    rows, columns = cells.shape
    row = np.arange(rows * columns).reshape(rows, columns)
    column = row + rows * columns
    segment = 1 / wires.segment
    left = [row, row[:, :-1], column[:-1]]
    right = [column, row[:, 1:], column[1:]]
    between = [cells, np.full((rows, columns - 1), segment), np.full((rows - 1, columns), segment)]
    a, b, g = (np.concatenate([part.ravel() for part in parts]) for parts in (left, right, between))
    ends = [row[:, 0], row[:, -1], column[-1]] if wires.both else [row[:, 0], column[-1]]
    driven = 1 / (segment_of(wires.source, wires))
    grounded = 1 / (segment_of(wires.sink, wires))
    c = np.concatenate(ends)
    h = np.concatenate([np.full(rows, driven)] * (len(ends) - 1) + [np.full(columns, grounded)])
    places = (np.concatenate([a, b, a, b, c]), np.concatenate([a, b, b, a, c]))
    size = 2 * rows * columns
    return coo_matrix((np.concatenate([g, g, -g, -g, h]), places), (size, size)).tocsc()


def segment_of(resistance: float, wires: Wires) -> float:
    """Resistance from a cell at the edge to what drives or grounds it [ohm]: a segment and `resistance`."""
    return wires.segment + resistance


def _without_segments(cells: Matrix, wires: Wires) -> Matrix:
    """Wires without resistance: one node a row, one a column; drivers at both ends stand side by side."""
    rows, columns = cells.shape
    source = wires.source / (2 if wires.both else 1)
    if source == 0 and wires.sink == 0:
        return cells.copy()
    if source == 0:
        return cells / (1 + wires.sink * cells.sum(axis=0))
    if wires.sink == 0:
        return cells / (1 + source * cells.sum(axis=1))[:, None]
    matrix = np.zeros((rows + columns, rows + columns))
    matrix[:rows, rows:], matrix[rows:, :rows] = -cells, -cells.T
    np.fill_diagonal(matrix, np.append(cells.sum(axis=1) + 1 / source, cells.sum(axis=0) + 1 / wires.sink))
    adjoint = np.linalg.solve(matrix, np.eye(rows + columns)[:, rows:] / wires.sink)
    return np.asarray(adjoint[:rows] / source)
