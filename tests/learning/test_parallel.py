"""Pulses that coincide: mean, spread and signs by formula, what cells make of them, and a whole rule beside them."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from hardware import bar

from cimlearn.arrays.base import PULSES
from cimlearn.arrays.plain import plain
from cimlearn.arrays.pulses import write_pulses
from cimlearn.chips.m2ru import KIND
from cimlearn.chips.m2ru import parameters as settings
from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.devices.continuous import Continuous
from cimlearn.errors import InputError
from cimlearn.learning import parallel as pulses_of
from cimlearn.learning.parallel import COLUMNS, COUNTED, ROWS, SLOTS, Parallel, PulseScratch, PulseState
from cimlearn.random import kernel_state
from cimlearn.streams.base import StreamShape

STEP = 0.01
SIGMAS = 5  # of an estimate's own spread
A = np.array([1.0, -0.5, 0.0, 0.25], np.float32)
RATE = np.array([0.4, 0.2, 0.4, 0.1], np.float32)
D = np.array([0.5, -0.25, 0.1, 0.0, -0.4], np.float32)


@numba.njit
def _draw(parallel, a, rate, d, scale, step, pulses, counts):
    pulses_of.coincide(parallel, a, rate, d, scale, step, pulses, counts)


@numba.njit
def _write(array, first, up, down, step):
    write_pulses(array, first, up, down, step)


def scheme(longest: int = 31, seed: int = 0) -> Parallel:
    none = np.zeros((2, 0, 0), np.int32)
    state = PulseState(kernel_state(seed, "test"), *(np.zeros(COUNTED, np.int64) for _ in range(3)))
    scratch = PulseScratch(none, none, none, np.zeros(8, np.int32))
    return Parallel(longest, STEP, STEP, STEP, np.zeros(1, np.float32), state, scratch)


def drawn(count: int, scale: float, longest: int = 31, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(count, rows, columns) pulses up less pulses down of `count` equal terms, and the counters."""
    parallel, counts = scheme(longest, seed), np.zeros(COUNTED, np.int64)
    found = []
    for _ in range(count):
        pulses = np.zeros((2, 4, 5), np.int32)
        _draw(parallel, A, RATE, D, scale, STEP, pulses, counts)
        found.append(pulses[0] - pulses[1])
    return np.array(found), counts


@pytest.mark.parametrize("scale", [0.002, 0.05, 0.6], ids=["rarely a slot", "one or two", "twelve"])
def test_mean_and_spread_of_the_pulses(scale: float) -> None:
    """Mean -scale r a d / step. n = floor(v) + Bernoulli slots of chance pq: the variance is that of such a sum."""
    count = 20_000
    found, counts = drawn(count, scale)
    wanted = -scale * np.outer(RATE * A, D) / STEP
    v = scale * 0.4 * 0.5 / STEP  # D's largest is a power of 2
    chance = np.abs(wanted) / v
    part = v % 1
    variance = np.maximum(v * chance * (1 - chance) + part * (1 - part) * chance**2, 0)
    assert np.all(np.abs(found.mean(axis=0) - wanted) <= SIGMAS * np.sqrt(variance / count) + 1e-5)
    assert found.var(axis=0) == pytest.approx(variance, rel=0.1, abs=0.01 * v)
    assert 0 < counts[SLOTS] <= count * v * 1.1
    assert counts[SLOTS] <= counts[ROWS] and counts[SLOTS] <= counts[COLUMNS]


def test_longer_trains_than_there_are_slots_are_cut() -> None:
    """v = 12 slots asked for, 3 there: a quarter of every change."""
    found, counts = drawn(4_000, 0.6, longest=3)
    assert found.mean(axis=0)[0, 0] == pytest.approx(-0.6 * 0.4 * 0.5 / STEP / 4, rel=0.05)
    assert counts[SLOTS] <= 3 * 4_000


def test_pulses_of_a_linear_cell() -> None:
    """n pulses move it by n steps; noise is that of n independent pulses, wear counts each."""
    device = Continuous(np.float32(0), np.float32(1), np.float32(0.3), False)
    array = bar(np.zeros((40, 50)), {"mapping.hidden_range": 2}, device)
    before, seen = array.state.weight.copy(), array.state.counts[PULSES]
    writes = array.state.cells.writes.copy()
    up, down = np.full((40, 50), 9, np.int32), np.full((40, 50), 4, np.int32)
    _write(array, 0, up, down, STEP)
    moved = (array.state.weight - before) / STEP
    assert moved.mean() == pytest.approx(5, abs=SIGMAS * 0.3 * np.sqrt(13 / 2000))
    assert moved.std() == pytest.approx(0.3 * np.sqrt(13), rel=SIGMAS / np.sqrt(2 * 2000))
    assert array.state.counts[PULSES] - seen == 13 * 2000
    assert np.all(array.state.cells.writes - writes == 13)
    assert not up.any() and not down.any()  # forgotten
    float_twin = plain(np.zeros((3, 2)), 0.04)
    _write(float_twin, 1, np.full((2, 2), 9, np.int32), np.full((2, 2), 4, np.int32), STEP)
    assert float_twin.state.weight[:, 0] == pytest.approx([0, 0.04, 0.04])  # its bound


