"""Vectors side by side and whole rows of writes: the same as one by one."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from hardware import QUIET, SIGMAS, UNIT, bar, unchecked, write_all

from cimlearn.arrays.base import (
    ACTIVE_BITS,
    PULSES,
    ROW_WRITES,
    VECTORS,
    lit_up,
    pass_key,
    product_groups,
    product_rows,
    products,
)
from cimlearn.arrays.build import crossbar
from cimlearn.arrays.crossbar import Crossbar
from cimlearn.arrays.matmul import add_product
from cimlearn.arrays.reading import side_scratch
from cimlearn.devices.continuous import Continuous

RNG = np.random.default_rng
SUM = 2e-6  # float32 products and sums, relative to the sum of magnitudes
CELL = 1e-6  # conductance of row_on, a float32 sum beside a float64 one, relative
NOISY: dict[str, Any] = {
    "mapping.hidden_range": 2,
    "tile.rows": 30,
    "cell.read_noise": 0.01,
    "periphery.thermal": 0.001,
    "periphery.offset": 0.002,
}


@numba.njit
def _add(c, a, b, count, first, last):
    add_product(c, a, b, count, first, last)


@numba.njit
def _side_by_side(array, which, x, keys, place, applied, out, room):
    products(array, which, which.size, x, keys, place, applied, out, room)
    for v in which:
        lit_up(array, 0, x.shape[1], room.lit[v])


@numba.njit
def _key(array):
    return pass_key(array)


@numba.njit
def _groups(array, x, applied, outs):
    product_groups(array, x, applied, outs)


@numba.njit
def _one_by_one(array, x, applied, outs):
    for g in range(outs.shape[0]):
        product_rows(array, g * x.size, x, applied, outs[g])


@pytest.mark.parametrize("columns", [1, 16, 17, 40, 64, 100, 131])
def test_add_product(columns: int) -> None:
    """The sums of c + a @ b, and the same bits for a row of c whatever stands beside it."""
    draw = RNG(columns)
    a, b, c = (draw.normal(size=s).astype(np.float32) for s in ((7, 23), (23, columns), (9, columns)))
    before = c.copy()
    _add(c, a, b, 7, 2, 21)
    wanted = before[:7] + a[:, 2:21].astype(float) @ b[2:21]
    size = np.abs(before[:7]) + np.abs(a[:, 2:21]).astype(float) @ np.abs(b[2:21])
    assert np.all(np.abs(c[:7] - wanted) <= SUM * size)
    assert np.array_equal(c[7:], before[7:])
    for n in range(7):
        alone = before[n : n + 1].copy()
        _add(alone, a[n : n + 1], b, 1, 2, 21)
        assert np.array_equal(alone[0], c[n])


def test_vectors_side_by_side_have_the_bits_of_vectors_alone() -> None:
    """Noise, two tiles, counts and what was switched on included; the pass decides the noise, not the place."""
    weight, x = RNG(0).uniform(-1, 1, (50, 36)), RNG(1).uniform(-1, 1, (5, 50)).astype(np.float32)
    together, alone = bar(weight, NOISY), bar(weight, NOISY)
    keys, out = np.array([_key(together) for _ in range(7)], np.uint64), np.zeros((5, 36), np.float32)
    which = np.array([6, 0, 3, 2, 5])
    _side_by_side(together, which, x, keys, 4, np.zeros_like(x), out, side_scratch(7, 50, 36))
    room, one = side_scratch(7, 50, 36), np.zeros((1, 36), np.float32)
    for n, v in enumerate(which):
        _side_by_side(alone, np.array([v]), x[n : n + 1], keys, 4, np.zeros((1, 50), np.float32), one, room)
        assert np.array_equal(one[0], out[n])
    assert np.array_equal(together.state.counts, alone.state.counts)
    assert together.state.counts[VECTORS] == 5 and together.state.counts[ACTIVE_BITS] > 0
    assert together.state.on == alone.state.on
    assert np.unique(out).size > 100


@pytest.mark.parametrize(("name", "together"), [("hidden", 4), ("feedback", 1)])
def test_one_vector_past_all_groups(name: str, together: int) -> None:
    """Groups of 4 rows, and of 1 (one output): what a product of each says, but for noise that is left out here."""
    settings = NOISY | {"cell.read_noise": 0, "periphery.thermal": 0, "tile.rows": 10}
    weight = RNG(0).uniform(-1, 1, (24, 9)).astype(np.float32)
    settings |= {"mapping.feedback_range": 2, "periphery.feedback_capacitance": 2e-12}
    array = crossbar(UNIT, unchecked({**QUIET, **settings}), weight, name=name, seed=1, together=together)
    assert list(array.tiles) == [0, 8, 16, 24]
    groups = 24 // together
    assert len(array.scratch.side.total) == groups, "each group has memory of its own"
    x = RNG(1).uniform(-1, 1, together).astype(np.float32)
    outs, wanted, applied = (np.zeros(s, np.float32) for s in ((groups, 9), (groups, 9), together))
    _one_by_one(array, x, applied, wanted)
    counts, on = array.state.counts.copy(), array.state.on[0]
    _groups(array, x, applied, outs)
    assert np.array_equal(outs, wanted)
    assert np.array_equal(array.state.counts, 2 * counts - np.array([0, 0, *counts[2:]]))
    assert array.state.on[0] == pytest.approx(2 * on, rel=1e-12)


def cell_by_cell(array: Crossbar) -> Crossbar:
    """The same array of one cell a weight, written by the scheme that takes cells one after the other."""
    return array._replace(scheme=array.scheme._replace(together=True))


@pytest.mark.parametrize("endurance", [None, 3.0])
def test_rows_of_writes_are_writes_of_cells(endurance: float | None) -> None:
    """Without noise of writes, to float32 rounding; some cells wear out on the way."""
    device = Continuous(np.float32(1e-5), np.float32(1e-4), np.float32(0), True)
    settings = {"mapping.hidden_range": 1, "cell.variation": 0.1, "cell.endurance": endurance}
    change = RNG(3).normal(0, 0.1, (6, 40, 33)) * (RNG(4).random((6, 40, 33)) < 0.5)
    change[:, 5] = 0  # a row without a change
    found = []
    for array in (bar(np.zeros((40, 33)), settings, device) for _ in range(2)):
        array.state.counts[:] = 0
        found.append(array if not found else cell_by_cell(array))
        write_all(found[-1], change)
    dense, single = found
    assert np.array_equal(dense.state.cells.writes, single.state.cells.writes)
    assert np.allclose(dense.state.cells.conductance, single.state.cells.conductance, rtol=CELL, atol=0)
    assert np.allclose(dense.state.weight, single.state.weight, rtol=0, atol=SUM)
    assert np.array_equal(dense.state.counts, single.state.counts)
    assert dense.state.counts[PULSES] == np.count_nonzero(change)
    assert dense.state.counts[ROW_WRITES] == 6 * 39
    assert np.allclose(dense.state.row_on, single.state.row_on, rtol=CELL)


def test_noise_of_rows_of_writes() -> None:
    """Each written cell misses by cycle * change times a normal of its own, each time anew."""
    device = Continuous(np.float32(0), np.float32(1), np.float32(0.2), False)
    array = bar(np.zeros((40, 30)), {"mapping.hidden_range": 1}, device)
    start = array.state.cells.conductance.copy()
    write_all(array, np.full((1, 40, 30), 0.01))
    first = array.state.cells.conductance - start
    write_all(array, np.full((1, 40, 30), 0.01))
    second = array.state.cells.conductance - start - first
    ask = 0.01 / array.scale
    draws = np.concatenate([first, second]).astype(float).ravel() / ask - 1
    error = 0.2 / np.sqrt(draws.size)
    assert abs(draws.mean()) < SIGMAS * error
    assert draws.std() == pytest.approx(0.2, abs=SIGMAS * error / np.sqrt(2))
    for other in (second, np.roll(first, 1, axis=1), np.roll(first, 1, axis=2)):
        assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < SIGMAS / np.sqrt(first.size)
