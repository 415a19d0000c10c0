"""A backbone whose channels are about equally large, so that one exponent fits all of a tensor's channels.

    x'_c = x_c / s_c   W'_oi = W_oi s_i   gamma'_o = gamma_o / s_o   beta'_o = beta_o / s_o   limit'_c = 6 / s_c

The features stay what they were: a positive s passes through ReLU, pools and sums. Tensors that are added share their
scales; so do a tensor and what a ReLU makes of it. A channel's reach comes from its batch norm, not from images:

    reach = |beta| + k |gamma|,  after a ReLU beta + k |gamma|,  at most 6 after ReLU6;  sums add means and variances

Source: Nagel et al., ICCV 2019, arXiv 1906.04721, section 4.1, which balances weights; here weights have exponents by
channel, so activations are balanced. That a limit becomes one for each channel is ours.
"""

from __future__ import annotations

import copy
import math
from typing import Any, Final, NamedTuple

from cimlearn.networks.backbone import Backbone, Facts
from cimlearn.networks.pytorch import nn, torch

SIGMAS: Final = 6.0  # k, as in the source
FULL: Final = 127 / 128  # of a power of two: the largest that 7 bits hold
LEAST: Final = 2.0**-8  # of the largest reach: a channel that is never active is not blown up

Tied = nn.ReLU | nn.ReLU6 | nn.MaxPool2d | nn.AvgPool2d | nn.Identity | nn.Dropout | nn.ZeroPad2d


