"""A run on a cluster whose workers live shorter than it takes goes on from its last state, and ends with its bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.studies.run import run_study
from cimlearn.studies.study import load
from cimlearn.studies.sweep import Point, run_points
from cimlearn.studies.workers import carried, cluster
from cimlearn.studies.workers.attempt import Unwanted
from cimlearn.studies.workers.base import Job, Lost, plain
from cimlearn.studies.workers.here import Here

distributed = pytest.importorskip("distributed", reason="needs Dask (the extra 'study')")
pytest.importorskip("pyarrow", reason="results need pyarrow (the extra 'study')")

HELPERS = Path(__file__).parents[1] / "helpers"
LIFE = 1.0  # seconds of a worker, after its first examples
PAUSE = "0.13"  # seconds before each of the run's 36 chunks
# 6 chunks a task, 6 tasks: more than 4.6 s, so five lives at least
STUDY = 'name = "long"\nchip = "toy"\n[stream]\nname = "blobs"\ntasks = 6\nexamples = 1600\n'
SLOW = 120.0


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler on 127.0.0.1."""
    with distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def stopped(toys: None, tmp_path: Path) -> Path:
    """A run that was stopped in the middle."""
    from stopped import stopped_run

    return stopped_run(tmp_path / "runs")[0]


def swept(study: Path, out: Path, *words: str, pause: str = PAUSE) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(HELPERS / "toy.py"), "sweep", str(study), "--out", str(out), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TOY_PAUSE": pause, "TOY_CHECKPOINT": "0"},
    )


def mortals(address: str, scratch: Path) -> subprocess.Popen[str]:
    scratch.mkdir()
    return subprocess.Popen(
        [sys.executable, str(HELPERS / "mortal.py"), address, str(LIFE), str(scratch), "2"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TOY_PAUSE": PAUSE, "TOY_CHECKPOINT": "0"},
    )


@pytest.mark.usefixtures("toys")
def test_runs_longer_than_their_workers(scheduler: str, tmp_path: Path) -> None:
    study, states = tmp_path / "long.toml", tmp_path / "states"
    study.write_text(STUDY)
    run_study(load(study), tmp_path / "whole", on=Here())
    with mortals(scheduler, tmp_path / "scratch") as workers:
        try:
            sweeps = {
                "carried": swept(study, tmp_path / "carried", "--scheduler", scheduler),
                "shared": swept(
                    study, tmp_path / "shared", "--scheduler", scheduler, "--states", str(states)
                ),
            }
            said = {name: "".join(sweep.communicate(timeout=SLOW)) for name, sweep in sweeps.items()}
        finally:
            workers.send_signal(signal.SIGTERM)
            lives = workers.communicate(timeout=SLOW)[0].count("worker")
    assert lives >= 8  # of both runs
    for name, sweep in sweeps.items():
        assert sweep.returncode == 0, said[name]
        assert "again" not in said[name]  # the end of a worker was no failed attempt
        for file in ("results.parquet", "runs/toy,seed=0/records.jsonl"):
            assert (tmp_path / name / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    with distributed.Client(scheduler, set_as_default=False) as client:
        assert client.list_datasets() == ()
    assert not list(states.iterdir())


def test_what_is_kept_of_a_run(tmp_path: Path, stopped: Path) -> None:
    files = carried.packed(stopped)
    assert {"run.json", "records.jsonl", "seed-0/state.safetensors", "seed-0/records.jsonl"} <= set(files)
    carried.unpack(files, tmp_path / "again")
    assert carried.packed(tmp_path / "again") == files
    for name in ("../run.json", "seed-0/../x", "seed-0/report.html", "a/run.json"):
        with pytest.raises(InputError, match="none of a run's"):
            carried.unpack({name: b""}, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_forgetting_touches_only_what_is_ours(tmp_path: Path, stopped: Path) -> None:
    folder = tmp_path / "states" / "a"
    with carried.shared(str(tmp_path / "states"), "a", lambda: True):
        carried.unpack(carried.packed(stopped), folder)
        carried.forget(str(tmp_path / "states"), "a")
        assert (folder / "run.json").exists()  # somebody has it
    (folder / "mine.txt").touch()
    carried.forget(str(tmp_path / "states"), "a")
    assert [file.name for file in folder.iterdir()] == ["mine.txt"]
    (folder / "mine.txt").unlink()
    carried.forget(str(tmp_path / "states"), "a")
    assert not list((tmp_path / "states").iterdir())


def test_a_shared_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(
            InputError, match=r"can't keep states in .*file \(.*\); name another folder with --states"
        ),
        carried.shared(str(tmp_path / "file"), "a", lambda: True),
    ):
        pass
    with (
        carried.shared(str(tmp_path), "a", lambda: True),
        pytest.raises(Unwanted),
        carried.shared(str(tmp_path), "a", lambda: False),
    ):
        pass


def test_places_differ_where_bytes_may(tmp_path: Path) -> None:
    told = plain(Experiment("m2ru", "permuted-digits"))
    there = {carried.place_of(tmp_path / "a", told), carried.place_of(tmp_path / "b", told)}
    there.add(carried.place_of(tmp_path / "a", {**told, "seeds": [1]}))
    assert len(there) == 3


def test_only_what_is_saved_counts_as_further() -> None:
    sent = cluster._Sent("", "")
    assert not sent.further()  # it died before it began
    sent.reaches(700)  # it begins from a state of an earlier sweep
    assert not sent.further()
    sent.reaches(1200)
    sent.reaches(700)
    assert sent.further() and not sent.further()
    sent.reaches(1200)
    assert not sent.further()


class Dying:
    """Workers whose jobs are lost, further at first."""

    def __init__(self, further: int) -> None:
        self.further, self.submitted = further, 0

    def submit(self, job: Job) -> None:
        self.job, self.submitted = job, self.submitted + 1

    def next(self) -> Lost:
        return Lost(self.job.name, "its workers died", further=self.submitted <= self.further)

    def close(self) -> None:
        pass


@pytest.mark.usefixtures("toys")
def test_three_attempts_that_come_no_further(tmp_path: Path) -> None:
    workers, told = Dying(further=20), []
    point = Point("a", Experiment("toy", "blobs"))
    done = run_points([point], tmp_path / "runs", on=workers, retried=lambda point, why: told.append(why))
    assert done.failures == {"a": "its workers died; given up after 3 attempts"}
    assert (workers.submitted, len(told)) == (20 + 3, 2)
