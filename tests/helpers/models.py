"""What the tests of cimlearn.torch share: small networks, handwritten digits, and how they are trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="cimlearn.torch needs PyTorch, which is not installed")
from sklearn.datasets import load_digits  # noqa: E402

nn = torch.nn
TRAINED = 1300  # digits of 1797 that networks learn; the others test them
EIGHT_BITS = {"periphery.input_bits": 8, "periphery.converter_bits": 8, "periphery.saturation": 0.8}


class Sequence(nn.Module):
    """A recurrent layer, the output of its last step, ten classes."""

    def __init__(self, layer: Any, width: int) -> None:
        super().__init__()
        self.layer, self.out = layer, nn.Linear(width, 10)

    def forward(self, x: Any) -> Any:
        return self.out(self.layer(x)[0][:, -1])


def two_layers(shape: Any) -> Any:
    """A small model for a stream's shape."""
    inputs = shape.steps * shape.features
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 6), nn.ReLU(), nn.Linear(6, shape.classes))


def model_file(name: str, hardware: str = "") -> str:
    """The source of a user's file with the kind of chip `name`, on `hardware` of cimlearn.torch."""
    return f"""
from torch import nn
from cimlearn.torch import {", ".join(["model_chip", *([hardware] if hardware else [])])}

def build(shape):
    inputs = shape.steps * shape.features
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 24), nn.ReLU(), nn.Linear(24, shape.classes))

{name} = model_chip(build{f", {hardware}()" if hardware else ""})
"""


def convolutional(seed: int = 1) -> Any:
    """Two convolutions and a linear layer for 8 x 8 pixels."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


def recurrent(seed: int = 1) -> Any:
    """A GRU that reads eight rows of eight pixels."""
    torch.manual_seed(seed)
    return Sequence(nn.GRU(8, 32, batch_first=True), 32)


def digits(*, image: bool) -> tuple[Any, Any]:
    """All digits, always in the same order: (examples, 1, 8, 8) or (examples, 8, 8), and their classes."""
    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    x = torch.tensor(found.images[order] / 16, dtype=torch.float32)
    return x[:, None] if image else x, torch.tensor(found.target[order])


def fit(model: Any, x: Any, y: Any, *, epochs: int, rate: float = 6e-3) -> Any:
    """Train on the first digits with Adam; answers the model, ready for inference."""
    order = torch.Generator().manual_seed(0)
    adam = torch.optim.Adam(model.parameters(), rate)
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(TRAINED, generator=order).split(100):
            adam.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            adam.step()
    return model.eval()


def accuracy(model: Any, x: Any, y: Any) -> float:
    """Percent of the other digits that are told rightly."""
    with torch.no_grad():
        right = model(x[TRAINED:]).argmax(1) == y[TRAINED:]
    return float(right.double().mean()) * 100
