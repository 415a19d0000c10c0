"""Two slices with carry: weights land where they are asked, what is read and pulsed is counted, narrow cells carry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hardware import QUIET, bar, write_all

from cimlearn.arrays.base import PULSES, VERIFY_READS
from cimlearn.arrays.build import crossbar
from cimlearn.chips import parameters
from cimlearn.devices.catalog import device
from cimlearn.errors import InputError

SLICES = {
    "write.scheme": "slices",
    "mapping.cells": 2,
    "mapping.hidden_range": 2.0,
    "write.tries": 4,
    "write.tolerance": 0.002,
    "write.first_tries": 30,
}
SHAPE = (6, 5)


def array(weight: np.ndarray, kind: str = "ideal", **changes: Any) -> Any:
    """A quiet crossbar of slices on a kind of cell."""
    p = parameters("m2ru-lowohmic", {**QUIET, **SLICES, **changes, "device.kind": kind})
    return crossbar(device(p.part("device")), p, weight.astype(np.float32), name="hidden", seed=1)


def slices_of(one: Any) -> tuple[np.ndarray, np.ndarray]:
    """What the coarse and the fine cell of each weight add to it, in float64."""
    low, high = one.device.window()
    parts = (one.state.cells.conductance.astype(float) - 0.5 * (low + high)) * one.scale
    return parts[0], parts[1] * float(one.sign[1])


def test_a_weight_is_the_sum_of_its_slices() -> None:
    wanted = np.random.default_rng(0).uniform(-1.9, 1.9, SHAPE)
    one = array(wanted)
    coarse, fine = slices_of(one)
    assert float(one.sign[1]) == 1 / 8
    assert np.allclose(coarse + fine, one.state.weight, atol=1e-5)
    assert np.allclose(one.state.weight, wanted, atol=1e-5)
    assert np.allclose(fine, 0, atol=1e-5)


def test_writes_add_up_through_carries() -> None:
    """100 changes of 0.01 .. 0.1 on ideal cells: the weight is their sum; fine parts stay below the carry of 0.2."""
    rng = np.random.default_rng(1)
    one = array(np.zeros(SHAPE))
    changes = rng.uniform(0.01, 0.1, (100, *SHAPE)) * rng.choice([-1, 1], (100, *SHAPE))
    write_all(one, changes)
    coarse, fine = slices_of(one)
    assert np.allclose(one.state.weight, changes.sum(0), atol=1e-3)
    assert np.all(np.abs(fine) <= 0.2 + 1e-3)
    writes = one.state.cells.writes - array(np.zeros(SHAPE)).state.cells.writes
    assert np.all(writes[1] >= 100) and 0 < writes[0].mean() < 0.4 * writes[1].mean()
    assert np.any(np.abs(coarse) > 0.2)


def test_reads_are_counted() -> None:
    """A weight that the fine cell takes: two reads before, one after the pulse that ends it."""
    one = array(np.zeros(SHAPE))
    reads, pulses = int(one.state.counts[VERIFY_READS]), int(one.state.counts[PULSES])
    change = np.zeros((1, *SHAPE))
    change[0, 2, 3], change[0, 4, 0] = 0.1, -0.05
    write_all(one, change)
    assert int(one.state.counts[PULSES]) - pulses == 2
    assert int(one.state.counts[VERIFY_READS]) - reads == 2 * (2 + 1)
    change[:] = 0
    change[0, 2, 3] = 0.15  # beyond the carry: one more read there, and the coarse cell's pulse and its check
    pulses, reads = int(one.state.counts[PULSES]), int(one.state.counts[VERIFY_READS])
    write_all(one, change)
    assert int(one.state.counts[PULSES]) - pulses == 2
    assert int(one.state.counts[VERIFY_READS]) - reads == 2 + 1 + 1 + 1
    assert one.state.weight[2, 3] == pytest.approx(0.25, abs=1e-5)


def test_accumulators_of_four_bits_lose_nothing_on_average() -> None:
    """Changes of 0.004 on steps of 0.06 / 8: what is written and what waits is their sum, on average."""
    one = array(np.zeros((40, 50)), **{"write.least": 0.06, "write.accumulator_bits": 4})
    write_all(one, np.full((100, 40, 50), 0.004))
    pending = one.state.pending.astype(float)
    assert np.all(np.abs(pending) < 0.06)
    assert np.allclose(pending / (0.06 / 8), np.rint(pending / (0.06 / 8)), atol=1e-3)
    total = (one.state.weight + pending).mean()
    error = np.sqrt(100 * 0.004 * (0.0075 - 0.004) / pending.size)
    assert total == pytest.approx(0.4, abs=4.5 * error + 0.002)


def test_narrow_cells_carry_what_they_cannot_hold() -> None:
    """Bounds at 0.3 of the window: without a second carry the fine cell would stop at 0.075 and lose the rest."""
    narrow = {"bound_low": -0.9, "bound_high": 0.3, "law": "constant", "step": 0.01, "most": 200, "cycle": 0,
              "step_spread": 0, "asymmetry_spread": 0, "bound_low_spread": 0, "bound_high_spread": 0}  # fmt: skip
    settings = {f"device.{key}": value for key, value in narrow.items()}
    one = array(np.full(SHAPE, -0.8), "pulsed", **settings)
    write_all(one, np.full((16, *SHAPE), 0.06))
    assert np.allclose(one.state.weight, -0.8 + 16 * 0.06, atol=0.03)


def test_what_a_write_missed_is_given_back() -> None:
    """300 changes of 0.02 up or down by chance, on cells whose steps down are 2.8 times those up in the middle.

    Without, the mean of all weights runs down, since writes end within the tolerance on the side that they come from.
    With, weights and what is given back are the sum of the changes.
    """
    settings = {"write.tolerance": 0.01, "write.tries": 4, "cell.variation": 0.1}
    changes = 0.02 * np.random.default_rng(4).choice([-1, 1], (300, *SHAPE))
    drifts = []
    for missed in ("forgotten", "kept"):
        one = array(np.zeros(SHAPE), "pcmo", **settings, **{"write.missed": missed, "rule.remainder": "kept"})
        start, left = np.array(one.state.weight, float), np.zeros(SHAPE)
        for change in changes:
            reads, before = int(one.state.counts[VERIFY_READS]), np.array(one.state.weight, float)
            given = write_all(one, (change + left)[None])[0]
            if missed == "kept":
                read = int(one.state.counts[VERIFY_READS]) - reads
                assert read >= 4 * np.count_nonzero(change + left)  # two of each before, two after
                missing = np.clip(
                    before + change + left - one.state.weight, -one.scheme.carry, one.scheme.carry
                )
                assert np.allclose(missing, given, atol=1e-5)
                left = given.astype(float)
        drifts.append(float((one.state.weight + left - start - changes.sum(0)).mean()))
    assert drifts[0] < -0.5 and abs(drifts[1]) < 0.03


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"write.tries": 0}, "needs writes that are verified"),
        ({"rule.remainder": "forgotten"}, r"needs rule\.remainder = kept"),
        ({"write.scheme": "cells"}, r"needs write\.scheme = slices"),
        ({"rule.follow": 1}, r"needs rule\.follow = 0"),
    ],
)
def test_nothing_is_given_back_to_nobody(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        bar(np.zeros(SHAPE), {**SLICES, "write.missed": "kept", "rule.remainder": "kept", **changes})


@pytest.mark.parametrize(
    "changes", [{"mapping.cells": 1}, {"mapping.cells": 4}, {"mapping.kind": "pair"}], ids=str
)
def test_a_design_without_the_cells_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"write\.scheme = slices needs two cells"):
        bar(np.zeros(SHAPE), {**SLICES, **changes})
