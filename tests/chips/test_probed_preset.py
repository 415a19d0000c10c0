"""What M2RU has otherwise where its feedback is probed: a preset, a start that reckons with slopes, rates by size."""

from __future__ import annotations

import numpy as np
import pytest

from cimlearn.chips.m2ru import parameters
from cimlearn.chips.m2ru.setup import first_feedback, rates
from cimlearn.parameters import load
from cimlearn.streams.base import StreamShape

PROBED = {"rule.feedback": "probed"}
CLOSE = 1e-6


def test_the_preset_comes_with_the_rule_and_settings_win() -> None:
    usual, probed = parameters({"rule.feedback": "through"}), parameters(PROBED)
    own = load("m2ru_probed")
    assert len(own) >= 4
    for name in own:
        assert probed[name] == own[name] != usual[name] == load("m2ru")[name]
        assert not probed.entry(name).changed
    chosen = parameters(PROBED | {"rule.answer": "softmax", "mapping.hidden_range": "1.5"})
    assert (chosen["rule.answer"], chosen["mapping.hidden_range"]) == ("softmax", 1.5)
    assert chosen["mapping.output_range"] == own["mapping.output_range"]


def test_what_stands_around_a_device_wins_over_the_rule() -> None:
    """A vteam cell has a read voltage and capacitors of its own, the rule its ranges."""
    p = parameters(PROBED | {"device.kind": "vteam"})
    assert p["periphery.read_voltage"] == load("m2ru_vteam")["periphery.read_voltage"]
    assert p["mapping.hidden_range"] == load("m2ru_probed")["mapping.hidden_range"]


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_the_first_feedback_is_the_gradient_of_a_network_of_that_slope(slope: float) -> None:
    """do/dh_t by differences, of h_t = lambda h_{t-1} + (1 - lambda) slope (x_t + beta h_{t-1} U_0), o = h_T Psi."""
    p = parameters(
        PROBED | {"rule.start_slope": slope, "network.hidden": 6, "network.lambda": 0.7, "network.beta": 0.8}
    )
    shape, draw = StreamShape(5, 3, 2, False), np.random.default_rng(3)
    psi, recurrent = draw.standard_normal((6, 2)), draw.standard_normal((6, 6)) / 2
    found = first_feedback(p, shape, psi.astype(np.float32), recurrent.astype(np.float32))

    def output(state: np.ndarray, steps: int) -> np.ndarray:
        for _ in range(steps):
            state = 0.7 * state + 0.3 * slope * 0.8 * state @ recurrent
        return state @ psi

    for t in range(5):
        wanted = np.stack([output(unit, 4 - t) for unit in np.eye(6)], axis=1)  # (classes, hidden)
        assert np.abs(found[2 * t : 2 * t + 2] - wanted).max() < CLOSE


def test_rates_of_a_probed_feedback_fall_with_the_units() -> None:
    """What one update moves an output is the same at all sizes: a row's rate is divided by the rows of its kind."""
    small, large = (rates(parameters(PROBED | {"network.hidden": n})) for n in (50, 200))
    for name in ("rate_recurrent", "rate_output"):
        assert small[name] == pytest.approx(4 * large[name])
    for name in ("rate_input", "rate_bias", "rate_output_bias"):
        assert small[name] == large[name]
    usual = parameters({})
    assert rates(usual)["rate_recurrent"] == usual["rule.rate_recurrent"]  # feedback through time: as given
