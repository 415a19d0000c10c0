"""Sweeps on one machine: what is finished stays, what failed says why, workers change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from cimlearn.errors import InputError
from cimlearn.experiment import Experiment
from cimlearn.sweep import Point, run_points
from cimlearn.workers.here import Here

SHORT = {"stream.examples": 200, "stream.tasks": 2}


def point(name: str, **settings: float) -> Point:
    changes = SHORT | {key.replace("__", "."): value for key, value in settings.items()}
    return Point(name, Experiment("toy", "blobs", settings=changes))


@pytest.fixture(autouse=True)
def _toys(toys: None) -> None:
    """The toy chip and stream."""


def records(folder: Path) -> bytes:
    return (folder / "records.jsonl").read_bytes()


def test_each_point_has_its_own_complete_run(tmp_path: Path) -> None:
    told = []
    points = [point("step=0.1/a", mean__step=0.1), point("step=0.2/a", mean__step=0.2)]
    outcome = run_points(
        points, tmp_path, on=Here(), tell=lambda p, why, n, of: told.append((p.name, why, n, of))
    )
    assert told == [("step=0.1/a", None, 1, 2), ("step=0.2/a", None, 2, 2)]
    assert not outcome.failures
    assert outcome.folders["step=0.1/a"] == tmp_path / "step=0.1,a"
    assert records(outcome.folders["step=0.1/a"]) != records(outcome.folders["step=0.2/a"])
    assert all(len(records(folder).splitlines()) == 2 for folder in outcome.folders.values())


def test_a_finished_point_is_not_run_again(tmp_path: Path) -> None:
    folder = run_points([point("a")], tmp_path, on=Here()).folders["a"]
    before = (folder / "records.jsonl").stat().st_mtime_ns
    told = []
    run_points([point("a")], tmp_path, on=Here(), tell=lambda *event: told.append(event))
    assert told == [] and (folder / "records.jsonl").stat().st_mtime_ns == before


def test_a_point_that_was_cut_off_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    whole = run_points([point("a")], tmp_path / "whole", on=Here()).folders["a"]
    part = run_points([point("a")], tmp_path / "part", on=Here()).folders["a"]
    lines = records(part).splitlines(keepends=True)
    (part / "records.jsonl").write_bytes(lines[0])  # as if it had been stopped after its first task
    again = run_points([point("a")], tmp_path / "part", on=Here()).folders["a"]
    assert records(again) == records(whole)


def test_another_experiment_in_the_folder_is_refused(tmp_path: Path) -> None:
    run_points([point("a")], tmp_path, on=Here())
    with pytest.raises(
        InputError, match=r"holds another experiment than a; remove it, or name another folder"
    ):
        run_points([point("a", mean__step=0.3)], tmp_path, on=Here())


def test_two_experiments_of_one_name_are_refused_and_one_given_twice_is_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two experiments of the sweep have the name a"):
        run_points([point("a"), point("a", mean__step=0.3)], tmp_path, on=Here())
    assert list(run_points([point("b"), point("b")], tmp_path, on=Here()).folders) == ["b"]


def test_one_failure_does_not_stop_the_others(tmp_path: Path) -> None:
    bad = Point("bad", Experiment("toy", "blobs", settings={"mean.stepp": 0.1}))
    outcome = run_points([bad, point("good")], tmp_path, on=Here())
    assert list(outcome.folders) == ["good"]
    assert "unknown parameter 'mean.stepp'" in outcome.failures["bad"]
