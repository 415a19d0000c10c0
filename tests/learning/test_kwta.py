"""K winners that share one current: against its equations solved by SciPy, and by hand."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize

from cimlearn.learning import kwta as circuits
from cimlearn.random import kernel_state

CLOSE = 2e-6  # float32 leads of a few units, squared
EULER = 0.02  # the circuit is integrated in eighths of its time constant


@numba.njit
def _kwta(circuit, out, share):
    circuits.kwta(circuit, out, share)


def kwta(out: list[float], winners: int, gain: float = 1.0, **more: float) -> np.ndarray:
    return answers(out, winners, gain, 1, **more)[0]


def answers(out: list[float], winners: int, gain: float, count: int, **more: float) -> np.ndarray:
    classes = len(out)
    circuit = circuits.Kwta(
        winners=winners,
        gain=gain,
        settling=float(more.get("settling", 0)),
        noise=float(more.get("noise", 0)),
        offset=np.full(classes, more.get("offset", 0), np.float32) * np.arange(classes, dtype=np.float32),
        words=kernel_state(1, "test"),
        scratch=circuits.SettlingScratch(np.zeros(classes, np.float32), np.zeros(classes, np.float32)),
    )
    share = np.full((count, classes), np.nan, np.float32)
    for n in range(count):
        _kwta(circuit, np.array(out, np.float32), share[n])
    return share


def test_the_answer_is_steepest_with_two_alike_and_has_a_slope_of_one_by_root_two() -> None:
    """dp_k / do_k - dp_k / do_l of two alike: 2 sqrt(p_k) / 2; so many at once have a lower one."""
    lead = 0.02
    found = [kwta([lead / 2, -lead / 2] + [0] * more, 2 + more) for more in range(4)]
    slopes = [(share[0] - share[1]) / lead for share in found]
    assert slopes == pytest.approx([(2 + more) ** -0.5 for more in range(4)], rel=1e-2)


def test_by_hand() -> None:
    """Two alike share: ((o - theta) / 2)^2 = 1/2. A lead of 2 takes all. Leads 0 and 1: 2 t^2 + 2 t = 3."""
    assert kwta([1, 1, 0], 2) == pytest.approx([0.5, 0.5, 0], abs=CLOSE)
    assert kwta([5, 3, 3], 3).tolist() == [1, 0, 0]
    assert kwta([5, 4, 4], 3, gain=2).tolist() == [1, 0, 0]
    t = (np.sqrt(7) - 1) / 2
    assert kwta([0, 1], 2) == pytest.approx([t * t / 4, (t + 1) ** 2 / 4], abs=CLOSE)
    assert kwta([0, 1, 0.5], 1).tolist() == [0, 1, 0]
    assert kwta([2, 2, 2], 9) == pytest.approx([1 / 3] * 3, abs=CLOSE)  # more winners than classes
    assert kwta([0.0, 0.0], 5) == pytest.approx([0.5, 0.5], abs=CLOSE)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(-300, 300), min_size=1, max_size=12, unique=True),
    st.integers(1, 13),
    st.sampled_from([0.3, 1.0, 4.0]),
)
def test_settled_currents_are_the_tail_s(codes: list[int], winners: int, gain: float) -> None:
    """theta from a root finder; the K largest alone, in their order, and they sum to 1."""
    out = np.array(codes) / 100
    drive = gain * out
    cut = np.where(drive >= np.sort(drive)[-min(winners, len(out))], drive, -np.inf)
    theta = optimize.brentq(
        lambda t: np.sum(np.maximum(cut - t, 0) ** 2) / 4 - 1, drive.max() - 2.1, drive.max(), xtol=1e-14
    )
    share = kwta(list(out), winners, gain)
    assert np.allclose(share, np.maximum(cut - theta, 0) ** 2 / 4, atol=CLOSE)
    assert share.sum() == pytest.approx(1, abs=CLOSE)
    assert np.count_nonzero(share) <= winners


@pytest.mark.parametrize("time", [0.5, 2.0, 10.0])
def test_settling_is_the_node_s_equation(time: float) -> None:
    out = [0.4, 1.0, -0.2, 0.7]
    cut = np.array([0.4, 1.0, -np.inf, 0.7])
    solved = integrate.solve_ivp(
        lambda _, t: [np.sum(np.maximum(cut - t, 0) ** 2) / 4 - 1], (0, time), [1.0], rtol=1e-9, atol=1e-9
    )
    wanted = np.maximum(cut - solved.y[0, -1], 0) ** 2 / 4
    share = kwta(out, 3, settling=time)
    assert np.allclose(share, wanted, atol=EULER)
    assert share.sum() < 1 + EULER


def test_mismatch_and_noise_move_inputs() -> None:
    """Offsets 0, 0.3, 0.6 are what other outputs would give; noise of 0.1 moves a mean of 1,000 by little."""
    assert kwta([1, 0.7, 0.4], 3, offset=0.3) == pytest.approx([1 / 3] * 3, abs=CLOSE)
    many = answers([0.5, 0.2, 0.0], 3, 1.0, 1000, noise=0.1)
    quiet = kwta([0.5, 0.2, 0.0], 3)
    slope = np.sqrt(quiet[0])  # d share / d output, below (o - theta) / 2
    assert many.std(axis=0)[0] < 0.1 * slope
    assert np.abs(many.mean(axis=0) - quiet).max() < 4.5 * 0.1 / np.sqrt(1000)
    assert many.std(axis=0).min() > 0.01
    assert np.allclose(many.sum(axis=1), 1, atol=CLOSE)
