"""Which arrays a model is put on: a kind, and parameters that all have an owner (value, unit, origin, source)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from cimlearn.arrays import rules
from cimlearn.costs import prices
from cimlearn.devices import catalog
from cimlearn.devices.technology import technology_parameters
from cimlearn.errors import InputError
from cimlearn.parameters import ParameterSet, load

Kind = Literal["crossbar", "bit-serial"]

# Parts of the chips' presets that describe arrays and what stands around them, not a network or a rule.
ANALOG: Final = ("tile", "mapping", "cell", "write", "periphery", "digital", "network.state_bits")
DIGITAL: Final = ("array", "cell", "faults")
OTHERS: Final = (  # of a chip of its own
    "mapping.hidden",
    "mapping.output",
    "periphery.hidden",
    "periphery.output",
    "cell.frozen",
    "cell.trained",
    "cell.learning",
)
EXACT: Final = {
    "periphery.input_bits": None,
    "periphery.converter_bits": None,
    "periphery.saturation": None,
    "periphery.cycle_mismatch": 0.0,
    "periphery.column_mismatch": 0.0,
    "periphery.offset": 0.0,
    "periphery.thermal": 0.0,
    "cell.variation": 0.0,
    "cell.read_noise": 0.0,
    "write.cells": "all",  # in turn, a pair's common part wanders, and one of its cells may end before the weight does
    "drift.exponent": 0.0,
    "drift.spread": 0.0,
}


@dataclass(frozen=True)
class Hardware:
    """Arrays for a model, as `crossbar`, `bit_serial` or `ideal` describe them."""

    kind: Kind
    parameters: ParameterSet
    prices: ParameterSet

    def replace(self, settings: Mapping[str, Any]) -> Hardware:
        """A copy with `settings` ('part.key' -> value), each checked for type, choice and range.

        Raises
        ------
        InputError
            For an unknown name, a value out of range, or a converter without a range.
        """
        priced = {name: value for name, value in settings.items() if prices.is_price(name)}
        others = {name: value for name, value in settings.items() if name not in priced}
        changes = {n: e.value for n, e in self.prices.entries().items() if e.changed} | priced
        found = self.parameters.replace(others)
        if self.kind == "crossbar":
            if found["write.scheme"] != "cells":
                raise InputError(
                    f"write.scheme = {found['write.scheme']} is M2RU's; layers of PyTorch models know 'cells' only"
                )
            _check_range(found)
        elif found["faults.rest_years"]:
            raise InputError(
                f"faults.rest_years = {found['faults.rest_years']:g} is not simulated by cimlearn.torch, which would "
                "flatter the model; leave it at 0 and call drift(model, seconds), or run the chip: "
                "cimlearn run sas-mram"
            )
        return Hardware(self.kind, found, _priced(self.kind, changes))


def crossbar(settings: Mapping[str, Any] | None = None, *, device: str = "continuous") -> Hardware:
    """Analog crossbars as M2RU has them; `device` says of which cells.

    continuous, pulsed, levels (HfO2 table), vteam or ideal, a published cell such as 'ecram', or a file of one's own
    such as 'mycell.toml'.

    Raises
    ------
    InputError
        For an unknown device or setting, or a value out of range.
    """
    own = {n: e for n, e in catalog.parameters(device).entries().items() if not n.startswith(OTHERS)}
    found = _part("m2ru", ANALOG).merged(ParameterSet(own)).merged(_part("to_chip", ()))
    found = found.merged(_own(rules.around(device, found)))
    return Hardware("crossbar", found, _priced("crossbar", {})).replace(settings or {})


def bit_serial(settings: Mapping[str, Any] | None = None) -> Hardware:
    """Digital bit-serial sub-arrays as SAS-MRAM has them; 'cell.technology' chooses the memory.

    Raises
    ------
    InputError
        For an unknown setting or memory, or a value out of range.
    """
    settings = dict(settings or {})
    own = ("range.input", "range.sum", "range.headroom", "training.headroom", "activation")
    base = _part("sas_mram", DIGITAL).merged(_part("to_chip", own))
    base = base.merged(_part("m2ru", ("digital.lanes",)))
    name = base.replace({k: v for k, v in settings.items() if k == "cell.technology"})["cell.technology"]
    found = technology_parameters(name).merged(base.replace({"cell.technology": name}))
    return Hardware("bit-serial", found, _priced("bit-serial", {})).replace(settings)


def ideal() -> Hardware:
    """Crossbars without any fault: no quantisation, no noise, exact cells."""
    return crossbar(EXACT, device="ideal")


def _priced(kind: Kind, changes: Mapping[str, Any]) -> ParameterSet:
    """The prices of a kind of array, with `changes`: M2RU's or SAS-MRAM's, and what digital logic costs there."""
    if kind == "crossbar":
        return prices.parameters(changes)
    return prices.parameters(changes, "bit-layers")


def _own(found: ParameterSet) -> ParameterSet:
    """Those that belong to no array of M2RU's."""
    return ParameterSet({n: entry for n, entry in found.entries().items() if not n.startswith(OTHERS)})


def _part(preset: str, starts: tuple[str, ...]) -> ParameterSet:
    """The entries of a preset whose names start with one of `starts`; all if there are none."""
    found = {
        name: entry
        for name, entry in load(preset).entries().items()
        if (not starts or name.startswith(starts)) and not name.startswith(OTHERS)
    }
    return ParameterSet(found)


def _check_range(p: ParameterSet) -> None:
    """The rules of arrays, what is not simulated here, and what a crossbar without a range can't have."""
    rules.check(p, ())
    if p["cell.ageing"] != "none":
        raise InputError(
            f"cell.ageing = {p['cell.ageing']} is not simulated by cimlearn.torch, which would flatter the model; "
            "set it to none here, or run the chip: cimlearn run m2ru"
        )
    for name, off in (rules.CIRCUIT | rules.AGEING).items():
        if p[name] != off:
            raise InputError(
                f"{name} = {p[name]:g} is not simulated by cimlearn.torch, which would flatter the model; "
                f"set it to {'none' if off is None else off} here, or run the chip: cimlearn run m2ru"
            )
    if p["periphery.saturation"] is not None:
        return
    for name in ("periphery.converter_bits", "periphery.offset", "periphery.thermal"):
        if p[name]:
            raise InputError(
                f"{name} = {p[name]:g} needs a range, and periphery.saturation is none; "
                f"set {name} = {'none' if name.endswith('bits') else 0} too, or give a voltage"
            )
