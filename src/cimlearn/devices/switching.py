"""When a macrospin switches: a closed law for a torque collinear with the easy axis, in numbers without units.

| symbol | name | meaning |
|---|---|---|
| i | drive | torque over the one at which small motion about the easy axis loses its damping (critical current: 1) |
| r | relaxations | pulse over relaxation time of the energy: r = 2 alpha gamma mu0 H_d t / (1 + alpha^2) |
| D | delta | barrier over k T |
| k | attempts | attempts to escape during one relaxation time (in-plane layers) |

Two regimes; P is the probability to switch, h = -ln(1 - P) its exponent.

Precessional, i > 1. Thermal angles grow as in an unstable Ornstein-Uhlenbeck process until a critical amplitude:

    1 - P = 1 - exp(-c D (i - 1) / (i exp(r (i - 1)) - 1))

with c = pi^2/4 for in-plane layers (Butler et al., IEEE Trans. Magn. 48 (2012), 4684: linear growth up to a right
angle), and for perpendicular ones the amplitude that follows exactly from d theta / d t = (i - cos theta) sin theta:
c = 2^(2 i / (i + 1)) ((i - 1) / i)^(2 / (i + 1)). No number in it is fitted.

Activated, i < 1. Escape over a barrier that the torque lowers, with the tail of the distribution that a pulse of this
length has filled:

    h = k r exp(-D U(j) / (1 - j exp(-r (1 - j))))
    perpendicular  U = (1 - j)^2, j = i;  k = (1/2) sqrt(D / pi) (1 - j^2) (1 - j)
    in-plane       U = 1 - j, j = 0.918 i;  k = attempts

(Brown, Phys. Rev. 130 (1963), 1677; Apalkov and Visscher, Phys. Rev. B 72 (2005), 180405.) 0.918 is the mean over the
energy of (work of the torque) / (i work of the damping) on the orbits of a layer whose easy-plane field is much larger
than its easy-axis field: the integral of pi e / (4 K (e - 1 + E / K)) from 0 to 1, with K and E the complete elliptic
integrals of parameter e.

Between the drive where D U = 3 and the one where growth rules (1.5 perpendicular, 1.4 in-plane, where an orbit beyond
i = 4 / pi can no longer stand still) ln h is a straight line in i. So P is continuous in i and r.

tests/devices/test_macrospin.py holds this law against a stochastic Landau-Lifshitz-Gilbert integration and says how
far it is valid.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

BUTLER: Final = np.pi**2 / 4  # square of the critical amplitude in linear growth
ORBITS: Final = 0.9184779470459068  # in-plane layers: how much of the drive lowers the barrier
_LOW_BARRIER: Final = 3.0  # [k T] below this the activated law is left
_GROWTH: Final = {True: 1.5, False: 1.4}  # drive from which the precessional law holds; key: perpendicular
_LEAST: Final = -0.99  # a drive that holds the state more firmly counts as this one
_MOST: Final = 1e100  # stands for infinity, so that nothing overflows

Array = NDArray[np.float64]


def probability(log_exponent: Any) -> Array:
    """P = 1 - exp(-h) from ln h; exact at both ends."""
    return np.asarray(-np.expm1(-np.exp(log_exponent)))


def complement(log_exponent: Any) -> Array:
    """1 - P = exp(-h) from ln h: error rates far below the rounding of 1 are kept."""
    return np.asarray(np.exp(-np.exp(log_exponent)))


def log_exponent(drive: Any, relaxations: Any, delta: Any, attempts: Any, *, perpendicular: bool) -> Array:
    """ln h of a pulse, h = -ln(1 - P); -inf for a pulse of no length.

    All arguments are broadcast against each other: drive of any sign, relaxations >= 0, delta > 0, attempts > 0 (per
    relaxation time; not used for perpendicular layers). Monotone in `relaxations`, and in `drive` for pulses of three
    relaxations or more.
    """
    i, r, d, k = np.broadcast_arrays(*(np.asarray(v, float) for v in (drive, relaxations, delta, attempts)))
    i = np.clip(i, _LEAST, _MOST)
    growth = _GROWTH[perpendicular]
    last = _last_activated(d, perpendicular)
    long = np.clip(r, 1.0 / _MOST, _MOST)
    grown = _precessional(np.maximum(i, growth), long, d, perpendicular)
    first_grown = _precessional(np.full_like(i, growth), long, d, perpendicular)
    escaped = _activated(np.minimum(i, last), long, d, k, perpendicular)
    last_escaped = np.minimum(_activated(last, long, d, k, perpendicular), first_grown)
    share = np.clip((i - last) / (growth - last), 0.0, 1.0)
    between = last_escaped + share * (first_grown - last_escaped)
    found = np.where(i >= growth, grown, np.where(i > last, between, np.minimum(escaped, last_escaped)))
    return np.where(r > 0, found, -np.inf)


def _last_activated(delta: Array, perpendicular: bool) -> Array:
    """The drive at which the barrier is 3 k T; 0 for layers whose whole barrier is lower."""
    share = np.minimum(_LOW_BARRIER / delta, 1.0)
    return 1.0 - np.sqrt(share) if perpendicular else (1.0 - share) / ORBITS


def _activated(drive: Array, relaxations: Array, delta: Array, attempts: Array, perpendicular: bool) -> Array:
    """ln h below the critical drive."""
    j = drive if perpendicular else ORBITS * drive
    rest = 1.0 - j
    barrier = rest * rest if perpendicular else rest
    rate = 0.5 * np.sqrt(delta / np.pi) * (1.0 - j * j) * rest if perpendicular else attempts
    filled = 1.0 - np.maximum(j, 0.0) * np.exp(-relaxations * rest)
    return np.log(rate * relaxations) - delta * barrier / filled


def _precessional(drive: Array, relaxations: Array, delta: Array, perpendicular: bool) -> Array:
    """ln h above the critical drive; in logarithms, so that nothing overflows."""
    over = drive - 1.0
    x = relaxations * over
    c = np.log(BUTLER)
    if perpendicular:
        c = (2 * drive * np.log(2.0) + 2 * np.log(over / drive)) / (drive + 1)
    log_q = np.log(delta) + c + np.log(over) - x - np.log(drive - np.exp(-x))  # 1 - P = 1 - exp(-q)
    q = np.exp(log_q)
    rare = -q  # ln h where switching is rare, h = exp(-q)
    usual = np.log(-np.log1p(-np.exp(-np.clip(q, 1e-8, 30.0))))
    certain = np.log(np.maximum(-log_q, 1.0))  # h = -ln q
    return np.where(q > 30.0, rare, np.where(q < 1e-8, certain, usual))
