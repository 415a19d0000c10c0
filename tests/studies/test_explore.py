"""Grids of designs and what is best in them."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.explore import grid
from cimlearn.report.front import front
from cimlearn.report.html.drawing import png
from cimlearn.report.pareto import pareto

BASE = Experiment("m2ru", "permuted-digits")


def test_the_grid_is_every_combination() -> None:
    points = grid(BASE, {"network.hidden": ["50", "100"], "rule.keep_hidden": ["16", "none", "64"]})
    assert [p.name for p in points][:2] == [
        "network.hidden=50/rule.keep_hidden=16", "network.hidden=50/rule.keep_hidden=none",
    ]  # fmt: skip
    assert len(points) == 6
    assert points[1].experiment.parameters[0]["rule.keep_hidden"] is None


def test_prices_can_be_varied() -> None:
    points = grid(BASE, {"technology.node": ["65nm", "22nm"]})
    assert [p.experiment.prices["technology.supply"] for p in points] == [1.2, 0.8]


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ({}, "nothing to explore"),
        ({"network.hidden": []}, "--vary network.hidden: give at least one value"),
        ({"network.hidden": ["50", "many"]}, "network.hidden = 'many' is not a number"),
        ({"network.hiden": ["50"]}, "did you mean|nearest|network.hidden"),
        ({"price.add": ["-1"]}, "price.add = -1 is out of range"),
    ],
)
def test_a_wrong_value_is_an_error_before_anything_runs(vary: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        grid(BASE, vary)


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
    row = {"network.hidden": "50", "accuracy_std": None, "best": True, **design(0.8, 2e-6, math.inf)}
    png(pareto([row], ["network.hidden"]), tmp_path / "one.png")
    png(pareto([row, {**row, **design(0.7, 1e-6, 3.0)}], ["network.hidden"]), tmp_path / "two.png")
    assert (tmp_path / "one.png").stat().st_size > 5000


def test_wrong_command_lines_are_one_line() -> None:
    for words, said in (
        (["explore", "m2ru", "--vary", "hidden"], "write it as part.key=value,value"),
        (["explore", "m2ru"], "nothing to explore"),
        (["compare", "--chip", "m2rv", "--devices", "ideal"], "unknown chip 'm2rv'; did you mean 'm2ru'"),
        (["explore", "m2ru", "--vary", "network.hidden=1", "--vary", "network.hidden=2"], "is given twice"),
    ):
        command = [sys.executable, "-m", "cimlearn", *words]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1
