"""Real workers are killed with SIGKILL at random moments, the scheduler too: the results are those of a quiet study."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cimlearn.studies.run import run_study
from cimlearn.studies.study import load
from cimlearn.studies.workers.here import Here

TOY = str(Path(__file__).parents[1] / "helpers" / "toy.py")
STUDY = """
name = "faults"
chip = "toy"
seeds = 6
[stream]
name = "blobs"
examples = 400
[grid]
mean.step = [0.02, 0.05, 0.1, 0.2]
"""
RUNS = 24
FEW = STUDY.replace("0.02, 0.05, 0.1, 0.2", "0.1")  # six runs
PAUSE = "0.04"  # seconds before each of nine chunks of a run, so that most kills hit one
SLOW = 120.0  # seconds until something that takes a few is wrong


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The undisturbed studies, in this process."""
    pytest.importorskip("pyarrow", reason="results need pyarrow (the extra 'study')")
    import toy

    folder = tmp_path_factory.mktemp("quiet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        for module, names in toy.REPLACED.items():
            for name, value in names.items():
                patch.setattr(module, name, value)
        for name, text in (("many", STUDY), ("few", FEW)):
            (folder / f"{name}.toml").write_text(text)
            run_study(load(folder / f"{name}.toml"), folder / name, on=Here())
    return folder


def start(study: Path, out: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    """The sweep of a study, into `out`."""
    listens = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731  a background shell ignores it
    return subprocess.Popen(
        [sys.executable, TOY, "sweep", str(study), "--out", str(out), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TOY_PAUSE": PAUSE, **environment},
        preexec_fn=listens,
    )


def ended(line: str) -> int:
    """How many runs have ended, as a line of progress says; 0 in another line."""
    found = re.match(rf"(\d+) of {RUNS} ", line)
    return int(found[1]) if found else 0


class Cluster:
    """A scheduler and two workers, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "scheduler.json"
        folder.mkdir()
        self.scheduler = self._start("scheduler", "--port", "0")
        until = time.monotonic() + SLOW
        while not self.file.exists() and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.1)  # the file is written in one go, but not as one step
        self.address = json.loads(self.file.read_text())["address"]
        self.workers = [self._worker(), self._worker()]

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        bound = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0")  # as docs/howto/cluster.md says
        command = [sys.executable, "-m", "dask", *words, *bound, "--scheduler-file", str(self.file)]
        with open(self.folder / "log", "ab") as log:
            environment = {**os.environ, "TOY_PAUSE": PAUSE}
            return subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=self.folder)

    def _worker(self) -> subprocess.Popen[bytes]:
        own = ("--nthreads", "1", "--no-nanny", "--local-directory", str(self.folder), "--preload", TOY)
        return self._start("worker", *own)

    def networks(self) -> set[str]:
        """The addresses at which the scheduler and the workers listen."""
        import psutil  # Dask needs it

        processes = [psutil.Process(process.pid) for process in (self.scheduler, *self.workers)]
        open_ones = [place for process in processes for place in process.net_connections()]
        return {place.laddr.ip for place in open_ones if place.status == psutil.CONN_LISTEN}

    def kill_worker(self, number: int) -> None:
        """Kill a worker, and start another one in its place."""
        self.workers[number].kill()
        self.workers[number].wait()
        self.workers[number] = self._worker()

    def kill(self) -> None:
        """Kill all of it."""
        for process in (self.scheduler, *self.workers):
            process.kill()
            process.wait()


def test_a_cluster_whose_workers_and_scheduler_are_killed(quiet: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="needs Dask (the extra 'study')")
    moments, out = random.Random(24), tmp_path / "out"

    def disturbed(cluster: Cluster, after: dict[int, str]) -> tuple[int, str, list[int]]:
        """The exit status, lines and progress of a sweep; once so many runs ended, something is killed."""
        sweep = start(quiet / "many.toml", out, "--scheduler", cluster.address)
        assert sweep.stderr is not None
        said, seen = "", []
        with sweep:
            for line in sweep.stderr:
                said += line
                seen += [ended(line)] if ended(line) else []
                for moment in [n for n in after if n <= ended(line)]:
                    time.sleep(moments.uniform(0, 0.3))
                    what = after.pop(moment)
                    if what == "networks":
                        assert cluster.networks() == {"127.0.0.1"}
                        what = "0"
                    cluster.kill() if what == "all" else cluster.kill_worker(int(what))
        return sweep.returncode, said, seen

    first = Cluster(tmp_path / "first")
    try:
        status, said, seen = disturbed(first, {2: "networks", 5: "1", 9: "all"})
    finally:
        first.kill()
    assert status == 2
    lost = f"cimlearn: error: lost the scheduler at {first.address}; start it again, then"
    assert said.splitlines()[-1].startswith(lost), said
    assert 9 <= seen[-1] < RUNS
    second = Cluster(tmp_path / "second")
    try:
        status, said, more = disturbed(second, {12: "0", 15: "1", 18: "0", 21: "1"})
    finally:
        second.kill()
    assert status == 0, said
    assert more[0] == seen[-1] + 1  # what was finished stayed finished
    assert (out / "results.parquet").read_bytes() == (quiet / "many" / "results.parquet").read_bytes()
    for run in (quiet / "many" / "runs").glob("toy*"):
        assert (out / "runs" / run.name / "records.jsonl").read_bytes() == (
            run / "records.jsonl"
        ).read_bytes()


def test_a_run_that_kills_its_process_and_a_sweep_that_is_killed(quiet: Path, tmp_path: Path) -> None:
    study, out, words = quiet / "few.toml", tmp_path / "out", ("--workers", "2")
    sweep = start(study, out, *words, TOY_DIE="4")
    printed, said = sweep.communicate()
    assert sweep.returncode == 1
    told = "its worker was killed (SIGKILL)"
    assert printed.splitlines()[:2] == [
        f"failed: toy/step=0.1/seed=4: {told}; given up after 3 attempts",
        "5 of 6 runs finished",
    ]
    assert said.count(f"  tried again: {told}\n") == 2
    assert list(json.loads((out / "failures.json").read_text())) == ["toy/step=0.1/seed=4"]
    shutil.rmtree(out)
    sweep = start(study, out, *words)
    assert sweep.stderr is not None
    with sweep:
        sweep.stderr.readline()
        sweep.kill()  # its workers notice that, and the next sweep waits for their runs
    sweep = start(study, out, *words)
    printed, said = sweep.communicate()
    assert sweep.returncode == 0, said
    assert (out / "results.parquet").read_bytes() == (quiet / "few" / "results.parquet").read_bytes()


def test_ctrl_c_and_a_run_that_hangs(quiet: Path, tmp_path: Path) -> None:
    study, out = quiet / "few.toml", tmp_path / "out"
    sweep = start(study, out, "--workers", "2")
    assert sweep.stderr is not None
    with sweep:
        sweep.stderr.readline()
        sweep.send_signal(signal.SIGINT)
        said = sweep.stderr.read()
    assert sweep.returncode == 130
    stopped = r"cimlearn: stopped; \d of 6 runs are finished; the same command goes on"
    assert re.match(stopped, said.splitlines()[-1])
    sweep = start(study, out, "--workers", "2", "--timeout", "3", "--json", TOY_HANG="5", TOY_PAUSE="0")
    printed, said = sweep.communicate()
    assert sweep.returncode == 1
    assert json.loads(printed)["failures"] == {
        "toy/step=0.1/seed=5": "took longer than 3 s; given up after 3 attempts"
    }
