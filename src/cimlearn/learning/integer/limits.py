"""A ReLU with a limit for each channel: what becomes of ReLU6 once channels are equalised (`networks.equalise`)."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from cimlearn.learning.integer.tensor import (
    LARGEST,
    MAGNITUDE,
    Int8,
    Tensor,
    fitting,
    shifted,
    torch,
)

BITS: Final = 15  # of a limit, without its sign; as a bias has
HIGHEST: Final = 47  # bits that a limit is moved up at most: no sum gets there


class Limits(NamedTuple):
    """The most that each channel lets through: value = mantissa 2^exponent, 16 bits."""

    mantissa: Tensor  # (channels,) int64, 1 or more
    exponent: int

    def at(self, exponent: int) -> Tensor:
        """(channels,) int64, the limits in units of 2^exponent, rounded half up."""
        return shifted(self.mantissa, max(exponent - self.exponent, -HIGHEST))

    def to(self, device: Any) -> Limits:
        """The same on a device."""
        return Limits(self.mantissa.to(device), self.exponent)


Limit = int | Limits | None


def limits_from_float(values: Tensor) -> Limits:
    """16-bit mantissas and one exponent for values (channels,) > 0."""
    exponent = fitting(float(values.max())) - (BITS - MAGNITUDE)
    mantissa = (values.double() * 2.0**-exponent).round().clamp(1, 2**BITS - 1)
    return Limits(mantissa.to(torch.int64), exponent)


def by_channel(values: Tensor, like: Tensor) -> Tensor:
    """values (channels,) so that they go with the channels of `like` (examples, channels, ...), in its dtype."""
    return values.view(1, -1, *[1] * (like.dim() - 2)).to(like.dtype)


def limited(x: Tensor, top: Tensor) -> Tensor:
    """x (examples, channels, ...) between 0 and top (channels,), in place."""
    return torch.minimum(x.clamp_(min=0), by_channel(top, x), out=x)


def limited_error(error: Int8, y: Int8, top: Tensor) -> Int8:
    """error where 0 < y < top (channels,), else 0; a top above 127 stops nothing."""
    inside = (y.mantissa > 0) & (y.mantissa < by_channel(top.clamp(max=LARGEST + 1), y.mantissa))
    return Int8(error.mantissa * inside, error.exponent)
