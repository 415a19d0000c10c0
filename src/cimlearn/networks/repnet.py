"""Rep-Net: small trained modules beside a frozen backbone.

    out_i = block_i(x) + M_i(x)          M: pool -> k x k group convolution -> norm -> ReLU -> 1 x 1 -> norm -> resize

x is the merged input of block i (the first module reads the image), and the sum feeds the next frozen block.
M starts as zero, so that the network starts equal to its backbone.

Source: Yang, Rakin and Fan, CVPR 2022 (Rep-Net), with the modules of TinyTL (Cai et al., NeurIPS 2020). Its
published counts of parameters and products fix what its text leaves open; see connectors.py.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import chain

import numpy as np

from cimlearn.errors import InputError
from cimlearn.networks.backbone import Backbone, freeze, pooled
from cimlearn.networks.connectors import CONNECTORS, Connector, check_modules
from cimlearn.networks.pytorch import functional, nn, torch
from cimlearn.random import generator

NORMS = ("batch", "none")
RESIZES = ("bilinear", "nearest")
STANDARD_EPSILON = 1e-5  # added to the spread of a standardised filter


class StandardConv(nn.Conv2d):
    """Each filter is used less its mean, over its spread (weight standardisation, arXiv 1903.10520)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(images, out, height, width)."""
        w = self.standardised()
        return functional.conv2d(x, w, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def standardised(self) -> torch.Tensor:
        """(out, into, height, width) the weights that are used."""
        w = self.weight
        w = w - w.mean(dim=(1, 2, 3), keepdim=True)
        return w / (w.std(dim=(1, 2, 3), keepdim=True) + STANDARD_EPSILON)


class Reprogram(nn.Module):
    """One module M. Convolutions have no bias."""

    def __init__(self, connector: Connector, into: int, out: int, norm: str, resize: str) -> None:
        super().__init__()
        conv = StandardConv if norm == "batch" else nn.Conv2d
        c = connector
        self.pool = nn.AvgPool2d(c.pool) if c.pool > 1 else nn.Identity()
        self.conv1 = conv(into, c.mid, c.kernel, padding=c.kernel // 2, groups=c.groups, bias=False)
        self.norm1 = nn.BatchNorm2d(c.mid) if norm == "batch" else nn.Identity()
        self.relu = nn.ReLU()
        self.conv2 = conv(c.mid, out, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(out) if norm == "batch" else nn.Identity()
        self.resize = resize

    def forward(self, x: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """(images, out, height, width) what is added, for x (images, into, any, any)."""
        x = self.relu(self.norm1(self.conv1(self.pool(x))))
        x = self.norm2(self.conv2(x))
        if x.shape[2:] == (height, width):
            return x
        align = False if self.resize == "bilinear" else None
        return functional.interpolate(x, size=(height, width), mode=self.resize, align_corners=align)

    def start(self, rng: np.random.Generator) -> None:
        """conv1 with He's spread; conv2 the same under a norm of gamma 0, or all zeros without norm."""
        for conv, zero in ((self.conv1, False), (self.conv2, isinstance(self.norm2, nn.Identity))):
            fan = conv.weight[0].numel()
            drawn = (
                np.zeros(conv.weight.shape) if zero else rng.normal(0, (2 / fan) ** 0.5, conv.weight.shape)
            )
            conv.weight.data = torch.from_numpy(drawn.astype(np.float32))
        for norm, gamma in ((self.norm1, 1.0), (self.norm2, 0.0)):
            if isinstance(norm, nn.BatchNorm2d):
                norm.reset_parameters()
                norm.weight.data.fill_(gamma)


class RepNet(nn.Module):
    """A frozen backbone with its modules. Several may share one backbone: only the modules are their own."""

    def __init__(
        self,
        backbone: Backbone,
        *,
        norm: str = "batch",
        resize: str = "bilinear",
        connectors: tuple[Connector, ...] | None = None,
        biases: bool = False,
        seed: int = 0,
        task: int = 0,
    ) -> None:
        """norm 'batch' (published; convolutions standardised) or 'none' (for whole numbers).

        The backbone becomes frozen. With `biases` (the authors' public default, reprogram+bias) a copy of it is made
        whose biases learn too, those of batch norms. Modules of different tasks start differently.

        Raises
        ------
        InputError
            If an option is unknown, or no connectors are known for the backbone.
        """
        super().__init__()
        for value, known, what in ((norm, NORMS, "norm"), (resize, RESIZES, "resize")):
            if value not in known:
                raise InputError(f"{what} '{value}' is unknown; choose one of {', '.join(known)}")
        name = backbone.facts.name
        if connectors is None and name not in CONNECTORS:
            raise InputError(f"no connectors are known for {name}; give them as `connectors`")
        self.connectors = CONNECTORS[name] if connectors is None else connectors
        freeze(backbone)
        self.biases = biases
        self.backbone = copy.deepcopy(backbone) if biases else backbone
        for parameter_name, parameter in self.backbone.blocks.named_parameters() if biases else ():
            parameter.requires_grad_(parameter_name.endswith(".bias"))
        self.places = {backbone.index(c.block): number for number, c in enumerate(self.connectors)}
        made = [Reprogram(c, *self._channels(c), norm, resize) for c in self.connectors]
        self.reprogram = nn.ModuleList(made)
        if all(parameter.device.type != "meta" for parameter in self.reprogram.parameters()):
            for number, module in enumerate(made):
                module.start(generator(seed, "repnet", str(task), str(number)))

    @property
    def width(self) -> int:
        """Number of features."""
        return self.backbone.width

    def check_size(self, *sides: int) -> int:
        """As the backbone's; also refuses images so small that a module's map would vanish."""
        backbone = self.backbone
        side = backbone.check_size(*sides)
        check_modules(backbone.facts.name, backbone.names, backbone.reductions, self.connectors, side)
        return side

    def _channels(self, connector: Connector) -> tuple[int, int]:
        """(into, out) of a module."""
        place, channels = self.backbone.index(connector.block), self.backbone.channels
        return 3 if connector.image or place == 0 else channels[place - 1], channels[place]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(images, width) features of x (images, 3, height, width); the head is apart."""
        image = x
        for place, block in enumerate(self.backbone.blocks):
            out = block(x)
            if place in self.places:
                number = self.places[place]
                source = image if self.connectors[number].image else x
                out = out + self.reprogram[number](source, out.shape[2], out.shape[3])
            x = out
        return pooled(x)

    def trained(self) -> Iterator[nn.Parameter]:
        """The parameters that learn; those of the head come on top."""
        return chain(
            self.reprogram.parameters(), (p for p in self.backbone.blocks.parameters() if p.requires_grad)
        )

    def own(self) -> nn.Module:
        """The part that belongs to a task: its tensors are what a task stores, besides the head's."""
        return nn.ModuleList([self.reprogram, self.backbone.blocks]) if self.biases else self.reprogram

    def train(self, mode: bool = True) -> RepNet:
        """Training mode of the modules only: the backbone's batch norms keep their statistics."""
        super().train(mode)
        self.backbone.eval()
        return self


def head(width: int, classes: int, *, seed: int = 0, task: int = 0) -> nn.Linear:
    """The classifier of one task, with small random weights and zero biases."""
    made, limit = nn.Linear(width, classes), width**-0.5
    drawn = generator(seed, "head", str(task)).uniform(-limit, limit, (classes, width))
    made.weight.data = torch.from_numpy(drawn.astype(np.float32))
    made.bias.data.zero_()
    return made
