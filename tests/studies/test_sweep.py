"""Sweeps: what is finished stays, what failed says why, what was lost is tried again, workers change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.runfolder.files import held
from cimlearn.studies.sweep import TRIES, Point, run_points
from cimlearn.studies.workers.base import Ended, Job, Lost
from cimlearn.studies.workers.here import Here

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


class Clumsy:
    """Workers that lose some jobs, and send finished runs back as files."""

    def __init__(self, losses: dict[str, int], scratch: Path) -> None:
        self.losses, self.scratch, self.jobs, self.closed = losses, scratch, list[Job](), False

    def submit(self, job: Job) -> None:
        self.jobs.append(job)

    def next(self) -> Ended | Lost:
        job = self.jobs.pop(0)
        if self.losses.get(job.name, 0):
            self.losses[job.name] -= 1
            return Lost(job.name, "it died")
        folder = job.experiment.run(self.scratch / job.name)
        return Ended(job.name, None, {n: (folder / n).read_text() for n in ("run.json", "records.jsonl")})

    def close(self) -> None:
        self.closed = True


def test_a_lost_point_is_tried_again_but_not_for_ever(tmp_path: Path) -> None:
    clumsy, again = Clumsy({"b": TRIES - 1, "c": TRIES}, tmp_path / "scratch"), list[str]()
    outcome = run_points(
        [point("a"), point("b"), point("c")], tmp_path, on=clumsy, retried=lambda p, why: again.append(p.name + why)
    )  # fmt: skip
    assert list(outcome.folders) == ["a", "b"] and clumsy.closed
    assert outcome.failures == {"c": f"it died; given up after {TRIES} attempts"}
    assert sorted(again) == ["bit died"] * (TRIES - 1) + ["cit died"] * (TRIES - 1)


def test_a_run_from_elsewhere_takes_the_place_of_one_that_was_cut_off(tmp_path: Path) -> None:
    whole = run_points([point("a")], tmp_path / "whole", on=Here()).folders["a"]
    part = run_points([point("a")], tmp_path / "part", on=Here()).folders["a"]
    (part / "records.jsonl").write_bytes(records(part).splitlines(keepends=True)[0])
    again = run_points([point("a")], tmp_path / "part", on=Clumsy({}, tmp_path / "scratch")).folders["a"]
    assert again == part and records(again) == records(whole)
    assert sorted(f.name for f in part.iterdir()) == ["records.jsonl", "run.json"]
    assert [f.name for f in (tmp_path / "part").glob("[!.]*")] == ["a"]


def test_one_sweep_at_a_time_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    with held(tmp_path / ".lock"), pytest.raises(InputError, match="another process is running in"):
        run_points([point("a")], tmp_path, on=Here())


def test_an_error_in_one_run_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr(Experiment, "run", broken)
    assert run_points([point("a")], tmp_path, on=Here()).failures == {"a": "ZeroDivisionError: two lines"}


def test_a_stream_made_from_arrays_cannot_travel(tmp_path: Path) -> None:
    stream = Experiment("toy", "blobs").open_stream(0)
    with pytest.raises(InputError, match="was made from arrays, so no other process can open it"):
        run_points([Point("a", Experiment("toy", stream))], tmp_path, on=Here())


def test_long_names_are_cut_but_stay_apart(tmp_path: Path) -> None:
    names = [f"{'x' * 300}/seed={seed}" for seed in (0, 1)]
    folders = [point(name).folder(tmp_path).name for name in names]
    assert len(set(folders)) == 2 and all(len(name) < 200 for name in folders)
