"""Failed writes of whole lines, and cells that are misread again and again."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr

from cimlearn.arrays import line_writes, weak
from cimlearn.arrays.bitserial import planes
from cimlearn.arrays.wear import Law, Lines
from cimlearn.devices.risks import Risks, changed
from cimlearn.devices.sensing import Margins
from cimlearn.devices.technology import technology

SIGMAS = 5.0


def int8(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)


def lines(weights: np.ndarray, together: int, law: Law | None = None) -> Lines:
    return Lines(weights, together, law or Law(), seed=1, names=("test",))


def near(count: int, of: int, rate: float) -> bool:
    return abs(count - of * rate) <= SIGMAS * math.sqrt(of * rate * (1 - rate)) + 1e-9


@pytest.mark.parametrize("together", [1, 3, 4, 8, 16])
def test_every_bit_of_a_driven_line_is_at_risk_and_no_other(together: int) -> None:
    """Four risks, four kinds of bit; which lines are driven is worked out bit by bit, without `Lines`."""
    old = int8(64, 96)
    new = old.copy()
    new[:, ::3] = int8(64, 32, seed=1)
    risks = Risks(0.02, 0.05, 0.1, 0.2)
    stored = line_writes.written(old, new, lines(old, together), risks, generator=np.random.default_rng(3))
    before, after, found = planes(old), planes(new), planes(stored)
    column = np.arange(64)[None, :, None] * 8 + np.arange(8)[:, None, None]  # (8, outputs, 1)
    group = np.broadcast_to(column // together, before.shape)
    driven = np.zeros((int(group.max()) + 1, 96), bool)
    np.logical_or.at(driven, (group, np.broadcast_to(np.arange(96), before.shape)), before != after)
    at_risk = driven[group, np.broadcast_to(np.arange(96), before.shape)]
    wrong = found != after
    assert not (wrong & ~at_risk).any()
    for number, risk in enumerate(risks):
        kind = at_risk & (before == number // 2) & (after == number % 2)
        if kind.any():
            assert near(int(wrong[kind].sum()), int(kind.sum()), risk), number
        assert kind.any() or together == 1


def test_a_failed_one_ends_as_zero_whatever_it_was() -> None:
    """The device's own table: after the reset a 1 that fails to be set is 0, though it was 1 before."""
    risks = technology("sas-mram").risks
    assert risks.keep_one == pytest.approx(risks.set_one, rel=1e-5) and risks.keep_one > 1e-8
    old = np.array([[0b0001_0001]], np.int8)
    new = np.array([[0b0001_0011]], np.int8)  # the lower line of four is driven, its lowest bit stays 1
    sure = Risks(0.0, 1.0, 0.0, 1.0)
    stored = line_writes.written(old, new, lines(old, 4), sure, generator=np.random.default_rng(0))
    assert stored[0, 0] == 0b0001_0000


def test_single_cells_keep_their_old_bit() -> None:
    old, new = int8(100, 100), int8(100, 100, seed=1)
    stored = line_writes.written(old, new, lines(old, 1), changed(1.0), generator=np.random.default_rng(0))
    assert np.array_equal(stored, old)


def test_stuck_cells_do_not_fail() -> None:
    old, new = int8(60, 60), int8(60, 60, seed=1)
    law = Law(stuck=0.3)
    cells = lines(old, 4, law)
    born = cells.born(old)
    held = cells.write(born, new)
    stored = line_writes.written(
        born, held, cells, Risks(1.0, 1.0, 1.0, 1.0), generator=np.random.default_rng(0)
    )
    stuck = ~cells.open(born, held)
    driven = lines(old, 4).open(born, held)
    assert np.array_equal((stored ^ born).view(np.uint8) & stuck, np.zeros_like(stuck))
    assert np.array_equal((stored ^ held).view(np.uint8), driven & ~stuck)


def test_without_risk_nothing_is_drawn() -> None:
    old, new = int8(5, 5), int8(5, 5, seed=1)
    assert line_writes.written(old, new, lines(old, 4), Risks(0, 0, 0, 0), generator=None) is new  # type: ignore[arg-type]


# ---- weak cells

MARGINS = Margins(
    1e-7, (-1e-6, -1e-7, 0.0, 3e-7, 6e-7), (0.001, 0.004, 0.006, 0.01, 0.02), (0, 0, 0, 0, 0.01)
)


def test_as_many_cells_are_weak_as_the_law_says_and_always_the_same() -> None:
    cells = weak.drawn(40_000, MARGINS, seed=2, names=("a",))
    again = weak.drawn(40_000, MARGINS, seed=2, names=("a",))
    assert all(np.array_equal(one, other) for one, other in zip(cells, again, strict=True))
    for bit, share in ((1, 0.02), (0, 0.01)):
        assert near(int((cells.state == bit).sum()), 320_000, share)
    certain = float(((cells.chance > 1 - 1e-9) & (cells.state == 1)).sum())  # margin below -6 noise
    assert certain == pytest.approx(
        320_000 * np.exp(np.interp(-6e-7, [-1e-6, -1e-7], np.log([0.001, 0.004]))), rel=0.1
    )
    assert np.all(cells.chance >= ndtr(-6.0) * 0.999)


def test_the_same_cells_fail_in_every_read() -> None:
    """The misread bits of 50 reads are weak cells that hold the state they are weak in, each at its own rate."""
    values = int8(100, 100)
    cells = {"w": weak.drawn(values.size, MARGINS, seed=2, names=("w",))}
    draw, reads = np.random.default_rng(5), 50
    counts = np.zeros((8, *values.shape))
    for _ in range(reads):
        got = weak.misread(cells, lambda name: values, draw=draw)
        counts += planes(got["w"]) != planes(values)
    at = cells["w"]
    rows = np.unravel_index(at.place // 8, values.shape)
    holds = planes(values)[(at.place % 8, *rows)] == at.state
    mine = counts[(at.place % 8, *rows)]
    assert counts.sum() == mine.sum() and not mine[~holds].any()
    certain = holds & (at.chance > 1 - 1e-9)
    assert certain.any() and np.all(mine[certain] == reads)
    spread = SIGMAS * np.sqrt(reads * at.chance * (1 - at.chance))
    assert np.mean(np.abs(mine - reads * at.chance)[holds] <= spread[holds] + 1) > 0.99


def test_the_mean_over_weak_cells_is_the_devices_read_error() -> None:
    """With spreads wide enough to see: the mean chance of all cells, drawn, against the integral."""
    cell = technology("sas-mram", {"read.spread_resistance_area": 0.15, "read.noise": 2e-7})
    assert cell.margins is not None
    words = 400_000
    drawn = weak.drawn(words, cell.margins, seed=1, names=())
    mean = 0.5 * drawn.chance.sum() / (8 * words)  # half of the cells hold the state
    assert mean == pytest.approx(cell.read_error, rel=0.1)
