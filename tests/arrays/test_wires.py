"""Wires: the effective matrix against a dense nodal analysis written apart, and against closed forms."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nodal import currents

from cimlearn.arrays.circuit import _through
from cimlearn.arrays.wires import Wires, effective

SOLVED = 1e-9  # relative, both in float64
SHORTED = 1e-4  # the nodal analysis has short wires in place of none, which cost it digits
RNG = np.random.default_rng


def random_cells(rows: int, columns: int, seed: int) -> np.ndarray:
    """(rows, columns) in the window of the HfO2 table, some cells open."""
    cells = RNG(seed).uniform(4e-5, 2.83e-4, (rows, columns))
    cells[RNG(seed + 1).random(cells.shape) < 0.1] = 0.0
    return cells


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    segment=st.sampled_from([0.0, 0.1, 1.0, 5.0, 300.0]),
    source=st.sampled_from([0.0, 50.0]),
    sink=st.sampled_from([0.0, 20.0]),
    both=st.booleans(),
    seed=st.integers(0, 99),
)
def test_effective_matrix_is_kirchhoffs(
    rows: int, columns: int, segment: float, source: float, sink: float, both: bool, seed: int
) -> None:
    cells, volts = random_cells(rows, columns, seed), RNG(seed).uniform(-0.1, 0.1, rows)
    got = volts @ effective(cells, Wires(segment, source, sink, both))
    wanted = currents(cells, volts, segment=segment, source=source, sink=sink, both=both)
    near = SOLVED if segment else SHORTED
    assert got == pytest.approx(wanted, rel=near, abs=near * np.abs(volts @ cells).max() + 1e-15)


def test_one_cell_is_a_chain_of_resistors() -> None:
    """Driver, segment, cell, segment, sink."""
    found = effective(np.array([[1e-3]]), Wires(2.0, 30.0, 7.0, False))
    assert found[0, 0] == pytest.approx(1 / (30 + 2 + 1000 + 2 + 7), rel=SOLVED)


def test_no_resistance_is_no_effect() -> None:
    cells = random_cells(5, 4, 1)
    assert np.array_equal(effective(cells, Wires(0.0, 0.0, 0.0, False)), cells)


def test_published_attenuation() -> None:
    """Mean G_eff / G of 128 x 128 cells of 3.5 to 25 k ohm and of 200 k to 2 M ohm, as an independent audit found it:
    0.38, 0.21, 0.12 at 1, 2.5, 5 ohm; 0.97, 0.93, 0.87. Its cells are drawn otherwise: within 0.03.
    """
    for low, high, wanted in (
        (1 / 25e3, 1 / 3.5e3, (0.38, 0.21, 0.12)),
        (1 / 2e6, 1 / 2e5, (0.97, 0.93, 0.87)),
    ):
        cells = RNG(0).uniform(low, high, (128, 128))
        for segment, share in zip((1.0, 2.5, 5.0), wanted, strict=True):
            found = effective(cells, Wires(segment, 0.0, 0.0, False))
            assert np.mean(found / cells) == pytest.approx(share, abs=0.03)


def test_both_ends_lose_less() -> None:
    cells = RNG(0).uniform(4e-5, 2.83e-4, (16, 32))
    one, both = (effective(cells, Wires(1.0, 0.0, 0.0, ends)) for ends in (False, True))
    assert np.all(both > one)


@pytest.mark.parametrize("both", [False, True])
def test_a_group_sees_no_cells_of_rows_that_are_off(both: bool) -> None:
    """Groups one after another: the same as a whole tile whose other cells conduct nothing."""
    cells = np.random.default_rng(1).uniform(1e-6, 1e-5, (7, 4))
    wires, borders = Wires(30.0, 20.0, 40.0, both), np.array([0, 2, 3, 7])
    found = _through(SimpleNamespace(hanging=borders), wires, cells, slice(0, 7))
    for top, bottom in itertools.pairwise(borders):
        alone = np.zeros_like(cells)
        alone[top:bottom] = cells[top:bottom]
        assert found[top:bottom] == pytest.approx(effective(alone, wires)[top:bottom], rel=1e-9)
