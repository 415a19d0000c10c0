"""SAS-MRAM against figures worked out by hand, its half-select window, and all technologies against one contract."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cimlearn.devices import mtj, sas_mram
from cimlearn.devices.technology import (
    Technology,
    has_line,
    junction,
    line,
    names,
    technology,
    technology_parameters,
    writing,
)
from cimlearn.errors import InputError

ROUNDED = 2e-3  # hand figures are given to three digits
BARE = {"line.lead": 0, "line.transistor": 0}  # the strip alone, as the reference counts it
TEN_YEARS = 3.156e8


def the_line(changes: dict[str, Any] | None = None) -> sas_mram.Line:
    return line(technology_parameters("sas-mram", changes))


def the_write(**changes: Any) -> sas_mram.Write:
    start = sas_mram.Write(
        reset_current=408e-6, reset_pulse=1e-9, current=70e-6, voltage=0.3, pulse=10e-9, gap=0.0, ones=0.5, target=1e-6
    )  # fmt: skip
    return start._replace(**changes)


def test_strip_resistance_by_hand() -> None:
    """rho L / (w t) = 1.6e-6 x 600e-9 / (120e-9 x 5e-9) = 1600 ohm; one junction's strip is 400 ohm."""
    assert sas_mram.strip_resistance(the_line()) == pytest.approx(1600)
    assert sas_mram.strip_resistance(the_line({"line.bits": 1})) == pytest.approx(400)
    assert sas_mram.path_resistance(the_line()) == pytest.approx(1600 + 100 + 400)


def test_reset_energy_by_hand() -> None:
    """68 MA/cm2 x 6e-16 m2 = 408 uA; 408e-6^2 x 1600 x 1e-9 = 266 fJ for four bits, 66.6 fJ each; 0.65 V."""
    bare = the_line(BARE)
    assert 68e10 * bare.strip_width * bare.strip_thickness == pytest.approx(408e-6)
    energy = sas_mram.write_energy(bare, the_write(pulse=0.0)).reset
    assert 4 * energy == pytest.approx(266.3e-15, rel=ROUNDED)
    assert energy == pytest.approx(66.6e-15, rel=ROUNDED)
    assert 408e-6 * sas_mram.strip_resistance(bare) == pytest.approx(0.653, rel=ROUNDED)


def test_assisted_energy_by_hand() -> None:
    """36 % less: 261.1 uA, 261.1e-6^2 x 1600 x 1e-9 / 4 = 27.3 fJ/bit; 0.3 V / 7894 ohm = 38.0 uA, 11.4 fJ per 1."""
    write = the_write(current=0.64 * 408e-6, pulse=1e-9, ones=1.0)
    energy = sas_mram.write_energy(the_line(BARE), write)
    assert sas_mram.stt_current(the_line(), 0.3) == pytest.approx(38.0e-6, rel=ROUNDED)
    assert energy.line == pytest.approx(27.3e-15, rel=ROUNDED)
    assert energy.assist == pytest.approx(11.4e-15, rel=ROUNDED)
    assert energy.total() == pytest.approx((66.6 + 27.3 + 11.4) * 1e-15, rel=ROUNDED)


def test_sharing_divides_transistor_and_leads_only() -> None:
    """Strip energy per bit is the same at every N; the rest, 500 ohm here, falls as 1 / N: 83.2 / N fJ per ns."""
    for bits in (1, 2, 4, 8, 16):
        bare = sas_mram.write_energy(the_line({"line.bits": bits, **BARE}), the_write()).reset
        full = sas_mram.write_energy(the_line({"line.bits": bits}), the_write()).reset
        assert bare == pytest.approx(66.6e-15, rel=ROUNDED)
        assert full - bare == pytest.approx(83.23e-15 / bits, rel=ROUNDED)


