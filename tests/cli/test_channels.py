"""Text is text on every terminal; a closed or full stdout loses no result; signals save."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cimlearn import cli

TOY = [sys.executable, str(Path(__file__).parents[1] / "helpers" / "toy.py")]
SHORT = ["run", "toy", "--set", "stream.examples=40", "--set", "stream.tasks=2", "--no-report"]
LONG = ["run", "toy", "--set", "stream.examples=3000", "--set", "stream.tasks=4", "--no-report"]


def call(words: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=60, **options)


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return call(["bash", "-c", line], cwd=folder)


CLOSED = {
    "closed": ">&-",
    "closed, and stderr too": ">&- 2>&-",
    "all closed": "<&- >&- 2>&-",
    "gone": "| true",
}


@pytest.mark.parametrize("name", CLOSED)
def test_a_closed_stdout_loses_no_result(name: str, tmp_path: Path) -> None:
    done = shell(f"{' '.join([*TOY, *SHORT])} --quiet --out run {CLOSED[name]}; exit $?", tmp_path)
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["complete"]
    for file in (tmp_path / "run").rglob("*.json*"):
        assert "accuracy after" not in file.read_text()  # nothing printed went into a file


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_stdout_is_one_line(tmp_path: Path) -> None:
    done = shell(f"{' '.join([*TOY, *SHORT])} --quiet --out run > /dev/full", tmp_path)
    assert done.returncode == 2
    assert done.stderr == "cimlearn: error: a file or stdout: No space left on device\n"
    assert (tmp_path / "run" / "summary.json").exists()


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8", "cp1252"])
def test_every_encoding_prints_what_it_can(encoding: str) -> None:
    words = [sys.executable, "-m", "cimlearn", "show", "m2ru"]
    done = subprocess.run(
        words, capture_output=True, timeout=60, env={**os.environ, "PYTHONIOENCODING": encoding}
    )
    assert done.returncode == 0 and done.stderr == b""
    assert "network.hidden" in done.stdout.decode(encoding)


MARKUP = ("e[/]x", "[bold]", "[red]x[/red]", ":smile:", "[link=x]", "[/nothing]")


@pytest.mark.parametrize("said", MARKUP)
def test_data_never_reaches_markup(
    said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pa, _ = pytest.importorskip("pyarrow"), pytest.importorskip("duckdb")
    from pyarrow import parquet

    parquet.write_table(pa.table({"mass [kg]": [1.5], said: ["x"]}), tmp_path / "results.parquet")
    assert cli.main(["query", str(tmp_path), f"select *, '{said}' as word from results"]) == 0
    printed = capsys.readouterr().out
    assert "mass [kg]" in printed and printed.count(said) >= 2
    folder = tmp_path / said
    (folder / "mnist").mkdir(parents=True)
    (folder / "mnist" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"")
    assert cli.main(["data", "list", "--data", str(folder)]) == 0
    assert "incomplete in" in capsys.readouterr().out
    assert cli.main(["data", "list", "--data", f"{folder}x"]) == 2


def test_words_that_are_no_text_are_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cimlearn", "run", b"m2ru", b"--data", b"/\xff\xfe"],
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1 and b"not text in UTF-8" in done.stderr


def start(words: list[str], pause: float) -> subprocess.Popen[str]:
    """The toy, slowed down by `pause` [s] before each chunk; signals are those of a terminal."""

    def listen() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)

    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environment = {**os.environ, "TOY_CHECKPOINT": "0", "TOY_PAUSE": str(pause)}
    return subprocess.Popen([*TOY, *words], env=environment, preexec_fn=listen, **pipes)


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    while not file.exists() and process.poll() is None:
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_the_first_signal_saves_and_says_how_to_go_on(
    number: signal.Signals, status: int, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    process = start([*LONG, "--quiet", "--out", str(folder)], pause=0.2)
    wait_for(folder / "seed-0" / "state.safetensors", process)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == status
    assert said == f"cimlearn: stopped; go on with: cimlearn run --resume {folder}\n"
    whole = call([*TOY, *LONG, "--quiet", "--out", str(tmp_path / "whole")])
    again = call([*TOY, "run", "--resume", str(folder), "--quiet", "--no-report"])
    assert (whole.returncode, again.returncode) == (0, 0)
    assert (folder / "records.jsonl").read_bytes() == (tmp_path / "whole" / "records.jsonl").read_bytes()


def test_the_second_waits_and_the_third_leaves_with_the_command(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start([*LONG, "--quiet", "--out", str(folder)], pause=3.0)
    wait_for(folder / "seed-0" / "state.safetensors", process)
    time.sleep(0.7)  # until it waits for the next chunk
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.15)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    waits = "cimlearn: saving where the run stands; once more leaves at once\n"
    assert said == f"{waits}cimlearn: stopped; go on with: cimlearn run --resume {folder}\n"
    again = call([*TOY, "run", "--resume", str(folder), "--quiet", "--no-report"])
    assert again.returncode == 0, again.stderr


def test_an_ignored_signal_stays_ignored(tmp_path: Path) -> None:
    """As nohup and a shell's & want it."""
    line = f"trap '' HUP INT; exec {' '.join([*TOY, *LONG])} --quiet --out {tmp_path / 'run'}"
    environment = {**os.environ, "TOY_CHECKPOINT": "0"}
    process = subprocess.Popen(["bash", "-c", line], env=environment, stdout=subprocess.DEVNULL)
    wait_for(tmp_path / "run" / "run.json", process)  # type: ignore[arg-type]
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=60) == 0
