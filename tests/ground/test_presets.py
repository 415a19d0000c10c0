"""What the presets say, number by number, where a publication says it (test_architecture.py: the form)."""

from __future__ import annotations

import pytest

from cimlearn import parameters
from cimlearn.chips import parameters as chip_parameters
from cimlearn.devices.catalog import BUILT_IN
from cimlearn.errors import InputError

# Liehr et al., IIRW 2020: HfO2 1T1R, 65 nm, ten levels (reference/m2ru.md, section 5)
LEVELS = [
    (25014, 2969), (18022, 2332), (13360, 917.1), (11085, 1110), (9118, 805.6),
    (6620, 726.2), (5387, 412.9), (4670, 234), (4008, 198.4), (3534, 237.5),
]  # fmt: skip
ROUNDED = 1e-5  # presets give conductances in six digits


def test_hfo2_table() -> None:
    table = parameters.load("hfo2_liehr_2020")
    assert table["device.mean"] == tuple(float(mean) for mean, _ in LEVELS)
    assert table["device.spread"] == tuple(float(spread) for _, spread in LEVELS)
    for name in ("device.mean", "device.spread"):
        assert table.entry(name).unit == "ohm"
        assert table.entry(name).origin == "literature"
        assert "Liehr" in table.entry(name).source


def test_hfo2_spread_is_8_6_percent_on_average() -> None:
    """The coefficients of variation run from 5 to 13 %, mean 8.6 % (reference/m2ru.md, section 5)."""
    table = parameters.load("hfo2_liehr_2020")
    ratio = [s / m for s, m in zip(table["device.spread"], table["device.mean"], strict=True)]
    assert sum(ratio) / len(ratio) == pytest.approx(0.086, abs=0.0005)
    assert (round(min(ratio), 2), round(max(ratio), 2)) == (0.05, 0.13)


@pytest.mark.parametrize("preset", ["continuous", "ideal"])
def test_windows_are_those_of_the_table(preset: str) -> None:
    """1 / 25,014 ohm and 1 / 3,534 ohm."""
    chosen = parameters.load(preset)
    assert chosen["device.low"] == pytest.approx(1 / LEVELS[0][0], rel=ROUNDED)
    assert chosen["device.high"] == pytest.approx(1 / LEVELS[-1][0], rel=ROUNDED)
    assert chosen.entry("device.low").origin == chosen.entry("device.high").origin == "literature"


def test_vteam_window_is_that_of_the_table() -> None:
    chosen = parameters.load("vteam_kvatinsky_2015")
    assert (chosen["device.r_off"], chosen["device.r_on"]) == (LEVELS[0][0], LEVELS[-1][0])
    assert "2015" in chosen.entry("device.kind").source


def test_only_what_the_paper_states_is_the_papers() -> None:
    """reference/m2ru.md, section 1: hidden sizes 100 and 256 (figure 4), stochastic quantisation (figure 5a);
    of the chip's choices nothing else is stated, so nothing else may claim it.
    """
    chosen = parameters.load("m2ru")
    papers = {name for name in chosen if chosen.entry(name).origin == "paper"}
    assert papers == {"network.hidden", "replay.quantiser"}
    assert chosen["network.hidden"] == 100
    assert chosen["replay.quantiser"] == "stochastic"
    for name in papers:
        assert "2512.17299" in chosen.entry(name).source


def test_mapping_is_the_authors() -> None:
    """Scientific Reports 2024, s41598-024-78290-w: one device against a fixed reference."""
    chosen = parameters.load("m2ru")
    assert (chosen["mapping.kind"], chosen["mapping.cells"]) == ("reference", 1)
    for name in ("mapping.kind", "mapping.cells"):
        assert chosen.entry(name).origin == "authors"
        assert "s41598-024-78290-w" in chosen.entry(name).source


def test_working_assumption_of_the_clock() -> None:
    """20 MHz is this project's assumption, not the paper's (reference/m2ru.md, section 8)."""
    clock = parameters.load("m2ru").entry("periphery.clock")
    assert (clock.value, clock.unit, clock.origin) == (2e7, "Hz", "assumed")


@pytest.mark.parametrize(("kind", "preset"), [(name, kind.parameters) for name, kind in BUILT_IN.items()])
def test_kind_of_device_chooses_its_preset(kind: str, preset: str) -> None:
    chosen = chip_parameters("m2ru-lowohmic", {"device.kind": kind})
    own = parameters.load(preset)
    assert {name: chosen[name] for name in own} == dict(own)
    device = {name for name in chosen if name.startswith("device.")}
    assert device == {name for name in own if name.startswith("device.")}
    # the rate of examples belongs to prices and is the clock of time in cells too
    assert set(parameters.load("m2ru")) == set(chosen) - device - {"operation.rate"}


def test_changes_are_the_users() -> None:
    """A changed number says so; one set to what it was does not; the preset stays as it is."""
    chosen = chip_parameters("m2ru", {"network.hidden": "256", "replay.bits": 4, "cell.endurance": "none"})
    assert chosen["network.hidden"] == 256
    assert chosen.entry("network.hidden").changed
    assert chosen["replay.bits"] == 4 and not chosen.entry("replay.bits").changed
    assert chosen["cell.endurance"] is None
    assert parameters.load("m2ru")["network.hidden"] == 100


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("network.hidden", 0, r"network\.hidden = 0 is out of range; allowed: 1 to 4096"),
        ("network.hidden", 10.5, "is not a whole number"),
        ("network.hidden", None, r"can't be switched off"),
        ("network.lambda", 1, "out of range"),
        ("network.lambda", float("nan"), "out of range"),
        ("network.lambda", float("inf"), "out of range"),
        ("replay.quantiser", "round", "is not one of: truncate, nearest, stochastic"),
        ("rule.aligned", "maybe", "neither true nor false"),
        ("replay.bits", 16, "out of range; allowed: 1 to 15 bit"),
        ("replay.bit", 4, r"unknown parameter 'replay\.bit'; did you mean 'replay\.bits'"),
        ("mapping.hidden_range", "wide", "is not a number"),
    ],
)
def test_bad_values_are_named(name: str, given: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        chip_parameters("m2ru", {name: given})


def test_a_list_takes_text() -> None:
    changes = {"device.kind": "levels", "device.mean": "[3e4, 2e4]", "device.spread": "1e3,1e3"}
    assert chip_parameters("m2ru", changes)["device.mean"] == (3e4, 2e4)
