"""A PyTorch model that learns in situ as an Avalanche strategy: what a run learns, in a stand-in of that package."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import avalanche_stand_in as stand_in
import numpy as np
import pytest
from models import nn
from sklearn.datasets import load_digits

import cimlearn
from cimlearn.errors import InputError
from cimlearn.torch import model_chip

SOURCE = """
from torch import nn
from cimlearn.torch import model_chip

@model_chip
def build(shape):
    inputs = shape.steps * shape.features
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 6), nn.ReLU(), nn.Linear(6, shape.classes))
"""
SETTINGS = {"rule.batch": 4, "rule.rate": 0.1, "replay.slots": 50, "tile.rows": 16}


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`cimlearn.avalanche` on the stand-in; afterwards it is as if it had never been imported."""
    with monkeypatch.context() as patch:
        stand_in.install(patch)
        yield importlib.import_module("cimlearn.avalanche")
        sys.modules.pop("cimlearn.avalanche", None)


def parts() -> list[tuple[Any, Any, Any, Any]]:
    """Two tasks of two digits."""
    found = load_digits(n_class=4)
    x, y = (found.images[:, None] / 16).astype(np.float32), found.target
    train = np.arange(len(y)) < 500
    tasks = [(y // 2 == k) for k in (0, 1)]
    return [(x[train & t], y[train & t], x[~train & t], y[~train & t]) for t in tasks]


def test_a_model_learns_what_a_run_learns(door: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its file's name or as an object: equal accuracies to the last digit.

    A batch of answers draws its noise together, so it has a run's size.
    """
    (tmp_path / "mine.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    benchmark = stand_in.benchmark(parts())
    stream = door.stream_from_avalanche(benchmark, seed=3)
    done = cimlearn.run("mine.py:build", stream=stream, seeds=[3], settings=SETTINGS, out="run")

    def build(shape: Any) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.ReLU(), nn.Linear(6, shape.classes))

    for chip in ("mine.py:build", model_chip(build)):
        strategy = door.CimlearnStrategy(chip=chip, seed=3, settings=SETTINGS, eval_mb_size=500)
        for k, experience in enumerate(benchmark.train_stream):
            strategy.train(experience)
            found = strategy.eval(benchmark.test_stream[: k + 1])
            assert [found[j] for j in range(k + 1)] == done.matrix[k, : k + 1].tolist()
        ledger = strategy.model.chip.ledger().counts
        assert sum(one.sum() for one in strategy.model.chip.writes().values()) > 0
        assert ledger["learn"]["1.weight"]["vectors"] == strategy.model.chip.learned() // 4 * 4
    assert done.matrix[1].mean() > 0.4


def test_what_is_refused(door: Any) -> None:
    """A placement that a model doesn't have, an unknown setting."""
    kind = model_chip(lambda shape: nn.Flatten())
    with pytest.raises(InputError, match="unknown placement 'adam' of model"):
        door.CimlearnStrategy(chip=kind, on="adam")
    with pytest.raises(InputError, match="unknown parameter"):
        door.CimlearnStrategy(chip=kind, settings={"rule.rat": 1})
