"""Fast arrays of Tiki-Taka (learning/transfer.py): their parameters, sizes and counts, without a simulator."""

from __future__ import annotations

from typing import Final

from cimlearn.arrays import rules
from cimlearn.arrays.crossbar_counts import ArraySize, ArrayTally, Counts, array_counts, array_size
from cimlearn.devices.catalog import window
from cimlearn.errors import InputError
from cimlearn.parameters import ParameterSet

FAST: Final = {"hidden": "hidden_fast", "output": "output_fast"}
HEADROOM: Final = 1.25  # of the integrators beyond one full row


def is_transferred(p: ParameterSet) -> bool:
    """Whether changes go to fast arrays first."""
    return bool(p["write.scheme"] == "transfer")


def with_capacitors(p: ParameterSet) -> ParameterSet:
    """`p` with capacitors for the fast arrays, where it has none: charged by one row alone.

    Raises
    ------
    InputError
        For what is not simulated with fast arrays.
    """
    off = {"rule.update": "rows", "rule.follow": 0, "mapping.kind": "reference", "rule.consolidate": "none"}
    for name, only in off.items():
        if p[name] != only:
            raise InputError(
                f"{name} = {p[name]} is not simulated with write.scheme = transfer; set {name} = {only}, "
                "or another write.scheme"
            )
    if p["transfer.zero_pulses"] and "device.law" not in p:
        raise InputError(
            f"transfer.zero_pulses = {p['transfer.zero_pulses']} needs cells that are written by pulses, and "
            f"device.kind = {p['device.kind']}; set transfer.zero_pulses = 0"
        )
    entries = {}
    for slow, fast in FAST.items():
        name = f"periphery.{fast}_capacitance"
        if p[name] is None:
            time = p["periphery.integration"] / p["periphery.clock"]
            own = fast_design(p)
            charge = p["periphery.read_voltage"] * time * own[f"mapping.{fast}_range"]
            charge /= rules.mapped_scale(own, fast)
            reach = p["periphery.saturation"]
            value = p[f"periphery.{slow}_capacitance"] if reach is None else HEADROOM * charge / reach
            entries[name] = p.entry(name).model_copy(update={"value": float(value)})
    return p.merged(ParameterSet(entries))


def fast_design(p: ParameterSet) -> ParameterSet:
    """Parameters of the fast arrays: blind pulses into one cell, beside one that holds its zero or none."""
    return p.replace(
        {
            "write.scheme": "cells",
            "write.cells": "first",
            "write.least": 0.0,
            "write.tries": 0,
            "mapping.kind": "pair" if p["transfer.zero_pulses"] else "reference",
            "mapping.cells": 1,
        }
    )


def fast_sizes(p: ParameterSet, slow: dict[str, ArraySize]) -> dict[str, ArraySize]:
    """Sizes of the fast arrays, by name; none where changes are written directly."""
    if not is_transferred(p):
        return {}
    return {fast: array_size(fast_design(p), slow[n].rows, slow[n].columns) for n, fast in FAST.items()}


def fast_counts(size: ArraySize, one: ArrayTally) -> Counts:
    """Counts of a fast array: each vector drives one row and reads its tile alone."""
    counts = array_counts(size._replace(row_tiles=1), one)
    return counts | {"products": one.vectors * size.columns}


def expected_tally(p: ParameterSet, size: ArraySize, updates: int, proposed: int) -> ArrayTally:
    """What a fast array does in `updates` updates that propose so many changes."""
    moved = updates // int(p["transfer.every"]) * int(p["transfer.rows"])
    lit = moved * size.cycles
    low, high = window(p.part("device"))
    on = lit * size.columns * size.layers * 0.5 * (low + high)
    pulses = round(proposed * p["expected.pulses_per_change"])
    return ArrayTally(moved, lit, pulses, 0, updates * size.rows, on)
