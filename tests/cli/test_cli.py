"""The command line: what it prints where, and one line for whatever is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import toy

import cimlearn
from cimlearn import cli
from cimlearn.costs import prices
from cimlearn.runfolder import seals

SHORT = ["--set", "stream.examples=150", "--set", "stream.tasks=2"]


def call(*words: str) -> int:
    """The exit status, whether returned or raised (argparse raises)."""
    try:
        return cli.main(words)
    except SystemExit as stop:
        return int(stop.code or 0)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CIMLEARN_DATA", raising=False)
    return tmp_path


def _finished_run(folder: Path) -> Path:
    cli.main(["run", "toy", *SHORT, "--out", str(folder / "done"), "--quiet", "--no-report"])
    return folder / "done"


def _changed(folder: Path, **change: object) -> str:
    run = _finished_run(folder)
    content = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(
        json.dumps({**content, **change, "digest": seals.of_values({**content, **change})})
    )
    return str(run)


def _toml(folder: Path, text: str) -> str:
    (folder / "e.toml").write_text(text, "latin-1")
    return str(folder / "e.toml")


def _below_a_file(folder: Path) -> str:
    (folder / "file").write_text("")
    return str(folder / "file" / "run")


WRONG: dict[str, tuple[Callable[[Path], list[str]], str]] = {
    "no command": (lambda f: [], "required: COMMAND"),
    "unknown command": (lambda f: ["rum"], "unknown command"),
    "unknown option": (lambda f: ["run", "toy", "--seed", "1", "--fast"], "has no option"),
    "no chip": (lambda f: ["run"], "name a chip"),
    "unknown chip": (lambda f: ["run", "toi"], "unknown chip 'toi'; did you mean 'toy'?"),
    "unknown stream": (lambda f: ["run", "toy", "--stream", "blob"], "did you mean 'blobs'?"),
    "unknown placement": (lambda f: ["run", "toy", "--on", "gpu"], "unknown placement 'gpu' of toy"),
    "unknown parameter": (
        lambda f: ["run", "toy", "--set", "read.noize=1"],
        "unknown parameter 'read.noize'; did you mean 'read.noise'?",
    ),
    "unknown stream parameter": (
        lambda f: ["run", "toy", "--set", "stream.task=1"],
        "did you mean 'stream.tasks'?",
    ),
    "out of range": (lambda f: ["run", "toy", "--set", "read.noise=11"], "read.noise = 11 is out of range"),
    "not a number": (lambda f: ["run", "toy", "--set", "read.noise=much"], "'much' is not a number"),
    "nan": (lambda f: ["run", "toy", "--set", "read.noise=nan"], "read.noise = nan"),
    "set without value": (lambda f: ["run", "toy", "--set", "read.noise"], "write it as part.key=value"),
    "seeds in words": (lambda f: ["run", "toy", "--seeds", "three"], "--seeds three"),
    "seeds twice": (lambda f: ["run", "toy", "--seeds", "1,1"], "different whole numbers"),
    "no seeds": (lambda f: ["run", "toy", "--seeds", "0"], "seeds = 0 is out of range"),
    "negative seed": (lambda f: ["run", "toy", "--seeds=-1,"], "seeds = [-1]"),
    "no threads": (lambda f: ["run", "toy", "--threads", "0"], "threads = 0"),
    "no such toml": (lambda f: ["run", "none.toml"], "none.toml can't be read"),
    "broken toml": (lambda f: ["run", _toml(f, "chip = ")], "is not a TOML file"),
    "toml of bytes": (lambda f: ["run", _toml(f, "\xff")], "is not text in UTF-8"),
    "toml with unknown key": (
        lambda f: ["run", _toml(f, 'chip = "toy"\nstraem = "x"')],
        "did you mean 'stream'?",
    ),
    "toml with unknown parameter": (
        lambda f: ["run", _toml(f, 'chip = "toy"\n[read]\nnoize = 1')],
        "did you mean 'read.noise'?",
    ),
    "toml with wrong seeds": (lambda f: ["run", _toml(f, 'chip = "toy"\nseeds = "two"')], "seeds = two"),
    "toml with wrong placement": (
        lambda f: ["run", _toml(f, 'chip = "toy"\non = "gpu"')],
        "unknown placement 'gpu' of toy",
    ),
    "toml with a number for a text": (lambda f: ["run", _toml(f, "chip = 3")], "chip = 3 must be a text"),
    "toml without chip": (lambda f: ["run", _toml(f, "seeds = 3")], "the key 'chip' is missing"),
    "out below a file": (
        lambda f: ["run", "toy", *SHORT, "--out", _below_a_file(f)],
        "can't make the folder",
    ),
    "out is a file": (
        lambda f: ["run", "toy", *SHORT, "--out", str(Path(_below_a_file(f)).parent)],
        "a file has",
    ),
    "out is in use": (lambda f: ["run", "toy", *SHORT, "--out", str(_finished_run(f))], "--resume"),
    "out and resume": (
        lambda f: ["run", "toy", *SHORT, "--out", "x", "--resume", str(_finished_run(f))],
        "not both",
    ),
    "resume nothing": (lambda f: ["run", "--resume", str(f / "none")], "is not a run folder"),
    "resume other format": (lambda f: ["run", "--resume", _changed(f, format=7)], "run format 7"),
    "resume other version": (
        lambda f: ["run", "--resume", _changed(f, cimlearn="0.0.1")],
        "written by cimlearn 0.0.1",
    ),
    "resume other settings": (
        lambda f: ["run", "--resume", str(_finished_run(f)), "--set", "read.noise=2"],
        "read.noise = 2.0 here, but 0.3 in",
    ),
    "resume other seeds": (
        lambda f: ["run", "--resume", str(_finished_run(f)), "--seeds", "2"],
        "seeds = [0, 1] here",
    ),
    "resume other data": (
        lambda f: ["run", "--resume", str(_finished_run(f)), "--data", "1" * 64],
        "data file blobs.npz is not what the run",
    ),
    "resume a stream of arrays": (
        lambda f: ["run", "--resume", _changed(f, opened=None)],
        "go on from Python",
    ),
    "show unknown chip": (lambda f: ["show", "toi"], "did you mean 'toy'?"),
    "report of nothing": (lambda f: ["report", str(f)], "is not a run folder"),
    "get nothing": (lambda f: ["data", "get"], "name what to get"),
    "get unknown": (lambda f: ["data", "get", "mnits"], "did you mean 'mnist'?"),
    "verify unknown": (lambda f: ["data", "verify", "mnits"], "did you mean 'mnist'?"),
    "data folder missing": (lambda f: ["data", "list", "--data", str(f / "none")], "doesn't exist"),
}


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_one_line(case: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, expected = WRONG[case]
    arguments = words(here)
    capsys.readouterr()
    status = call(*arguments)
    printed, said = capsys.readouterr()
    assert status == 2
    assert said.startswith("cimlearn: error: ")
    assert said.count("\n") == 1
    assert expected in said
    assert printed == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "m2ruu"], "did you mean 'm2ru'?"),
        (["run", "m2ru", "--stream", "permuted-mnits"], "did you mean 'permuted-mnist'?"),
        (
            ["run", "m2ru", "--stream", "permuted-digits", "--set", "network.hiden=9"],
            "did you mean 'network.hidden'?",
        ),
        (["run", "m2ru", "--stream", "permuted-digits", "--set", "strem.examples=9"], "'stream.examples'?"),
        (
            ["run", "m2ru", "--stream", "permuted-digits", "--set", "network.hidden=0"],
            "network.hidden = 0 is out of",
        ),
        (["run", "m2ru", "--stream", "permuted-digits", "--set", "device.kind=magic"], "device.kind"),
        (["run", "m2ru", "--stream", "no/such/file.npz"], "doesn't exist"),
        (["run", "m2ru", "--stream", "nan.npz"], "NaN"),
        (["run", "m2ru", "--data", "no/such/folder"], "doesn't exist"),
    ],
)
def test_wrong_input_of_the_real_chip_and_streams(
    words: list[str], expected: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = np.zeros((20, 4, 3), np.float32), np.arange(20) % 2
    x[3, 1, 2] = np.nan
    np.savez(here / "nan.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    assert call(*words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert expected in said
    assert not (here / "runs").exists()


@pytest.mark.usefixtures("toys")
class TestRun:
    def test_json_is_one_object(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert call("run", "toy", *SHORT, "--seeds", "2", "--json") == 0
        printed, said = capsys.readouterr()
        summary = json.loads(printed, parse_constant=lambda word: pytest.fail(f"{word} in JSON"))
        assert json.loads((here / "runs/toy-blobs-chip-1/summary.json").read_text()) == summary
        assert summary["complete"]
        assert "seed 1  task 2 of 2" in said
        assert (here / "runs/toy-blobs-chip-1/report.html").exists()

    def test_one_task_and_one_seed_have_no_nan(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert call("run", "toy", "--set", "stream.tasks=1", "--set", "stream.examples=15", "--json") == 0
        summary = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
        assert summary["accuracy"]["forgetting"] is None

    def test_progress_goes_to_stderr(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert call("run", "toy", *SHORT, "--no-report") == 0
        printed, said = capsys.readouterr()
        assert "average accuracy" in printed
        assert "report:" not in printed
        lines = said.splitlines()
        assert lines[0] == "2 tasks, seed 0; run folder runs/toy-blobs-chip-1"
        assert lines[1].startswith("seed 0 task 1 of 2: 20 of 300 examples")
        assert "examples/s" in lines[2]
        assert "left" in lines[2]
        assert lines[-1].startswith("seed 0  task 2 of 2")

    def test_quiet_says_only_the_summary(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert call("run", "toy", *SHORT, "--no-report", "--quiet") == 0
        printed, said = capsys.readouterr()
        assert "average accuracy" in printed
        assert said == ""

    def test_command_line_wins_over_toml(self, here: Path) -> None:
        text = 'chip = "toy"\nseeds = [4, 2]\nout = "a"\n[stream]\nname = "blobs"\nexamples = 90\ntasks = 2\n'
        assert call("run", _toml(here, text), "--set", "stream.examples=60", "--no-report", "--quiet") == 0
        run = json.loads((here / "a/run.json").read_text())
        assert run["seeds"] == [4, 2]
        assert run["settings"] == {"stream.examples": 60, "stream.tasks": 2}
        assert call(*run["command"][1:], "--out", "b", "--no-report", "--quiet") == 0
        assert (here / "a/records.jsonl").read_bytes() == (here / "b/records.jsonl").read_bytes()

    def test_a_finished_run_only_prints(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        folder = _finished_run(here)
        before = {file: file.stat().st_mtime_ns for file in folder.rglob("*.safetensors")}
        first = capsys.readouterr().out
        assert call("run", "--resume", str(folder), "--no-report") == 0
        assert capsys.readouterr() == (first, "")
        assert before == {file: file.stat().st_mtime_ns for file in folder.rglob("*.safetensors")}

    def test_a_report_that_cannot_be_written_is_one_line(
        self, here: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = _finished_run(here)
        (folder / "figures").write_text("a file where the folder of figures should be")
        capsys.readouterr()
        assert call("report", str(folder)) == 2
        assert "figures" in capsys.readouterr().err

    def test_a_bug_is_not_hidden(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(chip: toy.NearestMean, x: np.ndarray, y: np.ndarray) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(toy.NearestMean, "learn", broken)
        with pytest.raises(ZeroDivisionError):
            call("run", "toy", *SHORT, "--quiet")


@pytest.mark.usefixtures("toys")
class TestOthers:
    def test_report_is_written_again(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        folder = _finished_run(here)
        capsys.readouterr()
        assert call("report", str(folder)) == 0
        printed = capsys.readouterr().out
        assert f"report: {folder / 'report.html'}" in printed
        assert "Accuracy on each task" in printed
        assert (folder / "report.html").exists()

    def test_show_lists_every_parameter(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert call("show", "toy", "--set", "read.noise=0.5") == 0
        table = capsys.readouterr().out
        assert call("show", "toy", "--set", "read.noise=0.5", "--json") == 0
        shown = json.loads(capsys.readouterr().out)["parameters"]
        assert set(shown) == {*toy.CHIP, *toy.STREAM, *prices.parameters()}
        assert shown["read.noise"]["value"] == 0.5
        assert shown["read.noise"]["changed"]
        assert all(name in table for name in shown)


def test_data_list_and_verify(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("data", "list") == 0
    assert "digits" in capsys.readouterr().out
    assert call("data", "verify", "digits") == 0
    assert capsys.readouterr().out.startswith("ok")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version") == 0
    assert capsys.readouterr().out == f"cimlearn {cimlearn.__version__}\n"
