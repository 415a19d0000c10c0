"""The map of write energies: closed forms along its axes, its break-even line, its verdict."""

from __future__ import annotations

import math

import pytest

from cimlearn.devices import sas_mram
from cimlearn.devices.technology import line, technology, technology_parameters, writing
from cimlearn.papers.base import UNDETERMINED
from cimlearn.papers.sas_mram import write, write_map
from cimlearn.papers.sas_mram.write_map import Point, ratio


def test_the_presets_are_a_point_of_the_map() -> None:
    for scheme, name in write_map.SCHEMES.items():
        found = ratio(Point(scheme))
        assert found.sas == pytest.approx(technology(name).write_energy)
        assert found.sot == pytest.approx(technology("sot-mram").write_energy)


@pytest.mark.parametrize("transistor", [100.0, 1800.0])
def test_along_the_transistor_it_is_the_technology(transistor: float) -> None:
    found = ratio(Point("two-phase", transistor))
    changes = {"line.transistor": transistor}
    assert found.sas == pytest.approx(technology("sas-mram", changes).write_energy)
    assert found.sot == pytest.approx(technology("sot-mram", changes).write_energy)


def test_along_the_product_the_current_density_is_kept() -> None:
    """Half the product at half the voltage: the same window and pulse, half the STT energy."""
    full, half = (write_map._sized("sas-mram", product, 1e-6) for product in (31e-12, 15.5e-12))
    assert half[1].pulse == pytest.approx(full[1].pulse) and half[1].current == pytest.approx(full[1].current)
    energies = [sas_mram.write_energy(*one) for one in (full, half)]
    assert energies[1].assist == pytest.approx(0.5 * energies[0].assist)
    assert energies[1].reset == pytest.approx(energies[0].reset)


def test_break_even_in_closed_form() -> None:
    """Two-phase: [c (R_s N + R) / N + a] = b (R_s + R), with c = I_r^2 t_r + I^2 t, b of SOT: R = (c R_s + c R_l / N +
    a - b (R_s + R_l)) / (b - c / N), R_s the strip of one junction, R_l the leads.
    """
    on = line(technology_parameters("sas-mram"))
    sized = writing(technology_parameters("sas-mram"), on)
    sot = writing(technology_parameters("sot-mram"), line(technology_parameters("sot-mram")))
    c = sized.reset_current**2 * sized.reset_pulse + sized.current**2 * sized.pulse
    b = sot.reset_current**2 * sot.reset_pulse
    strip, lead, a = sas_mram.strip_resistance(on) / 4, on.lead, sas_mram.write_energy(on, sized).assist
    even = (c * strip + c * lead / 4 + a - b * (strip + lead)) / (b - c / 4)
    found = write_map.break_even("two-phase")
    assert found == pytest.approx(even, rel=1e-6)
    assert 500 < even < 650  # the audit: 579 ohm at the published, not the sized current
    assert ratio(Point("two-phase", even)).value == pytest.approx(1.0)


def test_a_rail_that_is_too_low_says_so() -> None:
    found = ratio(Point("two-phase", transistor=3176.0, rail=0.9))
    assert found.value is None and "needs" in found.why


def test_an_impossible_write_is_a_gap_not_a_number() -> None:
    found = ratio(Point("kick-decide", target=1e-14))
    assert found.sas is None and found.sot is not None and "write.target" in found.why


def test_the_verdict_is_what_the_map_supports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "_COARSE", ((100.0, 1000.0), (31e-12,), (4,), (None,), (1e-6,)))
    result = write.analyse({}, True)
    (claim,) = result.claims
    assert claim.verdict == UNDETERMINED
    assert "1 of 2" in result.caption
    maps = [row for row in result.rows if row["drawn"] == "map"]
    assert len(maps) == 2 * len(write_map.TRANSISTORS) * len(write_map.PRODUCTS)
    for row in result.rows:
        if row["ratio"] is not None:
            assert row["ratio"] == pytest.approx(row["sas_J_per_bit"] / row["sot_J_per_bit"])
    below = [row["ratio"] for row in maps if row["scheme"] == "two-phase"]
    assert min(below) < 1 < max(below)
    assert not any(math.isnan(v) for v in below)
    figure = write.draw(result)
    assert len(figure.axes) == 5
