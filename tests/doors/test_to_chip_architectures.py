"""Multiply-adds of ten known architectures, built without weights, against formulas of their layers' sizes.

The reference walks the plain model with hooks and counts from shapes alone: inputs of a kernel times places times
outputs, gates times (inputs + state) for each step, tokens times tokens times width. It shares nothing with the ledger.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from models import nn, torch

from cimlearn.torch import ideal, ledger, report, to_chip

Make = Callable[[], nn.Module]


def conv(inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, norm, limited ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )


class Sum(nn.Module):
    """Two ways round, added (He et al., CVPR 2016)."""

    def __init__(self, way: nn.Module, other: nn.Module | None = None) -> None:
        super().__init__()
        self.way, self.other = way, other or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.way(x) + self.other(x)
        return out


class Side(nn.Module):
    """Several ways side by side (GoogLeNet, SqueezeNet, DenseNet)."""

    def __init__(self, *ways: nn.Module) -> None:
        super().__init__()
        self.ways = nn.ModuleList(ways)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([way(x) for way in self.ways], 1)


class Gate(nn.Module):
    """Squeeze and excitation (Hu et al., CVPR 2018)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        few = width // 4
        squeeze = [nn.AdaptiveAvgPool2d(1), nn.Conv2d(width, few, 1), nn.ReLU()]
        self.way = nn.Sequential(*squeeze, nn.Conv2d(few, width, 1), nn.Sigmoid())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x * self.way(x)
        return out


class Last(nn.Module):
    """A classifier of the last output of a recurrent layer."""

    def __init__(self, layer: nn.RNNBase, width: int) -> None:
        super().__init__()
        self.layer, self.head = layer, nn.Linear(width, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.layer(x)[0][:, -1])
        return out


class Block(nn.Module):
    """Attention and a perceptron, norms first (Dosovitskiy et al., ICLR 2021)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.way = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = self.first(x)
        x = x + self.attention(seen, seen, seen, need_weights=False)[0]
        out: torch.Tensor = x + self.way(self.second(x))
        return out


class Vit(nn.Module):
    """Patches of 4 x 4, two blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.blocks = nn.Conv2d(3, 16, 4, 4), nn.Sequential(Block(16), Block(16))
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.blocks(self.patches(x).flatten(2).transpose(1, 2)).mean(1))
        return out


def head(width: int) -> list[nn.Module]:
    """Mean of the places, a linear layer."""
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)]


def resnet18() -> nn.Module:
    """Two blocks of two convolutions in each of four stages, a quarter of the published width squared."""
    layers, width = [conv(3, 8, 7, 2), nn.MaxPool2d(3, 2, 1)], 8
    for stage, outputs in enumerate((8, 16, 32, 64)):
        for n in range(2):
            stride = 2 if stage and not n else 1
            way = nn.Sequential(conv(width, outputs, 3, stride), conv(outputs, outputs, 3))
            layers.append(Sum(way, None if width == outputs else conv(width, outputs, 1, stride)))
            width = outputs
    return nn.Sequential(*layers, *head(64))


def mobilenet_v2() -> nn.Module:
    """The published stages (Sandler et al., CVPR 2018) at a quarter of their width or so."""
    layers, width = [conv(3, 8, 3, 2)], 8
    for grow, outputs, count, first in (
        (1, 4, 1, 1),
        (6, 6, 2, 2),
        (6, 8, 3, 2),
        (6, 16, 4, 2),
        (6, 24, 3, 1),
    ):
        for n in range(count):
            stride, hidden = first if n == 0 else 1, grow * width
            way = nn.Sequential(
                *([conv(width, hidden, 1)] if grow > 1 else []),
                conv(hidden, hidden, 3, stride, hidden),
                nn.Conv2d(hidden, outputs, 1),
            )
            layers.append(Sum(way) if stride == 1 and width == outputs else way)
            width = outputs
    return nn.Sequential(*layers, conv(24, 48, 1), *head(48))


def vgg() -> nn.Module:
    """Convolutions of 3 x 3 between pools, three linear layers."""
    layers: list[nn.Module] = []
    width = 3
    for outputs, count in ((8, 1), (16, 1), (24, 2)):
        for _ in range(count):
            layers += [nn.Conv2d(width, outputs, 3, padding=1), nn.ReLU()]
            width = outputs
        layers.append(nn.MaxPool2d(2))
    rest = [nn.Linear(24 * 16, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10)]
    return nn.Sequential(*layers, nn.Flatten(), *rest)


