"""The digital twin: the same network and rule on a digital chip at the same node. `twin.kind` says which.

    tight       a dedicated chip: short integers, a small weight memory (`price.banks`) beside `twin.lanes` units
    no-reuse    the same with float32, and every operand of a product from memory: weight, input, sum in, sum out
    off-chip    short integers, weights from DRAM for every product
    processor   an instruction for each multiply-add and for each operation of the digital part

Counts follow from the chip's ledger: every product of the arrays becomes a multiply-add (one example at a time, so no
read of a weight serves two products); every write of a cell becomes a read and a write of its weight. The digital part
of the chip (state unit, gradients, their memories, replay) is the same in all; a processor has its memories alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from cimlearn.costs.base import Parts
from cimlearn.costs.crossbar.energy import pulse_energy
from cimlearn.costs.crossbar.machine import Machine
from cimlearn.costs.logic import (
    add_energy,
    logic_area,
    logic_scale,
    memory_area,
    memory_energy,
    multiply_add_energy,
)
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
LOGIC = (
    "state_unit",
    "kwta",
    "softmax",
    "gradient",
    "sparsifier",
    "random_numbers",
)  # a processor's instructions
FLOAT_BITS: Final = 32


class Twin(NamedTuple):
    """What one kind of digital chip takes."""

    product: Parts  # of a multiply-add with what it moves [J]
    write: Parts  # of renewing one weight [J]
    rate: float  # multiply-adds [1/s]
    weight_bits: float  # that stand on the chip
    logic: float  # area [m2]; 0 where nobody says how large (a processor)
    instruction: float | None = None  # of every other digital operation [J]; None: the chip's own logic


def _tight(weights: int, p: ParameterSet) -> Twin:
    bits = float(weights * p["twin.weight_bits"])
    word = p["twin.weight_bits"] * memory_energy(p, bits / p["price.banks"])
    multiply_add = multiply_add_energy(p, p["twin.input_bits"], p["twin.weight_bits"], p["twin.sum_bits"])
    area = logic_area(p, p["twin.lanes"], p["twin.input_bits"], p["twin.weight_bits"], p["twin.sum_bits"])
    rate = p["twin.lanes"] * p["twin.clock"]
    return Twin(
        {"multiply_add": multiply_add, "weight_memory": word}, {"weight_memory": 2 * word}, rate, bits, area
    )


def _no_reuse(weights: int, p: ParameterSet) -> Twin:
    bits = float(weights * FLOAT_BITS)
    word = FLOAT_BITS * memory_energy(p, bits)
    overhead = 1 + p["price.logic_overhead"]
    multiply_add = p["twin.float"] * logic_scale(p) * overhead
    scale = (p["technology.feature"] / p["price.logic_feature"]) ** 2
    return Twin(
        {"multiply_add": multiply_add, "operands": p["twin.operands"] * word},
        {"operands": 2 * word},
        p["twin.lanes"] * p["twin.clock"],
        bits,
        p["twin.lanes"] * p["twin.float_area"] * scale * overhead,
    )


def _off_chip(weights: int, p: ParameterSet) -> Twin:
    word = p["twin.dram_bits"] * p["twin.dram"]
    sizes = (p["twin.input_bits"], p["twin.dram_bits"], p["twin.sum_bits"])
    rate = min(p["twin.lanes"] * p["twin.clock"], p["twin.dram_rate"] / p["twin.dram_bits"])
    return Twin(
        {"multiply_add": multiply_add_energy(p, *sizes), "dram": word},
        {"dram": 2 * word},
        rate,
        0.0,
        logic_area(p, p["twin.lanes"], *sizes),
    )


def _processor(weights: int, p: ParameterSet) -> Twin:
    instruction = p["twin.instruction"] * logic_scale(p)
    bits = float(weights * p["twin.weight_bits"])
    return Twin(
        {"instructions": instruction},
        {"instructions": instruction},
        p["twin.processor_clock"],
        bits,
        0.0,
        instruction,
    )


KINDS: Final[Mapping[str, Callable[[int, ParameterSet], Twin]]] = {
    "tight": _tight,
    "no-reuse": _no_reuse,
    "off-chip": _off_chip,
    "processor": _processor,
}


def memories(m: Machine, p: ParameterSet, kind: str | None = None) -> dict[str, Twin]:
    """What the twin takes, array by array; `kind` = None: the one that `twin.kind` chooses.

    The arrays of the network share one weight memory; that of a probed feedback has its own.
    """
    alone = m.arrays.get("feedback", {}).get("weights", 0)
    network = sum(a["weights"] for a in m.arrays.values()) - alone
    build = KINDS[kind or p["twin.kind"]]
    shared, own = build(network, p), build(alone, p)
    return {name: own if name == "feedback" else shared for name in m.arrays}


def _first(m: Machine, p: ParameterSet, kind: str | None) -> Twin:
    """What all arrays have in common: rate, logic, instruction."""
    return next(iter(memories(m, p, kind).values()))


def weight_bits(m: Machine, p: ParameterSet, kind: str | None = None) -> float:
    """Bits of weights that stand on the twin."""
    return sum({id(one): one.weight_bits for one in memories(m, p, kind).values()}.values())


def _operations(counts: Mapping[str, Mapping[str, int]]) -> int:
    """Operations of the digital part, each an instruction of a processor."""
    return sum(counts.get("digital", {}).values()) + counts.get("buffer", {}).get("random_numbers", 0)


def in_rows(counts: Mapping[str, Mapping[str, int]]) -> Mapping[str, Mapping[str, int]]:
    """The counts of a phase with the digital work of parallel writes replaced by that of a chip that can't write so."""
    if "rowwise" not in counts:
        return counts
    own = counts["rowwise"]
    digital = dict(counts["digital"]) | {name: own[name] for name in ("gradient", "scale", "compare")}
    time = dict(counts["time"]) | {name: own[name] for name in ("gradient_cycles", "sweep_cycles")}
    digital.pop("pulse_bits", None)
    return {**counts, "digital": digital, "time": time}


