"""Fewer bits with a gradient: the straight-through estimator.

    seen = q(value),   d seen / d value := 1 where the value lies inside the range of q, 0 where q cuts it

(Bengio, Leonard and Courville, arXiv 1308.3432; with the cut, Courbariaux et al., arXiv 1602.02830.) The quantisers are
those of arrays/periphery.py and learning/integer/tensor.py.
"""

from __future__ import annotations

from typing import Any

from cimlearn.torch.library import torch

Tensor = torch.Tensor


class _Through(torch.autograd.Function):
    """`seen`, with the gradient of `value` where `inside`."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, seen: Tensor, inside: Tensor) -> Tensor:
        """`seen` as it is."""
        ctx.save_for_backward(inside)
        return seen

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """The gradient, cut where the value was."""
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None, None


def through(value: Tensor, seen: Tensor, inside: Tensor) -> Tensor:
    """`seen` (...), whose gradient by `value` (...) is 1 where `inside` (...) and 0 elsewhere."""
    if not (value.requires_grad and torch.is_grad_enabled()):
        return seen
    out: Tensor = _Through.apply(value, seen, inside)
    return out


def codes(x: Tensor, steps: int) -> Tensor:
    """Whole numbers (int64) of the magnitudes |x| (...) in 0 .. 1, to nearest, half up; at most steps - 1.

    What is not a number has code 0, and `streamed` gives it back.
    """
    with torch.no_grad():
        return (x.abs() * steps + 0.5).clamp(max=steps - 1).nan_to_num_(0.0).long()


def streamed(x: Tensor, code: Tensor, table: Tensor) -> Tensor:
    """The effective input (...) of x (...): the entry of table (steps,) at its code, with its sign."""
    steps = len(table)
    with torch.no_grad():
        seen = torch.where(x.isnan(), x, table[code].copysign(x))
        inside = x.abs() * steps < steps - 0.5
    return through(x, seen, inside)


def converted(v: Tensor, bits: int) -> Tensor:
    """v (...) in -1 .. 1 as a converter of `bits` bits tells it: nearest code, -2^(bits-1) .. 2^(bits-1) - 1."""
    most = 2.0 ** (bits - 1)
    with torch.no_grad():
        seen = torch.round(v * most).clamp_(-most, most - 1).mul_(1 / most)
        inside = v.abs() <= 1
    return through(v, seen, inside)


def power(exponent: Tensor, dtype: torch.dtype) -> Tensor:
    """2^exponent (...), exactly."""
    return torch.ldexp(torch.ones_like(exponent, dtype=dtype), exponent)


def mantissas(x: Tensor, exponent: Tensor, largest: int) -> Tensor:
    """Whole numbers (...) nearest to x 2^-exponent, cut at +-largest; `exponent` broadcasts against x (...).

    The gradient is that of the division: 2^-exponent.
    """
    scaled = x * power(-exponent, x.dtype)
    with torch.no_grad():
        seen = torch.round(scaled).clamp_(-largest, largest)
        inside = scaled.abs() <= largest + 0.5
    return through(scaled, seen, inside)
