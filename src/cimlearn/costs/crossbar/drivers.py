"""What a row has to drive: its cells, reference columns, copies of their currents; and how wide its driver must be.

    G_row = (columns of a tile + reference columns) G          of one layer of cells
    R     = drop / ((1 - drop) G_row)                          a driver that loses `drop` of the read voltage
    width = price.driver_resistance / R

One driver for each row, layer of cells and column tile. A reference column of a group of its own stands beside each
column; one that several share is copied to each of them by a current mirror, which draws that current from the supply.
"""

from __future__ import annotations

from cimlearn.costs.crossbar.machine import Machine
from cimlearn.parameters import ParameterSet


def references(m: Machine, p: ParameterSet, name: str) -> float:
    """Reference columns of a tile; none for pairs."""
    if not m.referenced:
        return 0.0
    if m.reference_group is None:
        return float(p["price.reference_columns"])
    return float(-(-m.tile_columns(name) // m.reference_group))


def copied(m: Machine, name: str) -> int:
    """Columns of a tile to which the current of a reference column is copied."""
    return m.tile_columns(name) if m.referenced and (m.reference_group or 1) > 1 else 0


def row_conductance(p: ParameterSet, m: Machine, name: str, mean: float) -> float:
    """Conductance that a row driver sees [S], for cells of `mean` [S]."""
    return (m.tile_columns(name) + references(m, p, name)) * mean


def driver_width(p: ParameterSet, m: Machine, name: str, mean: float) -> float:
    """Gate width of a sized row driver [m]; 0 where drivers have one size for all."""
    if p["price.drivers"] == "fixed":
        return 0.0
    drop = p["price.driver_drop"]
    allowed = drop / (1 - drop)  # R G_row
    return float(p["price.driver_resistance"] * row_conductance(p, m, name, mean) / allowed)
