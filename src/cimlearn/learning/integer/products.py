"""The three products of training in whole numbers, by the library's convolutions: exact, as integer hardware is.

    forward   Y = W X        error   E_in = W^T E        gradient   dW = E X^T

float32 adds whole numbers exactly while every partial sum stays below 2^24, in any order. For each product a
bound on all partial sums is found first: fan-in times the largest mantissas; else the sums of |w|; else (gradient)
Cauchy and Schwarz,

    |sum over any part of x e| <= sqrt(sum x^2) sqrt(sum e^2).

Where no bound is below 2^24, the batch is cut into pieces that are, or the product is computed in float64.

Transforms (Winograd, FFT) are not exact. PyTorch's CPU convolutions use none once NNPACK is off (for the whole
process); on CUDA its own kernels are used instead of cuDNN.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, NamedTuple

from cimlearn.learning.integer.tensor import LARGEST, SINGLE, Int8, Sums, Tensor, largest, torch

STORED: Final = 128  # a stored weight may be -128 once its bits have failed
_SUMS: Final = "_cimlearn_sums"  # attribute of a tensor of weights
CAREFUL: Final = 1.001  # the squares are summed in float32, which rounds
torch.backends.nnpack.set_flags(False)


class Geometry(NamedTuple):
    """How a convolution runs over its input; its dilation is 1."""

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    groups: int = 1


def convolved(x: Int8, weight: Int8, geometry: Geometry, bias: Tensor | None = None) -> Sums:
    """Y of x (examples, in, h, w) and weight (out, in / groups, kh, kw); bias (out,) whole numbers, same exponent."""
    most = largest(bias) if bias is not None else 0
    dtype = _enough(weight.mantissa, 0, most)
    stride, padding, groups = geometry
    with _exact(x.mantissa):
        y = torch.nn.functional.conv2d(
            x.mantissa.to(dtype),
            weight.mantissa.to(dtype),
            bias.to(dtype) if bias is not None else None,
            stride,
            padding,
            groups=groups,
        )
    return Sums(y, x.exponent + weight.exponent)


def convolution_error(error: Int8, weight: Int8, geometry: Geometry, size: tuple[int, ...]) -> Sums:
    """E_in (size) of error (examples, out, h', w') and weight (out, in / groups, kh, kw)."""
    w = weight.mantissa
    dtype = _enough(w, 2, 0, geometry.groups)
    like = error.mantissa.new_empty(1, dtype=dtype).expand(size)  # only its size is looked at
    sums = _backward(error.mantissa.to(dtype), like, w.to(dtype), geometry, 0)
    return Sums(sums, error.exponent + weight.exponent)


def convolution_gradient(x: Int8, error: Int8, geometry: Geometry, shape: tuple[int, ...]) -> Sums:
    """dW (shape: out, in / groups, kh, kw) of x (examples, in, h, w) and error (examples, out, h', w')."""

    def product(a: Tensor, e: Tensor) -> Tensor:
        return _backward(e, a, e.new_empty(1).expand(shape), geometry, 1)

    sums = _in_pieces(x.mantissa, error.mantissa, product)
    return Sums(sums, x.exponent + error.exponent)


def connected(x: Int8, weight: Int8, bias: Tensor | None = None) -> Sums:
    """Y (examples, out) of x (examples, in) and weight (out, in); bias (out,) whole numbers, same exponent."""
    most = largest(bias) if bias is not None else 0
    dtype = _enough(weight.mantissa, 0, most)
    added = bias.to(dtype) if bias is not None else None
    y = torch.nn.functional.linear(x.mantissa.to(dtype), weight.mantissa.to(dtype), added)
    return Sums(y, x.exponent + weight.exponent)


def connection_error(error: Int8, weight: Int8) -> Sums:
    """E_in (examples, in) of error (examples, out) and weight (out, in)."""
    dtype = _enough(weight.mantissa, 1, 0)
    return Sums(error.mantissa.to(dtype) @ weight.mantissa.to(dtype), error.exponent + weight.exponent)


def connection_gradient(x: Int8, error: Int8) -> Sums:
    """dW (out, in) of x (examples, in) and error (examples, out)."""
    sums = _in_pieces(x.mantissa, error.mantissa, lambda a, e: e.t() @ a)
    return Sums(sums, x.exponent + error.exponent)


def _enough(weight: Tensor, kept: int, start: int, groups: int = 0) -> torch.dtype:
    """float32 if every partial sum of int8 inputs times `weight` is exact in it, else float64.

    Sums run over all axes of `weight`, cut into `groups` where there are any, but `kept` (and that of the groups);
    `start` is what they start from at most.
    """
    room = (SINGLE - 1 - start) // LARGEST
    cut = weight.unflatten(0, (groups, -1)) if groups else weight
    terms = cut.numel() // cut.shape[kept]
    if groups:
        terms //= cut.shape[0]
    if terms * STORED <= room:
        return torch.float32
    return torch.float32 if _largest_sum(weight, cut, kept, groups) <= room else torch.float64


def _largest_sum(weight: Tensor, cut: Tensor, kept: int, groups: int) -> float:
    """Of |weight| over the axes of a product. Kept with the tensor, which is replaced, never changed."""
    known = getattr(weight, _SUMS, None)
    if known is None or known[0] != weight._version:
        known = (weight._version, {})
        setattr(weight, _SUMS, known)
    sums: dict[tuple[int, int], float] = known[1]
    if (kept, groups) not in sums:
        axes = tuple(n for n in range(cut.dim()) if n != kept and not (groups and n == 0))
        sums[kept, groups] = float(cut.double().abs().sum(axes).max())
    return sums[kept, groups]


def _in_pieces(x: Tensor, error: Tensor, product: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The sum of product(x, error) over the examples, in as few exact pieces as the bound allows."""
    examples = len(x)
    if error.numel() // error.shape[1] * LARGEST * LARGEST < SINGLE:
        return product(x, error)
    inside = tuple(range(2, x.dim()))
    squares = [t.square() if not inside else t.square().sum(inside) for t in (x, error)]
    size = examples
    while True:
        norms = [torch.stack([s.sum(0).max() for s in square.split(size)]) for square in squares]
        if float((norms[0].double() * norms[1].double()).sqrt().max()) * CAREFUL < SINGLE:
            break
        if size == 1:
            return product(x.double(), error.double())
        size = (size + 1) // 2
    if size == examples:
        return product(x, error)
    parts = zip(x.split(size), error.split(size), strict=True)
    return torch.stack([product(a, e).double() for a, e in parts]).sum(0)


def _backward(error: Tensor, x: Tensor, weight: Tensor, geometry: Geometry, wanted: int) -> Tensor:
    """The gradient of a convolution by x (wanted = 0) or by weight (1); of that one only the size is looked at."""
    mask = [wanted == 0, wanted == 1, False]
    stride, padding, groups = geometry
    with _exact(error):
        found = torch.ops.aten.convolution_backward(
            error, x, weight, None, stride, padding, (1, 1), False, (0, 0), groups, mask
        )
    return found[wanted]


def _exact(tensor: Tensor) -> AbstractContextManager[Any]:
    """No library that computes convolutions by transforms."""
    return torch.backends.cudnn.flags(enabled=False) if tensor.is_cuda else nullcontext()
