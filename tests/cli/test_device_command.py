"""`cimlearn device`: its table, its JSON, its figures, and one line for whatever is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cimlearn import cli
from cimlearn.devices import sas_mram
from cimlearn.devices.technology import names, technology
from cimlearn.papers.sas_mram import device as study
from cimlearn.report.html import drawing

DRAWN = ["half-select", "half-select-errors", "sharing-energy", "sharing-area", "read"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_prints_all_technologies_and_draws(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["device", "sas-mram"]) == 0
    printed = capsys.readouterr().out
    for words in (
        *names(),
        "half-select window: from",
        "67.5 µA",
        "28 of 49 parameters of sas-mram are assumed",
    ):
        assert words in printed
    files = {file.name for file in (here / "devices" / "sas-mram").iterdir()}
    assert files == {f"{name}.{kind}" for name in DRAWN for kind in ("png", "svg")}


def test_figures_are_the_same_again(tmp_path: Path) -> None:
    one = study.design("sas-mram", {})
    first, second = (drawing.save(study.figures(one), tmp_path / name) for name in "ab")
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_a_line_without_a_second_phase_has_no_window_to_draw() -> None:
    assert list(study.figures(study.design("sot-mram", {}))) == ["sharing-energy", "sharing-area", "read"]


@pytest.mark.parametrize("name", names())
def test_json_holds_the_figures(name: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["device", name, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    figures = technology(name).as_dict()
    assert {key: content["technology"][key] for key in figures} == figures
    assert [other["name"] for other in content["baselines"]] == [other for other in names() if other != name]
    assert 0 < content["assumed"] < content["parameters"]
    assert not list(here.iterdir())


def test_a_changed_number_is_the_users(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["device", "sas-mram", "--set", "write.pulse=20e-9", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["assumed"] == 28  # write.pulse is derived from the target by default
    assert content["technology"]["write_time"] == pytest.approx(21.5e-9)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sas"], "unknown cell 'sas'"),
        (["sas-mram", "--set", "write.pulse=1e-9"], "no half-select window at error 10⁻⁶"),
        (["sas-mram", "--set", "pulse=1"], "write it as part.key=value"),
    ],
)
def test_wrong_input_is_one_line(
    words: list[str], message: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["device", *words]) == 2
    said = capsys.readouterr().err
    assert said.startswith("cimlearn: error: ") and message in said
    assert said.count("\n") == 1
    assert not list(here.iterdir())


def test_curves_hold_the_window() -> None:
    """Inside the window both errors are below the target, outside at least one is not."""
    one = study.design("sas-mram", {})
    low, high = sas_mram.window(one.line, one.write)
    for row in study.window_rows(one):
        fine = max(row["selected_fails"], 2 * row["sot_only"]) <= one.write.target
        assert fine == (low <= row["current_A"] <= high)


def test_sharing_costs_less_area_and_less_energy() -> None:
    rows = study.sharing_rows(study.design("sas-mram", {}))
    for name in ("reset_J", "line_J", "area_m2"):
        column = [row[name] for row in rows]
        assert column == sorted(column, reverse=True)
    assert len({row["assist_J"] for row in rows}) == 1


def test_pulses_on_an_analog_cell(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["device", "fefet"]) == 0
    printed = capsys.readouterr().out
    assert "39.7 nS to 1.79 µS, 45 times" in printed and "a pulse down, mid-window" in printed
    files = {file.name for file in (here / "devices" / "fefet").iterdir()}
    assert files == {"pulses.png", "pulses.svg", "steps.png", "steps.svg"}
    first = [file.read_bytes() for file in sorted((here / "devices" / "fefet").iterdir())]
    assert cli.main(["device", "fefet", "--json", "--out", "again"]) == 0
    assert [file.read_bytes() for file in sorted((here / "again").iterdir())] == first
    capsys.readouterr()


def test_the_numbers_are_those_of_the_cell(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A constant step, noise and spread that were set come back, within what 100 cells tell."""
    given = {
        "step": 0.02,
        "cycle": 0.2,
        "step_spread": 0.1,
        "asymmetry": 0.1,
        "law": "constant",
        "write_noise": 0.0,
    }
    none = {f"{key}_spread": 0 for key in ("asymmetry", "bound_low", "bound_high")}
    changes = [f"device.{key}={value}" for key, value in (given | none).items()]
    words = [word for change in changes for word in ("--set", change)]
    assert cli.main(["device", "pulsed", "--json", *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert not list(here.iterdir())  # nothing is drawn that nobody asked for
    low, high = found["window_S"]
    step = 0.02 * (high - low) / 2  # the window is 2 wide in weights
    up, down = found["step"]["up"], found["step"]["down"]
    assert up["mean_S"] == pytest.approx(step, rel=0.05)
    assert down["mean_S"] == pytest.approx(0.9 * step, rel=0.05)
    assert found["asymmetry"] == pytest.approx(0.1 / 1.9, abs=0.02)
    assert up["noise"] == pytest.approx(0.2, abs=0.04)
    assert 0.08 < up["spread"] < 0.2  # noise of the few pulses of a cell in the middle is in it


def test_a_cell_without_noise_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["device", "ideal", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    for way in ("up", "down"):
        step = found["step"][way]
        assert step["mean_S"] == pytest.approx((found["window_S"][1] - found["window_S"][0]) / 50, rel=1e-4)
        assert step["noise"] < 1e-4 and step["spread"] < 1e-4


def test_a_cell_that_nobody_knows(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["device", "ecrem"]) == 2
    assert "unknown cell 'ecrem'; did you mean 'ecram'?" in capsys.readouterr().err
