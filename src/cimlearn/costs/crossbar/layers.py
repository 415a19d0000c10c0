"""Costs of a network of many layers on crossbars that learn in situ: any model, not M2RU's two arrays.

An array may have a second entry, NAME.back: its transposed reads, with drivers, integrators and converters of their own
on the same cells.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, Final

from cimlearn.costs.base import Costs, Note
from cimlearn.costs.crossbar.area import area
from cimlearn.costs.crossbar.costs import estimate
from cimlearn.costs.crossbar.energy import mean_conductance
from cimlearn.costs.crossbar.machine import Machine, circuit
from cimlearn.costs.crossbar.served import notes
from cimlearn.costs.lifetime import Rates
from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet

_PARAMETER: Final = re.compile(r"\b[a-z]+\.[a-z_]+\b")  # in a remedy
# What arrays of a network refuse to have other than switched off (cimlearn.torch.hardware).
NOT_SIMULATED: Final = frozenset(
    ("periphery.reference_group", "periphery.transconductance", "periphery.wire", "cell.ageing")
)
BACK: Final = ".back"  # after the name of an array: its transposed reads, and the periphery that they need


def layered(
    arrays: Mapping[str, Mapping[str, int]],
    memory_bits: Mapping[str, int],
    capacitance: Mapping[str, float],
    p: Mapping[str, Any],
) -> Machine:
    """The machine of arrays by name, memories [bit] by name, capacitors [F] by array and the arrays' parameters."""
    return Machine(
        arrays=arrays,
        memory_bits=memory_bits,
        lanes=p["digital.lanes"],
        kwta_inputs=0,
        clock=p["periphery.clock"],
        read_voltage=p["periphery.read_voltage"],
        converter_bits=p["periphery.converter_bits"],
        capacitance=capacitance,
        referenced=p["mapping.kind"] == "reference",
        classes=0,
        state_bits=p["network.state_bits"] or 32,
        word_bits=8,
        change_bits=p["digital.change_bits"],
        **circuit(p),
    )


def forward_only(made_of: Machine) -> Machine:
    """The machine without what belongs to transposed reads."""
    once = {name: one for name, one in made_of.arrays.items() if not name.endswith(BACK)}
    return dataclasses.replace(made_of, arrays=once)


def estimate_layers(
    done: Ledger,
    made_of: Machine,
    prices: ParameterSet,
    *,
    learned: int,
    rates: Rates | None,
    endurance: float | None,
    spread: float,
) -> Costs:
    """`estimate`, with the cells of each array counted once."""
    total = estimate(done, made_of, prices, learned=learned, rates=rates, endurance=endurance, spread=spread)
    once = forward_only(made_of)
    mean = {name: mean_conductance(done, made_of, name) for name in once.arrays}
    return dataclasses.replace(total, area=total.area | {"cells": area(once, prices, mean)["cells"]})


def layer_notes(done: Ledger, made_of: Machine, chip: Mapping[str, Any], p: ParameterSet) -> tuple[Note, ...]:
    """What is ideal in the arrays of a network of parameters `chip`, or no circuit serves, transposed reads too."""
    mean = {name: mean_conductance(done, made_of, name) for name in made_of.arrays}
    return tuple(
        note._replace(remedy=", or ".join(_possible(note.remedy)))
        for note in notes(made_of, chip, p, mean)
        if not (
            note.part.startswith("writes of") and note.part.endswith(BACK)
        )  # the same cells, written once
    )


def _possible(remedy: str) -> list[str]:
    """The ways of a remedy that networks know: they simulate none of `NOT_SIMULATED`, and refuse it."""
    return [way for way in remedy.split(", or ") if way and not NOT_SIMULATED & set(_PARAMETER.findall(way))]
