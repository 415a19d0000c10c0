"""Elementary functions of float32 that the compiler makes vectors of: a C library's are called number by number.

Relative errors are below 2e-7 for exp and, of a power, 2e-7 (1 + |exponent ln base|).
"""

from __future__ import annotations

import numpy as np

from cimlearn.compiled import kernel
from cimlearn.noise import log_of

_INVERSE = np.float32(1.4426950408889634)  # 1 / ln 2
# ln 2 in two parts: the first has so few bits that a whole number below 2^8 times it is exact
_HIGH, _LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_LARGEST, _SMALLEST = np.float32(88), np.float32(-87)  # beyond, a power of 2 would leave float32
# e^r = 1 + r + r^2 P(r) for |r| <= ln 2 / 2: S. L. Moshier's expf of the Cephes library
_EXP = tuple(
    np.float32(c)
    for c in (
        1.9875691500e-4,
        1.3981999507e-3,
        8.3334519073e-3,
        4.1665795894e-2,
        1.6666665459e-1,
        5.0000001201e-1,
    )
)
_TINY = np.float32(1.1754944e-38)  # the smallest normal float32


@kernel
def exp_of(x):
    """e^x of a float32, x cut to -87 .. 88."""
    x = min(max(np.float32(x), _SMALLEST), _LARGEST)
    power = np.int32(x * _INVERSE + np.float32(256.5)) - np.int32(256)
    whole = np.float32(power)
    r = (x - whole * _HIGH) - whole * _LOW
    p = _EXP[0]
    for k in range(1, 6):
        p = p * r + _EXP[k]
    scale = np.int32((power + np.int32(127)) << np.int32(23)).view(np.float32)
    return (p * r * r + r + np.float32(1)) * scale


@kernel
def power_of(base, exponent):
    """base^exponent of float32, base >= 0; 0 to a negative power is the largest number that `exp_of` answers."""
    found = exp_of(exponent * log_of(max(np.float32(base), _TINY)))
    return np.float32(0) if (base <= 0) & (exponent > 0) else found
