"""What a component costs, from cimlearn's presets and cost functions. HWComponents is not needed for this."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from cimlearn.arrays.bitserial import BITS
from cimlearn.arrays.bitserial_counts import batch_work, inventory, phase_counts, place
from cimlearn.arrays.crossbar_counts import ArrayTally, array_counts, array_size, pieces
from cimlearn.arrays.training import Layer
from cimlearn.chips import catalog
from cimlearn.costs import prices
from cimlearn.costs.bitserial.area import digital_area
from cimlearn.costs.bitserial.costs import leakage
from cimlearn.costs.bitserial.energy import digital_energy
from cimlearn.costs.bitserial.machine import digital_machine
from cimlearn.costs.bitserial.size import digital_seconds
from cimlearn.costs.crossbar.area import area
from cimlearn.costs.crossbar.energy import conversion_energy, converter_area, energy
from cimlearn.costs.crossbar.latency import seconds
from cimlearn.costs.crossbar.layers import layered
from cimlearn.costs.crossbar.machine import VERIFY_CYCLES
from cimlearn.costs.logic import logic_area, memory_area, memory_energy, multiply_add_energy
from cimlearn.devices.catalog import device as device_of
from cimlearn.devices.technology import memory_cell, technology
from cimlearn.errors import InputError
from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet

Settings = Mapping[str, Any] | None
MANY: Final = 1000  # vectors that are counted together, so that shares of bits become whole numbers
ARRAY: Final = "array"


class Cost(NamedTuple):
    """One action."""

    joules: float  # [J]
    seconds: float  # [s]


class Figures(NamedTuple):
    """A component."""

    area: float  # [m2]
    leakage: float  # [W]
    actions: Mapping[str, Cost]


def crossbar(
    rows: int, columns: int, device: str = "continuous", node: str | None = None, settings: Settings = None
) -> Figures:
    """A crossbar of rows x columns weights with drivers, integrators and converters, as M2RU's.

    Actions: 'compute' (a vector of `rows` streamed inputs), 'write' (a pulse to one cell), 'verify_read' (of one cell).

    Raises
    ------
    InputError
        For a size below 1, an unknown device, node or setting, or a value out of range.
    """
    _sizes(rows=rows, columns=columns)
    p, price = _parameters("m2ru", {"device.kind": device}, node, settings)
    size = array_size(p, rows, columns)
    made_of = layered({ARRAY: pieces(size)}, {}, {ARRAY: p["periphery.hidden_capacitance"]}, p)
    made_of = dataclasses.replace(made_of, lanes=0)  # the array alone
    low, high = device_of(p.part("device")).window()
    mean = low + price["expected.conductance"] * (high - low)  # [S]
    ones = round(MANY * rows * size.cycles * price["expected.hidden_bits_on"])
    read = array_counts(size, ArrayTally(MANY, ones, 0, 0, 0, 0.0))
    counts: dict[str, dict[str, dict[str, int]]] = {
        "compute": {
            ARRAY: read,
            "time": {
                "stream_cycles": MANY * size.cycles,
                "convert_cycles": MANY * size.convert_cycles,
                "examples": MANY,
                "steps": MANY,
            },
        },
        "write": {ARRAY: {"writes": 1}, "time": {"update_row_cycles": 1, "examples": 1, "steps": 1}},
        "verify_read": {ARRAY: {"verify_reads": 1}, "time": {"examples": 1, "steps": 1}},
    }
    done = Ledger(counts, {"compute": {ARRAY: ones * columns * size.layers * mean}})
    joules = energy(done, made_of, price)
    actions = {}
    for name in counts:
        times = MANY if name == "compute" else 1
        took = seconds(done, name, made_of, price).total
        if name == "verify_read":  # one alone; converters of a row read side by side
            took = VERIFY_CYCLES / made_of.clock
        actions[name] = Cost(math.fsum(joules[name].values()) / times, took / times)
    return Figures(math.fsum(area(made_of, price, {ARRAY: mean}).values()), 0.0, actions)


def bit_serial(
    rows: int,
    columns: int,
    memory: str = "sas-mram",
    node: str | None = None,
    settings: Settings = None,
) -> Figures:
    """A sub-array of rows x columns bits with popcounts and sums, as SAS-MRAM's: int8 weights in 8 columns each.

    Actions: 'compute' (a vector of `rows` int8 inputs), 'write_row' (all bits of a row).

    Raises
    ------
    InputError
        For a size below 1, columns that are not whole weights, an unknown memory, node or setting, or a value out of
        range.
    """
    _sizes(rows=rows, columns=columns)
    if columns % BITS:
        raise InputError(f"columns = {columns}: give a multiple of {BITS}, the bits of a weight")
    wanted = {"cell.technology": memory, "array.rows": rows, "array.columns": columns}
    p, price = _parameters("sas-mram", wanted, node, settings)
    layer = Layer(ARRAY, rows, columns // BITS, 1, 1, False, False)
    values = {name: entry.value for name, entry in p.entries().items()}
    made_of = digital_machine(inventory([layer], 1, p, {}), values, memory_cell(p).as_dict())
    compute = phase_counts([(batch_work([layer], learning=False), 1)], place(p), learning=False, examples=1)
    write = {
        "update": {"mram_bits_written": columns, "mram_rows_written": 1},
        "time": {"update_cycles": 1, "examples": 1, "steps": 1},
    }
    actions = {}
    for name, counts in {"compute": compute, "write_row": write}.items():
        parts = digital_energy(counts, made_of, price).values()
        joules = math.fsum(math.fsum(one.values()) for one in parts)
        actions[name] = Cost(joules, digital_seconds(counts, made_of, price).total)
    return Figures(math.fsum(digital_area(made_of, price).values()), leakage(made_of, price), actions)


def cell(memory: str = "sas-mram", settings: Settings = None) -> Figures:
    """One bit of a memory technology. Actions: 'read', 'write'. Raises InputError for an unknown one or setting."""
    one = technology(memory, settings)
    actions = {
        "read": Cost(one.read_energy, one.read_time),
        "write": Cost(one.write_energy, one.write_time),
    }
    return Figures(one.area, one.leakage, actions)


def converter(bits: int, node: str | None = None, settings: Settings = None) -> Figures:
    """A converter of M2RU. Action: 'convert', in a cycle of the arrays. Raises InputError for bits without a price."""
    _sizes(bits=bits)
    p, price = _parameters("m2ru", {}, node, settings)
    cost = Cost(conversion_energy(price, bits), 1 / p["periphery.clock"])
    return Figures(converter_area(price, bits), 0.0, {"convert": cost})


def memory(bits: int, width: int = 1, node: str | None = None, settings: Settings = None) -> Figures:
    """A static memory of `bits` bits. Actions: 'read', 'write', of `width` bits, in a digital cycle.

    Raises InputError for a size below 1, an unknown node or setting.
    """
    _sizes(bits=bits, width=width)
    p, price = _parameters("m2ru", {}, node, settings)
    cost = Cost(width * memory_energy(price, bits), 1 / p["digital.clock"])
    leak = bits * price["technology.sram_leakage"]
    return Figures(memory_area(price, bits), leak, {"read": cost, "write": cost})


def multiply_add(
    input_bits: int, weight_bits: int, sum_bits: int, node: str | None = None, settings: Settings = None
) -> Figures:
    """A multiply-add unit. Action: 'compute', in a digital cycle.

    Raises InputError for a size below 1, an unknown node or setting.
    """
    _sizes(input_bits=input_bits, weight_bits=weight_bits, sum_bits=sum_bits)
    p, price = _parameters("m2ru", {}, node, settings)
    cost = Cost(multiply_add_energy(price, input_bits, weight_bits, sum_bits), 1 / p["digital.clock"])
    return Figures(logic_area(price, 1, input_bits, weight_bits, sum_bits), 0.0, {"compute": cost})


def _parameters(
    chip: str, wanted: Mapping[str, Any], node: str | None, settings: Settings
) -> tuple[ParameterSet, ParameterSet]:
    """Parameters of a chip and of its prices; `settings` go over what is wanted."""
    given = {**({} if node is None else {"technology.node": node}), **dict(settings or {})}
    priced = {name: value for name, value in given.items() if prices.is_price(name)}
    others = {**wanted, **{name: value for name, value in given.items() if name not in priced}}
    return catalog.parameters(chip, others), prices.parameters(priced, catalog.kind(chip).costs)


def _sizes(**sizes: int) -> None:
    """Raise InputError for a size that is no whole number of 1 or more."""
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{name} = {value}: give a whole number, 1 or more")
