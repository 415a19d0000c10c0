"""Seconds of a digital bit-serial chip.

    cycle      T = max(1 / array.clock, read time of the cell)
    products   (forward + error + gradient cycles) T
    rounding   (narrowed + products of norms) / (narrowers x clock)
    update     update cycles x (T + t_w ceil(columns / bits written together)); T, the read, only where it is made
    logic      digital cycles / clock, of layers that are not on sub-arrays (cimlearn.torch)
    phase      max(products, rounding) + logic + update where pipelined, else their sum

Sub-arrays and columns work side by side; that is in the counts. A cycle of an update writes one row of every
sub-array, `price.write_bits` of its cells at the same time, at least a line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from cimlearn.costs.bitserial.energy import Counts
from cimlearn.costs.bitserial.machine import PRODUCTS, DigitalMachine
from cimlearn.parameters import ParameterSet


@dataclass(frozen=True)
class DigitalSeconds:
    """Time of one phase [s], and how many examples and steps it took."""

    products: Mapping[str, float]  # forward, error, gradient
    rounding: float  # the part that the products don't hide
    update: float
    logic: float
    examples: int
    steps: int

    @property
    def total(self) -> float:
        """All of the phase [s]."""
        return math.fsum(self.products.values()) + self.rounding + self.update + self.logic


def cycle(m: DigitalMachine) -> float:
    """One cycle of the sub-arrays [s]: the clock's, or a read of the cell if that is longer."""
    return max(1.0 / m.clock, *(cell.read_time for _, cell in m.weights))


def row_write(m: DigitalMachine, p: ParameterSet) -> float:
    """Time of writing a row of a sub-array [s]; rows are not skipped."""
    together = max(m.cell.bits_per_write, p["price.write_bits"])
    read = cycle(m) if p["price.write_only_changed"] else 0.0
    return read + m.cell.write_time * math.ceil(m.mram.columns / together)


def digital_seconds(counts: Counts, m: DigitalMachine, p: ParameterSet) -> DigitalSeconds:
    """The time of one phase."""
    n = counts.get("time", {})
    products = {name: n.get(f"{name}_cycles", 0) * cycle(m) for name in PRODUCTS}
    digital = counts.get("digital", {})
    rounding = (digital.get("narrowed", 0) + digital.get("norm_multiply", 0)) / (m.narrowers * m.clock)
    if p["operation.pipelined"]:
        rounding = max(0.0, rounding - math.fsum(products.values()))
    return DigitalSeconds(
        products,
        rounding,
        n.get("update_cycles", 0) * row_write(m, p),
        n.get("digital_cycles", 0) / m.clock,
        n.get("examples", 0),
        n.get("steps", 0),
    )
