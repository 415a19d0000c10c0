"""Square metres of a digital bit-serial chip."""

from __future__ import annotations

from typing import Final

from cimlearn.costs.base import Parts
from cimlearn.costs.bitserial.activity import merge_bits
from cimlearn.costs.bitserial.machine import PRODUCTS, WORD_BITS, DigitalMachine
from cimlearn.costs.logic import logic_area, memory_area
from cimlearn.parameters import ParameterSet

NORM_BITS: Final = 16  # of the factors of an integer norm


def tree(inputs: int) -> dict[int, int]:
    """Adders of a tree that counts the ones of `inputs` bits: width -> how many, `inputs` - 1 in all.

    Two numbers of k bits give one of k + 1; an odd one goes on to the next level as it is. 4 -> {1: 2, 2: 1}.
    """
    adders: dict[int, int] = {}
    width = 1
    while inputs > 1:
        adders[width] = inputs // 2
        inputs -= inputs // 2
        width += 1
    return adders


def digital_area(m: DigitalMachine, p: ParameterSet) -> Parts:
    """Area of each part [m2]; wiring between the parts is not in it.

    A popcount column: the tree of its longest popcount, an eighth of what puts the columns of a word together, and of
    its accumulator. Each of `active` rows of a column has a sense path of its own, and a latch where stored bits are
    latched; they belong to every sub-array, at work or not. A narrower: two adders; of an integer norm
    also a multiplier of 16 x 16 bits, 16 adders of 16 bits and a sum.
    Registers and control take as much more area as they take energy (price.logic_overhead; an assumption).
    """
    scale = (p["technology.feature"] / p["price.logic_feature"]) ** 2 * (1 + p["price.logic_overhead"])
    bit = p["price.add_area"] / 8 * scale

    def column(inputs: int, wide: int) -> float:
        """Adder bits of a popcount column."""
        whole = sum(width * many for width, many in tree(inputs).items())
        return whole + (merge_bits(inputs) + wide) / WORD_BITS

    outside = [product for product in PRODUCTS if not m.in_unit(product)]
    longest = max(m.counted(product) for product in outside)
    unit_bits = max((m.width(product) for product in PRODUCTS if m.in_unit(product)), default=m.sum_bits)
    adder_bits = m.adders * column(longest, max(m.width(product) for product in outside))
    adder_bits += m.unit_adders * column(m.sram.rows, unit_bits)
    columns = sum(array.subarrays * array.columns for array, _ in m.weights)
    paths = columns * m.active * p["technology.feature"] ** 2
    weights, unit = (
        sum(array.cells * cell.area for array, cell in m.weights),
        m.sram.cells * (m.learning_cell.area if m.learning_cell else p["technology.sram_cell"]),
    )
    memories = sum(m.memory_bits.values())
    if m.learning_cell is not None:
        own = m.learning_bits * m.learning_cell.area / p["price.array_efficiency"]
        memories -= m.learning_bits
    return {
        "weight_cells": weights,
        "unit_cells": unit,
        "periphery": (weights + unit) * (1 / p["price.array_efficiency"] - 1),
        "sense_paths": paths * p["price.sense_area"],
        **({"latches": paths * p["price.latch_area"]} if m.latched else {}),
        "adders": adder_bits * bit,
        "narrowers": m.narrowers * 2 * m.sum_bits * bit,
        **({"logic": logic_area(p, m.lanes, WORD_BITS, WORD_BITS, m.sum_bits)} if m.lanes else {}),
        **({"norms": m.norm_units * (NORM_BITS**2 + m.sum_bits) * bit} if m.norm_units else {}),
        "memories": memory_area(p, memories),
        **({"learning_memory": own} if m.learning_cell else {}),
    }
