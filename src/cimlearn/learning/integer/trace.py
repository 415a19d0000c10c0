"""A PyTorch block as a list of integer layers: traced by torch.fx, batch normalisation folded, weights made int8.

    BN(W x) = g (W x - m) / sqrt(v + e) + h   ->   W' = W g / sqrt(v + e),   b' = h - m g / sqrt(v + e)

Statistics m, v are the running ones (evaluation mode). Dropout and Identity vanish. A ReLU (ReLU6) that alone follows
a layer with weights works on that layer's sums: NITI narrows first, but then sums far above 6 would decide
the exponent and leave few bits for what passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, NamedTuple

from cimlearn.errors import InputError, nearest
from cimlearn.learning.integer.layers import Add, Operation, Relu
from cimlearn.learning.integer.modules import SUPPORTED, called, plain
from cimlearn.learning.integer.norm import from_batch_norm, new_norm
from cimlearn.learning.integer.products import Geometry
from cimlearn.learning.integer.tensor import ACCUMULATOR, Int8, Tensor, from_float, torch
from cimlearn.learning.integer.weighted import Narrowing, Weighted, bias_from_float, per_channel
from cimlearn.networks.equalise import Limited

nn = torch.nn

INPUT: Final = -1
FREE: Final = 16  # how far exponents of filters may differ where a norm follows
FRESH: Final = -14  # exponent of a new norm's gamma and beta, which reach 2 with 16 bits


class Step(NamedTuple):
    """A layer and where its inputs come from: numbers of earlier steps, INPUT = the block's own."""

    operation: Operation
    inputs: tuple[int, ...]


class TraceSettings(NamedTuple):
    """What is chosen for a block."""

    trained: bool | Collection[str] = False  # all layers, none, or those named
    accumulator: int = ACCUMULATOR  # bits
    spread: int = 0  # frozen layers: exponents of output channels differ by up to this; 0 = one for all
    clip: bool = False  # activations: clip outliers where that loses less than coarser steps
    exponents: Mapping[str, int] = {}  # layer -> exponent of its weights, where the values do not decide
    norm: bool = False  # batch norms behind layers that learn stay, in integers


def traced(block: Any, settings: TraceSettings) -> list[Step]:
    """The layers of `block` (an nn.Module of one input and one output), in order.

    Raises InputError naming what is not supported.
    """
    if _Tracer().is_leaf_module(block, ""):
        block = nn.Sequential(block).train(block.training)  # a single layer is called 0
    tracing = _Tracing(block, settings)
    for node in tracing.graph.nodes:
        tracing.take(node)
    return _fused(tracing.steps)


def _fused(steps: list[Step]) -> list[Step]:
    """The same with every ReLU that alone follows a layer with weights taken into it."""
    uses = Counter(i for step in steps for i in step.inputs)
    found: list[Step] = []
    now = {INPUT: INPUT}  # old number -> new number
    for n, (operation, inputs) in enumerate(steps):
        before = steps[inputs[0]].operation if inputs[0] != INPUT else None
        if isinstance(operation, Relu) and isinstance(before, Weighted) and uses[inputs[0]] == 1:
            before.rectified, before.limit = True, operation.limit
            now[n] = now[inputs[0]]
        else:
            now[n] = len(found)
            found.append(Step(operation, tuple(now[i] for i in inputs)))
    return found


class _Tracer(torch.fx.Tracer):  # type: ignore[misc, name-defined, unused-ignore]
    """Also stops at subclasses of layers: tracing through them would lose their weights."""

    def is_leaf_module(self, m: Any, module_qualified_name: str) -> bool:
        if isinstance(m, nn.Conv2d | nn.Linear | nn.BatchNorm2d | Limited):
            return True
        return super().is_leaf_module(m, module_qualified_name)


