"""A real process is killed, stopped or starved of disk in the middle, and goes on to the same bytes."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TOY = [sys.executable, str(Path(__file__).parents[1] / "helpers" / "toy.py")]
RUN = [
    "run",
    "toy",
    "--seeds",
    "2",
    "--set",
    "stream.examples=3000",
    "--set",
    "stream.tasks=4",
    "--no-report",
]
FILES = (
    "records.jsonl",
    "run.json",
    *(f"seed-{s}/{f}" for s in (0, 1) for f in ("records.jsonl", "state.safetensors")),
)


def start(words: list[str], pause: float = 0, **options: object) -> subprocess.Popen[str]:
    """The toy's command line; `pause` [s] before each chunk slows it down and changes nothing else."""
    environment = {**os.environ, "TOY_CHECKPOINT": "0", "TOY_PAUSE": str(pause)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*TOY, *words], env=environment, **pipes, **options)


def finish(words: list[str]) -> None:
    process = start(words)
    _, said = process.communicate()
    assert process.returncode == 0, said


def content(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole") / "run"
    finish([*RUN, "--out", str(folder)])
    return content(folder)


def wait_for_a_new_state(folder: Path, process: subprocess.Popen[str], seen: set[int]) -> None:
    """Until the process has saved a state that was not there before."""
    while process.poll() is None:
        stamps = {file.stat().st_mtime_ns for file in folder.glob("seed-*/state.safetensors")}
        if stamps - seen:
            seen |= stamps
            return
        time.sleep(0.001)


def test_kill_at_random_moments(whole: dict[str, bytes], tmp_path: Path) -> None:
    folder, moments, seen = tmp_path / "run", random.Random(4), set[int]()
    killed = 0
    words = [*RUN, "--out", str(folder)]
    for _ in range(4):
        process = start(words)
        wait_for_a_new_state(folder, process, seen)
        time.sleep(moments.uniform(0, 0.05))
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        words = ["run", "--resume", str(folder), "--no-report"]
    assert killed >= 2
    finish(words)
    assert content(folder) == whole


def test_ctrl_c_says_how_to_go_on(whole: dict[str, bytes], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    listens = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731  a background shell ignores it
    process = start(
        [*RUN, "--quiet", "--out", str(folder)], pause=0.2, preexec_fn=listens
    )  # and doesn't end before
    wait_for_a_new_state(folder, process, set())
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate()
    assert process.returncode == 130
    assert printed == ""
    assert said == f"cimlearn: stopped; go on with: cimlearn run --resume {folder}\n"
    finish([*RUN, "--resume", str(folder)])  # the same command goes on too
    assert content(folder) == whole


def test_a_file_that_cannot_grow(tmp_path: Path) -> None:
    folder, many = tmp_path / "run", ["run", "toy", "--seeds", "2", "--no-report"]
    many += ["--set", "stream.examples=50", "--set", "stream.tasks=40"]  # records larger than run.json
    finish([*many, "--out", str(tmp_path / "whole")])
    whole = content(tmp_path / "whole")
    enough = len(whole["run.json"]) + 500  # but not for the records
    assert len(whole["records.jsonl"]) > 2 * enough

    def starve() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (enough, enough))

    process = start([*many, "--quiet", "--out", str(folder)], preexec_fn=starve)
    _, said = process.communicate()
    assert process.returncode == 2
    assert said.startswith("cimlearn: error: disk full: ")
    assert said.endswith(f"free space, then: cimlearn run --resume {folder}\n")
    assert said.count("\n") == 1
    finish(["run", "--resume", str(folder), "--no-report"])
    assert content(folder) == whole