def squeezenet() -> nn.Module:
    """Two fire modules (Iandola et al., arXiv 1602.07360)."""

    def fire(inputs: int, few: int, many: int) -> nn.Sequential:
        return nn.Sequential(conv(inputs, few, 1), Side(conv(few, many, 1), conv(few, many, 3)))

    return nn.Sequential(
        conv(3, 8, 3, 2), fire(8, 4, 8), nn.MaxPool2d(2), fire(16, 4, 12), nn.Conv2d(24, 10, 1), *head(10)[:2]
    )


def densenet() -> nn.Module:
    """Layers that see all before them (Huang et al., CVPR 2017)."""
    layers = [conv(3, 8, 3, 2)]
    layers += [Side(nn.Identity(), nn.Sequential(conv(8 + 4 * n, 16, 1), conv(16, 4, 3))) for n in range(3)]
    return nn.Sequential(*layers, conv(20, 10, 1), nn.AvgPool2d(2), *head(10))


def senet() -> nn.Module:
    """Grouped convolutions of ResNeXt with squeeze and excitation."""
    way = nn.Sequential(conv(8, 16, 1), conv(16, 16, 3, 1, 4), conv(16, 8, 1), Gate(8))
    return nn.Sequential(conv(3, 8, 3, 2), Sum(way), *head(8))


def temporal() -> nn.Module:
    """Dilated convolutions over time, one step apart, then two (Bai et al., arXiv 1803.01271)."""
    layers = [nn.Conv1d(6, 8, 3, dilation=1), nn.ReLU(), nn.Conv1d(8, 8, 3, dilation=2), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(8, 4))


IMAGE, SERIES = (3, 32, 32), (12, 6)
MODELS: dict[str, tuple[Make, tuple[int, ...]]] = {
    "ResNet-18": (resnet18, IMAGE),
    "MobileNetV2": (mobilenet_v2, IMAGE),
    "VGG": (vgg, IMAGE),
    "SqueezeNet": (squeezenet, IMAGE),
    "DenseNet": (densenet, IMAGE),
    "SE-ResNeXt": (senet, IMAGE),
    "ViT": (Vit, (3, 16, 16)),
    "temporal convolutions": (temporal, (6, 16)),
    "GRU classifier": (lambda: Last(nn.GRU(6, 8, 2, batch_first=True), 8), SERIES),
    "two-way LSTM": (lambda: Last(nn.LSTM(6, 8, batch_first=True, bidirectional=True), 16), SERIES),
}


def products(model: nn.Module, x: torch.Tensor) -> tuple[int, int]:
    """(of weights, of queries with keys and of their shares with values) for x, from shapes alone."""
    found = [0, 0]

    def linear(one: Any, _: Any, out: Any) -> None:
        found[0] += one.in_features * out.numel()

    def convolved(one: Any, _: Any, out: Any) -> None:
        found[0] += out.numel() * one.in_channels // one.groups * math.prod(one.kernel_size)

    def recurrent(one: Any, given: Any, _: Any) -> None:
        examples, steps, _ = given[0].shape
        gates, ways = {"GRU": 3, "LSTM": 4}[one.mode], 2 if one.bidirectional else 1
        for layer in range(one.num_layers):
            inputs = one.input_size if layer == 0 else one.hidden_size * ways
            found[0] += examples * steps * ways * gates * one.hidden_size * (inputs + one.hidden_size)

    def attention(one: Any, given: Any, _: Any) -> None:
        examples, tokens, width = given[0].shape
        found[0] += 4 * examples * tokens * width * width
        found[1] += 2 * examples * tokens * tokens * width

    for one in model.modules():
        if isinstance(one, nn.MultiheadAttention):
            one.register_forward_hook(attention)
        elif isinstance(one, nn.RNNBase):
            one.register_forward_hook(recurrent)
        elif isinstance(one, (nn.Conv1d, nn.Conv2d)):
            one.register_forward_hook(convolved)
        elif type(one) is nn.Linear:
            one.register_forward_hook(linear)
    with torch.no_grad():
        model(x)
    return found[0], found[1]


@pytest.mark.parametrize("name", MODELS)
def test_multiply_adds_of_an_architecture(name: str) -> None:
    """All products of weights are on arrays and counted once; nothing is unknown; attention's own are digital."""
    make, shape = MODELS[name]
    torch.manual_seed(0)
    model, x = make().eval(), torch.rand(2, *shape)
    chip = to_chip(model, x, ideal())
    with torch.no_grad():
        chip(x)
    counts = ledger(chip).counts["predict"]
    counted = sum(part["products"] for part in counts.values() if "products" in part)
    weights, pairs = products(model, x)
    assert counted == weights > 0
    assert counts["digital"]["multiply_add"] >= pairs
    found = report(chip)
    assert not found.is_lower_bound and not found.unused
    assert not any("Conv" in why or "Linear" in why or "Attention" in why for why in found.digital.values())
