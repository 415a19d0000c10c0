"""Seconds and square metres of a digital bit-serial chip.

    cycle      T = max(1 / array.clock, read time of the cell)
    products   (forward + error + gradient cycles) T
    rounding   narrowed / (narrowers x clock)
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

from cimlearn.costs.base import Parts
from cimlearn.costs.bitserial.energy import PRODUCTS, Counts, tree
from cimlearn.costs.bitserial.machine import WORD_BITS, DigitalMachine
from cimlearn.costs.logic import logic_area, memory_area
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
    return max(1.0 / m.clock, m.cell.read_time)


def row_write(m: DigitalMachine, p: ParameterSet) -> float:
    """Time of writing a row of a sub-array [s]; rows are not skipped."""
    together = max(m.cell.bits_per_write, p["price.write_bits"])
    read = cycle(m) if p["price.write_only_changed"] else 0.0
    return read + m.cell.write_time * math.ceil(m.mram.columns / together)


def digital_seconds(counts: Counts, m: DigitalMachine, p: ParameterSet) -> DigitalSeconds:
    """The time of one phase."""
    n = counts.get("time", {})
    products = {name: n.get(f"{name}_cycles", 0) * cycle(m) for name in PRODUCTS}
    rounding = counts.get("digital", {}).get("narrowed", 0) / (m.narrowers * m.clock)
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


def digital_area(m: DigitalMachine, p: ParameterSet) -> Parts:
    """Area of each part [m2]; wiring between the parts is not in it.

    A popcount column: the tree of its longest popcount and the adder of its accumulator. A narrower: two adders.
    Registers and control take as much more area as they take energy (price.logic_overhead; an assumption).
    """
    scale = (p["technology.feature"] / p["price.logic_feature"]) ** 2 * (1 + p["price.logic_overhead"])
    bit = p["price.add_area"] / 8 * scale

    def column(inputs: int) -> int:
        """Adder bits of a popcount column."""
        return sum(width * many for width, many in tree(inputs).items()) + m.sum_bits

    longest = max(m.counted(product) for product in PRODUCTS if not m.in_unit(product))
    adder_bits = m.adders * column(longest) + m.unit_adders * column(m.sram.rows)
    weights, unit = m.mram.cells * m.cell.area, m.sram.cells * p["technology.sram_cell"]
    return {
        "weight_cells": weights,
        "unit_cells": unit,
        "periphery": (weights + unit) * (1 / p["price.array_efficiency"] - 1),
        "adders": adder_bits * bit,
        "narrowers": m.narrowers * 2 * m.sum_bits * bit,
        **({"logic": logic_area(p, m.lanes, WORD_BITS, WORD_BITS, m.sum_bits)} if m.lanes else {}),
        "memories": memory_area(p, sum(m.memory_bits.values())),
    }
