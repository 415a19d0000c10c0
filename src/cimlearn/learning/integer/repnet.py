"""Rep-Net in INT8: frozen integer blocks, trained integer modules beside them, a trained integer head.

    out_i = block_i(x) + M_i(x)     errors come back through both; no weight gradient in frozen blocks

The same network as `networks.repnet.RepNet` with norm 'none': a module's last convolution starts at zero, so the
network starts equal to its backbone. Without a norm the scale of a module is that of its weights' exponents, which
never change.

`tuned` = bias or full: the backbone's own biases, or its biases and weights, learn too; without modules these are the
baselines, bias beside modules is the authors' public default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.training import Layer
from cimlearn.errors import InputError
from cimlearn.learning.integer.graph import NONE, IntGraph
from cimlearn.learning.integer.loss import softmax_error
from cimlearn.learning.integer.operands import Operands
from cimlearn.learning.integer.tensor import ACCUMULATOR, Int8, added, torch
from cimlearn.learning.integer.update import UpdateRule
from cimlearn.learning.integer.weighted import Narrowing
from cimlearn.learning.integer.wrong import WrongBits
from cimlearn.networks.backbone import Backbone
from cimlearn.networks.repnet import RepNet, Reprogram, StandardConv
from cimlearn.networks.sparsity import Pattern

nn = torch.nn

LAST: Final = "conv2"  # a module's last convolution, zero at the start
HEAD: Final = "head"
Tuned = Literal["no", "bias", "full"]


class Fixed(nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
    """A module whose output has a known size, so that it can be traced; nearest-neighbour resize."""

    def __init__(self, module: Reprogram, size: tuple[int, int], resized: bool) -> None:
        super().__init__()
        self.pool, self.relu = module.pool, module.relu
        self.conv1, self.conv2 = _plain(module.conv1), _plain(module.conv2)
        self.norm1, self.norm2 = module.norm1, module.norm2
        self.size, self.resized = size, resized

    def forward(self, x: Any) -> Any:
        """(images, out, height, width) for x (images, into, any, any)."""
        x = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(self.pool(x))))))
        return nn.functional.interpolate(x, size=self.size, mode="nearest") if self.resized else x


def _plain(conv: Any) -> Any:
    """A standardised convolution as a plain one that starts with the same weights; others as they are."""
    if not isinstance(conv, StandardConv):
        return conv
    into, out = conv.in_channels, conv.out_channels
    kernel: Any = conv.kernel_size
    padding: Any = conv.padding
    made = nn.Conv2d(into, out, kernel, padding=padding, groups=conv.groups, bias=False)
    made.weight.data = conv.standardised().detach()
    return made


class Pooled(nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
    """Mean over the map, then the classifier."""

    def __init__(self, head: Any) -> None:
        super().__init__()
        self.pool, self.flat, self.head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), head

    def forward(self, x: Any) -> Any:
        """(images, classes) for x (images, channels, height, width)."""
        return self.head(self.flat(self.pool(x)))


def frozen(
    backbone: Backbone,
    images: Iterable[Int8] = (),
    *,
    spread: int = 3,
    clip: bool = False,
    accumulator: int = ACCUMULATOR,
) -> list[IntGraph]:
    """The blocks of a backbone as integer graphs, exponents of activations fixed on `images` if there are any.

    `spread`: how far the exponents of output channels may differ, because folded batch norms make them unequal.
    `clip`: outliers of activations are clipped where that loses less than coarser steps. `accumulator` [bit].
    """
    graphs = [IntGraph(block, spread=spread, clip=clip, accumulator=accumulator) for block in backbone.blocks]
    batches = list(images)
    for graph in graphs:
        if batches:
            graph.calibrate(batches)
            batches = [graph.forward(x, keep=False) for x in batches]
    return graphs


class IntRepNet:
    """One task's modules and head on frozen blocks that may serve many tasks, or on blocks of its own that learn."""

    def __init__(
        self,
        blocks: list[IntGraph],
        net: RepNet,
        head: Any,
        side: int,
        *,
        last_exponent: int = -10,
        tuned: Tuned = "no",
        accumulator: int = ACCUMULATOR,
        norm: bool = False,
        follow: bool = False,
        sparsity: Pattern | None = None,
        refold: int = 0,
    ) -> None:
        """`side` [pixels] of the images; `last_exponent` of the weights that start at zero; `accumulator` [bit].

        tuned: what learns in the blocks, nothing ("no"), their biases ("bias"), biases and weights ("full"). Blocks
        that learn are copied first, so `blocks` stay as they are. norm: batch norms of what learns stay, in integers
        (`norm.py`); `net` is then made with norm 'batch', and the blocks of "full" are traced again. follow: exponents
        are those that the last learned batch would have chosen. sparsity: N of M weights of what learns are kept.
        refold: norms have the statistics of their last folding, one every so many batches (0: of each batch).

        Raises InputError if `net` was made with norm 'batch' and `norm` is not asked for.
        """
        if net.reprogram and not norm and not isinstance(net.reprogram[0].norm2, nn.Identity):
            raise InputError(
                "a Rep-Net with norm = batch has no folded integer form; make it with norm = none, or ask for norm"
            )
        self.connectors, self.places, self.tuned = net.connectors, net.places, tuned != "no"
        if tuned == "full" and norm:
            self.blocks = [block.again(real) for block, real in zip(blocks, net.backbone.blocks, strict=True)]
        elif self.tuned:
            self.blocks = [block.learning(weights=tuned == "full") for block in blocks]
        else:
            self.blocks = [block.copied() for block in blocks] if follow else blocks
        self.modules = [
            IntGraph(
                self._fixed(net, number, side),
                trained=True,
                exponents={LAST: last_exponent},
                accumulator=accumulator,
                norm=norm,
            )
            for number in range(len(net.reprogram))
        ]
        self.head = IntGraph(Pooled(head), trained=[HEAD], accumulator=accumulator)
        self._joins = {place: Narrowing(accumulator) for place in net.places}
        if follow:
            for graph in self._parts().values():
                graph.follow()
            for join in self._joins.values():
                join.follows = True
        if sparsity is not None:
            for graph in self.trained().values():
                graph.sparsify(sparsity)
        if refold:
            for graph in self.trained().values():
                graph.refold(refold)
        self._first = 0 if self.tuned else min(net.places, default=len(blocks))
        self._map = (1, *net.backbone.shape(len(blocks) - 1, side))

    def _fixed(self, net: RepNet, number: int, side: int) -> Fixed:
        """Module `number` with the size of its block's output."""
        connector, module = net.connectors[number], net.reprogram[number]
        assert isinstance(module, Reprogram)
        place = net.backbone.index(connector.block)
        into = net.backbone.shape(-1 if connector.image else place - 1, side)
        out = net.backbone.shape(place, side)
        pooled = into[1] // connector.pool
        return Fixed(module, (out[1], out[2]), pooled != out[1])

    def forward(self, image: Int8, *, keep: bool = True) -> Int8:
        """(examples, classes) answers for image (examples, 3, side, side)."""
        x = image
        for place, block in enumerate(self.blocks):
            y = block.forward(x, keep=keep and (place > self._first or self.tuned))
            if place in self.places:
                number = self.places[place]
                source = image if self.connectors[number].image else x
                y = self._joins[place].forward(added(y, self.modules[number].forward(source, keep=keep)))
            x = y
        return self.head.forward(x, keep=keep)

    def differentiate(self, image: Int8, target: Any, draw: Any = None) -> None:
        """Gradients of all that learns, on image (examples, 3, side, side), target (examples,).

        `draw`, a torch.Generator, rounds the error of more than 32 classes.
        """
        for graph in self.trained().values():
            graph.statistics(learning=True)
        answers = self.forward(image)
        for graph in self.trained().values():
            graph.statistics(learning=False)
        self._backward(softmax_error(answers, target, fraction=4, generator=draw))

    def observe(self, seen: Operands | None) -> None:
        """Count the ones of all operands in `seen`, or stop counting."""
        for graph in self._parts().values():
            graph.observe(seen)

    def err(self, wrong: WrongBits | None) -> None:
        """Let what only learning needs have wrong bits, or none again."""
        for graph in self._parts().values():
            graph.err(wrong)

    def update(
        self, *, head: UpdateRule, modules: UpdateRule, backbone: UpdateRule, norm: UpdateRule | None = None
    ) -> None:
        """Change what learns by its gradients, each part by its rule."""
        for part, graph in self.trained().items():
            rule = head if part == HEAD else backbone if part.startswith("block") else modules
            graph.update(rule, norm)
        for block in self.blocks if not self.tuned else ():
            block.commit()
        for join in self._joins.values():
            join.learned()

    def masks(self) -> dict[str, NDArray[np.bool_]]:
        """Tensor -> (outputs, ...) which of its weights are stored, where not all are."""
        found: dict[str, NDArray[np.bool_]] = {}
        for part, graph in self.trained().items():
            found |= self._named(graph.masks(), part)
        return found

    def memory(self) -> dict[str, NDArray[np.int64]]:
        """What changes beside stored weights and biases, by name."""
        found = {
            key: value
            for part, graph in self._parts().items()
            for key, value in self._named(graph.memory(), part).items()
        }
        joins = [(one.fixed, *one.back) for one in self._joins.values() if one.follows]
        if joins:
            found["joins"] = np.array([[NONE if v is None else v for v in row] for row in joins], np.int64)
        return found

    def remember(self, memory: Mapping[str, NDArray[np.int64]]) -> None:
        """Go on from `memory`."""
        for part, graph in self._parts().items():
            own = {k.removeprefix(f"{part}."): v for k, v in memory.items() if k.startswith(f"{part}.")}
            graph.remember(own)
        for one, row in zip(
            self._joins.values(), memory["joins"].tolist() if "joins" in memory else (), strict=False
        ):
            one.fixed, *back = (None if v == NONE else v for v in row)
            one.back = tuple(back)

    def _backward(self, error: Int8) -> None:
        """Gradients of head, modules and blocks that learn; nothing is computed below the first of these."""
        below = self.head.backward(error, input_error=bool(self.modules) or self.tuned)
        for place in range(len(self.blocks) - 1, self._first - 1, -1):
            if below is None:
                return
            lower = place > self._first
            through = self.blocks[place].backward(below, input_error=lower) if lower or self.tuned else None
            if place in self.places:
                number = self.places[place]
                image = self.connectors[number].image
                own = self.modules[number].backward(below, input_error=lower and not image)
                if through is not None and own is not None and not image:
                    through = self._joins[place].backward(added(through, own))
            below = through

    def _named(self, found: Mapping[str, Any], part: str) -> dict[str, Any]:
        return {f"{part}.{name}": value for name, value in found.items()}

    def trained(self) -> dict[str, IntGraph]:
        """The graphs that learn, by name."""
        found = {HEAD: self.head} | {f"module{n}": module for n, module in enumerate(self.modules)}
        return found | ({f"block{n}": block for n, block in enumerate(self.blocks)} if self.tuned else {})

    def weights(self) -> dict[str, NDArray[np.int8]]:
        """Every tensor that learns by name, copied: weights (outputs, ...), 16-bit biases as words (outputs, 2)."""
        return {
            key: value
            for part, graph in self.trained().items()
            for key, value in self._named(graph.learned(), part).items()
        }

    def sizes(self) -> dict[str, int]:
        """How many int8 words each stored tensor has, frozen ones too; biases only where they learn."""
        found = {
            key: value
            for part, graph in self._parts().items()
            for key, value in self._named(graph.sizes(), part).items()
        }
        return found | {name: words.size for name, words in self.weights().items()}

    def read(self, name: str) -> NDArray[np.int8]:
        """One stored tensor, frozen or not."""
        part, layer = name.split(".", 1)
        return self._parts()[part].read(layer)

    def load(self, weights: Mapping[str, NDArray[np.int8]]) -> None:
        """Replace stored tensors by name. Frozen blocks may be shared by several tasks, all of which see it."""
        for name, values in weights.items():
            part, layer = name.split(".", 1)
            self._parts()[part].load({layer: values})

    def _parts(self) -> dict[str, IntGraph]:
        """Every graph by name."""
        return {f"block{n}": block for n, block in enumerate(self.blocks)} | self.trained()

    def layers(self, examples: int, side: int, *, learning: bool) -> list[Layer]:
        """Every matrix product of a batch, `learning` or only forward."""
        found: list[Layer] = []
        size: tuple[int, int, int, int] = (examples, 3, side, side)
        image = size
        for place, block in enumerate(self.blocks):
            lower = learning and place > self._first
            found += _called(f"block{place}", block.layers(size, input_error=lower))
            if place in self.places:
                number = self.places[place]
                source = image if self.connectors[number].image else size
                wanted = lower and not self.connectors[number].image
                found += _called(f"module{number}", self.modules[number].layers(source, input_error=wanted))
            size = _after(block, size)
        top = self.head.layers(size, input_error=learning and (bool(self.modules) or self.tuned))
        return found + _called("head", top)

    def kept_bits(self) -> int:
        """Bits kept from the last forward pass for the way back."""
        kept = [*self.blocks[self._first + (not self.tuned) :], *self.modules, self.head]
        return sum(graph.kept_bits() for graph in kept)


def _called(part: str, layers: list[Layer]) -> list[Layer]:
    """Layers with the name of their part in front."""
    return [layer._replace(name=f"{part}.{layer.name}") for layer in layers]


def _after(block: IntGraph, size: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The size after a block."""
    out = block.forward(Int8(torch.zeros(1, *size[1:]), 0), keep=False).mantissa.shape
    return (size[0], int(out[1]), int(out[2]), int(out[3]))
