"""Runs that answer with numbers: errors in closed form, records, resumption, page, summary, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cimlearn
from cimlearn import chips
from cimlearn.cli import main
from cimlearn.errors import InputError
from cimlearn.experiments.numbers import errors
from cimlearn.experiments.pricing import price_design
from cimlearn.report.run.numbers import sentences
from cimlearn.streams.base import NumberShape, StreamShape

SHORT = {
    "stream.points": 300,
    "stream.ahead": 80,
    "stream.window": 20,
    "stream.passes": 6,
    "stream.taus": "17,25",
}
MODEL = """
from torch import nn
from cimlearn.torch import model_chip

@model_chip
def build(shape):
    return nn.Sequential(nn.Flatten(), nn.Linear(shape.steps, 16), nn.Tanh(), nn.Linear(16, shape.classes))
"""


def test_errors_in_closed_form() -> None:
    """Of three values by hand; the held-out mean explains nothing; one column is no worse for another's size."""
    found = errors(np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [3.0], [5.0]]), "x")
    assert found == pytest.approx((2 / 3, 200 / 3 * (1 / 5 + 1 / 9), 1 - 2 / 8))
    wanted = np.array([[1.0, 100.0], [3.0, 500.0]])
    assert errors(np.tile(wanted.mean(axis=0), (2, 1)), wanted, "x").r2 == 0
    with pytest.raises(InputError, match="all held-out targets are alike"):
        errors(np.zeros((2, 1)), np.ones((2, 1)), "x")
    with pytest.raises(InputError, match="lower its rate"):
        errors(np.full((2, 1), np.nan), np.array([[1.0], [2.0]]), "x")


def check(folder: Path, done: Any, *, beats: tuple[str, ...]) -> None:
    """Records, summary and page say the same, beside who learns nothing."""
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    assert [len(record["errors"]) for record in records] == [1, 2] and "accuracy" not in records[0]
    last = records[1]["errors"]
    assert (
        done.matrix[1].tolist() == [one["r2"] for one in last]
        and done.matrix[0, 0] == records[0]["errors"][0]["r2"]
    )
    summary = done.summary
    assert summary["measure"] == "r2" and summary["errors"]["own"]["smape"] == [one["smape"] for one in last]
    assert summary["errors"]["last"]["mse"] == [one["last"]["mse"] for one in last]
    assert summary["chance"] is None and summary["errors"]["targets"] == ["next value"]
    for who in beats:
        assert np.mean(summary["errors"]["own"]["mse"]) < np.mean(summary["errors"][who]["mse"]), who
    page = done.report().read_text(encoding="utf-8")
    assert "Variance explained" in page and "sMAPE" in page and "classified right" not in page
    assert "No better than whoever learns nothing" not in page
    section = page[page.index('<section id="errors">') :].split("</section>")[0]
    heads, *rows = section.split("<tr>")[1:]
    assert heads.count("<th") == 5 and len(rows) == 2 * 3, (
        "a row for each task and answer, so that a phone shows it"
    )
    own = summary["errors"]["own"]
    assert f">{own['r2'][0]:.3f}<" in rows[0] and "last value" in rows[1] and "training mean" in rows[5]


def test_who_is_no_better_than_nothing_is_told() -> None:
    """The page's notice names the predictor that is as good."""
    told = {"errors": {"own": {"mse": [2.0, 2.0]}, "last": {"mse": [1.0, 3.0]}, "mean": {"mse": [5.0, 5.0]}}}
    assert sentences(told) == [
        "No better than whoever learns nothing: the last value has no larger mean square error."
    ]
    assert sentences({}) == sentences({"errors": {"own": {"mse": [1.0]}, "mean": {"mse": [1.1]}}}) == []


def test_a_model_learns_a_forecast_in_situ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two series with replay of stored numbers: better than who learns nothing; the command line tells all."""
    (tmp_path / "mine.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    settings = {**SHORT, "rule.rate": 0.2, "replay.slots": 100}
    done = cimlearn.run("mine.py:build", stream="mackey-glass", settings=settings, out="run")
    check(tmp_path / "run", done, beats=("mean", "last"))
    lines = (tmp_path / "run" / "records.jsonl").read_bytes()
    assert done.summary["energy"]["learning_J"] > 0
    cimlearn.run("mine.py:build", stream="mackey-glass", settings=settings, resume="run")
    assert (tmp_path / "run" / "records.jsonl").read_bytes() == lines
    assert main(["report", "run"]) == 0
    told = capsys.readouterr().out
    assert "average variance explained" in told and "last value" in told and "accuracy" not in told


def test_adam_beats_the_last_value(tmp_path: Path) -> None:
    """The software twin forecasts better than repeating the last value."""
    settings = {**SHORT, "network.hidden": 24, "stream.taus": "17", "stream.passes": 40}
    done = cimlearn.run("m2ru", on="adam", stream="mackey-glass", settings=settings, out=tmp_path / "run")
    own, last = done.summary["errors"]["own"], done.summary["errors"]["last"]
    assert own["mse"][0] < last["mse"][0] and done.data.parameters["rule.answer"].value == "linear"
    assert done.data.config["suited"].count("rule.answer") == 1


def test_who_learns_classes_only_says_so() -> None:
    """SAS-MRAM, a GPU, an answer that is a share."""
    shape = NumberShape(4, 1, 1, True)
    with pytest.raises(InputError, match="sas-mram learns classes"):
        chips.build("sas-mram", "chip", parameters=chips.parameters("sas-mram"), shape=shape, seed=0)
    with pytest.raises(InputError, match=r"set rule\.answer = linear"):
        cimlearn.run("m2ru", on="adam", stream="mackey-glass", settings={**SHORT, "rule.answer": "softmax"})
    numbers, classes = (price_design("m2ru", {}, one).as_dict() for one in (shape, StreamShape(*shape)))
    assert numbers["energy"]["learning_J"] < classes["energy"]["learning_J"], "nothing decides who wins"
