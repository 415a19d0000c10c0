"""Rules between two parameters of an analog array, checked once, where the parameters of a chip are read.

So a design that can't run has no price either, and the other way round. What can run but flatters the chip is named
beside its cost instead (costs/crossbar/served.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from cimlearn.devices import rules as device_rules
from cimlearn.devices.catalog import window
from cimlearn.errors import InputError
from cimlearn.parameters import ParameterSet, load

ARRAYS: Final = ("hidden", "output")
PULSED: Final = ("continuous", "ideal")  # devices whose cells move by what a pulse asks for
# What cimlearn.torch does not simulate, and the value at which it is off.
CIRCUIT: Final[dict[str, Any]] = {
    "periphery.reference_group": None,
    "periphery.transconductance": None,
    "periphery.wire": None,
}
# What time and temperature do to cells (arrays/ageing.py), and the value at which each is off.
AGEING: Final[dict[str, Any]] = {
    "cell.drift": 0,
    "cell.drift_spread": 0,
    "cell.relaxation": 0,
    "cell.telegraph": 0,
    "cell.temperature_coefficient": 0,
    "cell.temperature_spread": 0,
    "cell.activation": 0,
    "cell.retention": None,
}
TIMED: Final = ("cell.drift", "cell.drift_spread", "cell.relaxation_time", "cell.retention")  # need a clock
AROUND: Final = {"vteam": "m2ru_vteam"}  # presets of what stands around a device that can't take the usual
PAIRED: Final = "m2ru_one_sided"  # the same around cells that pulses move up alone
WHOLE: Final = ("cells", "one-sided")  # schemes of circuits, time and temperature


def around(device: str, own: ParameterSet) -> ParameterSet:
    """What the arrays of a kind of device with parameters `own` have otherwise than usual: nothing for most."""
    usual = PAIRED if "device.way" in own and own["device.way"] == "up" else None
    name = AROUND.get(device, usual)
    return load(name) if name else ParameterSet({})


def check(p: ParameterSet, arrays: Iterable[str] = ARRAYS) -> None:
    """Raise InputError where two parameters contradict each other.

    Parameters
    ----------
    p
        parameters of a chip, device included
    arrays
        the arrays whose integrators have a capacitor of their own in `p`
    """
    device = p.part("device")
    device_rules.check(device)
    _read_voltage(p, device)
    _range(p)
    _one_way(p)
    _circuit(p)
    _time(p)
    for name in arrays:
        _reach(p, name)


def mapped_scale(p: ParameterSet, name: str) -> float:
    """Weight per siemens [ohm] of array `name` (arrays/crossbar.py)."""
    low, high = window(p.part("device"))
    paired = p["mapping.kind"] == "pair"
    cells = (
        1 if p["write.scheme"] == "slices" else p["mapping.cells"]
    )  # the coarse slice spans the range alone
    return float((1 if paired else 2) * p[f"mapping.{name}_range"] / (cells * (high - low)))


def _read_voltage(p: ParameterSet, device: dict[str, Any]) -> None:
    """A read must not write."""
    name, limit = device_rules.read_limit(device) or ("periphery.threshold", p["periphery.threshold"])
    if p["periphery.read_voltage"] >= limit:
        raise InputError(
            f"periphery.read_voltage = {p['periphery.read_voltage']:g} V is not below {name} = {limit:g} V, so every "
            "read would write; lower the voltage (and the capacitors with it)"
        )


def _one_way(p: ParameterSet) -> None:
    """Cells that pulses move up alone need pairs that are written so, and the other way round."""
    alone, scheme = known(p, "device.way", "both") == "up", p["write.scheme"]
    if alone and scheme != "one-sided":
        raise InputError(
            f"write.scheme = {scheme} needs cells that pulses move both ways, and device.way = up; "
            "set write.scheme=one-sided and mapping.kind=pair"
        )
    if scheme != "one-sided":
        return
    if not alone:
        raise InputError(
            f"write.scheme = one-sided is for cells that pulses move up alone, and device.kind = {p['device.kind']} "
            "moves both ways; set write.scheme=cells, or device=pcm-nandakumar"
        )
    if p["mapping.kind"] != "pair" or p["mapping.cells"] != 1:
        raise InputError(
            "write.scheme = one-sided needs one cell for each sign of a weight, and the design has "
            f"mapping.kind = {p['mapping.kind']}, mapping.cells = {p['mapping.cells']}; set mapping.kind=pair and "
            "mapping.cells=1"
        )
    if p["write.refresh_lower"] > p["write.refresh_upper"]:
        raise InputError(
            f"write.refresh_lower = {p['write.refresh_lower']:g} is above write.refresh_upper = "
            f"{p['write.refresh_upper']:g}; swap them"
        )


def _range(p: ParameterSet) -> None:
    """A converter needs a range."""
    if p["periphery.converter_bits"] is not None and p["periphery.saturation"] is None:
        raise InputError(
            "periphery.saturation = none gives the converter no range; "
            "set periphery.converter_bits = none too, or a voltage"
        )


def _circuit(p: ParameterSet) -> None:
    """What the parts of the circuit need of each other."""
    group, wire = p["periphery.reference_group"], p["periphery.wire"]
    if p["write.scheme"] not in WHOLE:
        for name, off in CIRCUIT.items():
            if p[name] != off:
                raise InputError(
                    f"{name} = {p[name]:g} is not simulated with write.scheme = {p['write.scheme']}, "
                    f"which would flatter the chip; set {name} = none, or write.scheme = cells"
                )
    if wire is None:
        for name in ("periphery.source_resistance", "periphery.sink_resistance"):
            if p[name] > 0:
                raise InputError(
                    f"{name} = {p[name]:g} ohm has no wire to stand on: periphery.wire = none; set periphery.wire = 0"
                )
    elif p["mapping.kind"] == "reference" and group is None:
        raise InputError(
            f"periphery.wire = {wire:g} ohm needs a reference that wires reach, and periphery.reference_group = none; "
            "say how many columns share a reference column, as periphery.reference_group = 100, or map to pairs"
        )
    if group is None:
        for name in ("periphery.reference_spread", "periphery.copy_mismatch"):
            if p[name] > 0:
                raise InputError(
                    f"{name} = {p[name]:g} has no reference column: set periphery.reference_group too"
                )
    elif p["mapping.kind"] == "pair":
        raise InputError(
            f"periphery.reference_group = {group} with mapping.kind = pair: pairs have no reference; set one of them"
        )
    if p["periphery.noise_factor"] > 0 and p["periphery.transconductance"] is None:
        raise InputError(
            f"periphery.noise_factor = {p['periphery.noise_factor']:g} needs an amplifier: "
            "set periphery.transconductance"
        )


def ages(p: ParameterSet) -> bool:
    """Whether time or temperature change the cells."""
    return any(p[name] != off for name, off in AGEING.items())


def check_pulses(p: ParameterSet) -> None:
    """Raise InputError for cells and schemes that equal pulses are not simulated with."""
    off: dict[str, tuple[Any, ...]] = {
        "device.kind": PULSED,
        "mapping.kind": ("reference",),
        "mapping.cells": (1,),
        "write.scheme": ("cells",),
        "write.least": (0,),
        "write.tries": (0,),
    }
    for name, allowed in off.items():
        if p[name] not in allowed:
            raise InputError(
                f"{name} = {p[name]} is not simulated with rule.update = parallel; set {name} = {allowed[0]}, "
                "or rule.update = rows"
            )
    if ages(p):
        raise InputError(
            "cells that age are not simulated with rule.update = parallel, which would flatter the chip; "
            "set cell.ageing = none, or rule.update = rows"
        )


def known(p: ParameterSet, name: str, otherwise: Any) -> Any:
    """The parameter `name`; `otherwise` in a set without it, such as that of a layer of a PyTorch model."""
    if name not in p:
        return otherwise
    return p[name]


def _time(p: ParameterSet) -> None:
    """What time and temperature need of the rest."""
    if p["write.scheme"] not in WHOLE:
        for name, off in AGEING.items():
            if p[name] != off:
                raise InputError(
                    f"{name} = {p[name]:g} is not simulated with write.scheme = {p['write.scheme']}, "
                    f"which would flatter the chip; set {name} = {'none' if off is None else off}, "
                    "or write.scheme = cells"
                )
    if p["periphery.reference_tracks"] != "no" and p["mapping.kind"] == "pair":
        raise InputError(
            f"periphery.reference_tracks = {p['periphery.reference_tracks']} with mapping.kind = pair: pairs have no "
            "reference; set one of them"
        )
    if "operation.rate" in p and not p["operation.rate"]:
        rate = "none" if p["operation.rate"] is None else f"{p['operation.rate']:g}"
        for name in TIMED:
            if p[name]:
                raise InputError(
                    f"{name} = {p[name]:g} has no clock: operation.rate = {rate}; "
                    "give operation.rate the new examples a second, as 30"
                )
        raise InputError(f"operation.rate = {rate}: time needs new examples a second, as operation.rate = 30")


def _reach(p: ParameterSet, name: str) -> None:
    """The integrators of an array must not saturate on less than one weight."""
    if p["periphery.saturation"] is None:
        return
    bound, charge = p[f"mapping.{name}_range"], p[f"periphery.{name}_capacitance"]
    time = p["periphery.integration"] / p["periphery.clock"]
    unit = p["periphery.read_voltage"] * time / (charge * mapped_scale(p, name))
    reach = p["periphery.saturation"] / unit
    if reach < bound:
        raise InputError(
            f"periphery.{name}_capacitance = {charge:g} F lets the integrators saturate at {reach:.2g}, below the "
            f"largest weight {bound:g}; several cells per weight and small ranges need more charge: "
            f"at least {charge * bound / reach:.2g} F, several times that for sums of weights"
        )
