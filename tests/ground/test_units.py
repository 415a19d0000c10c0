"""Numbers as they are printed."""

import pytest

from cimlearn import units


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (3.2e-12, "J", "3.2 pJ"),
        (2e-7, "s", "200 ns"),
        (0.04862, "W", "48.6 mW"),
        (25014.0, "ohm", "25 kΩ"),
        (999.96, "V", "1 kV"),
        (-5e-3, "V", "-5 mV"),
        (0, "J", "0 J"),
        (1e-30, "J", "10⁻³⁰ J"),
        (2.5e6, "V/s", "2.5 MV/s"),
        (1.5e-12, "m2", "1.5 µm²"),
        (0.02, "m2", "20,000 mm²"),
        (4e-3, "F/m2", "4 mF/m²"),
        (12.2, "year", "12.2 year"),
        (50, "1/s", "50 s⁻¹"),
        (0.9, "1", "0.9"),
        (1e11, "count", "10¹¹"),
        (8, "bit", "8 bit"),
        (float("inf"), "s", "∞ s"),
    ],
)
def test_quantity(value, unit, text):
    assert units.quantity(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (950, "950"),
        (10.02, "10"),
        (12_900, "12.9 k"),
        (1.2e6, "1.2 M"),
        (999_999, "1 M"),
        (3e21, "3,000 E"),
    ],
)
def test_count(value, text):
    assert units.count(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.002, "0.002"),
        (12900, "12,900"),
        (10.5, "10.5"),
        (2.5e-7, "2.5 × 10⁻⁷"),
        (0.1 + 0.2, "0.3"),
        (1e7, "10⁷"),
    ],
)
def test_number(value, text):
    assert units.number(value) == text


def test_two_digits_do_not_eat_zeros():
    assert units.number(10.05, 2) == "10"
    assert units.number(100.4, 2) == "100"


@pytest.mark.parametrize(
    ("value", "unit", "text", "typed"),
    [
        (None, "1", "off", "none"),
        (True, "1", "yes", ""),
        ("dfa", "1", "dfa", ""),
        (1875, "count", "1,875", ""),
        (5e-8, "s", "50 ns", "5e-08 s"),
        (1e9, "count", "10⁹", "1e+09"),
        ([25014.0, 18022.0], "ohm", "25.014 kΩ, 18.022 kΩ", "25014,18022 Ω"),
    ],
)
def test_values_of_parameters(value, unit, text, typed):
    assert units.value_text(value, unit) == text
    assert units.si_text(value, unit) == typed


def test_shares_and_nouns():
    assert units.percent(0.912) == "91.2 %"
    assert units.percent(None) == "–"
    assert units.points(0.0214) == "2.1 points"
    assert (units.plural(1, "task"), units.plural(5, "task")) == ("1 task", "5 tasks")
