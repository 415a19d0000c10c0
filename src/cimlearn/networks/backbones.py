"""Backbones by name, with random weights, with weights of a file, or the small one that comes with the package."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
from safetensors.torch import load as load_bytes

from cimlearn.errors import InputError, nearest
from cimlearn.networks import mobile, resnets
from cimlearn.networks.backbone import Backbone, freeze
from cimlearn.networks.pytorch import nn, torch
from cimlearn.networks.weights import fold, load_weights, unpack
from cimlearn.random import generator

BACKBONES: dict[str, Callable[[int], Backbone]] = {
    "resnet8": resnets.resnet8,
    "resnet20": resnets.resnet20,
    "resnet50": resnets.resnet50,
    "mobilenet_v2": mobile.mobilenet_v2,
    "proxyless_mobile": mobile.proxyless_mobile,
    "efficientnet_lite0": mobile.efficientnet_lite0,
}
CLASSES = {"resnet8": 10, "resnet20": 10}  # of the public weights; 1000 for all others
SHIPPED = "resnet8-cifar10.safetensors"


def names() -> list[str]:
    """The names that `build` knows."""
    return sorted(BACKBONES)


def build(
    name: str, classes: int | None = None, *, seed: int = 0, weights: str | Path | None = None
) -> Backbone:
    """The backbone called `name`, frozen, with the weights of a file or random ones from the seed.

    `classes` is the size of its own classifier, by default that of the public weights.

    Raises
    ------
    InputError
        If there is no such backbone, or the file isn't made for it.
    """
    backbone = blank(name, classes).to_empty(device="cpu")
    initialise(backbone, seed=seed)
    if weights is not None:
        load_weights(backbone, weights)
    freeze(backbone)
    return backbone


def blank(name: str, classes: int | None = None) -> Backbone:
    """The backbone called `name` without numbers (on PyTorch's device 'meta'): for counting only."""
    if name not in BACKBONES:
        raise InputError(f"unknown backbone '{name}'; {nearest(name, BACKBONES)}")
    with torch.device("meta"):
        return BACKBONES[name](CLASSES.get(name, 1000) if classes is None else classes)


def initialise(backbone: Backbone, *, seed: int) -> None:
    """Random convolutions with He's spread (fan out), norms that change nothing, a small classifier."""
    rng = generator(seed, "backbone", "start")
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.Conv2d):
            fan = module.out_channels * module.kernel_size[0] ** 2 // module.groups
            drawn = rng.normal(0, (2 / fan) ** 0.5, tuple(module.weight.shape))
            module.weight.data = torch.from_numpy(drawn.astype(np.float32))
    limit, shape = backbone.width**-0.5, tuple(backbone.classifier.weight.shape)
    backbone.classifier.weight.data = torch.from_numpy(rng.uniform(-limit, limit, shape).astype(np.float32))
    backbone.classifier.bias.data.zero_()


def shipped() -> Backbone:
    """The small backbone of the package: ResNet-8 trained on CIFAR-10, batch norms folded, frozen.

    Its weights are float32 but exactly the INT8 numbers m 2^e of the file (see weights/README.md).
    """
    folded = fold(build("resnet8"))
    unpack(folded, load_bytes((resources.files("cimlearn") / "weights" / SHIPPED).read_bytes()))
    freeze(folded)
    return folded
