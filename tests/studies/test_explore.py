"""`explore` and `compare --devices`: a study from the command line, its folder, its page, and what is best in it."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cimlearn.errors import InputError
from cimlearn.install import install
from cimlearn.report.front import front
from cimlearn.report.front_figure import front_figure
from cimlearn.report.html.drawing import png
from cimlearn.studies.compose import grid_study
from cimlearn.studies.study import load

BASE = {"chip": "m2ru", "stream": "permuted-digits", "settings": {"rule.keep_output": "none"}}
TOY = str(Path(__file__).parents[1] / "helpers" / "toy.py")


def test_the_study_is_that_of_its_file(tmp_path: Path) -> None:
    vary = {"network.hidden": ["50", "100"], "rule.keep_hidden": ["16", "none"], "tile.rows": ["1e2"]}
    study = grid_study({**BASE, "seeds": (0, 3)}, vary)
    (tmp_path / "study.toml").write_text(study.text or "")
    assert load(tmp_path / "study.toml") == study
    assert study.name == "m2ru-permuted-digits-hidden-keep_hidden-rows" and study.seeds == (0, 3)
    assert study.grid == {"network.hidden": (50, 100), "rule.keep_hidden": (16, "none"), "tile.rows": (100,)}
    points = study.points()
    assert [point.name for point in points][:3] == [
        "m2ru/hidden=50/keep_hidden=16/rows=100/seed=0",
        "m2ru/hidden=50/keep_hidden=16/rows=100/seed=3",
        "m2ru/hidden=50/keep_hidden=none/rows=100/seed=0",
    ]
    assert len(points) == 8
    chip = points[-1].experiment.parameters[0]
    assert (chip["network.hidden"], chip["rule.keep_hidden"], chip["rule.keep_output"]) == (100, None, None)


@pytest.mark.parametrize("text", ['a "b"', "ü\\n", "tab\t", "\x7f"])
def test_texts_survive_the_file(tmp_path: Path, text: str) -> None:
    study = grid_study({**BASE, "data": text}, {"network.hidden": [8]})
    (tmp_path / "study.toml").write_text(study.text or "", "utf-8")
    assert load(tmp_path / "study.toml").base.data == text


def test_prices_words_and_streams_can_be_varied() -> None:
    study = grid_study(BASE, {"technology.node": ["65nm", "22nm"], "on": ["chip", "float"]})
    assert [p.experiment.prices["technology.supply"] for p in study.points()] == [1.2, 1.2, 0.8, 0.8]
    assert [p.experiment.on for p in study.points()] == ["chip", "float", "chip", "float"]
    study = grid_study(BASE, {"stream": ["permuted-digits", "rotated-digits"]})
    assert [p.experiment.stream for p in study.points()] == ["permuted-digits", "rotated-digits"]


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ({}, "nothing to explore"),
        ({"network.hidden": []}, "--vary network.hidden: give at least one value"),
        ({"network.hidden": ["50", "many"]}, "network.hidden = 'many' is not a number"),
        ({"network.hidden": ["50", "5e1"]}, r"\[grid\] network.hidden holds 50 twice"),
        ({"network.hiden": ["50"]}, "unknown parameter 'network.hiden'; did you mean 'network.hidden'"),
        ({"price.add": ["-1"]}, "price.add = -1 is out of range"),
        ({"on": ["flaot"]}, "flaot"),
    ],
)
def test_a_wrong_value_is_an_error_before_anything_runs(vary: dict, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        grid_study(BASE, vary)
    assert "\n" not in str(caught.value)


def design(accuracy: float, joules: float, years: float) -> dict:
    return {"accuracy": accuracy, "learning_J": joules, "lifetime_years": years}


def test_front_by_hand() -> None:
    rows = [
        design(0.8, 2.0, 5.0),
        design(0.7, 2.0, 5.0),  # beaten by the first
        design(0.7, 1.0, 5.0),  # cheaper
        design(0.6, 3.0, math.inf),  # lasts
        design(0.8, 2.0, 5.0),  # as good as the first: neither beats the other
    ]
    assert front(rows) == [True, False, True, True, True]


def test_the_picture_takes_one_design_and_designs_that_never_wear(tmp_path: Path) -> None:
    goals = ["accuracy", "learning_J", "lifetime_years"]
    row = {"accuracy_std": 0.1, "best": True, **design(0.8, 2e-6, math.inf)}
    png(front_figure([row], goals, ["hidden 50"]), tmp_path / "one.png")
    figure = front_figure([row, {**row, **design(0.7, 1e-6, 3.0)}], goals, ["hidden 50", "hidden 20"])
    png(figure, tmp_path / "two.png")
    assert (tmp_path / "one.png").stat().st_size > 5000
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Learning energy [µJ]", "Accuracy [%]")
    assert figure.axes[1].get_ylabel() == "Lifetime [years], never at the end"
    assert {text.get_text() for text in axes.texts} == {"hidden 50", "hidden 20"}


def explore(folder: Path, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command on the toys, which cost nothing; its study is in folder/studied."""
    words = ("--stream", "blobs", "--set", "stream.examples=50", "--workers", "1", "--quiet", *words)
    command = [sys.executable, TOY, "explore", "toy", *words]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env={**os.environ, **(env or {})}
    )


STEPS = ("--vary", "mean.step=0.1,0.2")


