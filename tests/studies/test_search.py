"""Searches: reproducible, resumed after a kill, as many trials as asked, nothing run that can't win."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cimlearn.errors import InputError
from cimlearn.install import install
from cimlearn.report.front import front
from cimlearn.report.front_figure import course_figure, front_figure
from cimlearn.report.html.drawing import png
from cimlearn.runfolder.records import read_run
from cimlearn.studies.search.lease import Lease
from cimlearn.studies.search.pruning import Rival, floors
from cimlearn.studies.search.space import dimension_of
from cimlearn.studies.search.table import Search, search_of
from cimlearn.studies.study import load
from cimlearn.studies.workers.base import Ended, Lost
from cimlearn.studies.workers.here import Here

pytest.importorskip("optuna", reason="a search needs optuna (the extra 'study')")
pytest.importorskip("pyarrow", reason="results need pyarrow (the extra 'study')")

import pyarrow.parquet

from cimlearn.studies.search.backend import optuna, quiet
from cimlearn.studies.search.outcome import Searched
from cimlearn.studies.search.page import write_page
from cimlearn.studies.search.run import run_search
from cimlearn.studies.search.sampler import Seeded

SLOW = 60.0  # seconds until something that takes one is wrong
TOY = str(Path(__file__).parents[1] / "helpers" / "toy.py")
TOYS = """
name = "toys"
chip = "toy"
seeds = 2
[stream]
name = "blobs"
examples = 200
[search]
trials = 6
objectives = ["accuracy", "writes_max"]
mean.step = {low = 0.001, high = 0.5, log = true}
read.noise = {choices = [0.1, 0.5]}
"""
DESIGNS = """
name = "designs"
chip = "m2ru"
[stream]
name = "permuted-digits"
[search]
trials = 12
train = false
objectives = ["learning_J", "lifetime_years", "area_m2"]
network.hidden = {low = 20, high = 200, step = 20}
rule.keep_hidden = {choices = [4, 16, "none"]}
limit.area_m2 = 2.2e-6
"""


def search(folder: Path, text: str) -> Search:
    """The search in a study file."""
    (folder / "s.toml").write_text(text)
    return search_of(load(folder / "s.toml"))


def done(tmp_path: Path, text: str, out: str = "out", workers: Any = None) -> Searched:
    """A search that is run in this process."""
    return run_search(search(tmp_path, text), tmp_path / out, workers or Here(), 1)


def table(folder: Path) -> list[dict[str, Any]]:
    """Every trial, as it is written."""
    return pyarrow.parquet.read_table(folder / "trials.parquet").to_pylist()


def same(one: Path, other: Path) -> bool:
    """Whether two searches have written the same bytes."""
    names = ("trials.parquet", "results.parquet", "front.csv", "failures.json")
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


@pytest.mark.parametrize("kind", ["tpe", "nsga2", "random"])
@pytest.mark.parametrize("objectives", [1, 2])
def test_choices_depend_on_seed_number_and_history_alone(kind: str, objectives: int) -> None:
    directions = ["minimize", "maximize"][:objectives]

    def chosen(seed: int, anew: bool) -> list[tuple[float, int]]:
        """What 45 trials choose; `anew`: each by a sampler that has seen nothing."""
        study = optuna.create_study(sampler=Seeded(kind, seed), directions=directions)
        for number in range(45):
            if anew:
                study.sampler = Seeded(kind, seed)
            trial = study.ask()
            x, n = trial.suggest_float("x", 0.1, 10, log=True), trial.suggest_int("n", 1, 9)
            if number % 7 == 3:
                trial.set_constraint("n", 1.0)
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            else:
                study.tell(trial, [(x - 2) ** 2 + n, x + n][:objectives])
        return [(trial.params["x"], trial.params["n"]) for trial in study.trials]

    with quiet():
        first = chosen(0, anew=False)
        assert first == chosen(0, anew=True)
        assert first[0] != chosen(1, anew=True)[0]
    if kind != "random":  # later ones have learned from earlier ones
        assert len({n for _, n in first[30:]}) < 9


def test_one_worker_gives_the_same_trials_every_time(toys: None, tmp_path: Path) -> None:
    text = TOYS.replace("trials = 6", "trials = 12").replace("seeds = 2\n", "")
    text = text.replace("examples = 200", "examples = 20\ntasks = 2")
    for out in ("one", "two"):
        done(tmp_path, text, out)
    assert same(tmp_path / "one", tmp_path / "two")
    assert [row["trial"] for row in table(tmp_path / "one")] == list(range(12))


def test_a_search_goes_on_with_more_trials_and_does_nothing_twice(toys: None, tmp_path: Path) -> None:
    few = done(tmp_path, TOYS.replace("trials = 6", "trials = 3"))
    assert len(few.rows) == 3
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "out" / "runs").rglob("records.jsonl")}
    done(tmp_path, TOYS)
    assert all(file.stat().st_mtime_ns == when for file, when in before.items())
    done(tmp_path, TOYS, "whole")
    assert same(tmp_path / "out", tmp_path / "whole")
    nothing = run_search(search(tmp_path, TOYS), tmp_path / "out", Idle(), 1)
    assert len(nothing.rows) == 6


class Idle(Here):
    """Workers that must not be asked."""

    def submit(self, job: Any) -> None:
        raise AssertionError(job)


def test_the_front_is_that_of_explore_and_values_are_means_over_seeds(toys: None, tmp_path: Path) -> None:
    found = done(tmp_path, TOYS)
    goals = {"accuracy": True, "writes_max": False}
    rows = table(found.folder)
    assert [row["best"] for row in rows] == front(rows, goals) == [row["best"] for row in found.rows]
    assert 0 < len(found.front) < 6
    runs = pyarrow.parquet.read_table(found.folder / "results.parquet").to_pylist()
    for row in rows:
        ends = [r for r in runs if r["final"] and r["run"].startswith(f"toy/trial={row['trial']}/")]
        assert [r["seed"] for r in ends] == [0, 1]
        assert row["accuracy"] == math.fsum(r["accuracy"] for r in ends) / 2
        assert row["writes_max"] == (ends[0]["writes_max"] + ends[1]["writes_max"]) / 2
        assert ends[0]["mean_step"] == row["mean_step"]
    with (found.folder / "front.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert {int(line["trial"]) for line in lines} == {row["trial"] for row in found.front}
    assert [float(line["accuracy"]) for line in lines] == sorted(
        (r["accuracy"] for r in found.front), reverse=True
    )


def test_a_trial_near_chance_is_on_no_front(
    toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a toy that learns nothing; its stream doesn't say its classes, so the level is said here."""
    monkeypatch.setattr("cimlearn.studies.search.outcome.chance", lambda run: 0.5)
    nothing = TOYS.replace(
        "mean.step = {low = 0.001, high = 0.5, log = true}", "mean.step = {choices = [0.0]}"
    )
    found = done(tmp_path, nothing)
    assert all(row["state"] == "finished" and row["near_chance"] for row in found.rows)
    assert found.front == []
    assert (found.folder / "front.csv").read_text().count("\n") == 1
    write_page(search(tmp_path, nothing), found)
    assert "near chance" in (found.folder / "search.html").read_text()


