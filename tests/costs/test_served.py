"""What a price names beside itself, and what serving it costs: figures of an independent audit of the circuit."""

from __future__ import annotations

from typing import Any

import pytest

from cimlearn import cli
from cimlearn.costs.base import Costs
from cimlearn.experiments.experiment import Experiment
from cimlearn.experiments.pricing import price_design
from cimlearn.experiments.served import cheapest
from cimlearn.streams.shapes import known_shape

AUDITED = 5e-3  # the audit rounds to three digits
SWING = {"periphery.saturation": 0.35, "periphery.hidden_capacitance": 2e-12 * 0.8 / 0.35} | {
    "periphery.output_capacitance": 4e-12 * 0.8 / 0.35
}  # the same range of weights


LOW, THROUGH = "m2ru-lowohmic", {"rule.feedback": "through"}  # the design that the audit priced


def low_ohmic(settings: dict[str, Any] | None = None) -> Costs:
    return price_design(LOW, THROUGH | (settings or {}))


def priced(**settings: Any) -> Costs:
    return low_ohmic({name.replace("__", "."): value for name, value in settings.items()})


def notes(kind: str, **settings: Any) -> dict[str, str]:
    return {note.part: note.text for note in priced(**settings).notes if note.kind == kind}


def power(settings: dict[str, Any]) -> tuple[float, float]:
    """Inference power [mW] and GOPS/W."""
    now = low_ohmic(settings).phases["inference"]
    return now.watts * 1e3, now.ops_per_J / 1e9


def test_what_the_audit_priced() -> None:
    assert power({}) == pytest.approx((88.4, 410), rel=AUDITED)
    assert power({"periphery.integration": 0.5})[0] == pytest.approx(61.1, rel=AUDITED)
    assert power(SWING) == pytest.approx((129, 281), rel=AUDITED)
    assert power({"price.reference_columns": 100}) == pytest.approx((143, 252), rel=AUDITED)
    assert power(SWING | {"price.reference_columns": 100}) == pytest.approx((184, 197), rel=AUDITED)


def test_a_reference_column_a_group() -> None:
    """One column beside each column is 100 of the hidden array's and 10 of the output's; shared ones are copied."""
    beside = priced(periphery__reference_group=1).phases["inference"].parts
    for array_columns in ({"price.reference_columns": 100},):
        assert beside["cells"] == pytest.approx(
            low_ohmic(array_columns).phases["inference"].parts["cells"], rel=0.02
        )
    shared = priced(periphery__reference_group=100).phases["inference"].parts
    plain = priced().phases["inference"].parts
    assert shared["cells"] == pytest.approx(plain["cells"])  # one column a tile
    assert (
        shared["read_drive"] > beside["read_drive"]
    )  # a copy draws from the supply what a column draws from V_r too
    none = priced(
        mapping__kind="pair", periphery__hidden_capacitance=4e-12, periphery__output_capacitance=8e-12
    )
    assert "reference" not in {note.part for note in none.notes}


def test_default_is_named() -> None:
    """The audit: 1.6 mA a row, 9 MA/cm2, 4.6 % kept by an amplifier of 1 mS on 20.8 mS, 4.8 mA a written row."""
    unserved, ideal = notes("unserved"), notes("ideal")
    assert set(unserved) == {
        "integrators", "rows of hidden", "amplifiers of hidden", "writes of hidden", "rows of output",
        "amplifiers of output", "noise of hidden",
    }  # fmt: skip
    assert (
        "998 µS" in unserved["amplifiers of hidden"]
        and "20.8 mS leaves it 4.6 %" in unserved["amplifiers of hidden"]
    )
    assert "4.81 mA" in unserved["writes of hidden"]
    assert {"reference", "wires", "time and temperature", "noise of hidden"} <= set(ideal)
    assert "7.88 mV" in ideal["noise of hidden"]
    rows = [note.text for note in priced().notes if note.part == "rows of hidden"]
    assert any("1.63 mA, 9.1 MA/cm2" in text for text in rows) and any("10 fF" in text for text in rows)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("periphery.input_bits", "inputs"),
        ("periphery.converter_bits", "converters"),
        ("network.state_bits", "state"),
    ],
)
def test_what_is_switched_off_is_ideal(name: str, part: str) -> None:
    assert part not in notes("ideal")
    assert f"{name} = none" in {n.part: n.text for n in low_ohmic({name: None}).notes}[part]


def test_served_is_not_named() -> None:
    """Each remedy takes its own line away."""
    left = notes("unserved", **{n.replace(".", "__"): v for n, v in SWING.items()})
    assert "saturation" not in left["integrators"]  # the cycle's line is still there
    assert "integrators" not in notes(
        "unserved", periphery__integration=0.5, **{n.replace(".", "__"): v for n, v in SWING.items()}
    )
    assert "rows of output" not in notes("unserved", price__drivers="sized")
    assert "writes of hidden" not in notes("unserved", price__write_together=19)
    assert "amplifiers of hidden" not in notes("unserved", periphery__transconductance=0.02)
    assert "wires" not in notes("ideal", periphery__wire=0.65, periphery__reference_group=1)