def test_a_cell_that_pulses_wear_out_stays() -> None:
    array = bar(np.zeros((1, 2)), {"mapping.hidden_range": 2})
    array.state.cells.limit[0, 0] = array.state.cells.writes[0, 0] + np.array([8, 9])
    before = array.state.weight.copy()
    _write(array, 0, np.full((1, 2), 9, np.int32), np.zeros((1, 2), np.int32), STEP)
    assert array.state.weight[0] - before[0] == pytest.approx([0, 9 * STEP], abs=1e-6)


def test_fine_pulses_are_the_rule_that_forms_every_product() -> None:
    """Both rules from the same weights, one example after another: differences stay within those of drawn pulses."""
    shape, draw = StreamShape(5, 4, 3, False), np.random.default_rng(1)
    x = draw.random((12, 5, 4), np.float32)
    y = x.mean(axis=1).argmax(axis=1) % 3
    common: dict[str, Any] = {
        "rule.feedback": "probed",
        "network.hidden": 6,
        "replay.slots": 8,
        "rule.keep_hidden": None,
        "rule.probed_rate_input": 1.0,
        "rule.rate_recurrent": 0.01,
        "rule.probed_rate_output": 0.002,
    }
    own = {"rule.batch": 1, "write.pulse_step": 5e-5, "write.pulse_slots": 1000}
    twins = []
    for update in ("rows", "parallel"):
        chip = M2RU(settings(common | own | {"rule.update": update}), shape, seed=2, on="float")
        start = chip.weights()
        chip.learn(x, y)
        twins.append({name: weight - start[name] for name, weight in chip.weights().items()})
    for name, wanted in twins[0].items():
        step = getattr(chip.work.parallel, name)  # the last chip's, which writes by pulses
        spread = np.sqrt(step * np.abs(wanted).max())  # of as many pulses
        assert np.abs(wanted).max() > 2 * spread
        assert np.abs(twins[1][name] - wanted).max() < SIGMAS * spread, name
        assert np.corrcoef(twins[1][name].ravel(), wanted.ravel())[0, 1] > 0.95, name


def test_a_loaded_state_goes_on_with_the_same_pulses() -> None:
    shape = StreamShape(5, 4, 3, False)
    x = np.random.default_rng(1).random((8, 5, 4), np.float32)
    y = np.arange(8) % 3
    p = settings(
        {"rule.feedback": "probed", "network.hidden": 6, "replay.slots": 4, "rule.update": "parallel"}
    )
    whole, first, second = (M2RU(p, shape, seed=2, on="float") for _ in range(3))
    whole.learn(x, y)
    first.learn(x[:3], y[:3])
    second.load(*first.state())
    second.learn(x[3:], y[3:])
    for name, weight in whole.weights().items():
        assert np.array_equal(weight, second.weights()[name])
    assert whole.ledger() == second.ledger()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rule.keep_hidden", 8),
        ("rule.consolidate", "metaplastic"),
        ("write.tries", 2),
        ("device.kind", "levels"),
        ("write.least", 0.2),
        ("cell.drift", 0.01),
        ("rule.follow", 3),
    ],
)
def test_what_does_not_go_with_parallel_writes(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=r"rule\.update = parallel"):
        settings({"rule.update": "parallel", name: value})


def test_a_twin_that_gathers_changes_pays_for_them() -> None:
    """The digital chip beside parallel writes does what it does beside rows that write every change."""
    from cimlearn.costs import prices
    from cimlearn.costs.crossbar.energy import energy
    from cimlearn.costs.crossbar.machine import machine
    from cimlearn.costs.crossbar.twin import twin_energy
    from cimlearn.parameters import load

    shape, found = StreamShape(28, 28, 10, False), {}
    for update in ("rows", "parallel"):
        p = settings({"rule.feedback": "probed", "rule.keep_hidden": None, "rule.update": update})
        design = KIND.design(p.merged(load("expected")), shape, learned=8000, predicted=10)
        m, priced = machine(design.inventory, p), prices.parameters({})
        chip = energy(design.ledger, m, priced)
        found[update] = chip["learn"], twin_energy(design.ledger, chip, m, priced)["learn"]
    for part in (
        "gradient",
        "gradient_memory",
        "sparsifier",
        "multiply_add",
        "random_numbers",
        "weight_memory",
    ):
        assert found["parallel"][1][part] == pytest.approx(found["rows"][1][part], rel=1e-6), part
    assert found["parallel"][0]["gradient"] < 0.1 * found["rows"][0]["gradient"]