def test_assist_density_is_that_of_the_published_pair() -> None:
    """(1 - 0.97 / J_a) / (1 - 0.64 / J_a) = 0.64 -> J_a = (0.97 - 0.64^2) / 0.36 = 1.557 MA/cm2."""
    one = the_line()
    assert one.assist_density == pytest.approx(1e10 * (0.97 - 0.64**2) / 0.36, rel=1e-3)
    volt = mtj.parallel(one.junction) * mtj.area(one.junction)  # per A/m2
    left = [1 - sas_mram.drive(one, 0.0, j * 1e10 * volt) for j in (0.64, 0.97)]
    assert left[1] / left[0] == pytest.approx(0.64, abs=1e-3)


def test_assist_of_the_bare_macrospin() -> None:
    """none: the junction's own critical density, so that both torques weigh as in the equation of motion."""
    one = the_line({"line.assist_density": "none"})
    assert one.assist_density == pytest.approx(mtj.stt_critical(one.junction) / mtj.area(one.junction))
    volt = mtj.stt_critical(one.junction) * mtj.parallel(one.junction)
    assert sas_mram.drive(one, 0.0, volt) == pytest.approx(1.0)
    assert sas_mram.drive(one, sas_mram.critical_current(one), 0.0) == pytest.approx(1.0)


def test_window_is_where_the_errors_meet_the_target() -> None:
    one, write = the_line(), the_write()
    low, high = sas_mram.window(one, write)
    assert low < high
    assert sas_mram.fails_to_switch(one, low, 0.3, 10e-9) == pytest.approx(1e-6, rel=1e-6)
    assert sas_mram.switches(one, high, 0.0, 10e-9) == pytest.approx(0.5e-6, rel=1e-6)


def test_window_grows_with_pulse_and_assist() -> None:
    one = the_line()
    widths = [
        high - low for low, high in (sas_mram.window(one, the_write(pulse=t)) for t in (5e-9, 1e-8, 5e-8))
    ]
    assert widths == sorted(widths)
    widths = [
        high - low for low, high in (sas_mram.window(one, the_write(voltage=v)) for v in (0.1, 0.2, 0.3))
    ]
    assert widths == sorted(widths)


def test_halfway_the_critical_current_falls_by_the_assist() -> None:
    """At equal error both critical currents differ by J_STT / J_a = 0.9677 / 1.557 = 0.6215 of I_c, 95.65 uA."""
    one = the_line()
    low, high = sas_mram.window(one, the_write(target=0.4))
    here, shifted = (
        sas_mram.switches(one, c, v, 1e-8) for c, v in ((low, 0.3), (low + 0.6215 * 95.65e-6, 0.0))
    )
    assert here == pytest.approx(0.6, rel=1e-6)
    assert shifted == pytest.approx(here, rel=5e-3)
    assert low < high


@pytest.mark.parametrize("name", ["sas-mram", "sas-mram-kick", "sot-mram", "stt-mram"])
@pytest.mark.parametrize("target", [1e-6, 1e-5, 1e-4])
def test_every_sized_write_meets_the_same_target(name: str, target: float) -> None:
    """Technologies are compared at equal error: the worst bit of a write errs with the target, at least half of it."""
    risks = technology(name, {"write.target": target}).risks
    assert 0.5 * target < risks.worst() <= target * (1 + 1e-5)


def test_sizing_finds_the_audits_currents() -> None:
    """420 uA reach 8.3e-7, 408 uA 1.64e-6; the shortest pulse with any window is 9 ns, with one of 5 % 10 ns."""
    one = the_line()
    assert sas_mram.fails_to_switch(one, 408e-6, 0.0, 1e-9) == pytest.approx(1.64e-6, rel=0.01)
    write = writing(technology_parameters("sas-mram", {"write.margin": 0.0}), one)
    assert 8.5e-9 < write.pulse < 9.3e-9
    write = writing(technology_parameters("sas-mram"), one)
    low, high = sas_mram.window(one, write)
    assert (high - low) / (0.5 * (high + low)) == pytest.approx(0.05, rel=1e-2)
    assert write.current == pytest.approx(0.5 * (low + high))
    assert 410e-6 < write.reset_current < 421e-6


