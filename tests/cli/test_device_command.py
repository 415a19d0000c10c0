"""`cimlearn device`: its table, its JSON, its figures, and one line for whatever is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cimlearn import cli
from cimlearn.devices import sas_mram
from cimlearn.devices.technology import names, technology
from cimlearn.papers.sas_mram import device as study

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
    first, second = (study.save(study.figures(one), tmp_path / name) for name in "ab")
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
        (["sas"], "unknown technology 'sas'"),
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
