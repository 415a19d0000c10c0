"""A product with some rows, and a write to some rows: what the whole array would do with zeros elsewhere."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from hardware import QUIET, UNIT, bar, multiply, unchecked

from cimlearn.arrays.base import PULSES, VECTORS, product_rows, write_rows
from cimlearn.arrays.build import crossbar
from cimlearn.arrays.crossbar import row_tiles
from cimlearn.arrays.plain import plain

RNG = np.random.default_rng
WEIGHT = RNG(0).integers(-8, 9, (12, 5)) / 8  # dyadic: exact in float32
TILED: dict[str, Any] = {"mapping.hidden_range": 2, "tile.rows": 5, "periphery.input_bits": None}


@numba.njit
def _product_rows(array, first, x, applied, out):
    product_rows(array, first, x, applied, out)


@numba.njit
def _write_rows(array, first, change):
    write_rows(array, first, change)


def arrays() -> list[Any]:
    return [plain(WEIGHT), bar(WEIGHT, TILED)]


@pytest.mark.parametrize("which", [0, 1], ids=["plain", "crossbar"])
@pytest.mark.parametrize(("first", "count"), [(0, 12), (3, 1), (2, 6), (9, 3)])
def test_product_of_rows(which: int, first: int, count: int) -> None:
    array = arrays()[which]
    x = (RNG(1).integers(-4, 5, count) / 4).astype(np.float32)
    applied, out = np.zeros(count, np.float32), np.zeros(5, np.float32)
    _product_rows(array, first, x, applied, out)
    assert out == pytest.approx(x @ WEIGHT[first : first + count], abs=1e-6)
    assert np.array_equal(applied, x)
    assert array.state.counts[VECTORS] == 1


def test_only_tiles_with_a_driven_row_are_read() -> None:
    """Rows 0 .. 3 of three tiles of 4: the offsets of the others don't come in."""
    array = bar(WEIGHT, TILED | {"periphery.offset": 0.05, "periphery.saturation": 0.8})
    offsets = array.periphery.column[1]
    assert np.abs(offsets).min() > 0
    out = np.zeros(5, np.float32)
    _product_rows(array, 0, np.zeros(4, np.float32), np.zeros(4, np.float32), out)
    assert out == pytest.approx(offsets[0], rel=1e-6)
    whole = multiply(array, np.zeros((1, 12), np.float32))[0]
    assert whole == pytest.approx(offsets.sum(axis=0), abs=1e-6)


@pytest.mark.parametrize("which", [0, 1], ids=["plain", "crossbar"])
def test_write_to_rows(which: int) -> None:
    array = arrays()[which]
    before = array.state.weight.copy()
    pulses = array.state.counts[PULSES]
    change = (RNG(2).integers(-2, 3, (3, 5)) / 16).astype(np.float32)
    _write_rows(array, 4, change.copy())
    wanted = before.copy()
    wanted[4:7] += change
    assert array.state.weight == pytest.approx(wanted, abs=1e-6)
    if which == 1:
        assert array.state.counts[PULSES] - pulses == np.count_nonzero(change)


def test_tiles_hold_whole_groups() -> None:
    """7 groups of 3 rows in tiles of at most 8 rows: two groups a tile, four tiles."""
    assert row_tiles(21, 8, 3).tolist() == [0, 3, 9, 15, 21]
    assert row_tiles(21, 8).tolist() == [0, 7, 14, 21]


def test_rows_that_transistors_switch_off_load_no_column() -> None:
    """Groups of 3 rows: the amplifier of g_m loses G / (g_m + G), G of a group's cells and references alone."""
    changes: dict[str, Any] = {
        "mapping.feedback_range": 2,
        "periphery.transconductance": 9.0,
        "periphery.feedback_transconductance": 6.0,
        "periphery.feedback_select": "group",
        "periphery.reference_group": 1,
    }
    array = crossbar(
        UNIT, unchecked(QUIET | changes), np.asarray(WEIGHT, np.float32), name="feedback", seed=1, together=3
    )
    assert array.hanging.tolist() == [0, 3, 6, 9, 12] and array.tiles.tolist() == [0, 12]
    assert array.periphery.thermal == 0  # nothing was asked for
    g = array.state.cells.conductance[0].astype(float)
    loaded = g.reshape(4, 3, 5).sum(axis=1) + 3 * 0.5
    gain = np.repeat(6.0 / (6.0 + loaded), 3, axis=0)
    assert array.state.weight == pytest.approx(4 * (g - 0.5) * gain, abs=1e-5)
    before = array.state.weight.copy()
    _write_rows(array, 6, np.full((1, 5), 0.25, np.float32))
    same = [n for n in range(12) if np.array_equal(array.state.weight[n], before[n])]
    assert same == [0, 1, 2, 3, 4, 5, 9, 10, 11]  # of its own group alone the load has changed
