"""How a gradient becomes a change of int8 weights: w <- clip(w - g / 2^shift). The shift is the learning rate.

    tensor   b = ceil(log2 max|g|) of the whole tensor, shift = max(b - bits, 0): its largest change is 2^bits steps
             of the weight (NITI, Wang et al., arXiv 2009.13108)
    filter   the same for the weights of each output on their own, so that filters with small errors learn as well
    aware    quantisation-aware scaling (Lin et al. 2022, "On-device training under 256 KB memory"): real gradient
             over the weight's step, so that the rate means what it means in floating point:

                 dm = -rate g 2^(e_g - e_w) / examples,  rate = 2^(bits - AWARE)    (examples: the next power of two)

A rule may make a part of these changes, in sixteenths, so that a rate can fall smoothly, and below one step.
For `tensor` and `filter` exponents play no part, whatever the error's scale: a factor of all of a tensor drops out.
Shifts, comparisons and additions are all that hardware needs; a part costs a multiplication by 4 bits.

Where output channel c has an exponent of its own, value = m_c 2^(e + s_c), one rate holds for all values of a tensor,
and a channel moves in its own steps: dm_c ~ g_c / 2^s_c, a shift that is s_c larger. For `filter` it drops out.
"""

from __future__ import annotations

import math
from typing import Final, Literal, NamedTuple

from cimlearn.errors import InputError
from cimlearn.learning.integer.tensor import (
    LARGEST,
    MAGNITUDE,
    Generator,
    Int8,
    Rounding,
    Sums,
    Tensor,
    bits,
    bits_each,
    largest,
    shifted,
    torch,
)

Scale = Literal["tensor", "filter", "aware"]
AWARE: Final = 5  # `aware` with this many bits has rate 1
PART: Final = 4  # bits of `UpdateRule.part`
WHOLE: Final = 1 << PART
BELOW: Final = 4  # bits of a velocity below the weight's step
VELOCITY: Final = 2**15 - 1
VELOCITY_BITS: Final = 16
CLIPPED: Final = 64  # of so many weights one may clip before the exponent moves up
SMALL: Final = 32  # below it, the exponent moves down
FAR: Final = 16  # a gradient shifted up this far fills any weight


class UpdateRule(NamedTuple):
    """How gradients are scaled and rounded."""

    bits_kept: int  # 0 to 7
    scale: Scale = "filter"
    rounding: Rounding = "pseudo"
    generator: Generator | None = None  # for stochastic rounding
    part: int = (
        WHOLE  # of these changes that are made, in sixteenths: rates between powers of two, and below 1
    )
    momentum: int = 0  # k: momentum 1 - 2^-k; 0 = none
    moving: bool = False  # the exponent of a tensor's weights follows their size
    residue: int = 0  # bits below a weight's step that are carried to the next update; 0: dropped


def rate_rule(
    rate: float,
    scale: Scale = "filter",
    rounding: Rounding = "pseudo",
    generator: Generator | None = None,
    *,
    momentum: int = 0,
    moving: bool = False,
    residue: int = 0,
) -> UpdateRule:
    """The rule whose largest change is `rate` steps of a weight, 1/16 to 127, rounded to 5 bits."""
    whole = max(1, round(WHOLE * rate))
    kept = max(0, (whole - 1).bit_length() - PART)
    part = ((whole << 1 >> kept) + 1) >> 1
    return UpdateRule(kept, scale, rounding, generator, part, momentum, moving, residue)


def updated(
    weight: Int8, gradient: Sums, rule: UpdateRule, *, examples: int = 1, steps: Tensor | None = None
) -> Int8:
    """clip(w - g): weight (out, ...), gradient of the same shape, the sum over `examples`.

    steps: (out,) s_c, exponents of single channels above the weight's; None = all 0.

    Raises
    ------
    InputError
        If bits or scale are none of the allowed ones, or stochastic rounding has no generator.
    """
    if not 0 <= rule.bits_kept <= MAGNITUDE:
        raise InputError(f"bits_kept = {rule.bits_kept} is out of range; allowed: 0 to {MAGNITUDE}")
    if not largest(gradient.sums):
        return weight
    change = changed(gradient.sums, _shift(weight, gradient, rule, examples, steps), rule)
    change = change.clamp_(-2 * LARGEST, 2 * LARGEST).to(weight.mantissa.dtype)
    return Int8((weight.mantissa - change).clamp_(-LARGEST, LARGEST), weight.exponent)


