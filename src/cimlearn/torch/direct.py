"""Gradients that wait as factors: what a layer that learns in situ writes is never formed as one number a weight.

    dL/dW = sum_n e_n x_n^T        x_n drove the rows, e_n is the error at the columns

`InSituSGD` hands the factors of each array to its cells (learning/insitu.py). Whoever looks at `weight.grad` before
that (clipping, logging, another optimiser) gets the sum: a `CellWeight` forms it when it is asked for.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays import learned
from cimlearn.torch import fast, transposed
from cimlearn.torch.library import nn, torch

Tensor = torch.Tensor
_GRAD: Any = torch._C.TensorBase.grad


class CellWeight(nn.Parameter):
    """A parameter whose gradient is that of the factors which its array holds, and of all else that reached it."""

    @property
    def grad(self) -> Tensor | None:
        """The gradient, of the shape of the parameter, or None."""
        array, found = self.__dict__.get("_array"), _GRAD.__get__(self)
        if array is None or not array.waits:
            return found
        more = array.gradient().reshape(self.shape)
        array.forget()
        _GRAD.__set__(self, more if found is None else found + more)
        return _GRAD.__get__(self)

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        array = self.__dict__.get("_array")
        if array is not None:
            array.forget()
        _GRAD.__set__(self, value)

    @grad.deleter
    def grad(self) -> None:
        self.grad = None


def link(weight: Any, array: Any) -> None:
    """Let `array` keep the factors of the gradient of its parameter `weight`."""
    weight.__class__ = CellWeight
    weight._array = array
    array.direct = True


def formed(weight: Any) -> bool:
    """Whether a gradient stands in `weight` beside the factors of its array."""
    return _GRAD.__get__(weight) is not None


class Kept(NamedTuple):
    """What the way back needs of a product."""

    seen: NDArray[np.float32]  # (vectors, inputs)
    inputs_inside: NDArray[np.bool_]  # (vectors, inputs)
    inside: NDArray[np.bool_]  # (tiles, vectors, columns)


def forward(x: Tensor, bias: Tensor | None, views: fast.Views, key: int) -> tuple[Tensor, Kept, Any]:
    """(vectors, outputs) of x (vectors, inputs), what the way back needs, and counts of inputs."""
    vectors, inputs = x.shape
    streamed = bool(len(views.encoder.ones)) and x.requires_grad
    tiles, columns = views.tiles.shape[1], views.weight.shape[2]
    kept = Kept(
        np.empty((vectors, inputs), np.float32),
        np.empty((vectors, inputs), np.bool_) if streamed else fast.NONE[np.bool_, 2],
        np.empty((tiles, vectors, columns), np.bool_) if views.converter.ranged else fast.NONE[np.bool_, 3],
    )
    out = np.empty((vectors, views.outputs), np.float32)
    counts = learned.forward(*fast.asked(x, bias, views, key), *kept, out)
    return torch.from_numpy(out), kept, counts


def backward(array: Any, d: Tensor, kept: Kept, by_x: bool, by_weight: bool) -> Tensor | None:
    """The error at the inputs (vectors, inputs) of d (vectors, outputs), if asked for; factors of the gradient."""
    views = array.seen_by_kernels()
    tiles, _, columns = views.weight.shape
    error = np.empty((tiles, len(d), columns), np.float32)
    given, unit = d.numpy(), views.input_range[()]
    learned.errors(views.converter, views.tiles, kept.inside, given, unit, views.bound, error)
    if by_weight:
        array.seen.append((kept.seen, error))
    if not by_x:
        return None
    back, dx = array.back, np.empty(kept.seen.shape, np.float32)
    sign = transposed.signs(back, len(d), array.back_tally.vectors) if back.chopped else None
    driven = error if sign is None else error * sign
    bits = learned.back(
        views.encoder, back.converter, views.tiles, driven, views.weight, views.variance,
        np.uint64(array.key()), back.reach, np.float32(back.headroom), kept.inputs_inside, unit, dx,
    )  # fmt: skip
    array.back_tally.drove(len(d), (bits, bits * float(array.bar.state.row_on.sum()) / (columns * tiles)))
    return torch.from_numpy(dx if sign is None else dx * sign)


class Learned(torch.autograd.Function):
    """A layer's product; its weight's gradient becomes factors."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, array: Any) -> Tensor:
        """(vectors, outputs) of x (vectors, inputs)."""
        ctx.array = array
        out, ctx.kept, counts = forward(x, bias, array.seen_by_kernels(), array.key())
        array.learned.drove(x.shape[0], counts)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """By x from the array; factors of the weight's; by the bias as ever."""
        by_x, by_weight, by_bias, _ = ctx.needs_input_grad
        d = gradients[0].contiguous()
        back = backward(ctx.array, d, ctx.kept, by_x, by_weight)
        return back, None, d.sum(0) if by_bias else None, None
