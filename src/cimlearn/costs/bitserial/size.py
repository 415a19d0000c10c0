"""Seconds of a digital bit-serial chip.

    cycle      T = max(1 / array.clock, read time of the cell)
    products   (forward + error + gradient cycles) T
    rounding   (narrowed + products of norms) / (narrowers x clock)
    update     update cycles x (T + t_w ceil(columns / bits written together)); T, the read, only where it is made
    operands   (learning memory that is no SRAM only) rows of the unit: t_w ceil(columns / bits written together) each;
               what is kept for the way back, velocities: t_w for every `price.write_bits` of each bank
    logic      digital cycles / clock, of layers that are not on sub-arrays (cimlearn.torch)
    phase      max(products, rounding) + logic + update + operands where pipelined, else their sum

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
    operands: float = 0.0  # writing what only learning needs into a memory that is no SRAM

    @property
    def total(self) -> float:
        """All of the phase [s]."""
        return math.fsum(self.products.values()) + self.rounding + self.update + self.logic + self.operands


def cycle(m: DigitalMachine) -> float:
    """One cycle of the sub-arrays [s]: the clock's, or a read of the cell if that is longer."""
    own = [m.learning_cell.read_time] if m.learning_cell else []
    return max(1.0 / m.clock, *own, *(cell.read_time for _, cell in m.weights))


def row_write(m: DigitalMachine, p: ParameterSet) -> float:
    """Time of writing a row of a sub-array [s]; rows are not skipped."""
    together = max(m.cell.bits_per_write, p["price.write_bits"])
    read = cycle(m) if p["price.write_only_changed"] else 0.0
    return read + m.cell.write_time * math.ceil(m.mram.columns / together)


def operand_write(counts: Counts, m: DigitalMachine, p: ParameterSet) -> float:
    """Time of writing what only learning needs, beyond a cycle a row of the unit [s]; 0 for SRAM. Nothing hides it."""
    own = m.learning_cell
    if own is None:
        return 0.0
    together = max(own.bits_per_write, p["price.write_bits"])
    rows = counts.get("time", {}).get("operand_cycles", 0) * math.ceil(m.sram.columns / together)
    memory, digital = counts.get("memory", {}), counts.get("digital", {})
    state = (
        memory.get("velocity_bits", 0)
        + memory.get("residue_bits", 0)
        + (digital.get("norm_state_bits", 0) if "update" in counts else 0)
    )
    bits = memory.get("activation_bits_written", 0) + state / 2
    banks = max(1, math.ceil(m.learning_bits / p["price.bank_bits"]))
    return float((rows + bits / (together * banks)) * own.write_time)


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
        operand_write(counts, m, p),
    )
