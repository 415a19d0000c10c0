"""A model of one's own as a chip: the public checks of a chip, a run, its page and its costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import model_file, nn, two_layers

import cimlearn
from cimlearn.chips.catalog import parameters
from cimlearn.errors import InputError
from cimlearn.experiments.pricing import price_design
from cimlearn.streams.base import StreamShape
from cimlearn.testing import checks
from cimlearn.torch import model_chip

SMALL = {"rule.batch": 4, "replay.slots": 12, "tile.rows": 16}


CHIP = model_chip(two_layers)


@pytest.mark.parametrize("check", checks(CHIP, settings=SMALL), ids=str)
def test_contract(check: Any) -> None:
    """The checks that our own chips pass."""
    check()


SOURCE = model_file("CHIP")


def test_a_run_with_records_costs_and_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It learns two tasks, is priced from its records, resumes to the same bytes, and has a twin in software."""
    (tmp_path / "mymodel.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    settings = {"stream.tasks": 2, "stream.examples": 600, "stream.held_out": 200, "rule.rate": 0.1}
    before = price_design(
        "mymodel.py:CHIP", {"rule.rate": 0.1}, StreamShape(8, 8, 10, signed=False)
    ).as_dict()
    done = cimlearn.run("mymodel.py:CHIP", stream="permuted-digits", settings=settings, out="run")
    records = (tmp_path / "run" / "records.jsonl").read_bytes()
    last = json.loads(records.splitlines()[-1])
    assert min(last["accuracy"]) > 0.5
    costs = done.summary
    for name, value in costs["area_m2"].items() if isinstance(costs["area_m2"], dict) else ():
        assert before["area_m2"][name] == pytest.approx(value, rel=0.3), name
    assert before["energy"]["learning_J"] == pytest.approx(costs["energy"]["learning_J"], rel=0.5)
    assert before["energy"]["inference_J"] == pytest.approx(costs["energy"]["inference_J"], rel=0.5)
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
    """A model for other inputs, one that answers something else, an unknown setting."""
    shape = StreamShape(4, 4, 3, signed=False)
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


BY_DATA = {
    "active_bits", "row_pulses", "writes", "update_row_cycles", "row_writes", "stored", "random_numbers", "bits_written"
}  # fmt: skip


def test_it_is_priced_without_a_run() -> None:
    """Close to what the same weights count while they learn other data: passes and cycles are equal."""
    shape = StreamShape(4, 5, 3, signed=False)
    settings = {**SMALL, "rule.batch": 4}
    p = CHIP.parameters(settings)
    assert CHIP.design is not None
    told = CHIP.design(p, shape, learned=400, predicted=100)
    chip = CHIP.build("chip", parameters=p, shape=shape, seed=0)
    draw = np.random.default_rng(0)
    x, y = draw.random((400, 4, 5), np.float32), draw.integers(3, size=400)
    chip.learn(x, y)
    chip.predict(x[:100])
    found = chip.ledger()
    for phase in ("learn", "predict"):
        for part, actions in found.counts[phase].items():
            for action, count in actions.items():
                near = told.ledger.counts[phase][part][action]
                if action in BY_DATA:  # of random inputs and weights that have hardly learned
                    assert count / 4 <= near <= count * 4, (phase, part, action)
                else:
                    assert near == pytest.approx(count, rel=0.1, abs=8), (phase, part, action)
    assert 0 < told.writes == sum(told.ledger.counts["learn"][name]["writes"] for name in chip.writes())
    assert set(told.inventory) == set(chip.inventory()) and told.cells == 2 * (20 * 6 + 6 * 3)
