"""A convolutional network cut into blocks, so that something can be added to the output of each.

    x_0 = image   x_i = block_i(x_{i-1})   features = mean of x_last over its map   o = classifier(features)

Blocks are made of Conv2d, BatchNorm2d, ReLU, ReLU6, pools, padding and sums, and torch.fx can trace each.
Tensors go by the names of the public weight files: `public_state` and `weights.load_weights` translate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.networks.pytorch import functional, nn, torch
from cimlearn.networks.sizes import check_side

CIFAR_MEAN, CIFAR_DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Facts(NamedTuple):
    """What is known of a backbone without building it."""

    name: str
    size: int  # [pixels] side of the images that the publication uses
    multiple: int  # [pixels] an image's side is a multiple of this; the last map has size / multiple
    mean: tuple[float, ...]  # of pixels in 0..1, by channel: the network sees (pixel - mean) / deviation
    deviation: tuple[float, ...]
    source: str


class Block(NamedTuple):
    """One block and where it stands."""

    name: str  # as connector points are called: 'stem', 'features.4', 'layer2.0'
    public: str  # what stands before its tensors' names in a weight file, '' or with a dot at the end
    module: nn.Module
    channels: int  # after it
    reduction: int  # side of the image / side of its output


class Backbone(nn.Module):
    """Blocks in order and a classifier of its own; in evaluation mode until told otherwise."""

    def __init__(self, facts: Facts, blocks: Sequence[Block], classifier: nn.Linear, public: str) -> None:
        """`public` stands before the classifier's tensors in a weight file."""
        super().__init__()
        self.facts = facts
        self.blocks = nn.ModuleList(block.module for block in blocks)
        self.names = tuple(block.name for block in blocks)
        self.channels = tuple(block.channels for block in blocks)
        self.reductions = tuple(block.reduction for block in blocks)
        self.classifier = classifier
        self._public = (*(block.public for block in blocks), public)
        self.eval()

    @property
    def width(self) -> int:
        """Number of features."""
        return self.classifier.in_features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(images, classes) answers of the network's own classifier for x (images, 3, height, width)."""
        return self.classifier(self.features(x))

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """(images, width) features of x (images, 3, height, width), float32 as `prepare` gives it."""
        for block in self.blocks:
            x = block(x)
        return pooled(x)

    def index(self, name: str) -> int:
        """The number of the block called `name`; InputError if there is none."""
        if name not in self.names:
            raise InputError(
                f"{self.facts.name} has no block '{name}'; its blocks are {', '.join(self.names)}"
            )
        return self.names.index(name)

    def shape(self, block: int, size: int | None = None) -> tuple[int, int, int]:
        """(channels, height, width) after a block, or of the image (block -1), for images of `size` pixels."""
        side = self.check_size(self.facts.size if size is None else size)
        if block < 0:
            return 3, side, side
        return self.channels[block], side // self.reductions[block], side // self.reductions[block]

    def check_size(self, *sides: int) -> int:
        """The side of square images; raises InputError with the sizes allowed if they can't be taken."""
        return check_side(self.facts.name, self.facts.size, self.facts.multiple, *sides)

    def public_state(self) -> dict[str, torch.Tensor]:
        """Every tensor by its name in the public weight files; they are the network's own, not copies."""
        return dict(self._public_items())

    def _public_items(self) -> Iterator[tuple[str, torch.Tensor]]:
        for public, module in zip(self._public, (*self.blocks, self.classifier), strict=True):
            for name, tensor in module.state_dict(keep_vars=True).items():
                yield public + name, tensor


def pooled(x: torch.Tensor) -> torch.Tensor:
    """(images, channels) mean over the map of x (images, channels, height, width)."""
    return functional.adaptive_avg_pool2d(x, 1).flatten(1)


def freeze(module: nn.Module) -> None:
    """Parameters get no gradient, statistics of batch norms stay."""
    module.requires_grad_(False)
    module.eval()


def prepare(images: NDArray[np.uint8], backbone: Backbone, size: int | None = None) -> torch.Tensor:
    """Stored images as the backbone wants them: (images, 3, size, size) float32, normalised.

    images (images, height, width, channels) 0..255 with 3 channels, or 1 that is used three times. `size`
    [pixels] enlarges or shrinks them (bilinear); without it they stay as they are.

    Raises
    ------
    InputError
        If the backbone can't take images of that size.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        raise InputError(
            f"images are {images.dtype} {images.shape}; give uint8 (images, height, width, 1 or 3)"
        )
    x = torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float() / 255  # (images, channels, height, width)
    if size is not None and x.shape[2:] != (size, size):
        x = functional.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)
    backbone.check_size(x.shape[2], x.shape[3])
    mean = torch.tensor(backbone.facts.mean).view(1, 3, 1, 1)
    deviation = torch.tensor(backbone.facts.deviation).view(1, 3, 1, 1)
    return ((x - mean) / deviation).contiguous()  # a single channel is spread over three here
