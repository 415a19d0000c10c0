"""Fewer bits: closed forms, no bias, and what each kind does to a product."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hardware import SIGMAS
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cimlearn.quantize import KINDS, NEAREST, STOCHASTIC, TRUNCATE, quantise, steps

LAST_DRAW = np.float32(1 - 2.0**-24)  # the largest number that `uniform` gives
ROUNDING = 2e-7  # float32: relative error of x L and of its sum with the draw


@numba.njit
def _quantise(x, steps, kind, draws, out):
    for n in range(x.size):
        out[n] = quantise(x[n], steps, kind, draws[n])


def codes(x: object, levels: int, kind: int, draws: object = 0.0) -> np.ndarray:
    x, draws = np.broadcast_arrays(np.asarray(x, np.float32), np.asarray(draws, np.float32))
    out = np.empty(x.size, np.int64)
    _quantise(x.ravel().copy(), float(levels), kind, draws.ravel().copy(), out)
    return out


@pytest.mark.parametrize(
    ("bits", "unsigned", "signed"), [(1, 1, 0), (4, 15, 7), (8, 255, 127), (15, 32767, 16383)]
)
def test_steps(bits: int, unsigned: int, signed: int) -> None:
    """b bits count to 2^b - 1; with a sign bit to 2^(b-1) - 1."""
    assert steps(bits, signed=False) == unsigned
    assert steps(bits, signed=True) == signed


def test_truncate_drops_what_is_over() -> None:
    """0.99 of a step is nothing, 1.01 is one step, for both signs."""
    x = np.array([0, 0.99, 1.01, 14.99, 15]) / 15
    assert codes(x, 15, TRUNCATE).tolist() == [0, 0, 1, 14, 15]
    assert codes(-x, 15, TRUNCATE).tolist() == [0, 0, -1, -14, -15]


def test_nearest_rounds_halves_away_from_zero() -> None:
    """With 4 steps of 0.25, all numbers are exact: 0.125 is a half."""
    x = np.array([0, 0.124, 0.125, 0.375, 0.374, 0.875, 1])
    assert codes(x, 4, NEAREST).tolist() == [0, 0, 1, 2, 1, 4, 4]
    assert codes(-x, 4, NEAREST).tolist() == [0, 0, -1, -2, -1, -4, -4]


@pytest.mark.parametrize("x", [0.01, 0.21, 0.37, 0.5, 0.77, 0.99])
@pytest.mark.parametrize("sign", [1, -1])
def test_stochastic_has_no_bias(x: float, sign: int) -> None:
    """The code is floor(xL) + Bernoulli(f), f = frac(xL): mean xL, standard error sqrt(f (1 - f) / n)."""
    n, levels = 200_000, 15
    draws = np.random.default_rng(7).random(n, np.float32)
    got = codes(np.full(n, sign * x), levels, STOCHASTIC, draws)
    fraction = (x * levels) % 1
    assert abs(got.mean() - sign * x * levels) < SIGMAS * np.sqrt(fraction * (1 - fraction) / n)
    assert set(got.tolist()) <= {int(np.floor(sign * x * levels)), int(np.ceil(sign * x * levels))}


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    x=st.floats(-1, 1, width=32),
    bits=st.integers(1, 15),
    kind=st.sampled_from(sorted(KINDS)),
    draw=st.floats(0, float(LAST_DRAW), width=32),
)
@example(x=1.0, bits=15, kind="stochastic", draw=float(LAST_DRAW))
@example(x=1.0, bits=4, kind="stochastic", draw=float(LAST_DRAW))
@example(x=-1.0, bits=15, kind="stochastic", draw=0.0)
def test_codes_stay_close_and_fit_their_bits(x: float, bits: int, kind: str, draw: float) -> None:
    """|code / L - x| <= 1 / L, half of it for nearest; 1 is the largest code, so that b bits hold it."""
    levels = 2**bits - 1
    code = int(codes(x, levels, KINDS[kind], draw)[0])
    assert abs(code) <= levels
    assert abs(code / levels - x) <= (0.5 if kind == "nearest" else 1) / levels + ROUNDING


def test_error_of_a_product_by_kind() -> None:
    """A sparse signed 28 x 100 product, 4 bits: truncation is worst, then stochastic, then nearest.

    reference/m2ru.md, section 7, measured 5.0, 3.5 and 2.5 %. By hand: an input's error has mean square 1/3,
    1/6 and 1/12 of a squared step for a fraction that is uniform; signed weights of mean 0 make no bias of
    it, so the errors of the product are as 2 : sqrt(2) : 1.
    """
    rng = np.random.default_rng(3)
    vectors, levels = 400, 15
    x = rng.random((vectors, 28)) * (rng.random((vectors, 28)) < 0.5)
    w = rng.standard_normal((28, 100))
    wanted = x @ w
    error = {}
    for name, kind in KINDS.items():
        got = codes(x, levels, kind, rng.random(x.shape)).reshape(x.shape) / levels @ w
        error[name] = np.sqrt(np.mean((got - wanted) ** 2) / np.mean(wanted**2))
    assert error["truncate"] > error["stochastic"] > error["nearest"]
    assert error["truncate"] / error["nearest"] == pytest.approx(2, rel=0.05)
    assert error["stochastic"] / error["nearest"] == pytest.approx(np.sqrt(2), rel=0.05)
    assert 0.02 < error["nearest"] < 0.04