class Limited(nn.Module):
    """max(x, 0), and at most `limit` of its channel."""

    def __init__(self, limit: torch.Tensor) -> None:
        """`limit` (channels,) > 0."""
        super().__init__()
        self.register_buffer("limit", limit, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(images, channels, height, width)."""
        limit = self.get_buffer("limit").to(x.dtype)
        return torch.minimum(x.clamp(min=0), limit.view(1, -1, 1, 1))


def equalised(backbone: Backbone, *, sigmas: float = SIGMAS) -> Backbone:
    """A copy with the same features (to float32's rounding) and channels of about one size.

    Images are scaled too, by `facts.deviation`, so that each colour fills its range. Batch norms must be there still:
    a folded network comes back as it is. The last tensor keeps its scale.
    """
    made = copy.deepcopy(backbone)
    if not any(isinstance(module, nn.BatchNorm2d) for module in made.modules()):
        return made
    flow = _Flow(sigmas)
    now = image = flow.image(made.facts)
    for block in made.blocks:
        now = flow.through(block, now)
    flow.pin(now)
    scale = flow.apply(image)
    deviation = tuple(d * float(s) for d, s in zip(made.facts.deviation, scale, strict=True))
    made.facts = made.facts._replace(deviation=deviation)
    return made


class Spread(NamedTuple):
    """Means and variances of a tensor's channels, over images and places."""

    mean: torch.Tensor  # (channels,) float64
    variance: torch.Tensor


class _Flow:
    """Tensors of the network, those that share a scale joined; what has to be changed once scales are known."""

    def __init__(self, sigmas: float) -> None:
        self.sigmas = sigmas
        self._same: list[int] = []  # tensor -> another one with the same scale, or itself
        self._spread: list[Spread | None] = []
        self._reach: dict[int, torch.Tensor] = {}
        self._pinned: set[int] = set()
        self._convolutions: list[tuple[nn.Conv2d, int]] = []  # and the tensor that it reads
        self._norms: list[tuple[nn.BatchNorm2d, int]] = []  # and the tensor that it gives
        self._limits: list[tuple[nn.Module, str, int]] = []  # parent, name of the ReLU6, tensor

    def tensor(self, spread: Spread | None) -> int:
        """A new tensor."""
        self._same.append(len(self._same))
        self._spread.append(spread)
        return len(self._same) - 1

    def image(self, facts: Facts) -> int:
        """The network's input: pixels from 0 to 1, less their mean, over their deviation."""
        pairs = zip(facts.mean, facts.deviation, strict=True)
        tensor = self.tensor(None)
        self._reach[tensor] = torch.tensor([max(m, 1 - m) / d for m, d in pairs], dtype=torch.float64)
        return tensor

    def pin(self, tensor: int) -> None:
        """Its scale is 1."""
        self._pinned.add(tensor)

    def through(self, block: nn.Module, entry: int) -> int:
        """The tensor that `block` gives, `entry` being what it reads."""
        ends: dict[Any, int] = {}
        graph = torch.fx.Tracer().trace(block)
        for node in graph.nodes:
            if node.op == "placeholder":
                ends[node] = entry
            elif node.op == "output":
                return ends[node.args[0]]
            else:
                ends[node] = self._node(block, node, ends)
        raise AssertionError("a graph has an output")

    def _node(self, block: nn.Module, node: Any, ends: dict[Any, int]) -> int:
        read = [ends[n] for n in node.all_input_nodes]
        module = block.get_submodule(node.target) if node.op == "call_module" else None
        if type(module) is nn.Conv2d:
            self._convolutions.append((module, read[0]))
            out = self.tensor(None)
            if not self._normed(block, node):
                self.pin(out)
            return out
        if type(module) is nn.BatchNorm2d:
            return self._norm(node, module, read[0], block)
        if isinstance(module, Tied):
            return self._tied(block, node, module, read[0])
        if node.op == "call_function" and node.target.__name__ in ("add", "iadd") and len(read) == 2:
            return self._sum(block, node, read)
        out = self.tensor(None)  # anything else: nothing is known of its channels
        for one in (*read, out):
            self.pin(one)
        return out

    def _normed(self, block: nn.Module, node: Any) -> bool:
        """Whether only a batch norm reads this convolution."""
        users = list(node.users)
        if len(users) != 1 or users[0].op != "call_module":
            return False
        return type(block.get_submodule(users[0].target)) is nn.BatchNorm2d

    def _norm(self, node: Any, norm: nn.BatchNorm2d, read: int, block: nn.Module) -> int:
        self.pin(read)  # a norm's own statistics stay
        out = self.tensor(Spread(norm.bias.detach().double(), norm.weight.detach().double().square()))
        self._norms.append((norm, out))
        self._reaches(block, node, out)
        return out

    def _tied(self, block: nn.Module, node: Any, module: nn.Module, read: int) -> int:
        spread, limit = self._spread[read], None
        out = self.tensor(spread)
        self._join(read, out)
        if not isinstance(module, nn.ReLU | nn.ReLU6):
            return out
        if isinstance(module, nn.ReLU6):
            limit = 6.0
            parent, _, name = node.target.rpartition(".")
            self._limits.append((block.get_submodule(parent), name, out))
        if spread is not None:
            self._reach[out] = (spread.mean + self.sigmas * spread.variance.sqrt()).clamp(0, limit)
            self._spread[out] = _rectified(spread)
        return out

    def _sum(self, block: nn.Module, node: Any, read: list[int]) -> int:
        a, b = (self._spread[n] for n in read)
        both = Spread(a.mean + b.mean, a.variance + b.variance) if a is not None and b is not None else None
        out = self.tensor(both)
        for one in read:
            self._join(one, out)
        self._reaches(block, node, out)
        return out

    def _reaches(self, block: nn.Module, node: Any, out: int) -> None:
        """Note the reach of a tensor, unless only ReLUs see it."""
        modules = [block.get_submodule(user.target) for user in node.users if user.op == "call_module"]
        spread = self._spread[out]
        seen_by_relu = len(modules) == len(node.users) and all(
            isinstance(m, nn.ReLU | nn.ReLU6) for m in modules
        )
        if spread is not None and not seen_by_relu:
            self._reach[out] = spread.mean.abs() + self.sigmas * spread.variance.sqrt()

    def _join(self, a: int, b: int) -> None:
        self._same[self._root(a)] = self._root(b)

    def _root(self, tensor: int) -> int:
        while self._same[tensor] != tensor:
            tensor = self._same[tensor]
        return tensor

    def _scales(self) -> dict[int, torch.Tensor]:
        """Root -> (channels,) s, about 1 on average: a power of two that all channels share is of no use."""
        reach: dict[int, torch.Tensor] = {}
        for tensor, own in self._reach.items():
            root = self._root(tensor)
            reach[root] = torch.maximum(reach[root], own) if root in reach else own
        fixed = {self._root(tensor) for tensor in self._pinned}
        twice = [parent.get_submodule(name) for parent, name, _ in self._limits]
        fixed |= {
            self._root(t) for (_, _, t), m in zip(self._limits, twice, strict=True) if twice.count(m) > 1
        }
        scales = {}
        for root, own in reach.items():
            if root not in fixed and float(own.max()) > 0:
                own = own.clamp(min=float(own.max()) * LEAST)
                scales[root] = own / FULL * 2.0 ** -round(math.log2(float(own.mean())))
        return scales

    def apply(self, image: int) -> torch.Tensor:
        """Change weights, norms and limits; the scale (3,) of the image."""
        scales = self._scales()
        with torch.no_grad():
            for conv, read in self._convolutions:
                s = scales.get(self._root(read))
                if s is not None:
                    conv.weight.copy_(conv.weight.double() * _by_input(s, conv))
            for norm, gives in self._norms:
                s = scales.get(self._root(gives))
                if s is not None:
                    norm.weight.copy_(norm.weight.double() / s)
                    norm.bias.copy_(norm.bias.double() / s)
        for parent, name, gives in self._limits:
            s = scales.get(self._root(gives))
            if s is not None:
                setattr(parent, name, Limited(6.0 / s))
        return scales.get(self._root(image), torch.ones(3, dtype=torch.float64))


def _by_input(s: torch.Tensor, conv: nn.Conv2d) -> torch.Tensor:
    """s (in,) as it multiplies weights (out, in / groups, height, width)."""
    rows = s.view(conv.groups, -1).repeat_interleave(conv.out_channels // conv.groups, 0)
    return rows.view(conv.out_channels, -1, 1, 1)


def _rectified(x: Spread) -> Spread:
    """Mean and variance of max(x, 0), x normal (a limit is left out)."""
    sigma = x.variance.sqrt().clamp(min=1e-12)
    z = x.mean / sigma
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    share = torch.special.ndtr(z)
    mean = x.mean * share + sigma * density
    square = (x.mean.square() + x.variance) * share + x.mean * sigma * density
    return Spread(mean, (square - mean.square()).clamp(min=0))
