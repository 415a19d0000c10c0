"""Every device against the contract of devices/base.py, and each against its own equations."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from hardware import SIGMAS, UNLIKELY
from scipy import stats

from cimlearn.chips import parameters
from cimlearn.devices import vteam
from cimlearn.devices.base import NEVER, Cells, Wear, new_cells
from cimlearn.devices.catalog import BUILT_IN, device
from cimlearn.devices.continuous import Continuous
from cimlearn.errors import InputError
from cimlearn.testing import Check, checks
from cimlearn.testing.devices import pulse

SINGLE = 3e-7  # float32: relative rounding of a stored conductance, after a few operations
FOREVER = Wear(None, 0.0, 0.0, "low")


def make(kind: str, **changes: Any) -> Any:
    chosen = parameters(
        "m2ru-lowohmic", {"device.kind": kind, **{f"device.{k}": v for k, v in changes.items()}}
    )
    return device(chosen.part("device"))


def exact(one: Any) -> Any:
    """The same description in Python's own numbers, so that a reference counts in float64."""
    return type(one)(*(v if isinstance(v, np.ndarray) else float(v) for v in one))


DEVICES = {kind: make(kind) for kind in BUILT_IN}


CONTRACT = [
    pytest.param(check, id=f"{name}:{check}") for name, kind in BUILT_IN.items() for check in checks(kind)
]


@pytest.mark.parametrize("check", CONTRACT)
def test_contract(check: Check) -> None:
    check()


def test_ideal_lands_where_it_is_asked() -> None:
    """G + change, cut to the window, whatever gain and chance are."""
    ideal = DEVICES["ideal"]
    start = np.linspace(ideal.low, ideal.high, 40).astype(np.float32)
    for change in (1e-5, -3e-5, 5e-4):
        got = pulse(ideal, start, change, gain=2.0, normal=3.0)
        wanted = np.clip(start.astype(float) + change, ideal.low, ideal.high)
        assert np.allclose(got.conductance, wanted, rtol=SINGLE)


@pytest.mark.parametrize(("gain", "cycle"), [(1.0, 0.1), (0.7, 0.3), (1.2, 0.0)])
def test_continuous_lands_with_its_spread(gain: float, cycle: float) -> None:
    """landed / asked = gain (1 + cycle n): mean gain, standard deviation gain cycle; errors cycle / sqrt(N),
    / sqrt(2 N).
    """
    kernel = make("continuous", cycle=cycle)
    one = exact(kernel)
    n, change = 100_000, 0.02 * (one.high - one.low)
    chance = np.random.default_rng(5).standard_normal(n)
    middle = np.full(n, (one.low + one.high) / 2).astype(np.float32).astype(float)
    for sign in (1, -1):
        got = pulse(kernel, middle, sign * change, gain=gain, normal=chance)
        landed = (got.conductance.astype(float) - middle) / (sign * change)
        rounding = 1e-5  # of a conductance, relative to a change of 2 % of the window
        assert landed.mean() == pytest.approx(gain, abs=SIGMAS * gain * cycle / np.sqrt(n) + rounding)
        assert landed.std() == pytest.approx(
            gain * cycle, abs=SIGMAS * gain * cycle / np.sqrt(2 * n) + rounding
        )


def test_soft_bounds_go_as_a_power() -> None:
    """From low, every pulse closes the share 2 c / (high - low) of what is left: high - G_n = (high - low)
    (1 - 2 c / (high - low))^n.
    """
    kernel = make("continuous", cycle=0, soft=True)
    soft = exact(kernel)
    window = soft.high - soft.low
    change = 0.01 * window
    up, down = soft.low, soft.high
    for n in range(1, 101):
        up = float(pulse(kernel, up, change).conductance[0])
        down = float(pulse(kernel, down, -change).conductance[0])
        left = window * 0.98**n
        assert soft.high - up == pytest.approx(left, abs=1e-5 * window)
        assert down - soft.low == pytest.approx(left, abs=1e-5 * window)