def test_high_resistance_cells_are_served() -> None:
    """At 200 k to 2 M ohm rows, drivers and writes are believable; the amplifier that settling asks for is not yet."""
    low = {"device__low": 5e-7, "device__high": 5e-6, "periphery__hidden_capacitance": 4e-14}
    left = notes("unserved", periphery__output_capacitance=8e-14, **low)
    assert "writes of hidden" not in left and "MA/cm2" not in " ".join(left.values())


def test_sized_drivers_by_hand() -> None:
    """1 % on 101 cells of 161 uS: 0.62 ohm, 970 um of gate, 0.97 pF: about 2 % of the energy, 850 um2 a row."""
    fixed, sized = priced(), priced(price__drivers="sized")
    conductance = 101 * 0.5 * (3.9978e-5 + 2.82965e-4)
    width = 6e-4 * conductance * 0.99 / 0.01
    assert width == pytest.approx(969e-6, rel=1e-3)
    output = 6e-4 * 11 * 0.5 * (3.9978e-5 + 2.82965e-4) * 0.99 / 0.01
    area = (129 * width + 101 * output) * 10 * 65e-9
    assert sized.area["level_shifters"] - fixed.area["level_shifters"] == pytest.approx(area, rel=1e-4)
    more = sized.phases["inference"].joules / fixed.phases["inference"].joules
    assert 1 < more < 1.03


def test_converters_outside_the_table() -> None:
    """9 bits: twice 8; 3 bits: as 4; the answer says that it is a law's."""
    eight, nine, three = (priced(periphery__converter_bits=bits) for bits in (8, 9, 3))
    four = priced(periphery__converter_bits=4)
    assert nine.phases["inference"].parts["converters"] == pytest.approx(
        2 * eight.phases["inference"].parts["converters"]
    )
    assert nine.area["converters"] == pytest.approx(2 * eight.area["converters"])
    assert three.phases["inference"].parts["converters"] == four.phases["inference"].parts["converters"]
    assert "twice the price of 8 bits" in notes("derived", periphery__converter_bits=9)["converters"]
    assert not notes("derived")


def test_writing_a_row_in_parts_takes_longer() -> None:
    whole, parts = priced(), priced(price__write_together=20)
    assert parts.phases["learning"].seconds > whole.phases["learning"].seconds
    assert parts.phases["learning"].joules == pytest.approx(whole.phases["learning"].joules, rel=0.01)


def test_one_cell_is_more_than_one_percent_of_few() -> None:
    """network.hidden = 1: the audit found the first cell after 1 % of the cells."""
    found = priced(network__hidden=1).lifetime
    ages = [found["first_cell"], found["one_percent"], found["ten_percent"]]
    assert None not in ages and ages == sorted(a for a in ages if a is not None)


def test_endurance_of_the_literature() -> None:
    """1e11 and 1e12 writes (analog RRAM, TaOx) are as good as any: lifetime goes with the median."""
    base, long = priced(), priced(cell__endurance=1e11)
    assert base.lifetime["first_cell"] and long.lifetime["first_cell"]
    assert long.lifetime["first_cell"] / base.lifetime["first_cell"] == pytest.approx(100)


def test_the_cheapest_served_change_is_served() -> None:
    """Set as it says, nothing is left that no circuit serves; its weights keep their range; the wires say so too."""
    experiment = Experiment(LOW, "permuted-mnist", settings=THROUGH)
    p, of_stream = experiment.parameters
    found = cheapest(p, experiment.prices, known_shape("permuted-mnist", of_stream), LOW)
    assert found is not None
    again = low_ohmic(found.settings)
    assert not [note for note in again.notes if note.kind == "unserved"]
    assert again.phases["inference"].joules == pytest.approx(found.costs.phases["inference"].joules)

    def reach(q: Any) -> float:
        time = q["periphery.integration"] / q["periphery.clock"]
        charge = q["periphery.saturation"] * q["periphery.hidden_capacitance"] / time
        return float(charge / q["periphery.read_voltage"] / (q["device.high"] - q["device.low"]))

    served = Experiment(LOW, "permuted-mnist", settings=THROUGH | found.settings).parameters[0]
    assert reach(served) == pytest.approx(reach(p), rel=1e-3)


def test_price_says_how_it_is_served(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["price", LOW]) == 0
    text = capsys.readouterr().out
    assert "No circuit serves this as it is set" in text and "Ideal here, so without a price:" in text
    assert (
        "Cheapest change that a circuit serves, of those tried: 22.4 mW" in text
        and "--set device.low=" in text
    )