def test_designs_are_priced_alone_and_infeasible_ones_are_not_on_the_front(tmp_path: Path) -> None:
    found = done(tmp_path, DESIGNS, workers=Idle())
    assert found.count("infeasible") > 0 and found.count("finished") > 0
    assert not (found.folder / "runs").exists() and not (found.folder / "results.parquet").exists()
    for row in found.rows:
        small = row["network.hidden"] <= 120
        assert (row["state"] == "finished") == small
        assert small or (row["reason"].startswith("area_m2 ") and row["reason"].endswith("limit 2.2 mm²"))
    ended = [row for row in found.rows if row["state"] == "finished"]
    goals = {"learning_J": False, "lifetime_years": True, "area_m2": False}
    assert [row["best"] for row in ended] == front(ended, goals)
    from cimlearn.experiments.pricing import price_design
    from cimlearn.streams.base import StreamShape

    row = found.front[0]
    settings = {name: row[name] for name in ("network.hidden", "rule.keep_hidden")}
    costs = price_design("m2ru", settings, StreamShape(8, 8, 10, False))
    assert row["learning_J"] == costs.phases["learning"].joules
    write_page(search(tmp_path, DESIGNS), found)
    assert (found.folder / "front.png").stat().st_size > 5000


def test_an_infeasible_design_is_never_run(tmp_path: Path) -> None:
    text = DESIGNS.replace("train = false", "").replace("2.2e-6", "1e-6").replace("trials = 12", "trials = 3")
    found = done(tmp_path, text, workers=Idle())
    assert [row["state"] for row in found.rows] == ["infeasible"] * 3
    assert not list((found.folder / "runs").glob("*"))


