"""The digital twin: the same network and rule, weights in static memory, multiply-add units in place of crossbars.

Its counts follow from the chip's ledger: every product of the arrays becomes a multiplication, an addition and a
read of one weight from the weight memory (one example at a time, so no read serves two products); every write of a
cell becomes a read and a write of its weight. The digital part of the chip (state unit, gradients, their memories,
replay) is the same in both.
"""

from __future__ import annotations

from cimlearn.costs.base import Parts
from cimlearn.costs.crossbar.machine import Machine
from cimlearn.costs.logic import logic_area, memory_area, memory_energy, multiply_add_energy
from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet

REPLACED = (
    "cells",
    "read_drive",
    "level_shifters",
    "integrators",
    "converters",
    "writes",
)  # by digital parts


def twin_energy(ledger: Ledger, chip: dict[str, Parts], m: Machine, p: ParameterSet) -> dict[str, Parts]:
    """Energy of the twin by phase and part [J], without leakage; `chip` is the chip's."""
    product = multiply_add_energy(p, p["twin.input_bits"], p["twin.weight_bits"], p["twin.sum_bits"])
    bit = memory_energy(p, weight_bits(m, p))
    twin = {}
    for phase, counts in ledger.counts.items():
        products = sum(counts.get(name, {}).get("products", 0) for name in m.arrays)
        writes = sum(counts.get(name, {}).get("writes", 0) for name in m.arrays)
        same = {part: value for part, value in chip[phase].items() if part not in REPLACED}
        twin[phase] = {
            "multiply_add": products * product,
            "weight_memory": (products + 2 * writes) * p["twin.weight_bits"] * bit,
            **same,
        }
    return twin


def weight_bits(m: Machine, p: ParameterSet) -> float:
    """Bits of the twin's weight memory."""
    return float(sum(a["weights"] for a in m.arrays.values()) * p["twin.weight_bits"])


def twin_seconds(ledger: Ledger, phase: str, m: Machine, p: ParameterSet) -> float:
    """Time of one phase on the twin [s]: its multiplications and the digital part, one after the other."""
    counts, time = ledger.counts[phase], ledger.counts[phase].get("time", {})
    products = sum(counts.get(name, {}).get("products", 0) for name in m.arrays)
    rest = sum(time.get(name, 0) for name in ("state_cycles", "gradient_cycles", "sweep_cycles"))
    lanes = m.lanes / p["twin.lanes"]
    return (products / p["twin.lanes"] + rest * lanes) / p["twin.clock"]


def twin_area(m: Machine, p: ParameterSet) -> Parts:
    """Area of the twin by part [m2]."""
    return {
        "logic": logic_area(
            p, p["twin.lanes"], p["twin.input_bits"], p["twin.weight_bits"], p["twin.sum_bits"]
        ),
        "memories": memory_area(p, sum(m.memory_bits.values()) + weight_bits(m, p)),
    }


def twin_leakage(m: Machine, p: ParameterSet) -> float:
    """Power that the twin's memories leak [W]."""
    return (sum(m.memory_bits.values()) + weight_bits(m, p)) * p["technology.sram_leakage"]
