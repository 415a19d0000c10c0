"""How many parameters and multiplications a network has, found by running it without numbers ('meta' tensors)."""

from __future__ import annotations

import copy
import math
from typing import Any, NamedTuple

from cimlearn.networks.backbone import Backbone
from cimlearn.networks.pytorch import nn, torch
from cimlearn.networks.sizes import BlockSizes, Sizes, Weights


class Counts(NamedTuple):
    """Of one module, for one image."""

    parameters: int
    products: int  # multiply-accumulate operations of Conv2d and Linear, forward


def count(module: nn.Module, *shape: int, inside: str = "") -> Counts:
    """Counts for an input of `shape` (channels, height, width), without the images' axis.

    `inside` counts only the part of that name (as in `named_modules`), still running the whole.
    """
    empty = copy.deepcopy(module).to("meta").eval()
    part = empty.get_submodule(inside)
    products = 0

    def add(layer: Any, _: Any, out: torch.Tensor) -> None:
        nonlocal products
        each = layer.weight[0].numel()  # products per output value
        products += out.numel() * each

    for layer in part.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(add)
    with torch.no_grad():
        empty(torch.empty(1, *shape, device="meta"))
    return Counts(sum(math.prod(p.shape) for p in part.parameters()), products)


def measured(backbone: Backbone) -> Sizes:
    """The sizes of a backbone's layers with weights, found by running it without numbers at its published size."""
    empty, side = copy.deepcopy(backbone).to("meta").eval(), backbone.facts.size
    found: dict[str, Weights] = {}

    def add(name: str, conv: Any, x: torch.Tensor, out: torch.Tensor) -> None:
        fan_in, outputs = conv.weight[0].numel(), conv.weight.shape[0] // conv.groups
        inner = x.shape[2] - x.shape[2] % (
            side // backbone.facts.multiple
        )  # without zeros that were put around it
        into, below, pad = x.shape[1], side // inner, x.shape[2] - inner
        found[name] = Weights(name, fan_in, outputs, conv.groups, side // out.shape[2], into, below, pad)

    x, blocks = torch.empty(1, 3, side, side, device="meta"), []
    for number, block in enumerate(empty.blocks):
        found.clear()
        for name, layer in block.named_modules():
            if isinstance(layer, nn.Conv2d):
                layer.register_forward_hook(lambda conv, x, out, name=name: add(name, conv, x[0], out))
        with torch.no_grad():
            x = block(x)
        sizes = backbone.names[number], backbone.channels[number], backbone.reductions[number]
        blocks.append(BlockSizes(*sizes, tuple(found.values())))
    return Sizes(backbone.facts.name, side, backbone.facts.multiple, tuple(blocks))
