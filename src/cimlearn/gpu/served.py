"""Which chips a GPU simulates: every setting that its engine does not know is refused by name, none is ignored."""

from __future__ import annotations

from typing import Any, Final

from cimlearn.arrays.rules import AGEING
from cimlearn.errors import InputError
from cimlearn.parameters import ParameterSet

# The value that a mechanism must have, because the engine does not simulate any other.
FIXED: Final[dict[str, Any]] = {
    "device.kind": "continuous",
    "mapping.kind": "reference",
    "mapping.cells": 1,
    "write.scheme": "cells",
    "write.least": 0,
    "write.tries": 0,
    "write.missed": "forgotten",
    "periphery.reference_tracks": "no",
    "periphery.wire": None,
    "rule.update": "rows",
    "rule.consolidate": "none",
    "rule.keep_over": "column",
    "rule.follow": 0,
    "replay.random": "generator",
    "operation.rest": 0,
    "operation.refresh": 0,
    "operation.calibration": "none",
    **AGEING,
}
FEEDBACK: Final = ("probed", "through")
# What the engine reads, or what acts before a chip learns or after it has: free.
FREE: Final = (
    "network.",
    "device.",
    "adam.",
    "digital.",
    "prices.",
    "cost.",
    "rule.rate_",
    "rule.probe",
    "rule.winner",
    "rule.importance",
    "replay.bits",
    "replay.soft",
)
FREE_NAMES: Final = frozenset(
    {
        "rule.feedback",
        "rule.feedback_steps",
        "rule.start_slope",
        "rule.follow_decay",
        "rule.refresh",
        "rule.aligned",
        "rule.answer",
        "rule.keep_hidden",
        "rule.keep_output",
        "rule.batch",
        "rule.suited",
        "mapping.widest",
        "rule.scale",
        "rule.centre_over",
        "rule.ridge",
        "replay.slots",
        "replay.quantiser",
        "replay.ratio",
        "replay.weight",
        "tile.rows",
        "tile.columns",
        "mapping.hidden_range",
        "mapping.output_range",
        "mapping.feedback_range",
        "cell.variation",
        "cell.read_noise",
        "cell.stuck",
        "cell.stuck_at",
        "cell.endurance",
        "cell.endurance_spread",
        "cell.ageing",
        "cell.drift_start",
        "cell.drift_mended",
        "cell.drift_renewal",
        "cell.relaxation_time",
        "cell.telegraph_share",
        "cell.nominal_temperature",
        "cell.retention_place",
        "write.cells",
        "write.significance",
        "write.carry",
        "write.accumulator_bits",
        "write.first_tries",
        "write.tolerance",
        "periphery.input_bits",
        "periphery.converter_bits",
        "periphery.read_voltage",
        "periphery.clock",
        "periphery.hidden_capacitance",
        "periphery.output_capacitance",
        "periphery.feedback_capacitance",
        "periphery.saturation",
        "periphery.cycle_mismatch",
        "periphery.column_mismatch",
        "periphery.offset",
        "periphery.thermal",
        "periphery.integration",
        "periphery.threshold",
        "periphery.reference_spread",
        "periphery.copy_mismatch",
        "periphery.noise_factor",
        "periphery.temperature",
        "periphery.calibration",
        "periphery.wire_ends",
        "periphery.zero_read",
        "periphery.reference_group",
        "periphery.transconductance",
        "periphery.feedback_transconductance",
        "periphery.feedback_select",
        "mapping.fitted",
        "write.pulse_step",
        "write.pulse_slots",
        "periphery.source_resistance",
        "periphery.sink_resistance",
        "periphery.wire_interval",
        "periphery.converters",
        "operation.rate",
        "operation.age_interval",
        "operation.calibration_vectors",
        "operation.temperature_order",
    }
)


def check(p: ParameterSet, usual: ParameterSet, *, on: str) -> None:
    """Raise InputError for a chip that the engine does not simulate.

    Parameters
    ----------
    p
        parameters of the chip
    usual
        those of an unchanged one: a parameter that is neither known here nor free must have that value
    on
        its placement
    """
    if on != "chip":
        raise InputError(f"--on-device cuda simulates --on chip, not --on {on}; leave --on-device away")
    if p["rule.answer"] == "linear":
        _refuse("rule.answer", "linear", "softmax or kwta")
    if p["rule.feedback"] not in FEEDBACK:
        _refuse("rule.feedback", p["rule.feedback"], " or ".join(FEEDBACK))
    if p["rule.feedback"] == "through" and p["periphery.zero_read"]:
        _refuse("periphery.zero_read with rule.feedback = through", True, False)
    if len(set(p["operation.temperature"])) > 1:
        _refuse("operation.temperature", p["operation.temperature"], "one temperature")
    for name, value in FIXED.items():
        if name in p and p[name] != value:
            _refuse(name, p[name], value)
    for name in p:
        if name in FIXED or name in FREE_NAMES or name.startswith(FREE) or name == "operation.temperature":
            continue
        if name not in usual or p[name] != usual[name]:
            _refuse(name, p[name], usual.get(name, "a chip without it"))


def _refuse(name: str, value: Any, wanted: Any) -> None:
    shown = [
        "none" if one is None else str(one).lower() if isinstance(one, bool) else one
        for one in (value, wanted)
    ]
    raise InputError(
        f"{name} = {shown[0]} is not simulated on a GPU; set {name} = {shown[1]}, or leave --on-device away"
    )
