"""The matrix products of a whole network for one image, from sizes alone: backbone, Rep-Net modules, head.

What learns (`train`): repnet, the modules and the head; repnet+bias, the backbone's biases too; last, the head only;
bias, the backbone's biases and the head; full, its weights too. An error goes through every block above the first that
learns, and through a module unless it reads the image; none goes below the first layer. Every convolution has a bias
once its batch norm is folded into it.
The integer network that is really run (learning/integer/repnet.py) finds the same by a pass; the tests compare both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from cimlearn.arrays.training import Layer
from cimlearn.networks.connectors import CONNECTORS, Connector, check_modules
from cimlearn.networks.sizes import Sizes, sizes
from cimlearn.networks.sparsity import Pattern, check_divides

IMAGE = 3  # channels of an image
MODULES = ("repnet", "repnet+bias")  # modules stand beside the backbone
TUNED = ("repnet+bias", "bias", "full")  # something inside the backbone learns


@lru_cache(maxsize=256)
def layers(
    backbone: str,
    side: int,
    classes: int,
    train: str = "repnet",
    norm: bool = False,
    kept: tuple[int, int] = (0, 0),
) -> tuple[Layer, ...]:
    """Every layer with weights in the order of the pass, for one image of `side` x `side` pixels.

    `norm`: integer norms behind all convolutions that learn, which then have no bias. `kept`: N of M weights of filters
    that learn, but for those that read the image.

    Raises
    ------
    InputError
        If there is no such backbone, or it or its modules can't take images of that size.
    """
    check_images(backbone, side, train)
    net, connectors = sizes(backbone), _connectors(backbone, train)
    names = [block.name for block in net.blocks]
    places = {names.index(c.block): number for number, c in enumerate(connectors)}
    tuned = train in TUNED
    first = -1 if tuned else min(places, default=len(names))  # no error goes below the first that learns
    found: list[Layer] = []
    for place, block in enumerate(net.blocks):
        error = place > first
        for w in block.layers:
            pixels = (side // w.reduction) ** 2
            name = f"block{place}.{w.name}"
            found.append(
                Layer(
                    name,
                    w.fan_in,
                    w.outputs,
                    pixels,
                    w.groups,
                    trained=train == "full",
                    error=error and bool(found),
                    inputs=w.inputs(side),
                    bias=tuned and not (norm and train == "full"),
                    norm=norm and train == "full",
                )
            )
        if place in places:
            number = places[place]
            module = _module(net, number, connectors[number], place, side, error=error and place > 0)
            found += (layer._replace(norm=norm) for layer in module)
    below = tuned or bool(connectors)
    found.append(Layer("head.head", net.width, classes, 1, 1, trained=True, error=below, inputs=net.width))
    dense = {found[0].name} | {
        f"module{number}.conv1" for place, number in places.items() if connectors[number].image or place == 0
    }
    sparse = (
        {layer.name for layer in found if layer.trained and layer.name not in dense} if kept[1] else set()
    )
    for layer in found:
        if layer.name in sparse:
            check_divides(layer.name, layer.fan_in, Pattern(*kept))
    return tuple(layer._replace(kept=kept) if layer.name in sparse else layer for layer in found)


def check_images(backbone: str, side: int, train: str = "repnet") -> None:
    """Raise InputError if a backbone, or its modules where they learn, can't take images of `side` pixels."""
    net = sizes(backbone)
    net.check_size(side)
    names, reductions = [block.name for block in net.blocks], [block.reduction for block in net.blocks]
    check_modules(backbone, names, reductions, _connectors(backbone, train), side)


def _connectors(backbone: str, train: str) -> tuple[Connector, ...]:
    """The modules that stand beside a backbone."""
    return CONNECTORS[backbone] if train in MODULES else ()


def _module(net: Sizes, number: int, c: Connector, place: int, side: int, *, error: bool) -> Iterator[Layer]:
    """Both convolutions of a module; `error`: whether the block that it stands beside passes one on."""
    below = None if c.image or place == 0 else net.blocks[place - 1]
    channels, reduction = (IMAGE, 1) if below is None else (below.channels, below.reduction)
    pixels = (side // reduction // c.pool) ** 2
    into = Layer(
        f"module{number}.conv1",
        channels // c.groups * c.kernel**2,
        c.mid // c.groups,
        pixels,
        c.groups,
        trained=True,
        error=error and not c.image,
        inputs=channels * pixels,
    )
    yield into
    out = net.blocks[place].channels
    yield Layer(
        f"module{number}.conv2", c.mid, out, pixels, 1, trained=True, error=True, inputs=c.mid * pixels
    )


def scaled(one: Sequence[Layer], examples: int) -> tuple[Layer, ...]:
    """The layers of a batch from those of one image: as many windows for each of `examples`."""
    return tuple(
        layer._replace(windows=layer.windows * examples, inputs=layer.inputs * examples) for layer in one
    )
