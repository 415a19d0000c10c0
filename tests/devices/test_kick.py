"""SOT kicks, STT decides: the law against a stochastic macrospin and an independent Fokker-Planck solution.

| quantity | agreement |
|---|---|
| m_z after a kick, strength 0.6 to 1.5 | mean within 0.005, standard deviation within 8 % |
| share that a decision leaves wrong | within 4 standard deviations of 3,000 replicas and 15 % |
| the macrospin itself, collinear torque | within 4 standard deviations of the Fokker-Planck solution |
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from fokker_planck import stays
from macrospin import decided, switched

from cimlearn.devices import kick, mtj, sas_mram
from cimlearn.devices.technology import line, technology, technology_parameters, writing
from cimlearn.errors import InputError

SIGMAS = 4.0
REPLICAS = 3000
ALPHA, DELTA = 0.05, 60.0
CASES = [  # strength, length of the kick in t', drive, pulse in relaxation times
    (0.63, 5.5, 0.6, 1.1),
    (0.7, 4.0, 0.5, 2.0),
    (0.8, 6.0, 0.3, 3.0),
    (1.2, 6.0, 0.7, 0.6),
    (1.5, 4.0, 0.4, 1.0),
]


@pytest.mark.parametrize(("strength", "length", "drive", "pulse"), CASES)
def test_against_the_macrospin(strength: float, length: float, drive: float, pulse: float) -> None:
    wrong, after = decided(
        strength=strength, kick=length, drive=drive, pulse=pulse, delta=DELTA, alpha=ALPHA,
        replicas=REPLICAS, step=0.1, seed=4, settle=3.0,
    )  # fmt: skip
    start = kick.landed(strength, length, ALPHA, DELTA)
    assert after.mean() == pytest.approx(float(start.mean), abs=0.005)
    assert after.std() == pytest.approx(float(start.variance) ** 0.5, rel=0.08)
    law, _ = kick.Decision(drive, DELTA, pulse / 2 / 64).wrong(start, 64)
    error = SIGMAS * math.sqrt(law * (1 - law) / REPLICAS) + 0.15 * law
    assert wrong / REPLICAS == pytest.approx(law, abs=error)


def test_the_macrospin_against_fokker_planck() -> None:
    """Collinear torque, twice the critical one for 4 relaxation times."""
    exact = stays(drive=2.0, relaxations=4.0, delta=DELTA)
    count = REPLICAS - switched(
        drive=2.0, relaxations=4.0, delta=DELTA, alpha=ALPHA, q=0.0, replicas=REPLICAS, step=0.1, seed=5, settle=3.0
    )  # fmt: skip
    assert 0.05 < exact < 0.95
    assert count / REPLICAS == pytest.approx(exact, abs=SIGMAS * math.sqrt(exact * (1 - exact) / REPLICAS))


def test_a_decision_against_fokker_planck_far_below_what_replicas_show() -> None:
    """From thermal equilibrium in the well (not a kick): forward density against backward share, 0 to 6 % above."""
    by = kick.Decision(2.0, DELTA, 8.0 / 2 / 64)
    width = np.diff(-np.cos(np.linspace(0, np.pi, len(by.z) + 1)))
    weight = np.where(by.z > 0, np.exp(DELTA * (by.z**2 - 1)), 0.0) * width
    for relaxations, steps in ((8.0, 64), (12.0, 96), (16.0, 128)):
        share = by._share(by._up, steps)
        law = float(weight @ share / weight.sum())
        assert 1.0 < law / stays(drive=2.0, relaxations=relaxations, delta=DELTA) < 1.06, law
    assert law < 1e-5
    assert by.alone(128) == pytest.approx(1 - law, abs=1e-9)


def test_a_junction_at_rest_under_stt_alone_against_fokker_planck() -> None:
    """Drive 0.9 for five relaxation times: rare switching, where the closed law is only a bridge; within 10 %."""
    by = kick.Decision(0.9, DELTA, 5.0 / 2 / 64)
    exact = 1 - stays(drive=0.9, relaxations=5.0, delta=DELTA)
    assert 1e-6 < exact < 1e-3
    assert by.alone(64) == pytest.approx(exact, rel=0.1)


def test_small_angles_in_closed_form() -> None:
    """Delta 300, drive 0.1: z stays small, so the error is Phi(-(i (1 - e^-s) - mu) / sqrt(s0^2 + 1 / 2 D))."""
    delta, drive, s = 300.0, 0.1, 1.0
    start = kick.Landed(np.array(0.01), np.array(4e-4))
    found = kick.Decision(drive, delta, s / 64).wrong(start, 64)
    spread = math.sqrt(4e-4 + 1 / (2 * delta))
    for got, mean in zip(found, (0.01, -0.01), strict=True):
        margin = (drive * (1 - math.exp(-s)) - mean) / spread
        assert got == pytest.approx(0.5 * math.erfc(margin / math.sqrt(2)), rel=0.05)


def test_a_kick_ends_in_the_plane_and_waiting_spreads() -> None:
    """Long kicks: mean 0 and variance alpha / (2 D (a - alpha)) (linear response about m = y); waiting: e^2s growth."""
    start = kick.landed(np.array([0.8, 1.5]), 40.0, ALPHA, DELTA)
    assert start.mean == pytest.approx([0.0, 0.0], abs=1e-6)
    assert start.variance == pytest.approx([ALPHA / (2 * DELTA * (a - ALPHA)) for a in (0.8, 1.5)], rel=0.06)
    later = kick.waited(start, 0.5, DELTA)
    assert later.variance == pytest.approx(math.e * start.variance + (math.e - 1) / 120)


def test_a_weak_kick_does_not_turn_the_layer() -> None:
    """Below a = 1/2 it tilts by half of arcsin(2 a) and stays: cos(asin(0.8) / 2) = 0.894."""
    assert float(kick.landed(0.4, 400.0, ALPHA, DELTA).mean) == pytest.approx(0.894, abs=2e-3)


def test_strength_is_half_at_the_critical_current() -> None:
    one = line(technology_parameters("sas-mram-kick"))
    density = mtj.sot_critical_perpendicular(one.junction, one.spin_hall, 0.0)
    assert sas_mram.kick_strength(one, density * one.strip_width * one.strip_thickness) == pytest.approx(0.5)


def test_a_planned_write_meets_its_target() -> None:
    p = technology_parameters("sas-mram-kick")
    one = line(p)
    write = writing(p, one)
    risks = sas_mram.write_risks(one, write)
    assert 0.5e-6 < risks.worst() <= 1.01e-6
    assert sas_mram.decided(one, write).stt_only <= 1e-6
    cell = technology("sas-mram-kick")
    assert cell.risks == risks and cell.bits_per_write == 4
    assert cell.write_time == pytest.approx(0.5e-9 + write.pulse)


def test_energy_by_hand() -> None:
    """230 uA: 230e-6^2 x 2100 x 0.5e-9 / 4 = 13.9 fJ; 0.3 V^2 / 2546 ohm x 0.8 ns = 28.3 fJ for every bit."""
    p = technology_parameters(
        "sas-mram-kick", {"write.reset_current": 230e-6, "write.pulse": 0.8e-9, "write.target": 1e-5}
    )
    energy = sas_mram.write_energy(line(p), writing(p, line(p)))
    assert energy.reset == pytest.approx(13.9e-15, rel=2e-3)
    assert energy.line == 0
    assert energy.assist == pytest.approx(28.3e-15, rel=2e-3)


@pytest.mark.parametrize(
    ("current", "pulse", "least", "most", "energy"),
    [(240e-6, 1e-9, 0.0, 1e-4, 50e-15), (180e-6, 1.5e-9, 1e-6, 1e-3, 62e-15)],
)
def test_the_audits_integration(
    current: float, pulse: float, least: float, most: float, energy: float
) -> None:
    """Its own LLG: 40 MA/cm2 for 0.5 ns, 0.3 V for 1 ns, no error in 10,000, 50 fJ; 30 MA/cm2, 1.5 ns, 1e-4, 62 fJ."""
    p = technology_parameters(
        "sas-mram-kick", {"write.reset_current": current, "write.pulse": pulse, "write.target": 0.01}
    )
    write = writing(p, line(p))
    assert least <= sas_mram.decided(line(p), write).change_fails < most
    assert sas_mram.write_energy(line(p), write).total() == pytest.approx(energy, rel=0.02)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"write.voltage": 0.05}, r"no kick and decision reach write\.target = 10⁻⁶ .*the nearest is an error of 0\.0"),
        ({"write.reset_current": 1e-4}, r"no kick and decision reach"),
        ({"write.pulse": 2e-8}, r"write\.voltage = 0\.3 V alone switches a junction"),
        (
            {"junction.perpendicular": False, "junction.easy_plane": 4e5, "junction.anisotropy": 1e5},
            r"write\.scheme = kick-decide with junction\.perpendicular = false.*sas-mram-kick",
        ),
        ({"line.rail": 0.2}, r"line\.rail = 0\.2 V can't drive"),
    ],
)  # fmt: skip
def test_bad_input_is_named(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        technology("sas-mram-kick", changes)
