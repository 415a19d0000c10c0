"""The junction against closed forms worked out by hand, and limits (test_macrospin.py: the switching law)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cimlearn.devices import mtj, sensing, switching
from cimlearn.errors import InputError

# 100 nm x 50 nm: area pi/4 100 50 nm2 = 3.92699e-15 m2 (3.927e-3 um2); with 2 nm the volume is 7.85398e-24 m3
FLAT = mtj.Junction(
    length=100e-9, width=50e-9, thickness=2e-9, magnetisation=1e6, anisotropy=5e4, easy_plane=4e5,
    perpendicular=False, damping=0.05, polarisation=0.5, resistance_area=10e-12, tmr=1.5, half_voltage=0.5,
    temperature=300.0,
)  # fmt: skip
UPRIGHT = FLAT._replace(perpendicular=True, easy_plane=0.0)
ROUNDED = 1e-3  # hand figures are given to four digits


def test_geometry() -> None:
    assert mtj.area(FLAT) == pytest.approx(3.927e-15, rel=ROUNDED)
    assert mtj.volume(FLAT) == pytest.approx(7.854e-24, rel=ROUNDED)


@pytest.mark.parametrize(("ra", "ohm"), [(10e-12, 2546), (20e-12, 5093), (31e-12, 7894)])
def test_parallel_resistance(ra: float, ohm: float) -> None:
    """10e-12 / 3.92699e-15 = 2546.5 ohm, and in proportion."""
    assert mtj.parallel(FLAT._replace(resistance_area=ra)) == pytest.approx(ohm, rel=ROUNDED)


def test_antiparallel_resistance_rolls_off() -> None:
    """At 0: 2546.5 x 2.5 = 6366; at V_h the TMR is half: 2546.5 x 1.75 = 4456; far beyond, R_P."""
    assert mtj.antiparallel(FLAT, [0.0, 0.5, -0.5]) == pytest.approx([6366, 4456, 4456], rel=ROUNDED)
    assert mtj.antiparallel(FLAT, 1e6) == pytest.approx(mtj.parallel(FLAT), rel=1e-9)


def test_stability() -> None:
    """mu0 M_s H_k V / (2 k T) = 1.25664e-6 1e6 5e4 7.85398e-24 / (2 1.38065e-23 300) = 59.57."""
    assert mtj.stability(FLAT) == pytest.approx(59.57, rel=ROUNDED)


def test_stt_critical_current() -> None:
    """In-plane: (2e/hbar) (alpha/eta) mu0 M_s V (H_k + M_eff/2) = 3.03853e15 0.1 9.8696e-24 2.5e5 = 749.7 uA.

    Perpendicular: (4e/hbar) (alpha/eta) Delta k T = 6.07706e15 0.1 59.57 4.14195e-21 = 149.9 uA.
    """
    assert mtj.stt_critical(FLAT) == pytest.approx(749.7e-6, rel=ROUNDED)
    assert mtj.stt_critical(UPRIGHT) == pytest.approx(149.9e-6, rel=ROUNDED)
    literature = 4 * mtj.ELECTRON / mtj.HBAR * 0.1 * mtj.stability(UPRIGHT) * mtj.BOLTZMANN * 300
    assert mtj.stt_critical(UPRIGHT) == pytest.approx(literature, rel=1e-12)


def test_sot_critical_density() -> None:
    """(2e/hbar) (0.05 1.25664e-6 1e6 2e-9 / 0.6) 2.5e5 = 3.03853e15 2.0944e-10 2.5e5 = 1.591e11 A/m2 = 15.9 MA/cm2."""
    assert mtj.sot_critical(FLAT, 0.6) == pytest.approx(1.591e11, rel=ROUNDED)
    assert mtj.sot_critical(FLAT, 0.3) == pytest.approx(2 * 1.591e11, rel=ROUNDED)


def test_perpendicular_sot_critical_density() -> None:
    """(2e/hbar) (1.25664 2e-9 / 0.6) (H_k/2 - H_x/sqrt 2) = 1.27278e7 (2.5e4 - H_x / 1.41421), 0 from 35.4 kA/m."""
    density = mtj.sot_critical_perpendicular(UPRIGHT, 0.6, [0.0, 1e4, 5e4])
    assert density == pytest.approx([3.182e11, 2.282e11, 0.0], rel=ROUNDED)


def test_rates() -> None:
    """2 alpha gamma mu0 H_d / (1 + alpha^2) = 0.1 1.76086e11 0.314159 / 1.0025 = 5.518e9 / s;

    gamma mu0 sqrt(5e4 4.5e5) / pi = 1.76086e11 1.25664e-6 1.5e5 / 3.14159 = 1.0565e10 / s.
    """
    assert mtj.relaxation_rate(FLAT) == pytest.approx(5.518e9, rel=ROUNDED)
    assert mtj.attempt_rate(FLAT) == pytest.approx(1.0565e10, rel=ROUNDED)


def test_retention() -> None:
    """In-plane: 1.0565e10 exp(-59.57) = 1.0565e10 / 7.43e25 = 1.42e-16 / s; ten years, 3.156e8 s, lose 4.5e-8.

    Perpendicular, Brown: alpha gamma mu0 H_k / (1 + alpha^2) sqrt(Delta / pi) = 5.518e8 x 4.354 = 2.403e9 / s.
    """
    assert mtj.loss_rate(FLAT) == pytest.approx(1.0565e10 * math.exp(-mtj.stability(FLAT)), rel=ROUNDED)
    assert mtj.lost(FLAT, 3.156e8) == pytest.approx(4.5e-8, rel=0.02)
    assert mtj.loss_rate(UPRIGHT) == pytest.approx(2.403e9 * math.exp(-mtj.stability(UPRIGHT)), rel=ROUNDED)
    assert mtj.lost(FLAT, [0.0, 1e30]) == pytest.approx([0.0, 1.0])


@pytest.mark.parametrize("one", [FLAT, UPRIGHT], ids=["in-plane", "perpendicular"])
@pytest.mark.parametrize("seconds", [1e-9, 1.0, 3e8, 1e16])
def test_retention_is_the_switching_law_at_no_drive(one: mtj.Junction, seconds: float) -> None:
    """One attempt rate: a wait is a pulse without current."""
    assert mtj.lost(one, seconds) == pytest.approx(mtj.switches(one, 0.0, seconds), rel=1e-9)


def test_butler_error_rate() -> None:
    """Delta 60, i = 3, r = 8: q = 2.4674 60 2 / (3 exp(16) - 1) = 296.1 / 2.6658e7 = 1.1107e-5 = 1 - P."""
    law = switching.log_exponent(3.0, 8.0, 60.0, 1.0, perpendicular=False)
    assert switching.complement(law) == pytest.approx(1.1107e-5, rel=ROUNDED)


def test_exact_amplitude_of_perpendicular_layers() -> None:
    """i = 2: c = 2^(4/3) (1/2)^(2/3) = 2^(2/3) = 1.5874; r = 8: q = 1.5874 60 / (2 exp(8) - 1) = 1.5979e-2."""
    law = switching.log_exponent(2.0, 8.0, 60.0, 1.0, perpendicular=True)
    assert switching.complement(law) == pytest.approx(-math.expm1(-1.5979e-2), rel=ROUNDED)


def test_exact_amplitude_agrees_with_the_equation_of_motion() -> None:
    """d theta / d s = (i - cos theta) sin theta, from theta0: at pi/2 after s, where theta0^2 = c exp(-2 s (i - 1))."""
    for drive in (1.5, 2.0, 4.0):
        theta, s, step = 1e-3, 0.0, 1e-4
        while theta < np.pi / 2:
            middle = theta + 0.5 * step * (drive - math.cos(theta)) * math.sin(theta)
            theta += step * (drive - math.cos(middle)) * math.sin(middle)
            s += step
        exact = 2 ** (2 * drive / (drive + 1)) * ((drive - 1) / drive) ** (2 / (drive + 1))
        assert 1e-6 * math.exp(2 * s * (drive - 1)) == pytest.approx(exact, rel=0.01)


def test_activated_rates_at_no_drive() -> None:
    """Perpendicular, Brown: h = r/2 sqrt(Delta/pi) exp(-Delta); in-plane: attempts r exp(-Delta)."""
    upright = switching.log_exponent(0.0, 7.0, 20.0, 5.0, perpendicular=True)
    assert upright == pytest.approx(math.log(3.5 * math.sqrt(20 / math.pi)) - 20)
    assert switching.log_exponent(0.0, 7.0, 20.0, 5.0, perpendicular=False) == pytest.approx(
        math.log(35) - 20
    )


def test_read_disturb_is_the_law_at_a_small_drive() -> None:
    drive = 20e-6 / mtj.stt_critical(FLAT)
    assert mtj.read_disturb(FLAT, 20e-6, 2e-9) == mtj.switches(FLAT, drive, 2e-9)
    assert mtj.read_disturb(FLAT, 20e-6, 2e-9) < 1e-20


DRIVES = st.floats(-50, 1e6)
DELTAS = st.floats(10, 200)
PULSES = st.floats(0, 1e15)
KINDS = st.booleans()


@settings(max_examples=300, deadline=None)
@given(drive=DRIVES, relaxations=PULSES, delta=DELTAS, perpendicular=KINDS)
def test_probabilities_are_probabilities(
    drive: float, relaxations: float, delta: float, perpendicular: bool
) -> None:
    law = switching.log_exponent(drive, relaxations, delta, 2.0, perpendicular=perpendicular)
    p, fails = float(switching.probability(law)), float(switching.complement(law))
    assert 0 <= p <= 1
    assert 0 <= fails <= 1
    assert p + fails == pytest.approx(1.0, abs=1e-12)


@settings(max_examples=300, deadline=None)
@given(
    drive=st.floats(0, 20), more=st.floats(0, 5), relaxations=st.floats(3, 1e4), delta=DELTAS, perpendicular=KINDS
)  # fmt: skip
def test_more_drive_switches_more(
    drive: float, more: float, relaxations: float, delta: float, perpendicular: bool
) -> None:
    one, two = switching.log_exponent(
        [drive, drive + more], relaxations, delta, 2.0, perpendicular=perpendicular
    )
    assert two >= one - 1e-9 * abs(one)


@settings(max_examples=300, deadline=None)
@given(drive=st.floats(-3, 20), r=PULSES, more=PULSES, delta=DELTAS, perpendicular=KINDS)
def test_longer_pulses_switch_more(
    drive: float, r: float, more: float, delta: float, perpendicular: bool
) -> None:
    one, two = switching.log_exponent(drive, [r, r + more], delta, 2.0, perpendicular=perpendicular)
    assert two >= one - 1e-9 * abs(one) if np.isfinite(one) else True


@pytest.mark.parametrize("perpendicular", [False, True])
@pytest.mark.parametrize("relaxations", [0.5, 5.0, 50.0, 5e4])
def test_the_law_has_no_jump(relaxations: float, perpendicular: bool) -> None:
    """Over steps of 1e-6 in the drive ln h moves by less than 1e-3; its slope is at most about Delta or relaxations."""
    drive = np.linspace(0.7, 1.7, 1_000_001)
    law = switching.log_exponent(drive, relaxations, 60.0, 2.0, perpendicular=perpendicular)
    assert np.abs(np.diff(law)).max() < 1e-3


def test_limits_are_exact() -> None:
    for one in (FLAT, UPRIGHT):
        assert mtj.switches(one, [0.0, 3.0, 1e9], 0.0) == pytest.approx([0.0] * 3, abs=0.0)
        assert mtj.switches(one, 1e6, 1.0) == 1.0
        assert mtj.fails_to_switch(one, 1e6, 1.0) == 0.0
        assert mtj.switches(one, -1e6, 1e-3) < 1e-15
        assert mtj.switches(one, 0.0, math.inf) == 1.0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: mtj.switches(FLAT, 1.0, -1e-9), r"a pulse of -1e-09 s; give"),
        (lambda: mtj.switches(FLAT, 1.0, math.nan), r"a pulse of nan s; give"),
        (lambda: mtj.switches(FLAT, math.nan, 1e-9), r"not a number; give current over"),
        (
            lambda: mtj.checked(FLAT._replace(anisotropy=5e3)),
            r"stability is 5\.96 k T.*raise junction\.anisotropy",
        ),
        (
            lambda: mtj.checked(UPRIGHT._replace(easy_plane=1e5)),
            r"easy_plane = 100000 A/m.*set it to 0",
        ),
    ],
)
def test_bad_input_is_named(make, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()


READ = sensing.Read(
    voltage=0.1, time=2e-9, amplifier=5e-15, offset=3e-7, spread_resistance_area=0.05, spread_area=0.03,
    spread_tmr=0.05,
)  # fmt: skip


READ31 = FLAT._replace(resistance_area=31e-12)


def test_read_by_hand() -> None:
    """RA 31, TMR 1.5 / (1 + 0.04) = 1.4423 at 0.1 V: 12.668 and 5.187 uA; conductances spread sqrt(25 + 9) = 5.831 %.

    s_P = hypot(0.7387, 0.3) = 0.7973 uA; s_AP = hypot(5.187 hypot(5.831, 5 x 1.4423 / 2.4423) %, 0.3)
    = hypot(0.3392, 0.3) = 0.4528 uA. Johnson: sqrt(2 x 1.38065e-23 x 300 / 7894 / 2e-9) = 22.9 nA.
    """
    seen = sensing.sensed(READ31, READ)
    assert (seen.parallel, seen.antiparallel) == pytest.approx((12.668e-6, 5.187e-6), rel=ROUNDED)
    assert (seen.parallel_spread, seen.antiparallel_spread) == pytest.approx(
        (0.7973e-6, 0.4528e-6), rel=ROUNDED
    )
    assert seen.noise == pytest.approx(22.9e-9, rel=ROUNDED)
    energy = 0.1 * 0.5 * (12.668e-6 + 5.187e-6) * 2e-9 + 5e-15
    assert sensing.read_energy(READ31, READ) == pytest.approx(energy, rel=ROUNDED)


def test_both_states_are_misread_equally_often() -> None:
    seen = sensing.sensed(READ31, READ)
    parallel, antiparallel = sensing.misread(READ31, READ, seen.reference, seen.noise)
    assert parallel == pytest.approx(antiparallel, rel=1e-6) and seen.error == pytest.approx(
        parallel, rel=1e-6
    )


def test_read_error_beyond_first_order() -> None:
    """Where first order puts the reference (z = 7.481 / 1.2501 = 5.98, Phi = 1.1e-9) the stated spreads give far more.

    The same integral as `sensing.misread`, summed over a grid of all four numbers with SciPy's quadrature.
    """
    from scipy import integrate, special

    quiet = READ._replace(noise=0.0)
    seen = sensing.sensed(READ31, quiet)
    reference = (seen.parallel * seen.antiparallel_spread + seen.antiparallel * seen.parallel_spread) / (
        seen.parallel_spread + seen.antiparallel_spread
    )
    _, antiparallel = sensing.misread(READ31, quiet, reference, 0.0)

    def above(t: float, r: float) -> float:
        mean = seen.parallel / (1 + 0.05 * r) / (1 + 1.5 / 1.04 * (1 + 0.05 * t))
        spread = math.hypot(0.03 * mean, 3e-7)
        return (
            float(special.ndtr((mean - reference) / spread))
            * math.exp(-0.5 * (t * t + r * r))
            / (2 * math.pi)
        )

    exact = integrate.dblquad(above, -9, 9, -9, 9, epsabs=1e-13, epsrel=1e-6)[0]
    assert antiparallel == pytest.approx(exact, rel=1e-4)
    assert antiparallel > 30 * 1.1e-9


def test_the_audits_read_error() -> None:
    """An independent audit integrated the preset's spreads at the first-order reference: 6.5e-8, mostly AP."""
    from cimlearn.devices.technology import junction, reading, technology_parameters

    p = technology_parameters("sas-mram")
    one, read = junction(p), reading(p)._replace(noise=0.0)
    seen = sensing.sensed(one, read)
    reference = (seen.parallel * seen.antiparallel_spread + seen.antiparallel * seen.parallel_spread) / (
        seen.parallel_spread + seen.antiparallel_spread
    )
    parallel, antiparallel = sensing.misread(one, read, reference, 0.0)
    assert 0.5 * (parallel + antiparallel) == pytest.approx(6.5e-8, rel=0.03)
    assert antiparallel > 10 * parallel


