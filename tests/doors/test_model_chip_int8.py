"""A model that learns in INT8 as a chip: the public checks, a run with its page, costs before it, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import model_file, nn, two_layers

import cimlearn
from cimlearn.errors import InputError
from cimlearn.streams.base import StreamShape
from cimlearn.testing import checks
from cimlearn.torch import bit_serial, crossbar, model_chip

FAULTY = {"faults.write_error": 0.01, "faults.read_error": 0.001, "cell.endurance": 20.0}
SMALL = {"rule.batch": 4, "replay.slots": 12, **FAULTY}
SHAPE = StreamShape(4, 5, 3, signed=False)


INT8 = model_chip(two_layers, bit_serial())


@pytest.mark.parametrize("check", checks(INT8, settings=SMALL), ids=str)
def test_contract(check: Any) -> None:
    """The checks that our own chips pass; bits fail, are misread and wear out."""
    check()


SOURCE = model_file("INT8", "bit_serial")


def test_a_run_with_records_costs_and_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It learns two tasks; energy, writes and years come from the records; the cell is chosen by a setting."""
    (tmp_path / "mymodel.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    settings = {
        "stream.tasks": 2,
        "stream.examples": 600,
        "stream.held_out": 200,
        "cell.technology": "rram",
    }
    done = cimlearn.run("mymodel.py:INT8", stream="permuted-digits", settings=settings, out="run")
    records = (tmp_path / "run" / "records.jsonl").read_bytes()
    last = json.loads(records.splitlines()[-1])
    assert min(last["accuracy"]) > 0.5
    costs = done.summary
    assert costs["energy"]["learning_J"] > costs["energy"]["inference_J"] > 0
    assert costs["lifetime_years"]["first_cell"] > 0 and costs["area_m2"] > 0
    assert [note["part"] for note in costs["notes"]] == ["digital parameters", "between layers"]
    assert "1.weight" in done.report().read_text(encoding="utf-8")
    cimlearn.run("mymodel.py:INT8", stream="permuted-digits", settings=settings, resume="run")
    assert (tmp_path / "run" / "records.jsonl").read_bytes() == records


def test_it_is_priced_without_a_run() -> None:
    """Products, cycles and sizes are those of a chip that learned; bits that change depend on data."""
    p = INT8.parameters({"rule.batch": 4})
    assert INT8.design is not None
    told = INT8.design(p, SHAPE, learned=400, predicted=100)
    chip = INT8.build("chip", parameters=p, shape=SHAPE, seed=0)
    draw = np.random.default_rng(0)
    chip.learn(draw.random((400, 4, 5), np.float32), draw.integers(3, size=400))
    chip.predict(draw.random((100, 4, 5), np.float32))
    found = chip.ledger()
    for phase in ("learn", "predict"):
        for part in set(found.counts[phase]) - {"buffer"}:
            for action, count in found.counts[phase][part].items():
                rel = 1.0 if part == "cells" else 0.03
                near = told.ledger.counts[phase][part][action]
                assert near == pytest.approx(count, rel=rel, abs=8), (part, action)
    assert told.inventory == chip.inventory() and told.cells == 8 * (20 * 6 + 6 * 3)
    assert 0 < told.writes == told.ledger.counts["learn"]["cells"]["bits_driven"]
    layers = {name: one.shape for name, one in chip.writes().items()}
    assert layers == {"1.weight": (8, 6, 20), "3.weight": (8, 3, 6)}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: INT8.parameters({"rule.keep": 0.5}), "rule.keep"),
        (lambda: INT8.parameters({"faults.rest_years": 1.0}), "rest_years = 1 is not simulated"),
        (lambda: INT8.parameters({"cell.technology": "flash"}), "flash"),
        (lambda: model_chip(two_layers, "bit-serial"), "hardware is a str"),
        (lambda: made(model_chip(lambda s: Last(s), bit_serial())), "keep=.'rnn'"),
        (lambda: made(model_chip(two_layers, bit_serial(), place={"1": crossbar()})), "place: 1 is on crossbar"),
    ],
)  # fmt: skip
def test_what_is_missing_is_one_clear_error(wrong: Any, words: str) -> None:
    """It names the thing and the remedy."""
    with pytest.raises(InputError, match=words):
        wrong()


class Last(nn.Module):
    """A recurrent layer, which doesn't learn in INT8, and a linear one."""

    def __init__(self, shape: StreamShape) -> None:
        super().__init__()
        self.rnn, self.out = nn.RNN(shape.features, 4, batch_first=True), nn.Linear(4, shape.classes)

    def forward(self, x: Any) -> Any:
        """(examples, classes)."""
        return self.out(self.rnn(x)[0][:, -1])


def made(kind: Any) -> Any:
    """The chip of a kind."""
    return kind.build("chip", parameters=kind.parameters({}), shape=SHAPE, seed=0)
