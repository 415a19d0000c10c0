"""Energy and area of digital logic and static memories, at the chosen node and supply."""

from __future__ import annotations

import math

from cimlearn.parameters import ParameterSet


def logic_area(p: ParameterSet, lanes: int, a: int, b: int, total: int) -> float:
    """Area of `lanes` multiply-add units of a x b bits, with sums of `total` bits [m2].

    Registers and control take as much more area as they take energy (price.logic_overhead; an assumption).
    """
    scale = (p["technology.feature"] / p["price.logic_feature"]) ** 2 * (1 + p["price.logic_overhead"])
    return lanes * (p["price.logic_area"] * a * b / 64 + p["price.add_area"] * total / 8) * scale


def memory_area(p: ParameterSet, bits: float) -> float:
    """Area of a static memory of `bits` bits [m2]."""
    return bits * p["technology.sram_cell"] / p["price.sram_efficiency"]


def add_energy(p: ParameterSet, bits: float) -> float:
    """Energy of one addition of numbers of `bits` bits, with registers, clock and control [J]."""
    return p["price.add"] * bits / 8 * logic_scale(p) * (1 + p["price.logic_overhead"])


def multiply_add_energy(p: ParameterSet, a: float, b: float, total: float) -> float:
    """Energy of one a x b bit multiplication and its addition to a sum of `total` bits [J]."""
    product = p["price.multiply"] * a * b / 64 * logic_scale(p) * (1 + p["price.logic_overhead"])
    return product + add_energy(p, total)


def logic_scale(p: ParameterSet) -> float:
    """Energy of logic at the chosen node and supply, relative to the node and supply of its prices."""
    feature = p["technology.feature"] / p["price.logic_feature"]
    return feature * (p["technology.supply"] / p["price.logic_supply"]) ** 2


def memory_energy(p: ParameterSet, capacity: float) -> float:
    """Energy of moving one bit in or out of a memory of `capacity` bits [J]."""
    eight_kilobytes = 8 * 8192.0
    return p["price.sram"] / 64 * math.sqrt(capacity / eight_kilobytes) * logic_scale(p)


def table_energy(p: ParameterSet) -> float:
    """Energy of one look-up of 8 bits in a function table [J]."""
    return 8 * memory_energy(p, p["price.table_bits"])