def test_risks_count_each_way_to_be_wrong() -> None:
    """r = reset fails, f = a selected one fails, d = SOT only disturbs. 0 -> 0: d; 0 -> 1: f; 1 -> 0: r + (1 - r) d;
    1 -> 1: (1 - r) f, as a 1 that the reset kept needs no help. Half of all bits are of each kind before and after.
    """
    one, write = the_line(), the_write(reset_current=250e-6, current=60e-6)
    r, f, d, _ = sas_mram.roles(one, write)
    assert min(r, f, d) > 0
    wanted = (d, f, r + (1 - r) * d, (1 - r) * f)
    assert sas_mram.write_risks(one, write) == pytest.approx(wanted)
    assert sas_mram.write_error(one, write) == pytest.approx(sum(wanted) / 4)
    assert sas_mram.write_error(one, write._replace(ones=0.0)) == pytest.approx(d)


def test_a_single_pulse_risks_changed_bits_only() -> None:
    single = the_line({"line.bits": 1})
    risks = sas_mram.write_risks(single, the_write(pulse=0.0))
    fails = float(sas_mram.fails_to_switch(single, 408e-6, 0.0, 1e-9))
    assert risks == pytest.approx((0.0, fails, fails, 0.0))


def test_the_audits_table_of_write_energies() -> None:
    """Its rows, at the published reset current: SAS and SOT energy [fJ/bit] over transistor, rail and RA."""
    fixed = {"write.pulse": 1e-8, "write.reset_current": 408e-6, "write.target": 2e-6}
    sot_fixed = {"write.reset_current": 408e-6, "write.target": 2e-6}

    def both(**changes: float) -> tuple[float, float]:
        more = {name.replace("__", "."): value for name, value in changes.items()}
        line_only = {name: value for name, value in more.items() if name in ("line.transistor", "line.rail")}
        sas = technology("sas-mram", fixed | more).write_energy
        return 1e15 * sas, 1e15 * technology("sot-mram", sot_fixed | line_only).write_energy

    assert both() == pytest.approx((170, 150), rel=0.01)
    assert both(line__transistor=1000) == pytest.approx((202, 250), rel=0.01)
    assert both(line__transistor=3176) == pytest.approx((319, 612), rel=0.01)
    assert both(line__rail=0.9) == pytest.approx((306, 367), rel=0.01)
    assert both(line__bits=16)[0] == pytest.approx(150, rel=0.01)


def test_area_by_hand() -> None:
    """14.2 + 4.98e5 I in F2: its own, 38 uA, 33.1; the line's, 408 uA, 217.4 / 4 = 54.3: 87.5 F2 = 0.0686 um2."""
    given = {"write.reset_current": 408e-6, "write.target": 2e-6}
    assert technology("sas-mram", given).area == pytest.approx(87.5 * 28e-9**2, rel=2e-3)
    crowded = {"area.transistor_fixed": 0, "area.transistor_per_ampere": 0}
    assert technology("sas-mram", crowded).area == pytest.approx(150e-9 * 220e-9)


def test_transistor_line_goes_through_both_published_cells() -> None:
    """34.5 F2 at 40.82 uA, 54 F2 at 80 uA."""
    p = technology_parameters("sas-mram")
    for current, size in ((40.82e-6, 34.5), (80e-6, 54.0)):
        found = p["area.transistor_fixed"] + p["area.transistor_per_ampere"] * current
        assert found == pytest.approx(size, rel=2e-3)


def test_only_what_the_paper_states_is_the_papers() -> None:
    """Reference, section 1: four junctions of 100 nm x 50 nm on one line; no other number of the device is stated."""
    p = technology_parameters("sas-mram")
    papers = {name: p[name] for name in p if p.entry(name).origin == "paper"}
    assert papers == {"junction.length": 100e-9, "junction.width": 50e-9, "line.bits": 4}


