"""Fewer bits: truncate, round to nearest, or round at random without bias."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from cimlearn.compiled import kernel

TRUNCATE: Final = 0
NEAREST: Final = 1
STOCHASTIC: Final = 2
KINDS: Final = {"truncate": TRUNCATE, "nearest": NEAREST, "stochastic": STOCHASTIC}


def steps(bits: int, *, signed: bool) -> int:
    """Steps L between 0 and 1: 2^b - 1, or 2^(b-1) - 1 where one bit is the sign."""
    return int(2 ** (bits - 1) - 1 if signed else 2**bits - 1)


@kernel
def quantise(x, steps, kind, draw):
    """The whole number that stands for x in [-1, 1]; x is close to code / steps.

    truncate: towards zero. nearest: half away from zero. stochastic: floor(x L + draw), draw uniform in [0, 1),
    so that the expected code is x L for both signs.
    """
    scaled = x * np.float32(steps)
    if kind == STOCHASTIC:
        return min(math.floor(scaled + draw), int(steps))  # float32 may round 1 * L + draw up to L + 1
    half = np.float32(0.5) if kind == NEAREST else np.float32(0.0)
    magnitude = int(abs(scaled) + half)
    return -magnitude if scaled < 0 else magnitude
