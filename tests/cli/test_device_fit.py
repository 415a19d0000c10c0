"""`cimlearn device fit`: a table in, a figure and a cell out that other commands take; one line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cimlearn import cli


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two cells of soft bounds, 40 pulses up and down, 2 % of a step of noise."""
    monkeypatch.chdir(tmp_path)
    rng, rows = np.random.default_rng(0), ["device,polarity,pulse,conductance_uS"]
    for cell in range(2):
        up, down = 20.0, 100.0
        for n in range(41):
            rows += [f"{cell},up,{n},{up:.4f}", f"{cell + 10},down,{n},{down:.4f}"]
            up += 0.05 * (1 + cell / 5) * (100 - up) * (1 + 0.02 * rng.standard_normal())
            down -= 0.07 * (down - 20) * (1 + 0.02 * rng.standard_normal())
    body = sorted(rows[1:], key=lambda row: (row.split(",")[:2], int(row.split(",")[2])))
    path = tmp_path / "pulses.csv"
    kept = [row.replace("10,down", "0,down").replace("11,down", "1,down") for row in body]
    path.write_text("\n".join([rows[0], *kept]))
    return path


def test_writes_a_cell_and_a_figure(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["device", "fit", str(table), "--law", "soft-bounds", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["law"] == "soft-bounds"
    step = told["parameters"]["step"]
    assert step["low"] <= step["value"] <= step["high"]
    assert Path(told["figure"]).read_bytes()[:4] == b"\x89PNG"
    assert told["file"] == "pulses-cell.toml"
    assert cli.main(["price", "m2ru", "--set", "device=pulses-cell.toml", "--json"]) == 0
    capsys.readouterr()
    assert cli.main(["show", "m2ru", "--set", "device=pulses-cell.toml"]) == 0
    assert "measured here" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["device", "fit"], "name the table"),
        (["device", "fit", "nothing.csv"], "nothing.csv can't be read"),
        (["device", "fit", "pulses.csv", "--law", "cubic"], "--law cubic: give one of constant"),
        (["device", "fit", "pulses.csv", "--window", "wide"], "give two conductances"),
        (["device", "fit", "pulses.csv", "--window", "1e-5,1e-5"], "has no width"),
        (["device", "fit", "pulses.csv", "--unit", "V"], "--unit V: give one of"),
        (["device", "fit", "pulses.csv", "--out", "mine"], "--out mine: a cell's file ends in .toml"),
        (["device", "sram", "pulses.csv"], "takes no table"),
        (["price", "m2ru", "--set", "device=none.toml"], "none.toml can't be read"),
    ],
)
def test_wrong_words_are_one_line(
    words: list[str], said: str, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
