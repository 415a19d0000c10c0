"""Sizes of every backbone's layers, read from a table: no PyTorch, no weights, no images.

The table (sizes.json) is made from the networks themselves by scripts/backbone_sizes.py; tests/networks/test_layers.py
holds it against them. A layer's output has side / reduction pixels, because a side is a multiple of `multiple`.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any, Final, NamedTuple

from cimlearn.errors import InputError, nearest

LARGEST: Final = 512  # [pixels] of an image's side that is taken
TABLE: Final = "sizes.json"


class Weights(NamedTuple):
    """A convolution, without the numbers: `groups` matrices of (fan_in, outputs)."""

    name: str  # inside its block
    fan_in: int
    outputs: int
    groups: int
    reduction: int  # side of the image / side of its output
    into: int  # channels of its input
    below: int  # side of the image / side of its input
    pad: int  # rows (and columns) of zeros that a layer before it has put around that

    def inputs(self, side: int) -> int:
        """Values of its input for one image of `side` pixels."""
        return self.into * (side // self.below + self.pad) ** 2


class BlockSizes(NamedTuple):
    """A block of a backbone."""

    name: str
    channels: int  # after it
    reduction: int
    layers: tuple[Weights, ...]


class Sizes(NamedTuple):
    """A backbone without its classifier."""

    name: str
    size: int  # [pixels] side of the images that the publication uses
    multiple: int  # [pixels] an image's side is a multiple of this
    blocks: tuple[BlockSizes, ...]

    @property
    def width(self) -> int:
        """Number of features."""
        return self.blocks[-1].channels

    def check_size(self, side: int) -> None:
        """Raise InputError with the sizes allowed if images of `side` pixels can't be taken."""
        check_side(self.name, self.size, self.multiple, side)


@cache
def _table() -> dict[str, Any]:
    """The whole table."""
    text = (resources.files("cimlearn.networks") / TABLE).read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


@cache
def sizes(name: str) -> Sizes:
    """The backbone called `name`; InputError if there is none."""
    known = _table()
    if name not in known:
        raise InputError(f"unknown backbone '{name}'; {nearest(name, known)}")
    entry = known[name]
    blocks = tuple(
        BlockSizes(block, channels, reduction, tuple(Weights(*layer) for layer in layers))
        for block, channels, reduction, layers in entry["blocks"]
    )
    return Sizes(name, entry["size"], entry["multiple"], blocks)


def check_side(name: str, size: int, multiple: int, *sides: int) -> int:
    """The side of square images for a backbone; raises InputError with the sizes allowed if they can't be taken."""
    if len(set(sides)) != 1 or sides[0] % multiple or not multiple <= sides[0] <= LARGEST:
        found = " x ".join(str(side) for side in (sides if len(sides) > 1 else sides * 2))
        raise InputError(
            f"{name} can't take images of {found} pixels; allowed are square ones of "
            f"{multiple}, {2 * multiple}, {3 * multiple}, ... {LARGEST} pixels (published: {size})"
        )
    return sides[0]
