"""Energy of a ledger by phase and part [J]: counts times prices, nothing else.

Symbols: V_r read voltage, V_dd supply, T cycle, G_on conductance switched on (summed over cycles and bits), C_f
integrator capacitor, N_bits converter resolution, n_x number of x.

    cells         (G_on + G_mean n_pulses n_ref) V_r^2 a T       n_ref reference columns per tile, a T integration
    read drive    the same conductance times V_r (V_dd - V_r) a T: currents are drawn from V_dd
    copies        G_mean n_pulses columns V_r V_dd a T           of references that columns share (in read drive)
    shifters      n_pulses (C_shifter V_dd^2 + C_row V_r V_dd),  C_row = columns of a tile x cell pitch x wire
                  + n_selected (C_row + columns C_gate) V_dd^2           of rows whose cells a transistor switches on
                  sized: C_shifter and the gate of a driver of R = drop / ((1 - drop) G_row) on its row (drivers.py)
    integrators   n_integrations T V_dd I,  I = branches g_m / (g_m/I_D)
                  g_m = ln(2^(N_bits + 1)) (1 + load) C_f / (s T), or what holds the virtual ground where that is more
    converters    n_conversions E(N_bits)
    memories      n_bits E_sram(capacity) / 64,  E_sram = price.sram sqrt(capacity / 8 kB)      (Horowitz 2014)
                  deltas: registers of a lane each, by the same law at a lane's capacity
                  what feeds all lanes at once (feedback, changes, importance, P): at the capacity of one of price.banks
    logic         additions ~ bits, multiplications ~ product of bits, times 1 + overhead       (Horowitz 2014)
    writes        n_writes V_w^2 G_mean t_w, from a supply of V_w
                  in parallel: + n_row strobes (as n_selected) + n_column strobes C_column V_w^2
                  a verifying read: one cell read for T, its shifter, two cycles of an integrator, one conversion

G_mean is the mean conductance of the cells that inputs switched on, from the ledger itself; the references have
it too. The amplifier settles to half a step of the converter in the part s of a cycle (textbook switched-capacitor
design). Logic and converter prices are scaled between nodes by feature x V_dd^2. Where V_r > V_dd, V_r takes its place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from cimlearn.costs.base import Parts
from cimlearn.costs.crossbar.drivers import copied, driver_width, references
from cimlearn.costs.crossbar.machine import VERIFY_CYCLES, Machine
from cimlearn.costs.logic import add_energy, memory_energy, multiply_add_energy, table_energy
from cimlearn.errors import InputError
from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet

ANALOG_FEATURE: Final = (
    65e-9  # [m] node of the prices of amplifiers, level shifters and K-WTA (prices_m2ru.toml)
)
ANALOG_SUPPLY: Final = 1.2  # [V] its supply
BESIDE_LANES: Final = (  # memories that feed all lanes at once
    "feedback",
    "changes",
    "accumulators",
    "importance",
    "inverse",
)
WORD: Final = 64  # bits: half of them are compared for a held weight; a number of P has half as many


def conversion_energy(p: ParameterSet, bits: int | None) -> float:
    """Energy of one conversion [J]; 0 where nothing is converted.

    Raises
    ------
    InputError
        If there is no price for that many bits.
    """
    if bits is None:
        return 0.0
    node = p["technology.feature"] / p["price.converter_feature"]
    scale = node * (p["technology.supply"] / p["price.converter_supply"]) ** 2
    return _of_bits(p, "price.converter", bits) * scale


def converter_area(p: ParameterSet, bits: int | None) -> float:
    """Area of one converter [m2]."""
    scale = (p["technology.feature"] / p["price.converter_feature"]) ** 2
    return 0.0 if bits is None else _of_bits(p, "price.converter_area", bits) * scale


def _of_bits(p: ParameterSet, name: str, bits: int) -> float:
    """The entry of a price list for `bits` bits."""
    known, prices = p["price.converter_bits"], p[name]
    if len(known) != len(prices):
        raise InputError(
            f"{name} has {len(prices)} prices for {len(known)} resolutions (price.converter_bits); give as many"
        )
    if min(prices) < 0:
        raise InputError(f"{name} = {min(prices):g} is negative; a price is 0 or more")
    if bits in known:
        return float(prices[known.index(bits)])
    nearest = min(known, key=lambda b: abs(b - bits))
    return float(prices[known.index(nearest)] * 2.0 ** max(0.0, bits - nearest))


def integrator_transconductance(p: ParameterSet, m: Machine, name: str) -> float:
    """Transconductance of an integrator's amplifier [S]: settling asks for one, holding the column for another."""
    return max(settling_transconductance(p, m, name), m.holding(name) or 0.0)


