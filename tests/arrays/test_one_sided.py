"""Pairs that pulses move up alone: which cell is pulsed, what is read and refreshed; the weight outlives it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hardware import QUIET, write_all

from cimlearn.arrays.base import PULSES, VERIFY_READS
from cimlearn.arrays.build import crossbar
from cimlearn.chips import parameters
from cimlearn.devices.catalog import device

SHAPE = (12, 10)
TOLERANCE = 0.02
PCM = {
    "device.kind": "pcm-nandakumar",
    "mapping.hidden_range": 1.0,
    "periphery.hidden_capacitance": 1e-11,
    "write.tolerance": TOLERANCE,
    "write.first_tries": 60,
}


def array(weight: np.ndarray, **changes: Any) -> Any:
    """A quiet crossbar of PCM pairs."""
    p = parameters("m2ru-lowohmic", {**QUIET, **PCM, **changes})
    return crossbar(device(p.part("device")), p, weight.astype(np.float32), name="hidden", seed=1)


def places(one: Any) -> np.ndarray:
    """(2, rows, columns) share of its window that each cell is at."""
    low, high = one.device.window()
    return (one.state.cells.conductance.astype(float) - low) / (high - low)


def tallied(one: Any) -> np.ndarray:
    return np.array([one.state.counts[PULSES], one.state.counts[VERIFY_READS]])


def test_first_weights_land_within_the_tolerance() -> None:
    wanted = np.random.default_rng(0).uniform(-0.6, 0.6, SHAPE)
    one = array(wanted)
    assert one.state.weight == pytest.approx(places(one)[0] - places(one)[1], abs=1e-5)
    assert np.mean(np.abs(one.state.weight - wanted) <= TOLERANCE + 1e-6) > 0.9


def test_more_goes_to_one_cell_and_less_to_the_other() -> None:
    """Blind changes of two pulses: two of the cell of their sign, none of the other; two reads a weight, no RESET."""
    one = array(np.zeros(SHAPE), **{"write.refresh_upper": 2.0})
    before, pulses = places(one), tallied(one)
    writes = one.state.cells.writes.copy()
    size = 2 * float(one.device.pulse) * one.scale * 1.0001
    change = np.zeros((1, *SHAPE))
    change[0, 3, :] = size
    change[0, 5, 1:4] = -size
    write_all(one, change)
    pulsed = one.state.cells.writes - writes
    assert np.all(pulsed[0, 3] == 2) and np.all(pulsed[1, 5, 1:4] == 2) and pulsed.sum() == 26
    assert list(tallied(one) - pulses) == [26, 2 * 13]
    moved = places(one) - before
    assert np.mean(moved[0, 3]) > 0 and np.all(moved[pulsed == 0] == 0)


def full(**changes: Any) -> tuple[Any, np.ndarray]:
    """An array whose pairs are full but those of row 0, and its weights."""
    one = array(np.zeros(SHAPE), **changes, **{"device.bound_high_spread": 0})
    low, high = one.device.window()
    share = np.random.default_rng(2).uniform(0.3, 0.9, (2, *SHAPE))
    share[0] = 0.98  # so that no noise of a pulse takes it below 0.75
    share[:, 0] = 0.2
    one.state.cells.conductance[:] = one.state.cells.state[:] = low + share * (high - low)
    return one, share[0] - share[1]


def test_a_full_pair_is_written_anew_and_keeps_its_weight() -> None:
    """A pulse on G_+ finds it full: afterwards the pair is emptier, and the weight is where it was within the noise of
    that pulse and the tolerance.
    """
    one, before = full(**{"write.refresh_tries": 60})
    count, writes = tallied(one), one.state.cells.writes.copy()
    change = np.zeros((1, *SHAPE))
    change[0, :3] = float(one.device.pulse) * one.scale * 1.0001
    write_all(one, change)
    share, pulsed = places(one), one.state.cells.writes - writes
    assert np.all(pulsed[0, 0] == 1) and np.all(pulsed[1, 0] == 0)  # row 0 isn't full
    assert np.all(pulsed[:, 1:3] >= 1) and np.all(pulsed[:, 3:] == 0)
    assert np.mean(share[0, 1:3] < 0.9) > 0.8  # 97.5 % in the mean
    noise = 0.6 * (0.03 + 0.042 + 0.108 * 2) / 2  # of that pulse, in weights of this range
    error = np.array(one.state.weight[1:3] - before[1:3])
    assert abs(error.mean()) < 0.05
    assert error.std() < np.hypot(noise, TOLERANCE) * 1.2
    reads, asked = tallied(one) - count, 3 * SHAPE[1]
    assert reads[0] == pulsed.sum() and reads[1] > 2 * asked


def test_verified_writes_add_up_through_refreshes() -> None:
    """40 verified changes of 0.1 up and down: the weight follows their sum; pairs are refreshed on the way."""
    rng = np.random.default_rng(4)
    one = array(np.zeros(SHAPE), **{"write.tries": 20, "write.refresh_tries": 60})
    changes = 0.1 * rng.choice([-1, 1], (40, *SHAPE))
    errors: list[np.ndarray] = []
    emptied = 0
    for change in changes:
        wanted, held = one.state.weight + change, places(one)
        write_all(one, change[None])
        errors.append(np.abs(one.state.weight - wanted)[np.abs(wanted) < 0.5])
        emptied += np.sum(np.any(places(one) < held - 0.2, axis=0))
    assert np.mean(np.concatenate(errors) <= TOLERANCE + 1e-6) > 0.8
    assert emptied > 10
