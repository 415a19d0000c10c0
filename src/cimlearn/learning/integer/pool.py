"""Pooling and resizing in integers, forwards and backwards.

Average over n values: sum M / 2^(f + a) with a = floor(log2 n), M = round(2^(f + a) / n), and f = 15, or less where
sum M might need more than 32 bits. Where n is a power of two it is exact, and only the exponent changes. Resizing is
a matrix on each axis, its weights multiples of 2^-b: exact for nearest, and for bilinear where the scale is a
power of two.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cimlearn.errors import InputError
from cimlearn.learning.integer.tensor import (
    ACCUMULATOR,
    LARGEST,
    SINGLE,
    Int8,
    Sums,
    Tensor,
    torch,
)

FRACTION: Final = 15  # bits of 1 / n, at most
BLEND: Final = 8  # bits of a bilinear weight where the scale is no power of two


class Window(NamedTuple):
    """A pooling window."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int] = (0, 0)

    @property
    def values(self) -> int:
        """Values under the window, padding included."""
        return self.kernel[0] * self.kernel[1]


def averaged(x: Int8, window: Window) -> Sums:
    """Averages of x (examples, channels, h, w), padding counted as zeros."""
    dtype = torch.float32 if window.values * LARGEST < SINGLE else torch.float64
    sums = torch.nn.functional.avg_pool2d(
        x.mantissa.to(dtype), window.kernel, window.stride, window.padding, divisor_override=1
    )
    return _divided(sums, window.values * LARGEST, window.values, x.exponent)


def average_error(error: Int8, window: Window, size: tuple[int, ...]) -> Sums:
    """E_in (size): each value gets error / n of every window that it was in."""
    like = error.mantissa.new_empty(1).expand(size)
    sums = torch.ops.aten.avg_pool2d_backward(
        error.mantissa, like, window.kernel, window.stride, window.padding, False, True, 1
    )
    return _divided(sums, window.values * LARGEST, window.values, error.exponent)


def maximal(x: Int8, window: Window) -> tuple[Int8, Tensor]:
    """Maxima of x (examples, channels, h, w), and the places they came from (hardware: a few bits each)."""
    y, places = torch.nn.functional.max_pool2d(
        x.mantissa, window.kernel, window.stride, window.padding, return_indices=True
    )
    return Int8(y, x.exponent), places


def maximal_error(error: Int8, places: Tensor, size: tuple[int, ...]) -> Sums:
    """E_in (size): errors go back to where the maxima came from, and add up there."""
    sums = error.mantissa.new_zeros(size[0], size[1], size[2] * size[3])
    sums.scatter_add_(2, places.flatten(2), error.mantissa.flatten(2))
    return Sums(sums.view(size), error.exponent)


def resized(x: Int8, size: tuple[int, int], mode: str = "nearest") -> Sums:
    """x (examples, channels, h, w) at `size` (h', w'), mode nearest or bilinear (align_corners=False)."""
    down, across = (_blend(x.mantissa.shape[2 + n], size[n], mode) for n in (0, 1))
    return _both(x, down[0], across[0].t(), down[1] + across[1])


def resized_error(error: Int8, size: tuple[int, int], mode: str = "nearest") -> Sums:
    """E_in at `size` (h, w), the size before `resized`: its matrices the other way round."""
    down, across = (_blend(size[n], error.mantissa.shape[2 + n], mode) for n in (0, 1))
    return _both(error, down[0].t(), across[0], down[1] + across[1])


def _both(x: Int8, left: Tensor, right: Tensor, shift: int) -> Sums:
    """left x right / 2^shift, as whole numbers with an exponent."""
    bound = LARGEST * float(left.abs().sum(1).max()) * float(right.abs().sum(0).max())
    dtype = torch.float32 if bound < SINGLE else torch.float64
    left, right = (m.to(x.mantissa.device, dtype) for m in (left, right))
    return Sums(left @ x.mantissa.to(dtype) @ right, x.exponent - shift)


def _blend(old: int, new: int, mode: str) -> tuple[Tensor, int]:
    """(new, old) whole numbers W and b: value i of the new axis is sum_j W_ij x_j / 2^b; each row sums to 2^b.

    nearest: j = floor(i old / new). bilinear: at (i + 1/2) old / new - 1/2, held inside the axis.
    """
    if mode not in ("nearest", "bilinear"):
        raise InputError(f"mode = {mode!r} is not one of: nearest, bilinear")
    matrix = torch.zeros(new, old)
    rows = torch.arange(new)
    if mode == "nearest":
        matrix[rows, rows * old // new] = 1
        return matrix, 0
    if old == new:
        return torch.eye(new), 0
    b = _blend_bits(old, new)
    place = ((2 * rows + 1) * old - new).clamp_(min=0)  # in units of 1 / (2 new)
    low = (place // (2 * new)).clamp_(max=old - 1)
    part = (((place - low * 2 * new) << b) + new) // (2 * new)  # of the next value, rounded half up
    high = (low + 1).clamp_(max=old - 1)
    matrix.index_put_((rows, low), (2**b - part).float(), accumulate=True)
    matrix.index_put_((rows, high), part.float(), accumulate=True)
    return matrix, b


def _blend_bits(old: int, new: int) -> int:
    """Bits after the point of bilinear weights: enough to be exact where new / old is a power of two."""
    up, down = divmod(new, old), divmod(old, new)
    if up[1] == 0 and up[0] & (up[0] - 1) == 0:
        return up[0].bit_length()  # weights are odd multiples of 1 / (2 factor)
    if down[1] == 0 and down[0] & (down[0] - 1) == 0:
        return 1  # always halfway between two values
    return BLEND


def _divided(sums: Tensor, bound: int, n: int, exponent: int) -> Sums:
    """sums / n, |sums| <= bound: by the exponent where n is a power of two, else by a whole reciprocal."""
    whole = n.bit_length() - 1
    if n == 1 << whole:
        return Sums(sums, exponent - whole)
    fraction = min(FRACTION, ACCUMULATOR - 1 - bound.bit_length())
    reciprocal = ((1 << (fraction + whole)) * 2 + n) // (2 * n)
    if bound * reciprocal >= SINGLE:
        sums = sums.double()
    return Sums(sums * reciprocal, exponent - whole - fraction)