def test_the_folder_is_that_of_a_study(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="results need pyarrow (the extra 'study')")
    done = explore(tmp_path, *STEPS, "--seeds", "2")
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / "studied" / "toy-blobs-step"
    assert {file.name for file in folder.iterdir()} == {
        "study.toml", "runs.json", "runs", "failures.json", "results.parquet", "designs.csv", "index.html",
    }  # fmt: skip
    runs = json.loads((folder / "runs.json").read_text())
    assert list(runs) == [f"toy/step={step}/seed={seed}" for step in (0.1, 0.2) for seed in (0, 1)]
    assert all((folder / path / "run.json").exists() for path in runs.values())
    with (folder / "designs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["label"], row["mean.step"], row["seeds"]) for row in rows] == [
        ("step 0.1", "0.1", "2"), ("step 0.2", "0.2", "2"),
    ]  # fmt: skip
    pytest.importorskip("duckdb", reason="DuckDB is not installed")
    from cimlearn.studies.query import query

    found = query(folder, "select mean_step, avg(accuracy) from results where final group by 1 order by 1")[1]
    assert found == [(step, pytest.approx(float(rows[k]["accuracy"]))) for k, step in enumerate((0.1, 0.2))]


def test_finished_runs_are_used_again_and_the_page_shows_the_study_as_it_is_now(tmp_path: Path) -> None:
    words = ("--name", "steps", "--out", "out")
    explore(tmp_path, *STEPS, *words)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "out" / "runs").rglob("records.jsonl")}
    assert len(before) == 4  # a whole one and one of its seed, for each run
    done = explore(tmp_path, "--vary", "mean.step=0.2,0.3", *words, "--json")
    rows = json.loads(done.stdout)
    assert [row["run"] for row in rows["runs"]] == ["toy,step=0.2,seed=0", "toy,step=0.3,seed=0"]
    assert all(file.stat().st_mtime_ns == when for file, when in before.items())
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert "step=0.3" in page and "step=0.1" not in page
    assert "1 other run in this folder, not of the study as it is now, left out." in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--name", "other", *STEPS), "out holds the study steps; name another folder with --out"),
        (
            ("--name", "steps", *STEPS, "--set", "read.noise=0.5"),
            "with read.noise = as the preset has it, now it is 0.5",
        ),
        (
            ("--name", "steps", *STEPS, "--set", "stream.examples=60"),
            "with stream.examples = 50, now it is 60; name another folder with --out",
        ),
    ],
)
def test_another_study_in_the_folder_is_refused(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    explore(tmp_path, "--vary", "mean.step=0.1", "--name", "steps", "--out", "out")
    before = {file: file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file()}
    done = explore(tmp_path, *words, "--out", "out")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1) and said in done.stderr
    assert {file: file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file()} == before


def test_a_design_that_fails_is_named_and_the_status_is_1(tmp_path: Path) -> None:
    done = explore(tmp_path, *STEPS, "--seeds", "0,1", "--json", env={"TOY_DIE": "1"})
    assert done.returncode == 1
    told: dict[str, Any] = json.loads(done.stdout)
    assert {"folder", "results", "failures", "designs", "runs"} == set(told)
    assert list(told["failures"]) == ["toy/step=0.1/seed=1", "toy/step=0.2/seed=1"]
    assert all("given up after 3 attempts" in why for why in told["failures"].values())
    assert [row["seeds"] for row in told["designs"]] == [1, 1]
    assert json.loads((tmp_path / told["folder"] / "failures.json").read_text()) == told["failures"]
    nothing = explore(tmp_path, *STEPS, "--seeds", "1,", "--name", "none", env={"TOY_DIE": "1"})
    assert nothing.returncode == 1 and nothing.stderr == ""
    assert nothing.stdout.splitlines()[-1] == "no design could be run; the reasons stand above"


def test_without_pyarrow_all_but_the_results_is_there(tmp_path: Path) -> None:
    (tmp_path / "pyarrow.py").write_text("raise ImportError")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = explore(tmp_path, *STEPS, "--json", env={"PYTHONPATH": path})
    assert done.returncode == 0 and json.loads(done.stdout)["results"] is None
    assert install("study") in done.stderr and len(done.stderr.splitlines()) == 1
    assert (tmp_path / "studied" / "toy-blobs-step" / "designs.csv").exists()


def test_devices_are_a_study_too(tmp_path: Path) -> None:
    sizes = {
        "network.hidden": 6,
        "stream.tasks": 1,
        "stream.examples": 8,
        "stream.held_out": 6,
        "replay.slots": 4,
    }
    settings = [word for name, value in sizes.items() for word in ("--set", f"{name}={value}")]
    words = [
        "compare",
        "--chip",
        "m2ru-lowohmic",
        "--devices",
        "ideal, continuous",
        "--stream",
        "permuted-digits",
    ]
    command = [sys.executable, "-m", "cimlearn", *words, *settings, "--workers", "1", "--quiet", "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [row["label"] for row in told["designs"]] == ["kind ideal", "kind continuous"]
    assert all(row["learning_J"] > 0 for row in told["designs"])
    study = load(tmp_path / told["folder"] / "study.toml")
    assert study.grid == {"device.kind": ("ideal", "continuous")}
    assert (tmp_path / told["folder"] / "pareto.png").stat().st_size > 5000


def test_wrong_command_lines_are_one_line(tmp_path: Path) -> None:
    for words, said in (
        (["explore", "m2ru", "--vary", "hidden"], "write it as part.key=value,value"),
        (["explore", "m2ru"], "nothing to explore"),
        (["compare", "--chip", "m2rv", "--devices", "ideal"], "unknown chip 'm2rv'; did you mean 'm2ru'"),
        (["compare", "--chip", "m2ru", "--devices", "idael"], "device.kind = 'idael' is not one of"),
        (["explore", "m2ru", "--vary", "network.hidden=1", "--vary", "network.hidden=2"], "is given twice"),
        (["explore", "m2ru", "--vary", "network.hidden=1", "--workers", "0"], "--workers 0: give a whole"),
    ):
        command = [sys.executable, "-m", "cimlearn", *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1
