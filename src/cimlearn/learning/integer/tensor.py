"""Integer training: a tensor is an int8 mantissa (-127 to 127) and one power-of-two exponent for all of it.

    value = mantissa 2^exponent
    after a product:   b = ceil(log2 max|sum|)    shift = max(b - 7, 0)    exponent = exponent_a + exponent_b + shift

NITI (Wang et al., arXiv 2009.13108), with what it leaves open decided here: activations and errors are rounded
to nearest, half away from zero; gradients pseudo-stochastically; magnitudes are rounded and the sign kept, so
that both signs are treated alike. (A floor division, `-37 // 16`, would not.)

Whole numbers live in PyTorch's floating-point tensors because its convolutions are fast and, below 2^24 in
float32 and 2^53 in float64, exact. Every scaling is by a power of two, exact too: what comes out is what integer
hardware with shifts gives, bit for bit. PyTorch is an optional extra.
"""

from __future__ import annotations

import math
from typing import Any, Final, Literal, NamedTuple

from cimlearn.errors import InputError

try:
    import torch
except ImportError:
    raise InputError("integer training needs PyTorch: install cimlearn[torch]") from None

Tensor = Any  # torch.Tensor; PyTorch is optional, so its types are not known to every checker
Generator = Any  # torch.Generator, on the CPU
Rounding = Literal["half", "pseudo", "stochastic"]

LARGEST: Final = 127
MAGNITUDE: Final = 7  # bits of a mantissa without its sign
ACCUMULATOR: Final = 32  # bits of the hardware's accumulators, sign included
SINGLE: Final = 2**24  # below it, float32 holds every whole number
FINEST: Final = 16  # largest shift for which rounding in float32 is exact, see `_half`
WIDE: Final = 60  # a shift by this many bits drops all
APART: Final = 16  # operands of an addition keep at most this many bits below the larger one's last


class Int8(NamedTuple):
    """A tensor: value = mantissa 2^exponent."""

    mantissa: Tensor  # any shape, float32 holding whole numbers from -127 to 127
    exponent: int

    def value(self) -> Tensor:
        """The values as floating-point numbers, to look at."""
        return self.mantissa * 2.0**self.exponent


class Sums(NamedTuple):
    """What an accumulator holds: value = sums 2^exponent."""

    sums: Tensor  # any shape, whole numbers; float32 where all are below 2^24, else float64
    exponent: int


def from_float(values: Tensor, *, exponent: int | None = None) -> Int8:
    """The int8 tensor nearest to values; without `exponent`, the smallest that holds them (clipped at +-127).

    For the borders of the chip: weights from training in floating point, images. Zeros get exponent -7.
    """
    if exponent is None:
        exponent = fitting(float(values.abs().max()) if values.numel() else 0.0)
    mantissa = (values.double() * 2.0**-exponent).round().clamp(-LARGEST, LARGEST)
    return Int8(mantissa.float(), exponent)


def fitting(largest: float) -> int:
    """The exponent ceil(log2 largest) - 7, found without a logarithm; -7 for 0."""
    if not math.isfinite(largest):
        raise InputError(f"values up to {largest} can't be int8; look for a division by zero before this")
    if largest == 0:
        return -MAGNITUDE
    fraction, exponent = math.frexp(largest)  # 0.5 <= fraction < 1
    return exponent - (fraction == 0.5) - MAGNITUDE


def largest(sums: Tensor) -> int:
    """max|sums|, exactly; 0 if there are none."""
    if sums.numel() == 0:
        return 0
    low, high = torch.aminmax(sums)
    return int(max(-low.item(), high.item()))


def bits(whole: int) -> int:
    """ceil(log2 whole) in integers; 0 for 0 and 1."""
    return max(whole - 1, 0).bit_length()


def bits_each(whole: Tensor) -> Tensor:
    """`bits` of each of whole (any shape), numbers >= 0; int64."""
    fraction, exponent = torch.frexp(whole.double())  # 0.5 <= fraction < 1, or 0
    return (exponent - (fraction == 0.5).int()).clamp(min=0).to(torch.int64)


def fits(most: int, accumulator: int = ACCUMULATOR) -> None:
    """Raise InputError if a sum of magnitude `most` overflows `accumulator` bits.

    Sums in two's complement may wrap on the way and still be right at the end: the end is what counts.
    """
    if most >= 2 ** (accumulator - 1):
        raise InputError(
            f"a sum of {most} overflows an accumulator of {accumulator} bits; "
            "give it more (array.accumulator), or make the batch or the layer smaller"
        )


def narrowed(
    acc: Sums, *, exponent: int | None = None, accumulator: int = ACCUMULATOR, most: int | None = None
) -> Int8:
    """`acc` as int8, rounded to nearest, half away from zero; uses up acc.sums (works in place).

    `exponent` fixes that of the result (static quantisation; what does not fit is clipped). Without it the
    largest sum decides, whose size is `most` if it is known. Raises InputError if a sum overflows the accumulator.
    """
    most = largest(acc.sums) if most is None else most
    fits(most, accumulator)
    if exponent is None:
        shift = max(bits(most) - MAGNITUDE, 0)
    else:
        shift = exponent - acc.exponent
    rounded = _half(acc.sums, shift)
    if most * 2 >= (2 * LARGEST + 1) * 2.0**shift:  # it may round to 128
        rounded.clamp_(-LARGEST, LARGEST)
    if rounded.dtype != torch.float32:
        rounded = rounded.float()
    return Int8(rounded, acc.exponent + shift)


