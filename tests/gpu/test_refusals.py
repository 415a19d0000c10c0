"""What a GPU does not simulate is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

import cimlearn
from cimlearn.chips.m2ru import parameters
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.gpu import served
from cimlearn.parameters import ParameterSet

USUAL = parameters({"rule.feedback": "probed"})
CHARGE: dict[str, Any] = {f"periphery.{name}_capacitance": 1e-11 for name in ("hidden", "output", "feedback")}
OTHER: dict[str, dict[str, Any]] = {
    "device.kind": {"device.kind": "levels"},
    "mapping.kind": {
        "mapping.kind": "pair",
        "periphery.reference_group": None,
        "periphery.reference_spread": 0.0,
    }
    | CHARGE,
    "mapping.cells": {"mapping.cells": 2} | CHARGE,
    "write.least": {"write.least": 0.01},
    "write.tries": {"write.tries": 1},
    "rule.keep_over": {"rule.keep_over": "array"},
    "rule.follow": {"rule.follow": 2},
    "rule.consolidate": {"rule.consolidate": "metaplastic"},
    "rule.feedback": {"rule.feedback": "timed"},
    "replay.random": {"replay.random": "lfsr"},
    "periphery.wire": {"periphery.wire": 1.0},
    "periphery.zero_read with rule.feedback = through": {"rule.feedback": "through"},
    "operation.temperature": {"operation.temperature": (300.0, 350.0)},
    "cell.drift": {"cell.drift": 0.05},
}


def test_the_default_is_served() -> None:
    for feedback in served.FEEDBACK:
        own = parameters({"rule.feedback": feedback, "periphery.zero_read": feedback == "probed"})
        served.check(own, own, on="chip")


@pytest.mark.parametrize("name", OTHER)
def test_what_is_not_simulated_is_named(name: str) -> None:
    changes = {"rule.feedback": "probed"} | OTHER[name]
    own = parameters(changes)
    usual = parameters({"rule.feedback": changes["rule.feedback"]})
    with pytest.raises(InputError, match=name):
        served.check(own, usual, on="chip")


def test_every_value_that_is_fixed_is_a_parameter_of_the_chip() -> None:
    assert set(served.FIXED) | served.FREE_NAMES <= set(USUAL)


def test_a_parameter_that_nobody_thought_of_is_refused_where_it_is_changed() -> None:
    entry = USUAL.entry("cell.read_noise")
    later = USUAL.merged(ParameterSet({"cell.moods": entry}))
    served.check(later, later, on="chip")
    with pytest.raises(InputError, match=r"cell\.moods = 0\.5 is not simulated on a GPU"):
        served.check(later.replace({"cell.moods": 0.5}), later, on="chip")


def test_twins_other_chips_and_devices_are_refused() -> None:
    with pytest.raises(InputError, match="not --on float"):
        served.check(USUAL, USUAL, on="float")
    with pytest.raises(InputError, match="not sas-mram"):
        cimlearn.run("sas-mram", stream="permuted-digits", on_device="cuda")
    with pytest.raises(InputError, match="on_device = tpu: give cpu or cuda"):
        Experiment("m2ru", "permuted-digits", on_device="tpu")
