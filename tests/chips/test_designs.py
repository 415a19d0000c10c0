"""The named designs of M2RU: which is served by a circuit, what each keeps of the other, and what a design refuses."""

from __future__ import annotations

import json

import pytest

from cimlearn import chips, cli
from cimlearn.costs import prices
from cimlearn.costs.base import Costs
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.experiments.pricing import price_design
from cimlearn.parameters import load

HIGH, LOW = "m2ru-highohmic", "m2ru-lowohmic"
FACTOR = 2.0  # within which a bottom-up estimate counts as agreement (docs/claims.md)
CASES = (
    {},
    {"network.hidden": 256},
    {"technology.node": "45nm", "price.headroom": 0.15},
)


def unserved(costs: Costs) -> list[str]:
    return [note.text for note in costs.notes if note.kind == "unserved"]


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_cells_of_high_resistance_are_served(settings: dict[str, object]) -> None:
    """At both published sizes; the low-ohmic ones never are."""
    assert unserved(price_design(HIGH, settings)) == []
    assert unserved(price_design(LOW, settings))


def test_what_is_left_is_named() -> None:
    ideal = {note.part for note in price_design(HIGH).notes}
    assert ideal == {"wires", "time and temperature"}


def test_served_design_lies_near_what_was_published() -> None:
    """15 GOPS, 48.62 mW, 312 GOPS/W, each within a factor of 2; nothing was fitted to them."""
    now = price_design(HIGH).phases["inference"]
    for ours, published in ((now.ops_per_s, 15e9), (now.watts, 48.62e-3), (now.ops_per_J, 312e9)):
        assert 1 / FACTOR <= ours / published <= FACTOR


def test_the_served_design_is_the_default() -> None:
    assert dict(chips.parameters(HIGH)) == dict(chips.parameters("m2ru"))
    assert price_design(HIGH).as_dict() == price_design("m2ru").as_dict()


def test_another_cell_stands_in_the_circuit_that_was_made_for_any() -> None:
    """The served circuit is made around its own cells, so it says nothing of others."""
    for other in (
        {"device.kind": "levels"},
        {"device.low": 1e-6, "device.high": 2e-5},
        {"mapping.kind": "pair", "periphery.feedback_capacitance": 2e-12},
    ):
        assert dict(chips.parameters("m2ru", other)) == dict(chips.parameters(LOW, other))


def test_designs_differ_in_their_presets_alone() -> None:
    """Network, rule and replay are the same; what differs stands in one preset, with an owner."""
    high, low = chips.parameters(HIGH), chips.parameters(LOW)
    differ = {name for name in high if high[name] != low[name]}
    assert differ == set(load("m2ru_highohmic"))
    assert not any(name.startswith(("network.", "rule.", "replay.")) for name in differ)
    own = Experiment(HIGH, "permuted-mnist").prices
    usual = prices.parameters()
    assert {name for name in own if own[name] != usual[name]} == set(load("prices_m2ru_highohmic"))
    assert all(not high.entry(name).changed for name in differ)


def test_another_node_keeps_a_designs_prices() -> None:
    assert (
        Experiment(HIGH, "permuted-mnist", settings={"technology.node": "45nm"}).prices["price.drivers"]
        == "sized"
    )


def test_a_design_stands_around_its_own_cell() -> None:
    with pytest.raises(InputError, match=r"device\.kind = levels stands in no circuit of m2ru-highohmic"):
        chips.parameters(HIGH, {"device.kind": "levels"})
    assert chips.parameters(LOW, {"device.kind": "levels"})["device.kind"] == "levels"


@pytest.mark.parametrize("command", ["price", "show"])
def test_commands_take_the_names(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What no circuit serves is said by both commands, as text and as JSON."""
    assert cli.main([command, LOW]) == 0
    assert "No circuit serves this as it is set" in capsys.readouterr().out
    assert cli.main([command, HIGH]) == 0
    said = capsys.readouterr().out
    assert "No circuit serves" not in said and "wires without resistance" in said
    assert cli.main([command, HIGH, "--json"]) == 0
    assert {note["part"] for note in json.loads(capsys.readouterr().out)["notes"]} == {
        "wires",
        "time and temperature",
    }
