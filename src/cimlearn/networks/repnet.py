"""Rep-Net: small trained modules beside a frozen backbone.

    out_i = block_i(x) + M_i(x)          M: pool -> k x k group convolution -> norm -> ReLU -> 1 x 1 -> norm -> resize

x is the merged input of block i (the first module reads the image), and the sum feeds the next frozen block.
M starts as zero, so that the network starts equal to its backbone.

Source: Yang, Rakin and Fan, CVPR 2022 (Rep-Net), with the modules of TinyTL (Cai et al., NeurIPS 2020). Its
published counts of parameters and products fix what its text leaves open; see CONNECTORS.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from cimlearn.errors import InputError
from cimlearn.networks.backbone import Backbone, freeze, pooled
from cimlearn.networks.pytorch import functional, nn, torch
from cimlearn.random import generator

NORMS = ("batch", "none")
RESIZES = ("bilinear", "nearest")
STANDARD_EPSILON = 1e-5  # added to the spread of a standardised filter


class Connector(NamedTuple):
    """One module and the block beside which it stands."""

    block: str  # name of the block to whose output the module adds
    mid: int  # channels between its two convolutions
    groups: int  # of the first convolution
    kernel: int  # of the first convolution
    pool: int  # average pool before it
    image: bool = False  # it reads the image; otherwise what the block reads


def _connectors(blocks: str, mids: tuple[int, ...], kernels: str, image_pool: int) -> tuple[Connector, ...]:
    """First module: image, no groups. The others: 2 groups, pool 2."""
    rows = zip(blocks.split(), mids, kernels, strict=True)
    return tuple(
        Connector(name, mid, 1 if n == 0 else 2, int(kernel), image_pool if n == 0 else 2, n == 0)
        for n, (name, mid, kernel) in enumerate(rows)
    )


# The rule. mid = Cin rounded up to a multiple of 8 (3 -> 8); for ResNet-50 Cin / 4, and 64 for its first module.
# The image is pooled by 8, all else by 2 (a 7 x 7 map becomes 3 x 3). Trained parameters are both convolutions
# (no biases) and both norms; products are of the convolutions at 224 pixels. This gives
#   ProxylessNAS-Mobile  415,464 and  25.54 M  published 0.415 M and 25.5 M
#   MobileNetV2          380,072 and  20.48 M  published 0.380 M and 20.5 M
#   ResNet-50          8,698,720 and 528.1 M   published 8.70 M and 528 M
# Kernels: 3 where the module's output map is 7 x 7, but 5 at features.14 of MobileNetV2: with 3 its counts would be
# 0.306 M and 16.9 M. ResNet-50's first mid isn't published; 64 is what the counts ask for.
# EfficientNet-Lite0: by the same rule (assumed). ResNet-20 and ResNet-8 (assumed): modules at the borders of
# stages, mid = Cin or more, maps that need no resize where the block halves its map.
CONNECTORS = {
    "proxyless_mobile": _connectors(
        "blocks.1 blocks.5 blocks.9 blocks.13 blocks.17 blocks.21", (8, 32, 40, 80, 96, 192), "555533", 8
    ),
    "mobilenet_v2": _connectors(
        "features.2 features.4 features.7 features.11 features.14 features.17",
        (8, 24, 32, 64, 96, 160),
        "555553",
        8,
    ),
    "resnet50": _connectors(
        "stem layer1.0 layer2.0 layer3.0 layer4.0 layer4.2", (64, 16, 64, 128, 256, 512), "555533", 8
    ),
    "efficientnet_lite0": _connectors(
        "blocks.1 blocks.3 blocks.5 blocks.8 blocks.11 blocks.15", (8, 24, 40, 80, 112, 192), "555533", 8
    ),
    "resnet20": _connectors("layer1.0 layer2.0 layer3.0 layer3.2", (8, 16, 32, 64), "5533", 2),
    "resnet8": _connectors("layer1.0 layer2.0 layer3.0", (8, 32, 64), "533", 2),
}


class StandardConv(nn.Conv2d):
    """Each filter is used less its mean, over its spread (weight standardisation, arXiv 1903.10520)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(images, out, height, width)."""
        w = self.weight
        w = w - w.mean(dim=(1, 2, 3), keepdim=True)
        w = w / (w.std(dim=(1, 2, 3), keepdim=True) + STANDARD_EPSILON)
        return functional.conv2d(x, w, self.bias, self.stride, self.padding, self.dilation, self.groups)


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
        seed: int = 0,
        task: int = 0,
    ) -> None:
        """norm 'batch' (published; convolutions standardised) or 'none' (for whole numbers).

        The backbone becomes frozen. Modules of different tasks start differently.

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
        self.backbone = backbone
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
        for c in self.connectors:
            place = -1 if c.image else backbone.index(c.block) - 1
            least = c.pool * (1 if place < 0 else backbone.reductions[place])
            if side < least:
                raise InputError(
                    f"the Rep-Net of {backbone.facts.name} can't take images of {side} pixels: its modules need "
                    f"{least} or more; enlarge the images"
                )
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
        return self.reprogram.parameters()

    def own(self) -> nn.Module:
        """The part that belongs to a task: its tensors are what a task stores, besides the head's."""
        return self.reprogram

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