def test_floors_by_hand() -> None:
    goals = {"accuracy": True, "area_m2": False, "lifetime_years": True}
    mine = {"area_m2": 2.0, "lifetime_years": 5.0}
    small = Rival({"area_m2": 1.0, "lifetime_years": 5.0}, {"0": [0.9, 0.8, 0.7], "1": [0.5, 0.5, 0.5]})
    equal = Rival(mine, {"0": [0.8, 0.85, 0.6]})
    large = Rival({"area_m2": 3.0, "lifetime_years": 9.0}, {"0": [1.0, 1.0, 1.0]})
    assert floors(mine, [small, equal, large], goals, 0, 0.1) == pytest.approx((0.0, 0.75))
    assert floors(mine, [small, large], goals, 1, 0.0) == (0.0, 0.5)
    assert floors(mine, [large], goals, 0, 0.1) == ()  # what is cheaper than all may still win
    assert floors(mine, [small], goals, 2, 0.1) == ()  # other chances, no comparison
    assert floors(mine, [small], goals, 0, None) == ()
    assert floors(mine, [small], {**goals, "forgetting": False}, 0, 0.1) == ()
    assert floors(mine, [small], {"area_m2": False}, 0, 0.1) == ()
    four = Rival({}, {"0": [0.9, 0.8, 0.7, 0.6]})
    assert floors({}, [four], {"accuracy": True}, 0, 0.2) == pytest.approx((0.0, 0.6, 0.5))
    assert floors({}, [Rival({}, {"0": [0.9, 0.8]})], {"accuracy": True}, 0, 0.2) == ()


def test_a_run_that_is_far_behind_is_pruned_after_its_task(toys: None, tmp_path: Path) -> None:
    text = TOYS.replace('["accuracy", "writes_max"]', '["accuracy"]\nmargin = 0.1\nsampler = "random"')
    text = text.replace("{low = 0.001, high = 0.5, log = true}", "{choices = [0.1, 0.0]}")
    found = done(tmp_path, text.replace("trials = 6", "trials = 8"))
    behind = [row for row in found.rows if row["mean.step"] == 0.0 and row["trial"] > 0]
    first = next(row["trial"] for row in found.rows if row["mean.step"] == 0.1)
    pruned = [row for row in behind if row["trial"] > first]
    assert pruned and all(row["state"] == "pruned" for row in pruned)
    for row in pruned:
        name = f"toy/trial={row['trial']}/seed=0"
        assert row["reason"].startswith(f"{name}: accuracy 0.") and "after task 2, below 0." in row["reason"]
        folders = sorted((found.folder / "runs").glob(f"toy,trial={row['trial']},*"))
        assert len(folders) == 1  # the other seed was not begun
        assert len(read_run(folders[0]).records) == 2
    assert all(row["state"] == "finished" for row in found.rows if row["mean.step"] == 0.1)
    without = done(tmp_path, text.replace("margin = 0.1", 'margin = "none"'), "without")
    assert without.count("finished") == 6