def test_soft_bounds_ask_for_the_whole_in_the_middle() -> None:
    soft = make("continuous", cycle=0, soft=True)
    middle = 0.5 * (float(soft.low) + float(soft.high))
    for change in (1e-6, -1e-6):
        assert pulse(soft, middle, change).conductance[0] - middle == pytest.approx(change, rel=1e-4)
    assert pulse(soft, soft.high, 1e-6).conductance[0] == pytest.approx(soft.high, rel=SINGLE)


def test_levels_land_with_the_tables_statistics() -> None:
    """Resistances of 20,000 writes to each level have its mean and standard deviation (cut beyond 3.4 of
    these).
    """
    levels, n = DEVICES["levels"], 20_000
    rng = np.random.default_rng(2)
    cut = 0.003  # the window's cut takes less than this share off a standard deviation
    for level in range(levels.centre.size):
        start = level - 1 if level > 0 else 1
        step = 1.001 * (levels.centre[level] - levels.centre[start])
        got = pulse(
            levels, levels.centre[start], step, state=start, normal=rng.standard_normal(n), uniform=0.999
        )
        assert np.all(got.state == level)
        resistance = 1 / got.conductance.astype(float)
        mean, spread = float(levels.mean[level]), float(levels.spread[level])
        assert resistance.mean() == pytest.approx(mean, abs=SIGMAS * spread / np.sqrt(n))
        assert resistance.std() == pytest.approx(spread, rel=SIGMAS / np.sqrt(2 * n) + cut)


def test_levels_move_by_the_change_asked_on_average() -> None:
    """Even draws u = (k + 1/2) / N: the mean centre reached is centre + change, within a step / N."""
    levels, n = DEVICES["levels"], 4000
    centre = levels.centre.astype(float)
    draws = (np.arange(n) + 0.5) / n
    for level in range(centre.size):
        for change in (3e-6, -3e-6, 2e-5, -2e-5, 1e-4, -1e-4):
            got = pulse(levels, centre[level], change, state=level, uniform=draws)
            wanted = np.clip(centre[level] + change, centre[0], centre[-1])
            reached = centre[got.state.astype(int)]
            assert reached.mean() == pytest.approx(wanted, abs=2 * np.diff(centre).max() / n)
            # only the two levels around the wanted conductance, and nothing is written where the level stays
            assert np.all(np.abs(reached - wanted) <= np.diff(centre).max())
            assert np.array_equal(got.written, got.state != level)
            assert np.allclose(got.conductance[~got.written], centre[level])


@numba.njit
def _speeds(device, voltage, out):
    for n in range(voltage.size):
        out[n] = vteam.speed(device, voltage[n])


def speeds(one: Any, voltage: Any) -> np.ndarray:
    out = np.empty(len(voltage))
    _speeds(one, np.array(voltage, np.float64), out)
    return out


def test_vteam_moves_beyond_its_thresholds_only() -> None:
    """dx/dt = k (v / v_t - 1)^a: at twice the threshold k itself, at three times k 2^a, between the
    thresholds 0.
    """
    one = exact(DEVICES["vteam"])
    assert not speeds(one, np.linspace(one.v_on, one.v_off, 101)).any()
    assert speeds(one, [2 * one.v_off, 2 * one.v_on]) == pytest.approx([one.k_off, one.k_on])
    assert speeds(one, [3 * one.v_off, 3 * one.v_on]) == pytest.approx([one.k_off * 2, one.k_on * 8])


def euler(one: Any, start: float, voltage: float, duration: float, steps: int) -> float:
    """Conductance after a pulse: VTEAM's laws (Kvatinsky et al. 2015), forward Euler in `steps` steps."""
    r_on, r_off, d = 1 / one.high, 1 / one.low, one.thickness
    x = (1 / start - r_on) / (r_off - r_on) * d
    for _ in range(steps):
        speed = 0.0
        if voltage > one.v_off:
            speed = one.k_off * (voltage / one.v_off - 1) ** one.a_off
        elif voltage < one.v_on:
            speed = one.k_on * (voltage / one.v_on - 1) ** one.a_on
        x = min(max(x + speed * duration / steps, 0.0), d)
    return 1 / (r_on + (r_off - r_on) * x / d)


