"""The oracle of benchmarks/direct_oracle.py: its mean Jacobian against differences of a plain forward pass."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from cimlearn.chips.m2ru import parameters
from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.streams.base import StreamShape

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "direct_oracle.py"
SMALL = 1e-5  # disturbance of a state; central differences err by its square
CLOSE = 1e-6  # of a Jacobian kept in float32


def test_mean_jacobian() -> None:
    spec = importlib.util.spec_from_file_location("direct_oracle", SCRIPT)
    assert spec is not None and spec.loader is not None
    oracle = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(oracle)
    shape, keep, feed = StreamShape(4, 3, 2, False), 0.7, 0.9
    p = parameters({"network.hidden": 5, "network.lambda": keep, "network.beta": feed})
    chip = M2RU(p, shape, seed=1, on="float")
    chip.work.state.offset[0] = 0.3
    x = np.random.default_rng(2).random((6, 4, 3), np.float32)
    first, second = (chip.weights()[name].astype(float) for name in ("hidden", "output"))

    def output(example: np.ndarray, at: int, change: np.ndarray) -> np.ndarray:
        h = np.zeros(5)
        for t, now in enumerate(example - 0.3):
            row = np.concatenate([now, feed * h, [1.0]])
            h = keep * h + (1 - keep) * np.tanh(row @ first) + (change if t == at else 0.0)
        return np.append(h, 1.0) @ second

    found = oracle.mean_jacobian(chip, x)
    for t in range(4):
        for unit in range(5):
            step = SMALL * np.eye(5)[unit]
            wanted = np.mean([output(one, t, step) - output(one, t, -step) for one in x], axis=0) / (
                2 * SMALL
            )
            assert np.abs(found[t, :, unit] - wanted).max() < CLOSE