def test_pictures_of_one_objective_and_of_lives_without_an_end(tmp_path: Path) -> None:
    rows = [
        {
            "trial": n,
            "best": n > 0,
            "accuracy": 0.5 + 0.1 * n,
            "area_m2": 1e-6 * n + 1e-7,
            "lifetime_years": life,
        }
        for n, life in enumerate((3.0, 40.0, math.inf))
    ]
    for objectives in (["area_m2"], ["area_m2", "accuracy"], ["lifetime_years", "accuracy", "area_m2"]):
        figure = (
            course_figure(rows, objectives[0], [0, 1, 2])
            if len(objectives) == 1
            else front_figure(rows, objectives, ["0", "1", "2"])
        )
        labels = [figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()]
        assert labels[1] == ("Area [mm²]" if len(objectives) == 1 else "Accuracy [%]")
        png(figure, tmp_path / f"{len(objectives)}.png")
        assert (tmp_path / f"{len(objectives)}.png").stat().st_size > 5000
    assert labels[0] == "Lifetime [years], never at the end"


class Lossy(Here):
    """Workers that lose the first attempts."""

    def __init__(self, losses: int) -> None:
        super().__init__()
        self.losses = losses

    def next(self) -> Ended | Lost:
        if self.losses:
            self.losses -= 1
            return Lost(self._jobs.popleft().name, "it died")
        return super().next()


def test_a_lost_trial_is_tried_again_but_not_for_ever(toys: None, tmp_path: Path) -> None:
    told = []
    study = search(tmp_path, TOYS.replace("trials = 6", "trials = 2"))
    found = run_search(study, tmp_path / "out", Lossy(4), 1, lambda *event: told.append(event))
    assert [row["state"] for row in found.rows] == ["failed", "finished"]
    why = "toy/trial=0/seed=0: it died; given up after 3 attempts"
    assert json.loads((found.folder / "failures.json").read_text()) == {"toy/trial=0": why}
    assert told[0] == (0, f"failed: {why}", 1, 2) and told[1][0] == 1 and told[1][2:] == (2, 2)


def start(tmp_path: Path, out: str, *words: str, pause: str) -> subprocess.Popen[str]:
    """The command, as a process of its own."""
    (tmp_path / "s.toml").write_text(TOYS)
    return subprocess.Popen(
        [sys.executable, TOY, "search", str(tmp_path / "s.toml"), "--out", str(tmp_path / out), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TOY_PAUSE": pause, "TOY_CHECKPOINT": "0"},
    )


def test_a_search_that_is_killed_goes_on_to_the_same_bytes(toys: None, tmp_path: Path) -> None:
    done(tmp_path, TOYS, "quiet")
    first = start(tmp_path, "out", "--workers", "1", pause="0.1")
    assert first.stderr is not None
    with first:
        assert first.stderr.readline().startswith("1 of 6  trial=0  accuracy 0.")
        until, second_run = time.monotonic() + SLOW, tmp_path / "out" / "runs" / "toy,trial=1,seed=0"
        while not (second_run / "seed-0").exists() and time.monotonic() < until:
            time.sleep(0.02)  # until the next trial has learned and saved something
        first.kill()
    begun = {folder.name for folder in (tmp_path / "out" / "runs").iterdir()}
    assert begun >= {"toy,trial=0,seed=0", "toy,trial=0,seed=1", "toy,trial=1,seed=0"} and len(begun) < 12
    second = start(tmp_path, "out", "--workers", "1", pause="0")
    printed, said = second.communicate()
    assert second.returncode == 0, said
    assert said.splitlines()[0].startswith("2 of 6  trial=1  ")
    assert printed.splitlines()[0] == "6 trials: 6 finished"
    assert same(tmp_path / "out", tmp_path / "quiet")
    assert "<svg" in (tmp_path / "out" / "search.html").read_text()


def test_two_searches_at_once_share_the_trials(toys: None, tmp_path: Path) -> None:
    study = search(tmp_path, TOYS.replace("seeds = 2\n", ""))
    told: list[list[int]] = [[], []]

    def one(mine: list[int]) -> Searched:
        return run_search(study, tmp_path / "out", Here(), 1, lambda trial, *_: mine.append(trial))

    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(one, told))
    assert sorted(told[0] + told[1]) == list(range(6))
    assert max(found.count("finished") for found in both) == 6
    assert len(list((tmp_path / "out" / "runs").glob("toy*"))) == 6