def test_baselines_are_the_published_cells() -> None:
    """NVSim's cell files: STT 54 F2, 80 uA, 10 ns, 1 pJ; RRAM 53 F2, 10 ns, 0.6 pJ; SRAM 146 F2."""
    stt, rram, sram = (
        technology(name, {"write.current": 8e-5} if name == "stt-mram" else {})
        for name in ("stt-mram", "rram", "sram")
    )
    assert (stt.write_energy, stt.write_time) == (pytest.approx(1e-12), 1e-8)
    assert (rram.write_energy, rram.write_time) == (0.6e-12, 1e-8)
    assert [round(t.area / 28e-9**2) for t in (stt, rram, sram)] == [54, 53, 146]


def test_stt_energy_follows_current_and_pulse() -> None:
    """1.25 V x I x t; at 10 ns an error of 1e-6 needs less than the published 80 uA, at 5 ns more."""
    usual, short = technology("stt-mram"), technology("stt-mram", {"write.pulse": 5e-9})
    assert usual.write_energy < 1e-12
    assert 0.4 < short.write_energy / usual.write_energy < 1.0
    one = technology("stt-mram", {"write.current": 1e-4, "write.pulse": 2e-8})
    assert one.write_energy == pytest.approx(1.25 * 1e-4 * 2e-8)
    with pytest.raises(InputError, match=r"write\.voltage = 1\.25 V can't drive 4\.35 mA"):
        technology("stt-mram", {"write.pulse": 1e-10})
    with pytest.raises(
        InputError, match=r"write\.current = 80 µA for 100 ps leaves a bit wrong with probability 1"
    ):
        technology("stt-mram", {"write.pulse": 1e-10, "write.current": 8e-5})


def test_sot_is_the_same_line_with_one_junction() -> None:
    """One pulse: 408e-6^2 x (400 + 500) x 1e-9 = 149.8 fJ; half of the bits change, so half of the failures count."""
    sot = technology("sot-mram", {"write.reset_current": 408e-6, "write.target": 2e-6})
    assert sot.bits_per_write == 1
    assert sot.write_time == 1e-9
    assert sot.write_energy == pytest.approx(149.8e-15, rel=ROUNDED)
    fails = sas_mram.fails_to_switch(the_line(), 408e-6, 0.0, 1e-9)
    assert sot.write_error == pytest.approx(0.5 * fails)


def figures_are_figures(one: Technology) -> None:
    for value in (one.write_energy, one.write_time, one.read_energy, one.read_time, one.area):
        assert 0 < value < 1
    for value in (one.write_error, one.read_error):
        assert 0 <= value < 1e-3
    assert one.endurance >= 1
    assert one.leakage >= 0
    assert one.bits_per_write >= 1


def keeps_and_loses(one: Technology) -> None:
    """Nothing is lost at once, less sooner than later, almost nothing in ten years with the supply on."""
    assert one.retention_failure(0.0) == one.retention_failure(0.0, powered=False) == 0.0
    assert one.retention_failure(1.0) <= one.retention_failure(TEN_YEARS) < 1e-5
    assert one.retention_failure(TEN_YEARS, powered=False) == (
        1.0 if one.volatile else one.retention_failure(TEN_YEARS)
    )


def goes_into_json(one: Technology) -> None:
    back = json.loads(json.dumps(one.as_dict(), allow_nan=False))
    assert back["name"] == one.name
    assert back["endurance"] == (None if math.isinf(one.endurance) else one.endurance)


def is_the_same_again(one: Technology) -> None:
    assert technology(one.name) == technology(one.name, {}) == one


CHECKS: tuple[Callable[[Technology], None], ...] = (
    figures_are_figures,
    keeps_and_loses,
    goes_into_json,
    is_the_same_again,
)


@pytest.mark.parametrize(
    ("name", "check"),
    [(name, check) for name in names() for check in CHECKS],
    ids=[f"{name}:{check.__name__}" for name in names() for check in CHECKS],
)
def test_contract(name: str, check: Callable[[Technology], None]) -> None:
    check(technology(name))


