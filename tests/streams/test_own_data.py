"""docs/own-data.md, run block by block: a CSV file with a known answer, and real sensor data as a table."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import cimlearn
from cimlearn import cli
from cimlearn.streams import open_stream
from cimlearn.streams.sources.find import find

PAGE = Path(__file__).parents[2] / "docs" / "own-data.md"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def test_from_a_csv_file_to_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chance is one in three."""
    monkeypatch.chdir(tmp_path)
    (block,) = _blocks("sh")
    example, command = (line.removeprefix("cimlearn ").split() for line in block.splitlines())
    assert cli.main(example[:3]) == 0  # the rest goes into the folder
    monkeypatch.chdir(tmp_path / example[2])
    assert Path("sensor.toml").read_text() == _blocks("toml")[0]
    assert cli.main([*command, "--quiet", "--no-report"]) == 0
    run = cimlearn.api.Result(Path("sensor-run"))
    config = run.data.config
    assert config["stream_facts"]["classes"] == ["rest", "run", "walk"]
    assert run.data.task_names == ("0 degrees", "45 degrees", "90 degrees")
    assert config["class_counts"]["held_out"][0] == [config["class_counts"]["held_out"][0][0]] * 3
    assert run.accuracy.average > 0.85 and min(run.records[-1].accuracy) > 0.75
    exec(_blocks("python")[1], {})


@pytest.mark.data
def test_real_sensor_data_as_a_table(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first three people: the very windows of the built-in stream."""
    if find("hapt", data_folder) is None:
        pytest.skip(f"hapt isn't in {data_folder}")
    monkeypatch.chdir(tmp_path)
    exec(_blocks("python")[0].replace("PEOPLE = 30", "PEOPLE = 3"), {})
    Path("hapt.toml").write_text(_blocks("toml")[1])
    from argparse import Namespace

    from cimlearn.cli.wanted import wanted

    arguments = Namespace(chip="hapt.toml", stream=None, on=None, data=None, out=None, seeds=None, set=[])
    mine = cimlearn.Experiment(**wanted(arguments)).open_stream(0)
    known = open_stream("hapt-people", seed=0, data=data_folder)
    assert len(mine.tasks) == 1 and mine.shape == known.shape
    order = [mine.facts["classes"].index(name) for name in NAMES]
    ours, theirs = mine.class_counts(0), known.class_counts(0)
    assert np.array_equal(ours.train[order], theirs.train)
    assert np.array_equal(ours.held_out[order], theirs.held_out)
    a, b = next(mine.held_out(0, 500)), next(known.held_out(0, 500))
    assert [mine.facts["classes"][y] for y in a.y] == [NAMES[y] for y in b.y]
    scale, offset = (np.array(mine.facts[f"scale_{what}"]) for what in ("unit", "offset"))
    inside = np.abs(a.x) < 1  # elsewhere it is cut off
    assert np.allclose((a.x / scale + offset)[inside], b.x[inside], atol=2e-5)


NAMES = ("walking", "walking upstairs", "walking downstairs", "sitting", "standing", "laying")