class _Tracing:
    """The steps found so far, and the step at which each node of the graph ends."""

    def __init__(self, block: Any, settings: TraceSettings) -> None:
        try:
            self.graph = _Tracer().trace(block)
        except Exception as error:  # torch.fx raises many kinds
            raise InputError(
                f"{type(block).__name__} can't be traced ({error}); write it without data-dependent steps"
            ) from None
        self.settings = settings
        self.steps: list[Step] = []
        self._modules = dict(block.named_modules())
        self._ends: dict[Any, int | None] = {}  # None: no tensor
        self._folded: set[Any] = set()
        if not isinstance(settings.trained, bool):
            known = [name for name, m in self._modules.items() if isinstance(m, nn.Conv2d | nn.Linear)]
            for name in settings.trained:
                if name not in known:
                    raise InputError(f"there is no layer '{name}' to train; {nearest(name, known)}")

    def take(self, node: Any) -> None:
        """Append the steps of one node."""
        if node.op == "placeholder":
            if self._ends:
                raise InputError(f"{node.name} is a second input; a block has one")
            self._ends[node] = INPUT
        elif node.op == "output":
            if node.args[0] not in self._ends or self._ends[node.args[0]] != len(self.steps) - 1:
                raise InputError("a block gives its last tensor, and no other")
        elif node.op == "call_module":
            module = self._modules[node.target]
            make = MODULES.get(type(module))
            found = make(self, node, module) if make else plain(str(node.target), module)
            self._append(node, found, node.args[:1])
        elif node.op in ("call_function", "call_method"):
            self._call(node)
        else:
            raise InputError(f"{node.target} is used on its own; a layer's tensors belong to it. {SUPPORTED}")

    def _call(self, node: Any) -> None:
        name = node.target if isinstance(node.target, str) else node.target.__name__
        item_of_shape = name == "getitem" and self._ends.get(node.args[0], 0) is None
        if name in ("size", "getattr") or item_of_shape:
            self._ends[node] = None
            return
        found = called(name, node.name, node.args[1:], node.kwargs)
        sources = node.args[:2] if any(isinstance(one, Add) for one in found) else node.args[:1]
        self._append(node, found, sources)

    def _append(self, node: Any, operations: list[Operation], sources: tuple[Any, ...]) -> None:
        ends = [self._ends.get(source) if isinstance(source, torch.fx.Node) else None for source in sources]
        if None in ends:
            raise InputError(f"{node.name} needs something that is no tensor of the block; {SUPPORTED}")
        inputs = tuple(end for end in ends if end is not None)
        for operation in operations:
            narrowing = getattr(operation, "narrowing", None)
            if isinstance(narrowing, Narrowing):
                narrowing.accumulator = self.settings.accumulator
                narrowing.clip = self.settings.clip
            self.steps.append(Step(operation, inputs))
            inputs = (len(self.steps) - 1,)
        self._ends[node] = inputs[0]

    def convolution(self, node: Any, conv: Any) -> list[Operation]:
        """Conv2d, with the BatchNorm2d that alone follows it."""
        if isinstance(conv.padding, str) or conv.padding_mode != "zeros" or conv.dilation != (1, 1):
            raise InputError(
                f"{node.target} ({conv}) is not supported; use whole-number zero padding, dilation 1"
            )
        weight = conv.weight.detach().double()
        bias = conv.bias.detach().double() if conv.bias is not None else None
        users = list(node.users)
        if len(users) == 1 and users[0].op == "call_module":
            norm = self._modules[users[0].target]
            if type(norm) is nn.BatchNorm2d:
                self._folded.add(users[0])
                if self.settings.norm and self._learns(str(node.target)):
                    return [self._normed(node, weight, conv, norm)]
                scale, offset = _affine(users[0].target, norm)
                weight = weight * scale.view(-1, 1, 1, 1)
                bias = offset + (scale * bias if bias is not None else 0)
        geometry = Geometry(tuple(conv.stride), tuple(conv.padding), conv.groups)
        return [self._weighted(node, weight, bias, geometry)]

    def normalisation(self, node: Any, norm: Any) -> list[Operation]:
        """BatchNorm2d that no convolution precedes: a depthwise convolution of one pixel."""
        if node in self._folded:
            return []
        scale, offset = _affine(node.target, norm)
        geometry = Geometry(groups=len(scale))
        return [self._weighted(node, scale.view(-1, 1, 1, 1), offset, geometry)]

    def _learns(self, name: str) -> bool:
        trained = self.settings.trained
        return trained if isinstance(trained, bool) else name in trained

    def _normed(self, node: Any, weight: Tensor, conv: Any, norm: Any) -> Weighted:
        """A convolution and its norm, apart; a filter has an exponent of its own, which drops out."""
        if conv.bias is not None:
            raise InputError(
                f"{node.target} has a bias before its norm, which takes it away; make it without"
            )
        made = self._weighted(
            node, weight, None, Geometry(tuple(conv.stride), tuple(conv.padding), conv.groups)
        )
        made.weight, made.steps = per_channel(weight, FREE)
        fresh = int(norm.num_batches_tracked) == 0
        made.norm = (
            new_norm(len(weight), float(norm.weight.detach()[0]), FRESH)
            if fresh
            else from_batch_norm(norm, made.steps)
        )
        return made

    def linear(self, node: Any, layer: Any) -> list[Operation]:
        """Linear."""
        bias = layer.bias.detach().double() if layer.bias is not None else None
        return [self._weighted(node, layer.weight.detach().double(), bias, None)]

    def _weighted(
        self, node: Any, weight: Tensor, bias: Tensor | None, geometry: Geometry | None
    ) -> Weighted:
        name, s = str(node.target), self.settings
        if any(step.operation.name == name for step in self.steps):
            raise InputError(f"{name} is used twice; a layer is used once, give it a twin")
        trained = self._learns(name)
        steps = None
        if s.spread > 0 and not trained and name not in s.exponents:
            mantissa, steps = per_channel(weight, s.spread)
        else:
            mantissa = from_float(weight, exponent=s.exponents.get(name))
        small = bias_from_float(bias) if bias is not None and bool(bias.any()) else None
        return Weighted(name, Int8(*mantissa), small, geometry, trained, steps)


def _affine(name: str, norm: Any) -> tuple[Tensor, Tensor]:
    """(scale, offset) of a batch normalisation in evaluation mode."""
    if norm.running_mean is None:
        raise InputError(f"{name} keeps no running statistics; make it with track_running_stats=True")
    scale = (norm.running_var.detach().double() + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight.detach().double()
    offset = -norm.running_mean.detach().double() * scale
    return scale, offset + (norm.bias.detach().double() if norm.bias is not None else 0)


MODULES: Final[dict[type, Callable[[_Tracing, Any, Any], list[Operation]]]] = {
    nn.Conv2d: _Tracing.convolution,
    nn.BatchNorm2d: _Tracing.normalisation,
    nn.Linear: _Tracing.linear,
}
