"""What Rep-Net is compared with, on the same backbone: train the last layer only, all biases, or everything."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from cimlearn.errors import InputError
from cimlearn.networks.backbone import Backbone, freeze
from cimlearn.networks.pytorch import nn, torch

METHODS = ("last", "bias", "full")


class Tuned(nn.Module):
    """A backbone of which a part is trained; the head is apart, and always trained.

    last: nothing but the head. bias: the biases of convolutions and batch norms. full: every parameter, and batch
    norms use the statistics of the mini-batch while they learn. For 'last' the backbone is shared, else copied.
    """

    def __init__(self, backbone: Backbone, method: str) -> None:
        """InputError if there is no such method."""
        super().__init__()
        if method not in METHODS:
            raise InputError(f"method '{method}' is unknown; choose one of {', '.join(METHODS)}")
        freeze(backbone)
        self.method = method
        self.backbone = backbone if method == "last" else copy.deepcopy(backbone)
        for name, parameter in self.backbone.blocks.named_parameters():
            parameter.requires_grad_(method == "full" or (method == "bias" and name.endswith(".bias")))

    @property
    def width(self) -> int:
        """Number of features."""
        return self.backbone.width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(images, width) features of x (images, 3, height, width)."""
        return self.backbone.features(x)

    def trained(self) -> Iterator[nn.Parameter]:
        """The parameters that learn; those of the head come on top."""
        return (p for p in self.backbone.blocks.parameters() if p.requires_grad)

    def check_size(self, *sides: int) -> int:
        """As the backbone's."""
        return self.backbone.check_size(*sides)

    def own(self) -> nn.Module:
        """The part that belongs to a task: nothing, or the whole backbone's blocks."""
        return nn.ModuleList() if self.method == "last" else self.backbone.blocks

    def train(self, mode: bool = True) -> Tuned:
        """Only 'full' has batch norms that learn."""
        super().train(mode and self.method == "full")
        return self
