"""What a price leaves out in the chip's favour, part by part, and what no circuit could serve as it is set.

    ideal      a part without a fault or without a cost: so it has no price, and the total is too small
    unserved   two numbers that no circuit brings together: a swing without supply, a row without a driver
    derived    a price by a law outside its table

Nothing here changes a number. `run`, `price` and the page name it beside the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cimlearn.costs.base import Note
from cimlearn.costs.crossbar.drivers import driver_width, row_conductance
from cimlearn.costs.crossbar.energy import settling_transconductance
from cimlearn.costs.crossbar.machine import Machine
from cimlearn.parameters import ParameterSet
from cimlearn.units import number, percent, quantity

BOLTZMANN: Final = 1.380649e-23  # [J/K]
NOISE_FACTOR: Final = 4 / 3  # of an amplifier, where none is simulated
# Switched off: the parameter, the part, and what that means.
EXACT: Final = (
    ("periphery.input_bits", "inputs", "inputs of any precision in one cycle"),
    (
        "periphery.converter_bits",
        "converters",
        "columns are read exactly, by nothing that takes energy or area",
    ),
    ("periphery.saturation", "integrators", "integrators without a range"),
    ("network.state_bits", "state", "an exact digital state, priced as 32 bits"),
)
# What time and temperature do to cells, off where a run didn't know it.
TIME: Final = (
    ("cell.drift", "drift"),
    ("cell.relaxation", "relaxation"),
    ("cell.telegraph", "telegraph noise"),
    ("cell.temperature_coefficient", "change of conductance with temperature"),
)


def notes(
    m: Machine, chip: Mapping[str, Any], p: ParameterSet, mean: Mapping[str, float]
) -> tuple[Note, ...]:
    """What is ideal, unserved or derived.

    Parameters
    ----------
    m
        the chip as prices see it
    chip
        its parameters by name; those that a run did not know yet count as not simulated
    p
        prices
    mean
        mean conductance of each array's cells [S]
    """
    chip = dict(chip)  # a ParameterSet knows no `get` of an unknown name
    found = [*_exact(chip, m), *_converter(m, p), *_swing(m, chip, p), *_cycle(m, p)]
    for name in m.arrays:
        found += [
            *_row(m, p, name, mean[name]),
            *_column(m, chip, p, name, mean[name]),
            *_write(m, chip, p, name, mean),
        ]
    return tuple(found)


def _exact(chip: Mapping[str, Any], m: Machine) -> Iterator[Note]:
    """Parts that are switched off, and effects that are not simulated."""
    for name, part, text in EXACT:
        if name in chip and chip[name] is None:
            yield Note("ideal", part, f"{name} = none: {text}", f"give {name} a value")
    if chip.get("device.kind") == "ideal":
        yield Note("ideal", "cells", "device.kind = ideal: exact cells", "choose another device.kind")
    if m.referenced and m.reference_group is None:
        yield Note(
            "ideal",
            "reference",
            "periphery.reference_group = none: every column subtracts an exact reference; "
            "price.reference_columns prices one for a whole tile",
            "periphery.reference_group = 1, or a few columns for each reference",
        )
    if chip.get("periphery.wire") is None:
        yield Note(
            "ideal", "wires", "periphery.wire = none: wires without resistance", "periphery.wire = 0.65"
        )
    missing = [text for name, text in TIME if not chip.get(name)]
    if missing:
        yield Note(
            "ideal",
            "time and temperature",
            f"no {', '.join(missing[:-1])}{', or ' if missing[1:] else ''}{missing[-1]}",
            "cell.ageing = rram, operation.rest = 86400" if len(missing) == len(TIME) else "",
        )
    if chip.get("device.kind") == "vteam":
        yield Note(
            "ideal",
            "writes",
            "writes are priced as price.write_voltage and price.write_pulse, not as the pulses of the vteam model",
            "set both to the pulses that the model makes",
        )


def _converter(m: Machine, p: ParameterSet) -> Iterator[Note]:
    """Resolutions without a price of their own."""
    known = p["price.converter_bits"]
    if m.converter_bits is not None and m.converter_bits not in known:
        near = min(known, key=lambda b: abs(b - (m.converter_bits or 0)))
        law = (
            f"twice the price of {near:g} bits for each bit more"
            if m.converter_bits > near
            else f"as {near:g} bits"
        )
        text = f"a conversion of {m.converter_bits} bits is outside price.converter_bits: {law}"
        yield Note(
            "derived",
            "converters",
            text,
            "add it to price.converter_bits, price.converter and price.converter_area",
        )


def _swing(m: Machine, chip: Mapping[str, Any], p: ParameterSet) -> Iterator[Note]:
    """2 (V_sat + headroom) <= V_dd."""
    wanted, supply, kept = chip.get("periphery.saturation"), p["technology.supply"], p["price.headroom"]
    largest = supply / 2 - kept
    if wanted is None or wanted <= largest * (1 + 1e-9):
        return
    factor = wanted / largest if largest > 0 else 0.0
    remedy = (
        f"periphery.saturation = {largest:.3g} and {number(factor, 3)} times the capacitance keep the range of weights"
        if factor
        else "a higher technology.supply"
    )
    yield Note(
        "unserved",
        "integrators",
        f"periphery.saturation = {wanted:g} V is a swing of {2 * wanted:.2g} V, and technology.supply = {supply:g} V "
        f"leaves {max(0.0, 2 * largest):.2g} V beside price.headroom = {kept:g} V",
        remedy,
    )


def _cycle(m: Machine, p: ParameterSet) -> Iterator[Note]:
    """Integration and settling share the cycle."""
    used = m.integration + p["price.settling"]
    if used > 1 + 1e-9:
        yield Note(
            "unserved",
            "integrators",
            f"periphery.integration = {m.integration:g} and price.settling = {p['price.settling']:g} "
            f"take {used:g} of a cycle",
            f"periphery.integration = {max(0.01, 1 - p['price.settling']):g} with as much less capacitance",
        )


def _row(m: Machine, p: ParameterSet, name: str, mean: float) -> Iterator[Note]:
    """What a row draws against its wire and its driver."""
    conductance = row_conductance(p, m, name, mean)
    current = m.read_voltage * conductance
    density = current / p["price.wire_section"]
    if density > p["price.wire_density"]:
        yield Note(
            "unserved",
            f"rows of {name}",
            f"a row draws {quantity(current, 'A')}, {density / 1e10:.2g} MA/cm2 in price.wire_section, above "
            f"price.wire_density = {p['price.wire_density'] / 1e10:.2g} MA/cm2",
            "cells of higher resistance, or fewer tile.columns",
        )
    if p["price.drivers"] == "fixed" and conductance:
        width = p["price.shifter_load"] / p["price.driver_gate"] if p["price.driver_gate"] else 0.0
        lost = 1 / (1 + width / (p["price.driver_resistance"] * conductance)) if width else 1.0
        if lost > p["price.driver_drop"]:
            yield Note(
                "unserved",
                f"rows of {name}",
                f"a driver of price.shifter_load = {quantity(p['price.shifter_load'], 'F')} loses {percent(lost)} "
                f"of the read voltage on a row of {quantity(conductance, 'S')}; "
                f"price.driver_drop allows {percent(p['price.driver_drop'])}",
                f"price.drivers = sized ({quantity(sized_width(p, m, name, mean), 'm')} of gate a row)",
            )


def sized_width(p: ParameterSet, m: Machine, name: str, mean: float) -> float:
    """Gate width that a row would need, whatever drivers there are [m]."""
    return driver_width(p.replace({"price.drivers": "sized"}), m, name, mean)


def column_conductance(m: Machine, name: str, mean: float) -> float:
    """Conductance on a column's virtual ground [S]: its cells, and a reference column beside it."""
    beside = 1 if m.referenced and m.reference_group == 1 else 0
    return m.hanging_rows(name) * (m.layers(name) + beside) * mean


