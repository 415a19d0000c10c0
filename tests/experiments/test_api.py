"""Five lines of Python: `cimlearn.run` and what it returns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import toy

import cimlearn

pytestmark = pytest.mark.usefixtures("toys")
SHORT = {"stream.examples": 150, "stream.tasks": 2}


def test_five_lines(tmp_path: Path) -> None:
    result = cimlearn.run("toy", stream="blobs", seeds=3, settings=SHORT, out=tmp_path / "run")
    assert 0 <= result.accuracy.forgetting <= 1
    assert result.accuracy.average == pytest.approx(result.matrix[-1].mean())
    assert result.report() == tmp_path / "run" / "report.html"


def test_result_shows_the_run(tmp_path: Path) -> None:
    result = cimlearn.run("toy", seeds=[5], settings=SHORT, out=tmp_path / "run")
    assert len(result.records) == 2
    assert np.isnan(result.matrix[0, 1])
    assert result.matrix[1].tolist() == list(result.records[1].accuracy)
    assert "<svg" in result._repr_html_()
    assert repr(result) == f"Result('{tmp_path / 'run'}')"
    said = dict(line.split("  ", 1) for line in str(result).splitlines())
    assert said["average accuracy"].strip() == f"{100 * result.accuracy.average:.1f} %"
    assert said["run folder"].strip() == str(tmp_path / "run")


def test_progress_is_shown_or_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events: list[object] = []
    cimlearn.run("toy", settings=SHORT, out=tmp_path / "told", progress=events.append)
    assert [type(event).__name__ for event in events[:2]] == ["Started", "Learned"]
    assert capsys.readouterr() == ("", "")
    cimlearn.run("toy", settings=SHORT, out=tmp_path / "shown", progress=True)
    assert "task 2 of 2" in capsys.readouterr().err


def test_a_stream_of_ones_own(tmp_path: Path) -> None:
    stream = toy.Blobs(1, {"stream.examples": 150, "stream.tasks": 2, "stream.pause": 0.0})
    result = cimlearn.run("toy", stream=stream, out=tmp_path / "run")
    assert result.data.complete
    again = cimlearn.run("toy", stream=stream, resume=tmp_path / "run")
    assert again.records == result.records
    with pytest.raises(cimlearn.InputError, match=r"stream.examples can't be set"):
        cimlearn.run("toy", stream=stream, settings=SHORT, out=tmp_path / "other")


def test_wrong_values_are_named(tmp_path: Path) -> None:
    with pytest.raises(cimlearn.InputError, match=r"did you mean 'mean\.step'"):
        cimlearn.run("toy", settings={"mean.stepp": 1}, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