def settling_transconductance(p: ParameterSet, m: Machine, name: str) -> float:
    """What settling to half a converter step asks for [S]."""
    constants = math.log(2.0 ** ((m.converter_bits or 8) + 1))
    return float(constants * (1 + p["price.load"]) * m.capacitance[name] * m.clock / p["price.settling"])


def integrator_power(p: ParameterSet, m: Machine, name: str) -> float:
    """Power of one integrator's amplifier of array `name` [W]."""
    current = p["price.branches"] * integrator_transconductance(p, m, name) / p["price.gm_per_ampere"]
    return current * p["technology.supply"]


def row_capacitance(p: ParameterSet, columns: int) -> float:
    """Capacitance of a row wire over `columns` cells [F]."""
    pitch = math.sqrt(p["price.cell_features"]) * p["technology.feature"]
    return columns * pitch * p["price.wire"]


def select_energy(p: ParameterSet, m: Machine, name: str) -> float:
    """Energy of switching on the transistors of one row of a tile, and off again [J]: its wire and a gate a cell."""
    columns = m.tile_columns(name) + references(m, p, name)
    line = row_capacitance(p, m.tile_columns(name)) + columns * p["price.select_gate"]
    return float(line * m.layers(name) * m.column_tiles(name) * p["technology.supply"] ** 2)


def pulse_energy(digital: Mapping[str, int], m: Machine, p: ParameterSet) -> float:
    """Energy of drawing and comparing the random numbers of parallel writes [J]."""
    return 2 * digital.get("pulse_bits", 0) * add_energy(p, m.change_bits)


def column_energy(p: ParameterSet, m: Machine, name: str) -> float:
    """Energy of a write pulse on the wires of one column, in all row tiles [J]."""
    wire = row_capacitance(p, m.tile_rows(name)) * m.row_tiles(name) * m.layers(name)
    return float(wire * p["price.write_voltage"] ** 2)


def energy(ledger: Ledger, machine: Machine, p: ParameterSet) -> dict[str, Parts]:
    """Energy by phase and part [J], without leakage (which is power times time).

    Raises
    ------
    InputError
        If the ledger is empty or a price is missing.
    """
    if not any(ledger.counts.values()):
        raise InputError(
            "the ledger is empty: nothing was done, so there is nothing to price; run the chip first"
        )
    mean = {name: mean_conductance(ledger, machine, name) for name in machine.arrays}
    return {
        phase: _phase(counts, ledger.conductance_on.get(phase, {}), mean, machine, p)
        for phase, counts in ledger.counts.items()
    }


def mean_conductance(ledger: Ledger, m: Machine, name: str) -> float:
    """Mean conductance of the cells of an array that active input bits switched on, over all phases [S]."""
    bits = ledger.total(name, "active_bits")
    cells = bits * m.arrays[name]["columns"] * m.layers(name)
    return sum(on.get(name, 0.0) for on in ledger.conductance_on.values()) / cells if cells else 0.0


def _phase(
    counts: Mapping[str, Mapping[str, int]],
    on: Mapping[str, float],
    mean: Mapping[str, float],
    m: Machine,
    p: ParameterSet,
) -> Parts:
    """The parts of one phase."""
    parts: Parts = {}
    for name in m.arrays:
        array = _array(name, counts.get(name, {}), on.get(name, 0.0), mean[name], m, p)
        for part, value in array.items():
            parts[part] = parts.get(part, 0.0) + value
    return (
        parts | _state(counts.get("digital", {}), m, p) | _activations(counts, m, p) | _learning(counts, m, p)
    )


