"""Where the modules of a Rep-Net stand beside each backbone, and how large they are. Numbers only, no PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cimlearn.errors import InputError


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


def check_modules(
    name: str, blocks: Sequence[str], reductions: Sequence[int], connectors: Sequence[Connector], side: int
) -> None:
    """Raise InputError for images of `side` pixels so small that a module's map would vanish.

    `blocks` are the names of the backbone's blocks, `reductions` the image's side over that of each output.
    """
    for c in connectors:
        place = -1 if c.image else blocks.index(c.block) - 1
        least = c.pool * (1 if place < 0 else reductions[place])
        if side < least:
            raise InputError(
                f"the Rep-Net of {name} can't take images of {side} pixels: its modules need "
                f"{least} or more; enlarge the images"
            )
