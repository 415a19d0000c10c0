"""Latency and lifetime, worked out on paper in the docstrings."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from small_machine import HAND, ROUNDING, design, law, made

from cimlearn.costs import prices
from cimlearn.costs.crossbar.latency import seconds
from cimlearn.costs.lifetime import YEAR, Rates, from_histogram, share_stuck, years
from cimlearn.ledger import Ledger


def test_tiled_latency() -> None:
    """129 x 100 weights in tiles of 64 x 64: 3 row tiles, 2 column tiles of 50 columns, 16 converters each. A step
    streams 7 cycles, converts 4 (50 / 16), and takes 3 (300 / 128 lanes) + 2 (a tree over 3 tiles) of the state unit.
    The output, 101 x 10: 7, then 1, then 1 + 1. In all 203 streamed and 113 converting at 50 ns, 142 of the state unit
    at 5 ns: hidden behind the conversions, but not at 50 ns.
    """
    ledger, chip = design(tile__rows=64, tile__columns=64)
    fast = seconds(ledger, "predict", chip, prices.parameters())
    assert fast.total == pytest.approx((203 + 113) * 50e-9, rel=ROUNDING)
    apart = seconds(ledger, "predict", chip, prices.parameters({"operation.pipelined": False}))
    assert apart.total == pytest.approx((203 + 113) * 50e-9 + 142 * 5e-9, rel=ROUNDING)
    ledger, chip = design(tile__rows=64, tile__columns=64, digital__clock=2e7)
    piped = seconds(ledger, "predict", chip, prices.parameters())
    assert piped.total == pytest.approx((203 + 142) * 50e-9, rel=ROUNDING)
    assert piped.steps == 28
    plain = seconds(ledger, "predict", chip, prices.parameters({"operation.pipelined": False}))
    assert plain.total == pytest.approx((203 + 113 + 142) * 50e-9, rel=ROUNDING)


def test_latency_of_learning() -> None:
    """Two passes and one update. Forward 20 + 10 = 30 cycles, so 15 a pass, 2 of them the state unit's; gradient 25 a
    pass. First pass 15; then the gradient and the next pass share the multiply-add units, 27; the second gradient
    25; sweep 3: 70 cycles of 100 ns. 5 rows x 2 phases x 100 ns = 1 us. 8 verifying reads of 2 cycles, 2 at a time:
    8 cycles. Not pipelined: 20 + 10 + 4 + 50 + 3.
    """
    time = {
        "stream_cycles": 20, "convert_cycles": 10, "state_cycles": 4, "gradient_cycles": 50, "sweep_cycles": 3,
        "update_row_cycles": 5, "updates": 1, "examples": 2, "steps": 2,
    }  # fmt: skip
    ledger = Ledger({"learn": {"hidden": {"verify_reads": 8}, "time": time}})
    piped = seconds(ledger, "learn", made(), prices.parameters())
    assert (piped.forward, piped.gradient, piped.sweep) == pytest.approx((30e-7, 37e-7, 3e-7))
    assert piped.writes == pytest.approx(1e-6 + 8e-7)
    plain = seconds(ledger, "learn", made(), prices.parameters({"operation.pipelined": False}))
    assert plain.forward + plain.gradient + plain.sweep == pytest.approx(87e-7)


def test_one_write_per_pass_leaves_nothing_to_overlap() -> None:
    """Every pass ends with a write, which waits for its gradient: 10 + 30 cycles each."""
    time = {"stream_cycles": 20, "gradient_cycles": 60, "updates": 2, "examples": 2, "steps": 2}
    found = seconds(Ledger({"learn": {"time": time}}), "learn", made(), prices.parameters())
    assert found.total == pytest.approx(80e-7)


# ---- lifetime by hand


def test_lifetime_of_equal_cells() -> None:
    """t_p = M / r x exp(s z_p): 1e6 / (0.1 x 10 a second) = 1e6 s, z_0.01 = -2.326348, z_0.1 = -1.281552.
    The first of N: F = 1 - 2^(-1/N); N = 1000: F = 6.9291e-4, z = -3.19759.
    """
    found = law(Rates(((0.1, 1000.0),)))
    assert found["one_percent"] == pytest.approx(1e6 * math.exp(-0.3 * 2.326348) / YEAR, rel=HAND)
    assert found["ten_percent"] == pytest.approx(1e6 * math.exp(-0.3 * 1.281552) / YEAR, rel=HAND)
    z = NormalDist().inv_cdf(1 - 2 ** (-1 / 1000))
    assert z == pytest.approx(-3.19759, abs=1e-5)
    assert found["first_cell"] == pytest.approx(1e6 * math.exp(0.3 * z) / YEAR, rel=1e-8)


def test_lifetime_without_spread() -> None:
    """Cells of one rate die at once, the fast ones first: 46 % of all at 1e6 / (0.2 x 10 a second) = 5e5 s."""
    found = law(Rates(((0.2, 50.0), (0.1, 50.0), (0.0, 9.0))), spread=0.0)
    assert list(found.values()) == pytest.approx(3 * [5e5 / YEAR], rel=1e-8)


def test_lifetime_of_unequal_cells() -> None:
    """What was found is where F is 1 and 10 %, F summed by hand."""
    rates, normal = Rates(((0.3, 40.0), (0.1, 160.0))), NormalDist()
    for name, share in (("one_percent", 0.01), ("ten_percent", 0.1)):
        n = law(rates)[name] * YEAR * 10
        stuck = [normal.cdf(math.log(r * n / 1e6) / 0.3) for r in (0.3, 0.1)]
        assert 0.2 * stuck[0] + 0.8 * stuck[1] == pytest.approx(share, rel=1e-6)
        assert share_stuck(rates, n, endurance=1e6, spread=0.3) == pytest.approx(share, rel=1e-6)


def test_cells_that_are_not_written_live_for_ever() -> None:
    never = dict.fromkeys(("first_cell", "one_percent", "ten_percent"))
    assert law(Rates(((0.0, 100.0),))) == never
    assert law(Rates(())) == never
    assert years(Rates(((1.0, 1.0),)), rate=1.0, endurance=None, spread=0.3) == never
    assert law(Rates(((1.0, 5.0), (0.0, 95.0))))["ten_percent"] is None


def test_rates_of_a_histogram() -> None:
    """Bins [0, 3) and [3, 6) hold 0, 1, 2 and 3, 4, 5 writes, on average 1 and 4; after 10 examples 0.1 and 0.4."""
    found = from_histogram([((0, 3, 6, 9), (2, 6, 0))], 10)
    assert found.groups == ((0.1, 2.0), (0.4, 6.0))
    assert found.cells == 8
    assert found.mean == pytest.approx((0.1 * 2 + 0.4 * 6) / 8)