def _gathering(done: Mapping[str, Mapping[str, int]], chip: Parts, m: Machine, p: ParameterSet) -> Parts:
    """Gradients, their memories, sparsifier and random numbers of a chip that gathers changes, where `chip` doesn't."""
    own = done["rowwise"]
    weights = sum(m.arrays[name]["weights"] for name in ("hidden", "output"))
    capacity = {
        "trace": m.memory_bits["trace"],
        "deltas": m.register_bits,
        "changes": weights * m.change_bits / p["price.banks"],
    }
    return {
        "gradient": own["gradient"] * multiply_add_energy(p, m.state_bits, m.word_bits, m.change_bits)
        + own["scale"] * multiply_add_energy(p, m.change_bits, m.word_bits, m.change_bits),
        "gradient_memory": sum(own[f"{n}_bits"] * memory_energy(p, bits) for n, bits in capacity.items()),
        "sparsifier": own["compare"] * add_energy(p, m.change_bits),
        "random_numbers": chip["random_numbers"] - pulse_energy(done["digital"], m, p),
    }


def twin_energy(
    ledger: Ledger, chip: dict[str, Parts], m: Machine, p: ParameterSet, kind: str | None = None
) -> dict[str, Parts]:
    """Energy of the twin by phase and part [J], without leakage; `chip` is the chip's."""
    arrays, instruction = memories(m, p, kind), _first(m, p, kind).instruction
    gone = REPLACED if instruction is None else (*REPLACED, *LOGIC)
    twin = {}
    for phase, done in ledger.counts.items():
        counts, parts = in_rows(done), dict[str, float]()
        rowwise = counts.get("rowwise", {})
        for name, one in arrays.items():
            n = counts.get(name, {})
            for part, joules in one.product.items():
                taken = n.get("products", 0) * joules + rowwise.get(
                    f"{name}_writes", n.get("writes", 0)
                ) * one.write.get(part, 0.0)
                parts[part] = parts.get(part, 0.0) + taken
        if instruction is not None:
            parts["instructions"] += _operations(counts) * instruction
        rest = chip[phase] | (_gathering(done, chip[phase], m, p) if rowwise else {})
        twin[phase] = parts | {part: value for part, value in rest.items() if part not in gone}
    return twin


def twin_seconds(ledger: Ledger, phase: str, m: Machine, p: ParameterSet, kind: str | None = None) -> float:
    """Time of one phase on the twin [s]: its multiplications and the digital part, one after the other."""
    one, counts = _first(m, p, kind), in_rows(ledger.counts[phase])
    products = sum(counts.get(name, {}).get("products", 0) for name in m.arrays)
    if one.instruction is not None:
        return (products + _operations(counts)) / one.rate
    time = counts.get("time", {})
    rest = sum(time.get(name, 0) for name in ("state_cycles", "gradient_cycles", "sweep_cycles"))
    return products / one.rate + rest * m.lanes / p["twin.lanes"] / p["twin.clock"]


def twin_area(m: Machine, p: ParameterSet, kind: str | None = None) -> Parts:
    """Area of the twin by part [m2]; without the core of a processor, and without DRAM."""
    logic = _first(m, p, kind).logic
    stored = memory_area(p, weight_bits(m, p, kind)) + memories_area(m, p)
    return ({"logic": logic} if logic else {}) | {"memories": stored}


def memories_area(m: Machine, p: ParameterSet) -> float:
    """Area of the digital memories of learning [m2], the chip's and the twin's; deltas stand in larger registers."""
    registers = m.memory_bits.get("deltas", 0)
    return memory_area(p, sum(m.memory_bits.values()) + (p["price.register_cell"] - 1) * registers)


def twin_leakage(m: Machine, p: ParameterSet, kind: str | None = None) -> float:
    """Power that the twin's memories leak [W]."""
    return (sum(m.memory_bits.values()) + weight_bits(m, p, kind)) * p["technology.sram_leakage"]