def _half(sums: Tensor, shift: int) -> Tensor:
    """sums / 2^shift, rounded to nearest, half away from zero, in place where it can be.

    `round_` rounds half to even, so every quotient is first moved to the next float away from 0. That lifts a half
    and nothing else: a quotient below a half is 2^-shift away from it, while numbers below 128 lie
    2^-17 apart in float32, 2^-46 in float64. So float32 will do up to shift 16.
    """
    if shift <= 0:
        return sums.mul_(2.0**-shift) if shift else sums
    if sums.dtype == torch.float32 and shift > FINEST:
        sums = sums.double()
    sums.mul_(2.0**-shift)
    sums.view(torch.int32 if sums.dtype == torch.float32 else torch.int64).add_(1)
    return sums.round_()


def shifted(
    sums: Tensor, shift: int | Tensor, rounding: Rounding = "half", *, generator: Generator | None = None
) -> Tensor:
    """sums / 2^shift as whole numbers (int64), magnitudes rounded, signs kept; a tensor holds a shift for each.

    half        to nearest, half away from zero
    pseudo      up if the upper half of the dropped bits, as a number, is larger than the lower half (NITI);
                with an odd shift the lower half is doubled so that both are equally wide
    stochastic  up with probability dropped / 2^shift: floor(|sum| / 2^shift + u), u uniform, from `generator`
    """
    whole = sums.to(torch.int64)
    if isinstance(shift, int):
        if shift <= 0:
            return whole << -shift
        shift = min(shift, WIDE)
    else:
        if int(shift.min()) < 0:
            whole = whole << (-shift).clamp(min=0)
        shift = shift.clamp(0, WIDE)
    size, dropped = whole.abs(), (1 << shift) - 1
    if rounding == "half":
        size = ((size << 1 >> shift) + 1) >> 1
    elif rounding == "pseudo":
        low = shift // 2
        upper, lower = (size & dropped) >> low, size & ((1 << low) - 1)
        size = (size >> shift) + (upper > (lower << (shift % 2)))
    elif rounding == "stochastic":
        if generator is None:
            raise InputError("rounding = stochastic needs a seeded generator; give a torch.Generator")
        draw = torch.randint(0, 1 << WIDE, size.shape, generator=generator).to(size.device) & dropped
        size = (size + draw) >> shift
    else:
        raise InputError(f"rounding = {rounding!r} is not one of: half, pseudo, stochastic")
    return torch.where(whole < 0, -size, size)


def add(
    a: Int8, b: Int8, *, sign: int = 1, exponent: int | None = None, accumulator: int = ACCUMULATOR
) -> Int8:
    """a + sign b (same shape), each shifted to the smaller of both exponents, then narrowed as ever."""
    return narrowed(added(a, b, sign=sign), exponent=exponent, accumulator=accumulator)


def added(a: Int8, b: Int8, *, sign: int = 1) -> Sums:
    """a + sign b (same shape) before it is narrowed, at the smaller of both exponents.

    If the exponents are more than 16 apart, the smaller operand is first rounded to the larger's last bit - 16.
    """
    high, low, flip = (a, b, False) if a.exponent >= b.exponent else (b, a, True)
    apart = high.exponent - low.exponent
    left, right = (1, sign) if not flip else (sign, 1)
    lower = low.mantissa
    if apart > APART:
        lower = _half(lower.clone(), min(apart - APART, MAGNITUDE + 2))
        apart = APART
    sums = torch.add(lower * right if right != 1 else lower, high.mantissa, alpha=left * 2.0**apart)
    return Sums(sums, high.exponent - apart)


def relu(x: Int8, limit: int | None = None) -> Int8:
    """max(x, 0), and at most `limit` (6 for ReLU6), whose mantissa is rounded half up."""
    top = _top(x.exponent, limit)
    return Int8(x.mantissa.clamp(0, top), x.exponent)


def relu_error(error: Int8, y: Int8, limit: int | None = None) -> Int8:
    """error where 0 < y < limit, else 0. y is what `relu` gave; hardware keeps a bit for each element."""
    top = _top(y.exponent, limit)
    if top > LARGEST:
        passed = torch.ops.aten.threshold_backward(error.mantissa, y.mantissa, 0)
    else:
        passed = torch.ops.aten.hardtanh_backward(error.mantissa, y.mantissa, 0, top)
    return Int8(passed, error.exponent)


def _top(exponent: int, limit: int | None) -> int:
    """The mantissa at which `relu` stops; above 127 if it does not."""
    if limit is None or exponent < -30:
        return LARGEST + 1
    if exponent <= 0:
        return min(limit << -exponent, LARGEST + 1)
    return (limit + (1 << (exponent - 1))) >> exponent
