"""A model of one's own as a chip: the public checks of a chip, a run, its page and its costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from models import nn

import cimlearn
from cimlearn.chips.catalog import parameters
from cimlearn.errors import InputError
from cimlearn.streams.base import StreamShape
from cimlearn.testing import checks
from cimlearn.torch import bit_serial, model_chip

SMALL = {"rule.batch": 4, "replay.slots": 12, "tile.rows": 16}


def build(shape: StreamShape) -> nn.Module:
    """Two layers."""
    inputs = shape.steps * shape.features
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 6), nn.ReLU(), nn.Linear(6, shape.classes))


CHIP = model_chip(build)


@pytest.mark.parametrize("check", checks(CHIP, settings=SMALL), ids=str)
def test_contract(check: Any) -> None:
    """The checks that our own chips pass."""
    check()


SOURCE = """
from torch import nn
from cimlearn.torch import model_chip

def build(shape):
    inputs = shape.steps * shape.features
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 24), nn.ReLU(), nn.Linear(24, shape.classes))

CHIP = model_chip(build)
"""


def test_a_run_with_records_costs_and_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It learns two tasks, is priced from its records, resumes to the same bytes, and has a twin in software."""
    (tmp_path / "mymodel.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    settings = {"stream.tasks": 2, "stream.examples": 600, "stream.held_out": 200, "rule.rate": 0.1}
    done = cimlearn.run("mymodel.py:CHIP", stream="permuted-digits", settings=settings, out="run")
    records = (tmp_path / "run" / "records.jsonl").read_bytes()
    last = json.loads(records.splitlines()[-1])
    assert min(last["accuracy"]) > 0.5
    costs = done.summary
    assert costs["energy"]["learning_J"] > costs["energy"]["inference_J"] > 0
    assert costs["lifetime_years"]["first_cell"] > 0 and costs["area_m2"] > 0
    assert costs["notes"][0]["part"] == "digital parameters"
    assert "1.weight" in done.report().read_text(encoding="utf-8")
    cimlearn.run("mymodel.py:CHIP", stream="permuted-digits", settings=settings, resume="run")
    assert (tmp_path / "run" / "records.jsonl").read_bytes() == records
    twin = cimlearn.run(
        "mymodel.py:CHIP", stream="permuted-digits", settings=settings, on="float", out="twin"
    )
    assert abs(twin.summary["accuracy"]["average"] - done.summary["accuracy"]["average"]) < 0.15


def test_what_does_not_fit_is_one_clear_error() -> None:
    """Wrong hardware, a model for other inputs, one that answers something else, an unknown setting."""
    shape = StreamShape(4, 4, 3, signed=False)
    with pytest.raises(InputError, match="bit-serial"):
        model_chip(build, bit_serial())
    for wrong, words in (
        (lambda _: nn.Linear(5, 3), "doesn't take examples of 4 x 4"),
        (lambda _: nn.Flatten(), r"gives \(2, 16\) for 2 examples of 3 classes"),
    ):
        kind = model_chip(wrong)
        with pytest.raises(InputError, match=words):
            kind.build("chip", parameters=kind.parameters({}), shape=shape, seed=0)
    with pytest.raises(InputError, match="unknown"):
        CHIP.parameters({"rule.rat": 1})
    assert CHIP.parameters({"device.kind": "ecram"})["device.kind"] == "ecram"
    assert parameters("m2ru")["rule.batch"] == 8