class Interrupted(Here):
    """Workers during which somebody presses Ctrl-C."""

    def next(self) -> Ended | Lost:
        raise KeyboardInterrupt


def test_ctrl_c_leaves_the_trial_to_the_next_search(toys: None, tmp_path: Path) -> None:
    done(tmp_path, TOYS.replace("trials = 6", "trials = 1"))
    with pytest.raises(KeyboardInterrupt, match="1 of 6 trials have ended; the same command goes on"):
        done(tmp_path, TOYS, workers=Interrupted())
    assert [row["state"] for row in done(tmp_path, TOYS).rows] == ["finished"] * 6


def test_leases_live_until_they_end(tmp_path: Path) -> None:
    with Lease(tmp_path) as me:
        with Lease(tmp_path) as other:
            assert me.alive(other.name) and other.alive(me.name) and me.alive(me.name)
        assert not me.alive(other.name) and not me.alive(None)
        far = tmp_path / "elsewhere-1-2.lease"
        far.touch()
        assert me.alive("elsewhere-1-2")  # its lock may not reach here, but it was seen lately
        os.utime(far, (time.time() - 1000, time.time() - 1000))
        assert not me.alive("elsewhere-1-2")
        (tmp_path / f"{me.host}-1-2.lease").touch()
        assert not me.alive(f"{me.host}-1-2")
        with Lease(tmp_path):
            assert {file.stem for file in tmp_path.glob("*.lease")} >= {me.name}
            assert not far.exists()