def column_noise(m: Machine, p: ParameterSet, chip: Mapping[str, Any], name: str, mean: float) -> float:
    """Noise of amplifier and column in one cycle [V], by the equation of arrays/periphery.py."""
    held = m.holding(name) or settling_transconductance(p, m, name)
    column = column_conductance(m, name, mean)
    factor = chip.get("periphery.noise_factor") or NOISE_FACTOR
    density = 4 * BOLTZMANN * chip.get("periphery.temperature", 300.0) * (factor / held * column**2 + column)
    return float((density * m.integration / m.clock / 2) ** 0.5 / m.capacitance[name])


def _column(m: Machine, chip: Mapping[str, Any], p: ParameterSet, name: str, mean: float) -> Iterator[Note]:
    """What a column's conductance does to its amplifier."""
    column, held = column_conductance(m, name, mean), settling_transconductance(p, m, name)
    if m.holding(name) is None and column:
        yield Note(
            "unserved",
            f"amplifiers of {name}",
            f"the amplifier that is priced has {quantity(held, 'S')}; a column of {quantity(column, 'S')} leaves it "
            f"{percent(held / (held + column))} of its current, and the run takes all of it",
            f"periphery.transconductance = {column:.2g} with periphery.calibration = mean, "
            "or cells of higher resistance",
        )
    noise = column_noise(m, p, chip, name, mean)
    range_ = chip.get("periphery.saturation")
    step = 2 * range_ / 2**m.converter_bits if range_ and m.converter_bits else 0.0
    if step and noise > step:
        yield Note(
            "unserved",
            f"noise of {name}",
            f"amplifier and column make {quantity(noise, 'V')} of noise in a cycle, above a converter step of "
            f"{quantity(step, 'V')}",
            "more periphery.transconductance, a slower clock, cells of higher resistance or shorter tiles",
        )
    told = chip.get("periphery.thermal") or 0.0
    if not chip.get("periphery.noise_factor") and noise > told:
        yield Note(
            "ideal",
            f"noise of {name}",
            f"amplifier and column make {quantity(noise, 'V')} of noise in a cycle, "
            f"and periphery.thermal is {quantity(told, 'V')}",
            f"periphery.thermal = {noise:.2g}, or periphery.noise_factor = 1.3 with an amplifier",
        )


def _write(
    m: Machine, chip: Mapping[str, Any], p: ParameterSet, name: str, mean: Mapping[str, float]
) -> Iterator[Note]:
    """The drop of a write along its row: cells evenly spread, the far one sees half of all current times the wire."""
    columns = m.tile_columns(name)
    kept = chip.get(f"rule.keep_{name}")  # a feedback array writes all
    share = (
        min(1.0, kept / m.arrays[name]["rows"]) if kept else 1.0
    )  # of the cells of a row that a write changes
    together = min(columns * share / p["price.write_phases"], p["price.write_together"] or columns)
    current = together * mean[name] * p["price.write_voltage"]
    wire = chip.get("periphery.wire")
    resistance = p["price.wire_resistance"] if wire is None else wire
    drop = current * resistance * columns / 2 / p["price.write_voltage"]
    if drop > p["price.write_drop"]:
        few = max(1, int(together * p["price.write_drop"] / drop))
        yield Note(
            "unserved",
            f"writes of {name}",
            f"a row writes {together:.0f} cells at a time with {quantity(current, 'A')}, which loses {percent(drop)} "
            f"of price.write_voltage on the wire; price.write_drop allows {percent(p['price.write_drop'])}",
            f"price.write_together = {few}, or cells of higher resistance",
        )
