"""`cimlearn example`: the files of the README's four doors, and that each is taken by the door that it is for."""

from __future__ import annotations

import tomllib
from argparse import Namespace
from pathlib import Path

import pytest

from cimlearn import cli
from cimlearn.cli.example import FILES
from cimlearn.cli.wanted import wanted
from cimlearn.devices.fit import data, tables
from cimlearn.experiments.experiment import Experiment
from cimlearn.studies.search.table import search_of
from cimlearn.studies.study import load


@pytest.fixture
def written(tmp_path: Path) -> Path:
    assert cli.main(["example", "--out", str(tmp_path)]) == 0
    return tmp_path


def test_the_same_files_every_time_and_none_is_written_over(
    written: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path_factory.mktemp("other")
    assert cli.main(["example", "--out", str(other)]) == 0
    assert {file.name for file in written.iterdir()} == set(FILES)
    assert all((other / name).read_bytes() == (written / name).read_bytes() for name in FILES)
    (written / "sensor.csv").write_text("mine")
    (written / "pulses.csv").unlink()
    assert cli.main(["example", "--out", str(written)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert (written / "sensor.csv").read_text() == "mine" and not (written / "pulses.csv").exists()


def test_each_is_taken_by_its_door(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = data.data(tables.read(str(written / "pulses.csv"), None))
    assert measured.cells() == 3 and 1.5 < 1e6 * measured.low < 3 and 18 < 1e6 * measured.high < 23
    monkeypatch.chdir(written)
    arguments = Namespace(chip="sensor.toml", stream=None, on=None, data=None, out=None, seeds=None, set=[])
    stream = Experiment(**wanted(arguments)).open_stream(0)
    assert [task.name for task in stream.tasks] == ["0 degrees", "45 degrees", "90 degrees"]
    assert stream.facts["classes"] == ["rest", "run", "walk"]
    assert search_of(load("study.toml")).trials == tomllib.loads(FILES["study.toml"][0]())["search"]["trials"]
    compile((written / "mymodel.py").read_text(), "mymodel.py", "exec")