def test_names() -> None:
    assert names() == ["rram", "sas-mram", "sas-mram-kick", "sot-mram", "sram", "stt-mram"]
    assert [name for name in names() if has_line(name)] == ["sas-mram", "sas-mram-kick", "sot-mram"]


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("sas-ram", {}, "unknown technology 'sas-ram'; did you mean 'sas-mram'"),
        ("sas-mram", {"write.puls": 1e-9}, r"unknown parameter 'write\.puls'; did you mean 'write\.pulse'"),
        ("sas-mram", {"line.bits": 0}, r"line\.bits = 0 is out of range"),
        ("sas-mram", {"line.bits": 2.5}, "not a whole number"),
        (
            "sas-mram",
            {"write.pulse": 1e-9},
            r"no half-select window at error 10⁻⁶: .* at least 357 µA .* at most 82\.1 µA .*target = 0\.13 has one",
        ),
        (
            "sas-mram",
            {"write.current": 1e-4, "write.pulse": 1e-8},
            r"write\.current = 100 µA is outside the half-select window 67\.5 µA to 71 µA; choose one inside",
        ),
        (
            "sas-mram",
            {"write.reset_current": 2e-4},
            r"write\.reset_current = 200 µA .*0\.17, more.*give 420 µA or more",
        ),
        ("sot-mram", {"write.reset_current": 1e-4}, r"write\.reset_current = 100 µA .*give 417 µA or more"),
        ("sot-mram", {"line.rail": 0.1}, r"line\.rail = 0\.1 V can't drive 417 µA through 900 Ω: 0\.375 V"),
        (
            "sas-mram",
            {"line.assist_density": "none"},
            r"no second phase up to 1 µs .*none up to write\.target = 0\.4 has one",
        ),
        ("sas-mram", {"write.voltage": 0.5}, r"write\.voltage = 0\.5 V alone switches .*lower the voltage"),
        ("sas-mram", {"write.pulse": 0}, r"line\.bits = 4: without a second phase.*set line\.bits=1"),
        ("sas-mram", {"junction.anisotropy": 5e3}, r"stability is 5\.96 k T"),
        (
            "sas-mram",
            {"junction.perpendicular": True, "junction.easy_plane": 0},
            r"junction\.perpendicular = true on a heavy-metal line.*use false",
        ),
        ("sot-mram", {"line.bits": 4}, r"set line\.bits=1"),
        ("sram", {"cell.leakage": -1}, "out of range"),
    ],
)
def test_bad_input_is_named(name: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        technology(name, changes)


@pytest.mark.parametrize("seconds", [-1.0, math.nan])
def test_bad_time_is_named(seconds: float) -> None:
    with pytest.raises(InputError, match=f"retention over {seconds} s; give"):
        technology("sram").retention_failure(seconds)


@settings(max_examples=60, deadline=None)
@given(pulse=st.floats(9e-9, 1e-6), bits=st.integers(1, 64), target=st.floats(1e-6, 1e-2))
def test_a_planned_write_errs_less_than_its_target(pulse: float, bits: int, target: float) -> None:
    """Wherever a write can be planned, selected and half-selected junctions err less than the target."""
    p = technology_parameters("sas-mram", {"write.pulse": pulse, "line.bits": bits, "write.target": target})
    one = line(p)
    try:
        write = writing(p, one)
    except InputError:
        return
    roles = sas_mram.roles(one, write)
    assert max(roles.selected_fails, roles.sot_only, roles.stt_only) <= target


@pytest.mark.parametrize("name", ["sas-mram", "sot-mram", "stt-mram"])
def test_a_warm_rest_lowers_the_barrier_and_nothing_else(name: str) -> None:
    """f exp(-Delta), Delta_398 = Delta_300 300 / 398; f keeps in-plane, and falls by sqrt(300 / 398) perpendicular."""
    cold, warm = technology(name), technology(name, {"cell.rest_temperature": 398.0})
    one = junction(technology_parameters(name))
    barrier = mtj.stability(one)
    prefactor = math.sqrt(300 / 398) if one.perpendicular else 1.0
    wanted = prefactor * math.exp(barrier * (1 - 300 / 398))
    assert warm.loss_rate / cold.loss_rate == pytest.approx(wanted, rel=1e-9)
    assert replace(warm, loss_rate=cold.loss_rate) == cold