def test_read_error_agrees_with_drawn_junctions() -> None:
    """The integral against 400,000 drawn junctions, with spreads that make errors frequent: within 5 sigma."""
    read = READ._replace(spread_resistance_area=0.15, spread_area=0.1, offset=1e-6, noise=5e-7)
    seen = sensing.sensed(READ31, read)
    n, draw = 400_000, np.random.default_rng(8)
    ra, size, tmr = (1 + s * draw.standard_normal(n) for s in (0.15, 0.1, 0.05))  # relative to their means
    offset = math.hypot(1e-6, 5e-7) * draw.standard_normal(n)
    r_p = mtj.parallel(READ31) * ra / size
    r_ap = r_p * (1 + READ31.tmr * tmr / (1 + 0.2**2))
    wrong = 0.5 * (
        np.mean(0.1 / r_p + offset < seen.reference) + np.mean(0.1 / r_ap + offset > seen.reference)
    )
    assert wrong == pytest.approx(seen.error, abs=5 * math.sqrt(seen.error / n))


def test_margins_are_the_tails_of_the_same_integral() -> None:
    """At margin 0 the shares are the errors without noise; the table rises."""
    read = READ._replace(noise=1e-7)
    found, seen = sensing.margins(READ31, read), sensing.sensed(READ31, read)
    for shares in (found.parallel, found.antiparallel):
        assert list(shares) == sorted(shares)
    assert list(found.margin) == sorted(found.margin) and found.margin[-1] == pytest.approx(6e-7)
    parallel, antiparallel = sensing.misread(READ31, read, seen.reference, 0.0)
    for shares, right in ((found.parallel, parallel), (found.antiparallel, antiparallel)):
        at = np.exp(np.interp(0.0, found.margin, np.log(shares)))
        assert at == pytest.approx(right, rel=0.1)


def test_read_without_spread_is_certain() -> None:
    still = sensing.Read(0.1, 2e-9, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert sensing.sensed(FLAT, still).error == 0.0
