"""M2RU while time passes: its clock, rests, countermeasures, and that a run goes on to the same bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cimlearn.arrays.ageing import NOW, TEMPERATURE
from cimlearn.chips import parameters
from cimlearn.chips.m2ru import resting
from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.streams.base import StreamShape

SHAPE = StreamShape(steps=3, features=5, classes=3, signed=False)
SMALL: dict[str, Any] = {"network.hidden": 6, "rule.batch": 2, "replay.slots": 8, "rule.refresh": 10}
DAY = 86400.0
AGEING = SMALL | {
    "cell.drift": 0.02,
    "cell.drift_spread": 0.01,
    "cell.relaxation": 0.02,
    "cell.telegraph": 0.03,
    "cell.temperature_coefficient": -1e-3,
    "operation.rest": DAY,
    "operation.rate": 10,
    "operation.temperature": "273,343",
    "operation.age_interval": 3,
    "operation.calibration": "sum",
    "operation.refresh": 7,
    "periphery.reference_group": 3,
    "periphery.reference_tracks": "rewritten",
}


def examples(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x, y = rng.random((100, 3, 5)).astype(np.float32), rng.integers(0, 3, 100)
    return x[:count], y[:count]


def chip_of(settings: dict[str, Any], on: str = "chip") -> M2RU:
    return M2RU(parameters("m2ru-lowohmic", {"rule.feedback": "through"} | settings), SHAPE, seed=1, on=on)


def same(one: M2RU, other: M2RU) -> bool:
    mine, theirs = one.state()[0], other.state()[0]
    return mine.keys() == theirs.keys() and all(np.array_equal(mine[name], theirs[name]) for name in mine)


def test_it_goes_on_from_its_state_whatever_the_chunks() -> None:
    """State saved in the middle of a task; chunks of other sizes; a rest on both sides."""
    x, y = examples(60)
    whole, first, again = chip_of(AGEING), chip_of(AGEING), chip_of(AGEING)
    whole.learn(x[:30], y[:30])
    whole.rest()
    whole.learn(x[30:], y[30:])
    whole.rest()
    for part in (slice(0, 7), slice(7, 18), slice(18, 30)):
        first.learn(x[part], y[part])
    first.rest()
    first.learn(x[30:41], y[30:41])
    tensors, values = first.state()
    again.load(tensors, values)
    again.learn(x[41:], y[41:])
    again.rest()
    assert same(whole, again)
    assert np.array_equal(whole.predict(x), again.predict(x))


def test_the_clock_runs_by_examples_and_rests() -> None:
    chip = chip_of(AGEING | {"operation.refresh": 0})
    chip.learn(*examples(36))
    clock = chip.net.hidden.state.aged.clock
    assert clock[NOW] == pytest.approx(36 / 10) and clock[TEMPERATURE] == 273
    chip.rest()
    assert clock[NOW] == pytest.approx(36 / 10 + DAY) and clock[TEMPERATURE] == 343
    chip.rest()
    assert clock[NOW] == pytest.approx(36 / 10 + 2 * DAY) and clock[TEMPERATURE] == 273


def test_random_temperatures_lie_in_the_range() -> None:
    p = parameters("m2ru", {"operation.temperature": "273,343", "operation.temperature_order": "random"})
    drawn = [resting.temperature(p, n, seed=1) for n in range(50)]
    assert 273 <= min(drawn) < 285 and 331 < max(drawn) <= 343
    assert drawn == [resting.temperature(p, n, seed=1) for n in range(50)]


def test_only_what_changes_between_tasks_rests() -> None:
    assert not chip_of(SMALL).rests()
    assert not chip_of(SMALL | {"cell.drift": 0.02}).rests()
    assert chip_of(SMALL | {"operation.temperature": "273,343"}).rests()
    assert not chip_of(AGEING, on="float").rests()


def test_work_of_countermeasures_is_counted() -> None:
    """A calibration at the start and one a rest; replay alone; writes of references; corrections of every product."""
    plain, mended = chip_of(SMALL), chip_of(AGEING)
    for chip in (plain, mended):
        chip.learn(*examples(30))
    before = mended.ledger().counts["learn"]
    mended.rest()
    after = mended.ledger().counts["learn"]
    assert after["buffer"]["replayed"] - before["buffer"]["replayed"] == 7
    count, hidden, rows = 16, 6, 5 + 6 + 1
    reads = after["output"]["vectors"] - before["output"]["vectors"]
    assert reads == 7 + 3 * count  # replays; stored vectors before and after, and reads without input
    assert after["hidden"]["writes"] - before["hidden"]["writes"] >= 2 * rows * 2  # two reference columns
    sums = (rows + hidden + 1) * 8 * 2 + (hidden + 3) * 8
    assert (
        after["calibration"]["bits_written"] - before["calibration"]["bits_written"]
        == count * (hidden + 3) * 8
    )
    assert after["calibration"]["bits_read"] - before["calibration"]["bits_read"] == count * sums
    x, _ = examples(4)
    for chip in (plain, mended):
        chip.predict(x)
    work = [chip.ledger().counts["predict"] for chip in (plain, mended)]
    products = work[0]["hidden"]["vectors"] * hidden + work[0]["output"]["vectors"] * 3
    assert work[1]["digital"]["multiply_add"] - work[0]["digital"]["multiply_add"] == 2 * products
    assert mended.memory_bits()["calibration"] > 0 and "calibration" not in plain.memory_bits()


def test_calibration_keeps_what_a_warm_fixed_reference_takes() -> None:
    """Weights as the chip reads them: a common change of 7 % with a fixed reference, and after calibration."""
    settings = SMALL | {
        "cell.temperature_coefficient": -1e-3,
        "operation.temperature": "273,343",
        "periphery.converter_bits": 15,
        "cell.read_noise": 0,
    }
    found = {}
    for kind in ("none", "sum"):
        chip = chip_of(settings | {"operation.calibration": kind})
        chip.learn(*examples(20))
        x, _ = examples(100)
        before = chip.shares(x)
        chip.rest()
        found[kind] = np.abs(chip.shares(x) - before).mean()
    assert found["sum"] < 0.1 * found["none"]