def _array(name: str, n: Mapping[str, int], on: float, mean: float, m: Machine, p: ParameterSet) -> Parts:
    """Reads and writes of one array."""

    def get(action: str) -> int:
        return n.get(action, 0)

    supply, cycle = p["technology.supply"], 1.0 / m.clock
    driven = m.integration * cycle  # time in which a row is driven [s]
    pulses = get("row_pulses")
    on += pulses * mean * references(m, p, name)
    source = max(supply, m.read_voltage)  # what a read's currents are drawn from [V]
    charge = on * m.read_voltage * driven  # [C]
    copies = pulses * mean * copied(m, name) * m.read_voltage * driven  # [C]
    wire = row_capacitance(p, m.tile_columns(name))
    chosen = get("selected_rows") * select_energy(p, m, name)
    gates = p["price.shifter_load"] + driver_width(p, m, name, mean) * p["price.driver_gate"]
    shifter = gates * supply**2 + wire * m.read_voltage * source
    amplifier = integrator_power(p, m, name)
    conversion = conversion_energy(p, m.converter_bits)
    length = p["price.slot"] if "row_strobes" in n else p["price.write_pulse"]
    write = p["price.write_voltage"] ** 2 * mean * length
    read = m.read_voltage * source * mean * driven + shifter
    verify = read + VERIFY_CYCLES * cycle * amplifier + conversion
    return {
        "cells": charge * m.read_voltage,
        "read_drive": charge * (source - m.read_voltage) + copies * source,
        "level_shifters": pulses * shifter + chosen,
        "integrators": get("integrations") * cycle * amplifier,
        "converters": get("conversions") * conversion,
        "writes": get("writes") * write
        + get("verify_reads") * verify
        + get("row_strobes") * select_energy(p, m, name)
        + get("column_strobes") * column_energy(p, m, name),
    }


def _state(n: Mapping[str, int], m: Machine, p: ParameterSet) -> Parts:
    """The digital state unit: coefficients, tanh and sums of tiles; and the answer."""
    coefficients = n.get("multiply_add", 0) * multiply_add_energy(p, m.state_bits, m.word_bits, m.state_bits)
    kwta_scale = (p["technology.supply"] / ANALOG_SUPPLY) ** 2 * p["technology.feature"] / ANALOG_FEATURE
    return {
        "state_unit": coefficients
        + n.get("tanh", 0) * table_energy(p)
        + (n.get("tile_add", 0) + n.get("add", 0)) * add_energy(p, m.state_bits),
        "kwta": n.get("kwta", 0) * m.classes * p["price.kwta"] * kwta_scale,
        "softmax": n.get("exp", 0) * (table_energy(p) + multiply_add_energy(p, 8, 8, 16)),
    }


def _activations(counts: Mapping[str, Mapping[str, int]], m: Machine, p: ParameterSet) -> Parts:
    """The memory between layers, of models that have one (cimlearn.torch)."""
    if "activations" not in counts:
        return {}
    n = counts["activations"]
    bits = n["bits_read"] + n["bits_written"]
    return {"activation_memory": bits * memory_energy(p, m.memory_bits["activations"])}


def _learning(counts: Mapping[str, Mapping[str, int]], m: Machine, p: ParameterSet) -> Parts:
    """Gradients, their memories, the sparsifier, replay and random numbers."""
    digital, buffer = counts.get("digital", {}), counts.get("buffer", {})

    def moved(memory: str) -> float:
        """Energy of the bits moved in and out of one memory."""
        n = counts.get("buffer" if memory == "replay" else memory, {})
        bits = n.get("bits_read", 0) + n.get("bits_written", 0)
        capacity = m.register_bits if memory == "deltas" else m.memory_bits.get(memory, 0)
        banks = p["price.banks"] if memory in BESIDE_LANES else 1
        return bits * memory_energy(p, capacity / banks)

    held = {}
    if "gated" in digital or "inverse" in digital:
        held["consolidation"] = (
            digital.get("gated", 0) * (add_energy(p, p["price.random_bits"]) + add_energy(p, WORD / 2))
            + digital.get("inverse", 0) * multiply_add_energy(p, WORD / 2, WORD / 2, WORD / 2)
            + moved("importance")
            + moved("inverse")
        )
    return held | {
        "gradient": digital.get("gradient", 0)
        * multiply_add_energy(p, m.state_bits, m.word_bits, m.change_bits)
        + digital.get("scale", 0) * multiply_add_energy(p, m.change_bits, m.word_bits, m.change_bits),
        "gradient_memory": moved("trace")
        + moved("deltas")
        + moved("changes")
        + moved("accumulators")
        + moved("calibration"),
        "feedback_memory": moved("feedback"),
        "sparsifier": digital.get("compare", 0) * add_energy(p, m.change_bits),
        "replay_memory": moved("replay"),
        "random_numbers": (buffer.get("random_numbers", 0) + digital.get("random_signs", 0))
        * add_energy(p, p["price.random_bits"])
        + pulse_energy(digital, m, p),
    }
