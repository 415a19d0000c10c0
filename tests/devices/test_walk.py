"""Pulses side by side: every cell ends where it ends when it is written alone, whoever is written beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cimlearn.arrays.base import PULSES, ROW_WRITES
from cimlearn.arrays.build import crossbar
from cimlearn.arrays.lines import Blind, ask_rows, scratch, written_as
from cimlearn.chips.m2ru import parameters
from cimlearn.compiled import entry
from cimlearn.devices.base import program
from cimlearn.devices.catalog import device
from cimlearn.devices.elementary import exp_of, power_of
from cimlearn.devices.walk import MANY, MEAN, W, enter, line_up, walk, walk_scratch, whole_pulses
from cimlearn.noise import fill_uniform_at, mixed, normal_at
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


@entry
def _rows_at_once(bar, work, count, key):
    ask_rows(bar, work, count, key)


@entry
def _cell_by_cell(bar, rows, change, key, pulses):
    """What an update of rows means, by the device's own definition; pulses (rows, columns) of each cell."""
    cells, columns, uniforms = bar.state.cells, change.shape[1], np.zeros(1, np.float32)
    for r in range(rows.size):
        for j in range(columns):
            i = rows[r]
            k, place = bar.state.turn[i, j], i * columns + j
            if change[r, j] == 0:
                continue
            bar.state.turn[i, j] = (k + 1) % bar.sign.size
            fill_uniform_at(mixed(~key), place, uniforms)
            ask = np.float32(change[r, j] * np.float32(1 / bar.scale) * bar.sign[k])
            found = program(
                bar.device, cells.conductance[k, i, j], cells.state[k, i, j], cells.gain[k, i, j], ask,
                normal_at(key, place), uniforms[0],
            )  # fmt: skip
            pulses[r, j] = found[2]
            cells.writes[k, i, j] += found[2]
            if found[2] > 0 and cells.writes[k, i, j] <= cells.limit[k, i, j]:
                cells.conductance[k, i, j], cells.state[k, i, j] = found[0], found[1]


@pytest.mark.parametrize("law", [name for name, own in LAWS.items() if "way" not in own])
def test_an_update_of_rows_is_a_write_of_each_cell_in_turn(law: str) -> None:
    """Rows that lie apart, of changes of 0 to dozens of pulses, again and again until some cells are worn."""
    own = {f"device.{k}": v for k, v in LAWS[law].items()} | {
        "device.kind": "pulsed",
        "periphery.saturation": None,
        "periphery.converter_bits": None,
    }
    p = parameters(own | {"mapping.kind": "pair", "cell.endurance": 60.0, "write.first_tries": 0})
    wanted = np.random.default_rng(1).uniform(-0.3, 0.3, (9, 7)).astype(np.float32)
    ours, theirs = (crossbar(device(p.part("device")), p, wanted, name="hidden", seed=2) for _ in range(2))
    target, work, rng = written_as(ours), scratch(7, 1), np.random.default_rng(3)
    assert isinstance(target, Blind)
    one, rows, counts = ours.device, np.array([0, 1, 4, 8]), ours.state.counts.copy()
    half, total, rounds = float(one.half), 0, 0
    for step in range(6):
        size = rng.choice([0.0, 0.4, 1.3, 30.2], (4, 7), p=[0.2, 0.3, 0.4, 0.1]) * rng.choice([-1, 1], (4, 7))
        change = (float(one.pulse) * ours.scale * size).astype(np.float32)
        work.rows[:4], work.change[:4] = rows, change
        pulses, key = np.zeros((4, 7), np.int64), np.uint64(step)
        _rows_at_once(target, work, 4, key)
        _cell_by_cell(theirs, rows, change, key, pulses)
        total, rounds = total + pulses.sum(), rounds + np.maximum(pulses.max(1), 1).sum()
    found, alone = ours.state.cells, theirs.state.cells
    assert np.array_equal(found.writes, alone.writes) and (found.writes > found.limit).any()
    assert np.array_equal(ours.state.turn, theirs.state.turn)
    assert (ours.state.counts - counts)[[PULSES, ROW_WRITES]].tolist() == [total, rounds]
    for a, b in ((found.state, alone.state), (found.conductance, alone.conductance)):
        assert np.abs((a.astype(float) - b) / half).max() < PLACE * 200
    held = found.conductance.astype(float)
    assert ours.state.row_on == pytest.approx(held.sum((0, 2)), rel=1e-5)
    assert np.abs(ours.state.weight - ours.scale * (held[0] - held[1])).max() < 1e-5


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