@pytest.mark.parametrize("v_set", [-0.25, -0.4])
@pytest.mark.parametrize("share", [0.001, 0.02, 0.3, -0.001, -0.02, -0.3])
def test_vteam_pulses_follow_its_equations(share: float, v_set: float) -> None:
    """The pulse that moves a cell in the middle of the conductance window by `share` of it, dG/dx taken by
    difference.
    """
    one = make("vteam", cycle=0, v_set=v_set)
    kernel, one = one, exact(one)
    window, middle = one.high - one.low, 0.5 * (one.low + one.high)
    r_on, r_off, d = 1 / one.high, 1 / one.low, one.thickness
    voltage = one.v_set if share > 0 else one.v_reset
    speed = float(speeds(kernel, [voltage])[0])

    def conductance(x: float) -> float:
        return 1 / (r_on + (r_off - r_on) * x / d)

    x, tiny = (1 / middle - r_on) / (r_off - r_on) * d, 1e-6 * d
    slope = (conductance(x + tiny) - conductance(x - tiny)) / (2 * tiny)
    duration = min(share * window / (slope * speed), one.longest)
    assert duration > 0
    for start in np.linspace(one.low * 1.001, one.high * 0.999, 7):
        got = pulse(kernel, start, share * window).conductance[0]
        assert got == pytest.approx(euler(one, start, voltage, duration, 2000), rel=1e-5)
    # where the controller looked, a small change lands as asked, to first order
    landed = euler(one, middle, voltage, duration, 2000) - middle
    if abs(share) < 0.01:
        assert landed == pytest.approx(share * window, rel=0.01)


def test_vteam_pulse_has_a_longest() -> None:
    """A pulse of at most 1 us at speed v moves x by v 1 us; the chance is that of the displacement."""
    kernel = make("vteam", longest=1e-6, cycle=0.2)
    one = exact(kernel)
    x0 = 0.5 * one.thickness
    r_on, r_off = 1 / one.high, 1 / one.low
    start = 1 / (r_on + (r_off - r_on) * x0 / one.thickness)
    speed = one.k_off * (one.v_reset / one.v_off - 1) ** one.a_off
    got = pulse(kernel, start, -1.0, gain=0.5, normal=1.5).conductance[0]
    place = (x0 + speed * 1e-6 * 0.5 * (1 + 0.2 * 1.5)) / one.thickness
    assert got == pytest.approx(1 / (r_on + (r_off - r_on) * min(place, 1)), rel=1e-5)


REST = np.float32(DEVICES["continuous"].rest()[0])


def fresh(
    shape: tuple[int, int, int] = (2, 500, 100), *, variation: float = 0.0, wear: Wear = FOREVER, seed=0
) -> Cells:
    one = DEVICES["continuous"]
    return new_cells(one, shape, variation=variation, wear=wear, seed=seed, name="test")


def test_fresh_cells_are_whole() -> None:
    cells = fresh()
    assert np.all(cells.conductance == REST)
    assert np.all(cells.gain == 1)
    assert np.all(cells.limit == NEVER)
    assert not cells.writes.any()


@pytest.mark.parametrize("kind", DEVICES)
def test_cells_rest_near_the_middle(kind: str) -> None:
    """Fresh cells stand within a fifth of the window of its middle; those of a table on a level that is theirs."""
    one = DEVICES[kind]
    cells = new_cells(one, (1, 3, 2), variation=0.0, wear=FOREVER, seed=0, name="test")
    low, high = float(one.low), float(one.high)
    assert np.allclose(cells.conductance, (low + high) / 2, rtol=0, atol=0.2 * (high - low))
    if kind == "levels":
        assert np.array_equal(cells.conductance, one.centre[cells.state.astype(int)])
    if kind in ("continuous", "pulsed"):
        low, high = one.window()
        assert np.allclose(cells.conductance, (low + high) / 2, rtol=SINGLE)


def test_gains_spread_from_cell_to_cell() -> None:
    """N gains: mean 1 +- v / sqrt(N), standard deviation v (1 +- 1 / sqrt(2 N)); none below 0, where
    Phi(-1/v) are cut.
    """
    gain = fresh(variation=0.1).gain.astype(float)
    assert gain.mean() == pytest.approx(1, abs=SIGMAS * 0.1 / np.sqrt(gain.size))
    assert gain.std() == pytest.approx(0.1, rel=SIGMAS / np.sqrt(2 * gain.size))
    wide = fresh(variation=2.0).gain
    share = stats.norm.cdf(-0.5)
    assert wide.min() == 0
    assert np.mean(wide == 0) == pytest.approx(share, abs=SIGMAS * np.sqrt(share * (1 - share) / wide.size))
    assert not np.array_equal(fresh(variation=0.1).gain, fresh(variation=0.1, seed=1).gain)


