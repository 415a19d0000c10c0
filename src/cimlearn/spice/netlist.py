"""The resistors of a tile, and a netlist whose column currents a circuit simulator prints.

Nodes: v0, v1, ... are the rows' sources, r{i}_{j} and c{i}_{j} the wires at a cell, k0, k1, ... the columns' ends.
Where wires have no resistance a whole row or column is one node. An open cell has no resistor.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.wires import Wires

Matrix = NDArray[np.float64]
EXACT = ".options reltol=1e-9 abstol=1e-18 vntol=1e-12 gmin=1e-18"


def tile_lines(cells: Matrix, wires: Wires, ends: Sequence[str], prefix: str = "") -> list[str]:
    """Resistors of cells (rows, columns) [S] between the sources v{i} and the nodes `ends` of the columns."""
    rows, columns = cells.shape
    lines = []

    def resistor(name: str, a: str, b: str, ohm: float) -> None:
        lines.append(f"R{prefix}{name} {a} {b} {ohm:.15g}")

    def row(i: int, j: int) -> str:
        if wires.segment > 0:
            return f"{prefix}r{i}_{j}"
        return f"{prefix}r{i}" if wires.source > 0 else f"v{i}"

    def column(i: int, j: int) -> str:
        if wires.segment > 0:
            return f"{prefix}c{i}_{j}"
        return f"{prefix}c{j}" if wires.sink > 0 else ends[j]

    for i in range(rows):
        sides = {"a": 0} | ({"b": columns - 1} if wires.both else {})
        for side, j in sides.items():
            if wires.segment + wires.source > 0:
                resistor(f"s{i}{side}", f"v{i}", row(i, j), wires.segment + wires.source)
        if wires.segment > 0:
            for j in range(columns - 1):
                resistor(f"w{i}_{j}", row(i, j), row(i, j + 1), wires.segment)
    for j in range(columns):
        if wires.segment > 0:
            for i in range(rows - 1):
                resistor(f"d{i}_{j}", column(i, j), column(i + 1, j), wires.segment)
        if wires.segment + wires.sink > 0:
            resistor(f"k{j}", column(rows - 1, j), ends[j], wires.segment + wires.sink)
    for i in range(rows):
        for j in range(columns):
            if cells[i, j] > 0:
                resistor(f"g{i}_{j}", row(i, j), column(i, j), 1 / cells[i, j])
    return lines


def direct(cells: Matrix, volts: Sequence[float] | Matrix, wires: Wires, title: str = "a tile") -> str:
    """A netlist that prints i(vk0), i(vk1), ...: the current of each column for `volts` (rows,) on the rows."""
    columns = cells.shape[1]
    ends = [f"k{j}" for j in range(columns)]
    lines = [f"* {title}: column currents", EXACT]
    lines += [f"Vin{i} v{i} 0 {volt:.15g}" for i, volt in enumerate(volts)]
    lines += tile_lines(cells, wires, ends)
    lines += [f"Vk{j} k{j} 0 0" for j in range(columns)]
    prints = [f"print i(vk{j})" for j in range(columns)]
    return "\n".join([*lines, ".control", "set numdgt=14", "op", *prints, "quit", ".endc", ".end", ""])