def with_momentum(
    weight: Int8, gradient: Sums, velocity: Tensor, rule: UpdateRule, *, steps: Tensor | None = None
) -> tuple[Int8, Tensor]:
    """The weight and its velocity after a step with momentum 1 - 2^-k, in place of `updated`.

        v <- v - v / 2^k + 2^4 g / 2^(shift + k)      w <- clip(w - v / 2^4)

    v has 16 bits, 4 of them below the weight's step; g / 2^k, so that a steady gradient moves a weight as it does
    without momentum. Quotients of v are rounded as gradients are.
    """
    velocity = accelerated(weight, gradient, velocity, rule, steps=steps)
    change = shifted(velocity, BELOW, rule.rounding, generator=rule.generator)
    mantissa = (weight.mantissa - change.to(weight.mantissa.dtype)).clamp_(-LARGEST, LARGEST)
    return Int8(mantissa, weight.exponent), velocity


def accelerated(
    weight: Int8, gradient: Sums, velocity: Tensor, rule: UpdateRule, *, steps: Tensor | None = None
) -> Tensor:
    """The velocity after a step, see `with_momentum`."""
    shift = _shift(weight, gradient, rule, 1, steps) if largest(gradient.sums) else 0
    down = shift + PART - BELOW + rule.momentum
    push = shifted(gradient.sums.to(torch.int64) * rule.part, down, rule.rounding, generator=rule.generator)
    lost = shifted(velocity, rule.momentum, rule.rounding, generator=rule.generator)
    return (velocity - lost + push).clamp_(-VELOCITY, VELOCITY)


def pushed(
    weight: Int8, gradient: Sums, rule: UpdateRule, *, examples: int = 1, steps: Tensor | None = None
) -> Tensor:
    """The change that a gradient asks for, in 2^-residue of a weight's step (int64)."""
    shift = _shift(weight, gradient, rule, examples, steps) if largest(gradient.sums) else 0
    sums = gradient.sums.to(torch.int64) * rule.part
    return shifted(sums, shift + PART - rule.residue, rule.rounding, generator=rule.generator)


def with_residue(weight: Int8, push: Tensor, residue: Tensor, rule: UpdateRule) -> tuple[Int8, Tensor]:
    """The weight after a change of `push`, in 2^-residue of its step, and what is carried to the next.

        t = r + push      c = round(t / 2^bits)      w <- clip(w - c)      r = t - 2^bits c

    So a change below a step isn't decided by chance: r has `residue` bits and a sign's worth, |r| <= half a step.
    """
    total = residue + push.clamp(-2 * LARGEST << rule.residue, 2 * LARGEST << rule.residue)
    change = shifted(total, rule.residue)
    mantissa = (weight.mantissa - change.to(weight.mantissa.dtype)).clamp_(-LARGEST, LARGEST)
    return Int8(mantissa, weight.exponent), total - (change << rule.residue)


def refitted(weight: Int8) -> Int8:
    """The weight one exponent up where more than 1 in 64 of a tensor clip, one down where all are below 32.

    Up, mantissas are halved, half away from zero, so about every cell is written again; down, they are doubled.
    """
    m = weight.mantissa
    size = m.abs()
    if float((size >= LARGEST).sum()) * CLIPPED > m.numel():
        halves = torch.div(size + 1, 2, rounding_mode="floor") * m.sign()
        return Int8(halves, weight.exponent + 1)
    if 0 < float(size.max()) < SMALL:
        return Int8(m * 2, weight.exponent - 1)
    return weight


def changed(sums: Tensor, shift: int | Tensor, rule: UpdateRule) -> Tensor:
    """The part of sums / 2^shift that `rule` makes, rounded (int64)."""
    if rule.part != WHOLE:
        sums, shift = sums.to(torch.int64) * rule.part, shift + PART
    return shifted(sums, shift, rule.rounding, generator=rule.generator)


def _shift(
    weight: Int8, gradient: Sums, rule: UpdateRule, examples: int, steps: Tensor | None
) -> int | Tensor:
    """How far the gradient is shifted down: a number, or (out, 1, ...) one for each output."""
    sums, kept = gradient.sums, rule.bits_kept
    each = (-1, *[1] * (sums.dim() - 1))
    if rule.scale == "filter":
        most = sums.abs().flatten(1).amax(1)
        return (bits_each(most) - kept).clamp_(min=0).view(each)
    if rule.scale == "tensor":
        own = sums if steps is None else sums.double() * 2.0 ** -steps.double().view(each)
        shift = max(bits(math.ceil(own.abs().max())) - kept, 0)
    elif rule.scale == "aware":
        shift = aware(weight.exponent, gradient, rule, examples)
    else:
        raise InputError(f"scale = {rule.scale!r} is not one of: tensor, filter, aware")
    return shift if steps is None else shift + steps.to(torch.int64).view(each)


def aware(exponent: int, gradient: Sums, rule: UpdateRule, examples: int) -> int:
    """The shift of `aware` for weights or biases of this exponent."""
    return max(exponent - gradient.exponent + AWARE - rule.bits_kept + bits(examples), -FAR)
