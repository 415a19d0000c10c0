"""Pulses side by side: every cell ends where it ends when it is written alone, whoever is written beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cimlearn.compiled import entry
from cimlearn.devices.base import program
from cimlearn.devices.catalog import device
from cimlearn.devices.elementary import exp_of, power_of
from cimlearn.devices.walk import MANY, MEAN, W, enter, line_up, walk, walk_scratch, whole_pulses
from cimlearn.parameters import load

CELLS = 300
PLACE = 3e-6  # float32 rounding of a place after dozens of steps, in half windows
LAWS: dict[str, dict[str, Any]] = {
    "constant": {"law": "constant", "cycle": 0.3},
    "linear": {"law": "linear", "bend_up": 0.4, "bend_down": 0.9, "write_noise": 5.0},
    "soft": {"law": "soft-bounds", "cycle": 0.2, "cycle_absolute": 0.4, "bound_low": -0.75},
    "power": {"law": "power", "bend_up": 0.5, "bend_down": 2.0},
    "exponential": {"law": "exponential", "bend_up": 0.1, "rate_up": -2.5, "bend_down": 0.99, "rate_down": 2.5},
    "table": {"law": "table", "table_up": [2.0, 1.0, 0.5], "table_down": [0.5, 1.0, 2.0], "cycle": 1.0},
    "one-way": {"way": "up", "cycle_law": "summed", "cycle_absolute": 0.3, "cycle_slope": 0.1, "reset": 0.01,
                "reset_spread": 0.02},
}  # fmt: skip


@entry
def _side_by_side(one, room, state, own, ask, normal, uniform, read, pulses):
    whole = room.whole[: ask.size]
    whole_pulses(one, ask, uniform, whole)
    some = line_up(whole, room.order, room.ends)
    for q in range(some):
        n = room.order[1][q]
        enter(one, room, q, state[n], own[n], ask[n], normal[n], uniform[n], whole[n])
    walk(one, room, some)
    for q in range(some):
        n = room.order[1][q]
        state[n], read[n] = room.numbers[W, q], room.numbers[MEAN, q]
    pulses[:] = whole


@entry
def _alone(one, conductance, state, own, ask, normal, uniform, pulses):
    for n in range(ask.size):
        conductance[n], state[n], pulses[n] = program(
            one, conductance[n], state[n], own[n], ask[n], normal[n], uniform[n]
        )


@entry
def _elementary(x, y, answers):
    for n in range(x.size):
        answers[0, n], answers[1, n] = exp_of(y[n]), power_of(x[n], y[n])


@pytest.mark.parametrize("law", LAWS)
def test_every_cell_ends_where_it_ends_alone(law: str) -> None:
    """Writes of 0 to some hundred pulses, up and down, of cells that differ."""
    one = device(load("pulsed").replace({f"device.{k}": v for k, v in LAWS[law].items()}).part("device"))
    rng = np.random.default_rng(3)
    own = one.traits((CELLS,), rng)
    middle, half = float(one.middle), float(one.half)
    start = (middle + half * rng.uniform(-0.5, 0.5, CELLS)).astype(np.float32)
    size = rng.choice([0.0, 0.4, 1.3, 7.2, MANY + 20.7], CELLS, p=[0.1, 0.4, 0.3, 0.15, 0.05])
    ask = (float(one.pulse) * size * rng.choice([-1, 1], CELLS)).astype(np.float32)
    normal = rng.standard_normal(CELLS).astype(np.float32)
    uniform = rng.random(CELLS).astype(np.float32)
    seen, hidden, wanted = start.copy(), start.copy(), np.zeros(CELLS, np.int64)
    _alone(one, seen, hidden, own, ask, normal, uniform, wanted)
    place, read, pulses = start.copy(), np.zeros(CELLS, np.float32), np.zeros(CELLS, np.float32)
    _side_by_side(one, walk_scratch(True), place, own, ask, normal, uniform, read, pulses)
    assert np.array_equal(pulses, wanted)
    written = wanted > 0
    assert 0 < written.sum() < CELLS and wanted.max() > MANY
    for found, alone in ((place, hidden), (np.clip(read, *_bounds(one)), seen)):
        assert np.abs(found - (alone.astype(float) - middle) / half)[written].max() < PLACE * wanted.max()


def _bounds(one: Any) -> tuple[float, float]:
    """Places that a cell is read at."""
    return (one.low - one.middle) / one.half, (one.high - one.middle) / one.half


def test_elementary_functions_are_those_of_float64() -> None:
    y = np.linspace(-80, 80, 2001).astype(np.float32)
    x = np.concatenate([[0.0], np.logspace(-6, 2, 2000)]).astype(np.float32)
    small = (y / np.float32(20)).astype(np.float32)
    answers = np.zeros((2, y.size), np.float32)
    _elementary(x, y, answers)
    assert np.abs(answers[0] / np.exp(y.astype(float)) - 1).max() < 2e-7
    _elementary(x, small, answers)
    power = x[1:].astype(float) ** small[1:]
    scale = 1 + np.abs(small[1:] * np.log(x[1:].astype(float)))
    assert (np.abs(answers[1, 1:] / power - 1) / scale).max() < 2e-7
    _elementary(np.zeros(1, np.float32), np.full(1, 2.0, np.float32), answers[:, :1])
    assert answers[1, 0] == 0
