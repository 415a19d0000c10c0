"""Biases that learn: 16-bit mantissas and one exponent a layer, which never changes.

    G_c = sum of the layer's errors of channel c, over examples and map
    b_c <- clip(b_c - 2^8 G_c / 2^shift)      shift = max(ceil(log2 max|G|) - bits_kept, 0)

So a bias moves like an 8-bit one with 8 more bits below the point: the largest change is 2^bits_kept of 127 steps, as a
weight's is. In memory a bias is two int8 words, the lower half first.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.training import BIAS_WORDS as WORDS
from cimlearn.errors import InputError
from cimlearn.learning.int8 import (
    MAGNITUDE,
    Generator,
    Rounding,
    Tensor,
    bits,
    largest,
    shifted,
    torch,
)
from cimlearn.learning.intweighted import BIAS, Bias

BELOW: Final = BIAS - MAGNITUDE  # bits of a bias below those of a weight


def bias_updated(
    bias: Bias,
    gradient: Tensor,
    *,
    bits_kept: int,
    rounding: Rounding = "pseudo",
    generator: Generator | None = None,
) -> Bias:
    """clip(b - g) for gradient (outputs,), as above. Raises InputError where bits_kept is not from 0 to 7."""
    if not 0 <= bits_kept <= MAGNITUDE:
        raise InputError(f"bits_kept = {bits_kept} is out of range; allowed: 0 to {MAGNITUDE}")
    shift = max(bits(largest(gradient)) - bits_kept, 0) - BELOW
    limit = 2**BIAS - 1
    change = shifted(gradient, shift, rounding, generator=generator)
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
