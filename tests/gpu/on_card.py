"""Chips on a card against chips on the CPU. Collected by test_on_card.py: on a GPU, else in numba's simulator.

One size for all tests, so that a GPU compiles its programs once.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cimlearn
from cimlearn.chips.m2ru import KIND
from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.gpu import engine, lanes
from cimlearn.gpu.card import Card
from cimlearn.learning import replay
from cimlearn.streams.base import StreamShape

# Kernels in plain Python overflow on purpose; numba thinks that one block is too few for a GPU.
pytestmark = pytest.mark.filterwarnings("ignore")
SHAPE = StreamShape(3, 2, 2, False)
SMALL = {
    "network.hidden": 2,  # fewer than half the lanes, so that columns are shared out
    "tile.rows": 4,
    "rule.keep_hidden": 2,
    "rule.batch": 2,
    "rule.centre_over": 3,
    "replay.slots": 3,
}
QUIET = {
    "cell.read_noise": 0.0,
    "periphery.thermal": 0.0,
    "periphery.noise_factor": 0.0,
    "rule.winner_noise": 0.0,
    "device.cycle": 0.0,
    "replay.quantiser": "nearest",
}
EXACT = {"periphery.input_bits": None, "periphery.converter_bits": None, "network.state_bits": None}
ROUNDING = 2e-6  # relative to the window; float32 sums in another order


def chip_of(seed: int, **settings: Any) -> M2RU:
    """A tiny chip."""
    return M2RU(KIND.parameters({**SMALL, **settings}), SHAPE, seed=seed)


def examples(count: int, seed: int = 0) -> tuple[Any, Any]:
    """x (count, steps, features), y (count,)."""
    draw = np.random.default_rng(seed)
    x = draw.random((count, SHAPE.steps, SHAPE.features)).astype(np.float32)
    x[:, 0] = 0
    return x, draw.integers(0, SHAPE.classes, count)


@pytest.mark.parametrize("feedback", ["probed", "through"])
def test_without_noise_it_is_the_chip_of_the_cpu(feedback: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights and states to float32 rounding, whole-number counts exactly."""
    settings: dict[str, Any] = {"rule.feedback": feedback, "periphery.zero_read": False, **QUIET}
    if lanes.SIMULATED:  # kernels are Python: both replay the same slots
        monkeypatch.setattr(replay, "random_below", lambda memory, n: int(n * 3) // 4)
        monkeypatch.setattr(engine, "below_at", lambda key, place, n: int(n * 3) // 4)
    else:  # nothing to round, where a last bit could become a step
        settings |= EXACT | {"replay.slots": 0}
    x, y = examples(5)
    cpu, host = chip_of(2, **settings), chip_of(2, **settings)
    card = Card(host, 2)
    card.put(host, 2, 1)
    card.learn([1], [(x, y)])
    found = card.predict([1], [x[:3]])[0]
    card.take(host, 1)
    cpu.learn(x, y)
    assert np.array_equal(cpu.predict(x[:3]), found)
    host.count_classified(3)
    for name, weight in cpu.weights().items():
        assert np.abs(host.weights()[name] - weight).max() <= ROUNDING * 20, name
        assert np.array_equal(host.writes()[name], cpu.writes()[name])
    mine, its = host.ledger(), cpu.ledger()
    assert mine.counts == its.counts
    for phase, arrays in its.conductance_on.items():
        for name, on in arrays.items():
            assert mine.conductance_on[phase][name] == pytest.approx(on, rel=1e-6)
    for name, tensor in cpu.state()[0].items():
        if name.startswith(("work.progress", "work.probe", "replay.seen", "replay.stored", "replay.labels")):
            assert np.array_equal(host.state()[0][name], tensor), name


def test_a_chip_does_not_know_its_neighbours_nor_its_chunks() -> None:
    x, y = examples(3)
    other = examples(2, seed=1)
    settings = {"rule.feedback": "probed"}
    alone, beside = chip_of(3, **settings), chip_of(3, **settings)
    card = Card(alone, 2)
    card.put(alone, 3, 0)
    card.learn([0], [(x, y)])
    card.take(alone, 0)
    card.put(chip_of(5, **settings), 5, 0)
    card.put(beside, 3, 1)
    card.learn([0, 1], [other, (x[:2], y[:2])])
    card.take(beside, 1)  # through the host, as a checkpoint does
    card.put(beside, 3, 1)
    card.learn([1, 0], [(x[2:], y[2:]), other])
    card.take(beside, 1)
    tensors = alone.state()[0]
    for name, tensor in beside.state()[0].items():
        assert np.array_equal(tensor, tensors[name]), name


def test_a_run_has_the_folder_of_a_run_on_the_cpu(tmp_path: Path) -> None:
    tasks = [(*examples(2, seed=n), *examples(1, seed=9 + n)) for n in range(2)]
    stream = cimlearn.ArrayStream(tasks, seed=0)
    settings = {**SMALL, "rule.feedback": "probed"}
    devices = ("cpu", "cuda")
    for device in devices:
        folder = tmp_path / device
        cimlearn.run("m2ru", stream=stream, seeds=(1, 4), settings=settings, out=folder, on_device=device)
    files = {
        device: {str(f.relative_to(tmp_path / device)) for f in (tmp_path / device).rglob("*")}
        for device in devices
    }
    assert files["cpu"] == files["cuda"]
    a, b = (
        [json.loads(line) for line in (tmp_path / device / "records.jsonl").read_text().splitlines()]
        for device in ("cpu", "cuda")
    )
    assert len(a) == len(b) == 4
    for mine, its in zip(b, a, strict=True):
        assert mine.keys() - {"never_right"} == its.keys() - {"never_right"}
        for phase, parts in its["ledger"]["counts"].items():
            for part, counts in parts.items():
                assert mine["ledger"]["counts"][phase][part].keys() == counts.keys()
            hidden = mine["ledger"]["counts"][phase]["hidden"]
            assert hidden["vectors"] == parts["hidden"]["vectors"]
    with pytest.raises(cimlearn.InputError, match="on_device = cpu here, but cuda"):
        cimlearn.run("m2ru", stream=stream, seeds=(1, 4), settings=settings, resume=tmp_path / "cuda")
