"""How a gradient becomes a change of int8 weights: w <- clip(w - g / 2^shift). The shift is the learning rate.

    tensor   b = ceil(log2 max|g|) of the whole tensor, shift = max(b - bits, 0): its largest change is 2^bits steps
             of the weight (NITI, Wang et al., arXiv 2009.13108)
    filter   the same for the weights of each output on their own, so that filters with small errors learn as well
    aware    quantisation-aware scaling (Lin et al. 2022, "On-device training under 256 KB memory"): real gradient
             over the weight's step, so that the rate means what it means in floating point:

                 dm = -rate g 2^(e_g - e_w) / examples,  rate = 2^(bits - AWARE)    (examples: the next power of two)

For `tensor` and `filter` exponents play no part, whatever the error's scale: a factor of all of a tensor drops out.
Shifts, comparisons and additions are all that hardware needs.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from cimlearn.errors import InputError
from cimlearn.learning.int8 import (
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
)

Scale = Literal["tensor", "filter", "aware"]
AWARE: Final = 5  # `aware` with this many bits has rate 1
FAR: Final = 16  # a gradient shifted up this far fills any weight


class Rule(NamedTuple):
    """How gradients are scaled and rounded."""

    bits_kept: int  # 0 to 7
    scale: Scale = "filter"
    rounding: Rounding = "pseudo"
    generator: Generator | None = None  # for stochastic rounding


def updated(weight: Int8, gradient: Sums, rule: Rule, *, examples: int = 1) -> Int8:
    """clip(w - g): weight (out, ...), gradient of the same shape, the sum over `examples`.

    Raises
    ------
    InputError
        If bits or scale are none of the allowed ones, or stochastic rounding has no generator.
    """
    if not 0 <= rule.bits_kept <= MAGNITUDE:
        raise InputError(f"bits_kept = {rule.bits_kept} is out of range; allowed: 0 to {MAGNITUDE}")
    if not largest(gradient.sums):
        return weight
    shift = _shift(weight, gradient, rule, examples)
    change = shifted(gradient.sums, shift, rule.rounding, generator=rule.generator)
    change = change.clamp_(-2 * LARGEST, 2 * LARGEST).to(weight.mantissa.dtype)
    return Int8((weight.mantissa - change).clamp_(-LARGEST, LARGEST), weight.exponent)


def _shift(weight: Int8, gradient: Sums, rule: Rule, examples: int) -> int | Tensor:
    """How far the gradient is shifted down: a number, or (out, 1, ...) one for each output."""
    sums = gradient.sums
    if rule.scale == "tensor":
        return max(bits(largest(sums)) - rule.bits_kept, 0)
    if rule.scale == "filter":
        most = sums.abs().flatten(1).amax(1)
        return (bits_each(most) - rule.bits_kept).clamp_(min=0).view(-1, *[1] * (sums.dim() - 1))
    if rule.scale == "aware":
        return max(weight.exponent - gradient.exponent + AWARE - rule.bits_kept + bits(examples), -FAR)
    raise InputError(f"scale = {rule.scale!r} is not one of: tensor, filter, aware")