@pytest.mark.parametrize("at", ["low", "high", "random"])
def test_stuck_cells(at: str) -> None:
    """A share p of N cells: p +- sqrt(p (1 - p) / N); they stand at an end or uniformly in the window, limit
    0.
    """
    one = DEVICES["continuous"]
    cells = fresh(wear=Wear(1e6, 0.0, 0.08, at))
    stuck = cells.limit == 0
    assert stuck.mean() == pytest.approx(0.08, abs=SIGMAS * np.sqrt(0.08 * 0.92 / stuck.size))
    assert np.all(cells.conductance[~stuck] == REST)
    place = (cells.conductance[stuck].astype(float) - one.low) / (one.high - one.low)
    if at == "random":
        assert stats.kstest(place, "uniform").pvalue > UNLIKELY
    else:
        assert place == pytest.approx(0.0 if at == "low" else 1.0, abs=1e-6)


def test_endurance_is_log_normal() -> None:
    """ln(limit) is normal around ln(median); of N cells the median has error 1.25 s / sqrt(N)."""
    cells = fresh(wear=Wear(1e6, 0.3, 0.0, "low"))
    log = np.log(cells.limit.astype(float))
    assert np.median(log) == pytest.approx(np.log(1e6), abs=SIGMAS * 1.2533 * 0.3 / np.sqrt(log.size))
    assert log.std() == pytest.approx(0.3, rel=SIGMAS / np.sqrt(2 * log.size))
    assert stats.kstest((log.ravel() - np.log(1e6)) / 0.3, "norm").pvalue > UNLIKELY


def test_endurance_is_at_least_one_and_at_most_never() -> None:
    limit = fresh(wear=Wear(2.0, 5.0, 0.0, "low")).limit
    assert limit.min() == 1
    assert fresh(wear=Wear(1e15, 20.0, 0.0, "low")).limit.max() == NEVER


def test_endurance_is_exact_to_1e15() -> None:
    """Without spread every limit is the number itself, also where float32 or 32 bits can't hold it."""
    for endurance in (4_294_967_297, 123_456_789_012_345, 10**15):
        assert np.all(fresh(wear=Wear(endurance, 0.0, 0.0, "low")).limit == endurance)


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("continuous", {"low": 3e-4}, r"device\.low = 0\.0003 S is not below device\.high"),
        ("ideal", {"low": 1e-4, "high": 1e-4}, r"device\.low = 0\.0001 S is not below"),
        ("vteam", {"r_on": 30000}, r"device\.r_off .* is not below 1 / device\.r_on"),
        ("levels", {"mean": [3.0, 2.0]}, r"device\.mean has 2 levels and device\.spread 10"),
        ("levels", {"mean": [3.0], "spread": [1.0]}, "at least 2"),
        ("levels", {"mean": [2.0, 3.0], "spread": [1.0, 1.0]}, r"device\.mean must fall"),
        ("vteam", {"v_set": -0.1}, "lies within the thresholds"),
        ("vteam", {"v_reset": 0.02}, "lies within the thresholds"),
        ("continuous", {"cycle": 3}, "out of range; allowed: 0 to 2"),
        ("continuous", {"low": -1}, "out of range"),
        ("continuous", {"cycle": "nan"}, "out of range"),
        ("continuous", {"cycle": "much"}, "not a number"),
        ("wood", {}, "not one of: continuous, pulsed, levels, vteam, ideal"),
        ("ideal", {"cycle": 0.1}, r"unknown parameter 'device\.cycle'"),
    ],
)
def test_bad_parameters_are_named(kind: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make(kind, **changes)


def test_a_device_is_described_by_its_window_first() -> None:
    for one in DEVICES.values():
        assert one._fields[:2] == ("low", "high")
        assert 0 < one.low < one.high
    assert isinstance(DEVICES["continuous"], Continuous)
