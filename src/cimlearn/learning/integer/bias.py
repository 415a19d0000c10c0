"""Biases that learn: 16-bit mantissas and one exponent a layer, which never changes.

    G_c = sum of the layer's errors of channel c, over examples and map
    b_c <- clip(b_c - 2^8 G_c / 2^shift)      shift = max(ceil(log2 max|G|) - bits, 0)

So a bias moves like an 8-bit one with 8 more bits below the point: the largest change is 2^bits of 127 steps, as a
weight's is. The rule's scale `filter` means `tensor` here: a filter has one bias, whose gradient's size would not
count. `aware` has the rate of floating point, as for weights: db = -rate G 2^(e_g - e_b) / examples.

In memory a bias is two int8 words, the lower half first.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.training import BIAS_WORDS as WORDS
from cimlearn.errors import InputError
from cimlearn.learning.integer.tensor import MAGNITUDE, Sums, bits, largest, torch
from cimlearn.learning.integer.update import UpdateRule, aware, changed
from cimlearn.learning.integer.weighted import BIAS, Bias

BELOW: Final = BIAS - MAGNITUDE  # bits of a bias below those of a weight


def bias_updated(bias: Bias, gradient: Sums, rule: UpdateRule, *, examples: int = 1) -> Bias:
    """clip(b - g) for gradient (outputs,), the sum over `examples`. Raises InputError where bits are not 0 to 7."""
    if not 0 <= rule.bits_kept <= MAGNITUDE:
        raise InputError(f"bits_kept = {rule.bits_kept} is out of range; allowed: 0 to {MAGNITUDE}")
    if rule.scale == "aware":
        shift = aware(bias.exponent, gradient, rule, examples)
    else:
        shift = max(bits(largest(gradient.sums)) - rule.bits_kept, 0) - BELOW
    limit = 2**BIAS - 1
    change = changed(gradient.sums, shift, rule)
    return Bias((bias.mantissa - change).clamp(-limit, limit), bias.exponent)


def bias_words(bias: Bias) -> NDArray[np.int8]:
    """(outputs, 2) the stored words."""
    halves = np.asarray(bias.mantissa.cpu().numpy()).astype("<i2")
    return halves.view(np.int8).reshape(-1, WORDS)


def bias_from_words(words: NDArray[np.int8], like: Bias) -> Bias:
    """The bias that words (outputs, 2) hold, with the exponent and device of `like`; InputError for another shape."""
    if words.shape != (len(like.mantissa), WORDS):
        raise InputError(
            f"words of shape {words.shape} do not fit {len(like.mantissa)} biases of {WORDS} words"
        )
    values: Any = np.ascontiguousarray(words).view("<i2").reshape(-1).astype(np.int64)
    return Bias(torch.from_numpy(values).to(like.mantissa.device), like.exponent)
