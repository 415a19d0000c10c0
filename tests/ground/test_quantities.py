"""Quantities as people type them; everything that `show` prints can be typed back."""

from __future__ import annotations

import math

import pytest

from cimlearn import quantities, streams
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment, shown_parameters
from cimlearn.parameters import ParameterSet
from cimlearn.units import quantity, si_text, value_text

READ = [
    ("20uS", "S", 20e-6),
    ("1.2 V", "V", 1.2),
    ("22nm", "m", 22e-9),
    ("10 kohm", "ohm", 1e4),
    ("10 kΩ", "ohm", 1e4),
    ("3 µm²", "m2", 3e-12),
    ("3um2", "m2", 3e-12),
    ("2 cm2", "m2", 2e-4),
    ("5 pJ", "J", 5e-12),
    ("2.5 × 10⁻⁷", "1", 2.5e-7),
    ("10¹¹", "1", 1e11),
    ("12,900", "count", 12900),
    ("10k", "count", 10_000),
    ("5 %", "1", 0.05),
    ("2 h", "s", 7200),
    ("10 kA/m", "A/m", 1e4),
    ("3 GHz", "Hz", 3e9),
    ("1 s⁻¹", "1/s", 1),
    ("−4 mV", "V", -4e-3),
]  # fmt: skip


@pytest.mark.parametrize(("given", "unit", "value"), READ, ids=[row[0] for row in READ])
def test_read(given: str, unit: str, value: float) -> None:
    assert quantities.read(given, unit) == value


@pytest.mark.parametrize(
    ("given", "unit"), [("20uV", "S"), ("3 mK", "V"), ("5 %", "V"), ("2 cS", "S"), ("4 m", "1")]
)
def test_another_unit_is_no_number(given: str, unit: str) -> None:
    with pytest.raises(quantities.WrongUnit):
        quantities.read(given, unit)


@pytest.mark.parametrize("given", ["", "much", "1_000 S", "1,2 S", "x20 S", "１２ S", "S"])
def test_no_number(given: str) -> None:
    with pytest.raises(ValueError, match="number") as raised:
        quantities.read(given, "S")
    assert not isinstance(raised.value, quantities.WrongUnit)


@pytest.mark.parametrize(
    "unit", ["S", "V", "ohm", "m", "m2", "s", "A/m", "ohm m2", "1/s", "J", "F/m", "1", "count"]
)
def test_every_printed_size_is_read_back(unit: str) -> None:
    for exponent in range(-17, 18):
        value = 1.23456 * 10.0**exponent
        assert math.isclose(quantities.read(quantity(value, unit, 6), unit), value, rel_tol=1e-5)


@pytest.mark.parametrize("chip", ["m2ru", "sas-mram"])
def test_every_parameter_that_show_prints_can_be_typed_back(chip: str) -> None:
    experiment = Experiment(chip, "permuted-digits" if chip == "m2ru" else "split-digits-domain")
    of_chip, of_stream = experiment.parameters
    entries = of_chip.merged(of_stream).merged(experiment.prices).entries()
    entries |= streams.parameters("permuted-digits").entries()
    assert len(entries) > 60 and len(shown_parameters(experiment)) > 60
    for name, entry in entries.items():
        printed = value_text(entry.value, entry.unit)
        exact = si_text(entry.value, entry.unit)
        for text in {printed, exact} - {""}:
            back = ParameterSet(entries).replace({name: text})[name]
            assert value_text(back, entry.unit) == printed, (name, text)
        if exact and not isinstance(entry.value, str | bool | None):
            # six digits are printed, so a third comes back as 0.333333
            assert back == pytest.approx(entry.value, rel=1e-6) or printed == exact, name


WRONG = {
    "a wrong unit": (
        {"cell.endurance": "3 V"},
        r"cell\.endurance = '3 V' is not a number: 'V' is another unit",
    ),
    "a prefix forgotten": (
        {"device.low": 20},
        r"device\.low = 20 is out of range; .* S; with a prefix: 20uS",
    ),
    "no number": (
        {"device.low": "much"},
        r"not a number; it takes a value like .* in S, or with a prefix: .* µS",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_errors_name_the_unit(case: str) -> None:
    settings, message = WRONG[case]
    with pytest.raises(InputError, match=message):
        _ = Experiment("m2ru", "permuted-digits", settings=settings).parameters