START = 'name = "s"\nchip = "m2ru"\n[stream]\nname = "permuted-digits"\n'
HIDDEN = "network.hidden = {low = 20, high = 100}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"study s has no \[search\]"),
        ("[search]\ntrials = 3", "nothing is chosen; give at least one part.key"),
        (f"[search]\n{HIDDEN}", "how many designs"),
        (f"[search]\ntrials = 0\n{HIDDEN}", "trials = 0: give a whole number from 1"),
        (f"[grid]\nrule.batch = [1, 2]\n[search]\ntrials = 3\n{HIDDEN}", r"\[grid\] and \[search\]; keep one"),
        (f"[search]\ntrials = 3\ntrial = 4\n{HIDDEN}", "unknown key 'trial'; did you mean 'trials'"),
        (f'[search]\ntrials = 3\nsampler = "tpa"\n{HIDDEN}', "unknown sampler 'tpa'; did you mean 'tpe'"),
        (f'[search]\ntrials = 3\nobjectives = ["acuracy"]\n{HIDDEN}', "'acuracy'; did you mean 'accuracy'"),
        (f"[search]\ntrials = 3\nobjectives = []\n{HIDDEN}", "is not a list of at least one"),
        (f'[search]\ntrials = 3\nobjectives = ["area_m2", "area_m2"]\n{HIDDEN}', "holds one twice"),
        (f"[search]\ntrials = 3\ntrain = false\n{HIDDEN}", "accuracy is known after a run only"),
        (f"[search]\ntrials = 3\nlimit.area_m3 = 1\n{HIDDEN}", "area_m3 is no cost; did you mean 'area_m2'"),
        (f"[search]\ntrials = 3\nlimit.accuracy = 1\n{HIDDEN}", "accuracy is known after a run only"),
        (f"[search]\ntrials = 3\nlimit.area_m2 = 0\n{HIDDEN}", "limit.area_m2 = 0: give a number above 0, in m2"),
        (f"[search]\ntrials = 3\nmargin = 2\n{HIDDEN}", "margin = 2: give an accuracy from 0 to 1"),
        ("[search]\ntrials = 3\nnetwork.hidden = {low = 0, high = 10}", "network.hidden = 0 is out of range"),
        ("[search]\ntrials = 3\nnetwork.hidden = {low = 5, high = 5}", "low = 5 is not below high = 5"),
        ("[search]\ntrials = 3\nnetwork.hidden = {choices = []}", "is not a list of at least one value"),
        ("[search]\ntrials = 3\nnetwork.hidden = {choices = [5, 5]}", "choices hold 5 twice"),
        ("[search]\ntrials = 3\nnetwork.hiden = {low = 5, high = 9}", "did you mean 'network.hidden'"),
        ("[search]\ntrials = 3\nnetwork.hidden = {mean = 5, std = 9}", "a search takes no distributions"),
        ("[search]\ntrials = 3\nnetwork.hidden = 5", "network.hidden = 5 is not a range"),
        ("[search]\ntrials = 3\nrule.answer = {low = 1, high = 2}", "rule.answer is no number"),
        ("[search]\ntrials = 3\nnetwork.hidden = {low = 5, high = 9, step = 9}", "up to high - low = 4"),
        ("[search]\ntrials = 3\nnetwork.hidden = {low = 5, high = 9, step = 0.5}", "takes whole numbers"),
        ("[search]\ntrials = 3\nrule.rate_bias = {low = 0.1, high = 1, step = 0.1, log = true}", "has no step"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        search(tmp_path, START + text)
    assert "\n" not in str(caught.value)


def test_a_software_twin_has_no_costs(tmp_path: Path) -> None:
    text = START.replace("[stream]", 'on = "float"\n[stream]') + f"[search]\ntrials = 3\n{HIDDEN}"
    with pytest.raises(InputError, match="a software twin has no learning_J"):
        search(tmp_path, text)


def test_steps_end_where_they_fit() -> None:
    from cimlearn.experiments.experiment import Experiment, all_parameters

    entries = all_parameters(Experiment("m2ru", "permuted-digits"))
    whole = dimension_of("network.hidden", {"low": 20, "high": 99, "step": 25}, entries)
    assert (whole.spread.high, whole.whole) == (95, True)
    rate = dimension_of("rule.rate_bias", {"low": 0.1, "high": 1.0, "step": 0.2}, entries)
    assert rate.ends() == (0.1, 0.9) and rate.value(0.30000000000000004) == 0.3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('["accuracy", "writes_max"]', '["accuracy"]'), "has objectives: accuracy, writes_max; the study now has"),
        (("high = 0.5", "high = 0.6"), "has mean.step: .*high=0.5.*now has .*high=0.6"),
        (("read.noise = {choices = [0.1, 0.5]}", ""), "has read.noise: .*; the study now has not searched"),
        (("examples = 200", "examples = 300"), "stream.examples = 200; the study now has stream.examples = 300"),
        (("seeds = 2", "seeds = 3"), "has seeds: 0, 1; the study now has 0, 1, 2"),
    ],
)  # fmt: skip
def test_another_search_in_the_storage_is_refused(
    toys: None, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    text = TOYS.replace("trials = 6", "trials = 1")
    done(tmp_path, text)
    with pytest.raises(InputError, match=message):
        done(tmp_path, text.replace(*change))


def test_storages_that_cannot_be_used(toys: None, tmp_path: Path) -> None:
    for url, message in (
        (f"sqlite:///{tmp_path}/no/such/folder.db", "can't open the storage sqlite:"),
        ("nothing", "can't open the storage nothing"),
        ("nosuch://me:secret@host/db", r"can't open the storage nosuch://me:\*\*\*@host/db"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            done(tmp_path, TOYS.replace("trials = 6", f'trials = 6\nstorage = "{url}"'))
        assert "\n" not in str(caught.value)
    shared = TOYS.replace("trials = 6", f'trials = 1\nstorage = "sqlite:///{tmp_path}/shared.db"')
    done(tmp_path, shared, "one")
    with pytest.raises(InputError, match="holds a search toys of another folder than"):
        done(tmp_path, shared, "two")


def test_without_optuna_one_line_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(DESIGNS)
    script = (
        "import sys; sys.modules['optuna'] = None; from cimlearn import cli; sys.exit(cli.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, "search", str(tmp_path / "s.toml")]
    ended = subprocess.run(command, capture_output=True, text=True)
    said = f"cimlearn: error: cimlearn search needs optuna; install it: {install('study')}\n"
    assert (ended.returncode, ended.stderr) == (2, said)
