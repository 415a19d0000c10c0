"""The noise of a fitted cell as free numbers, and whether its readings are alike from pulse to pulse.

    noise = (cycle, cycle_absolute, read, alike, memory)          read^2 = r^2 + s^2,  alike = s^2 / read^2
    free  = (ln, ln, ln, ln alike / (1 - alike), ln)              the last two where readings are alike

r is new with each reading, s is kept from pulse to pulse (filter.py).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.devices.fit.data import Data

Float = NDArray[np.float64]
NOISE: Final = ("cycle", "cycle_absolute", "read", "alike", "memory")
WHITE: Final = 3  # of them where every reading is new
GAIN: Final = 7.0  # log-likelihood that two numbers more have to bring: chance 0.001 by chi^2
LAGS: Final = 10  # of the Ljung-Box sum
_BOX: Final = ((-9.0, 4.0), (-9.0, 4.0), (-9.0, 4.0), (-6.0, 6.0), (-0.7, 5.3))
_MEMORIES: Final = (3.0, 15.0)  # pulses, to begin with


class Whiteness(NamedTuple):
    """Ljung-Box: whether errors of predictions are independent of those before (Biometrika 65 (1978), 297)."""

    q: float
    chance: float  # of a sum as large if they are


def box(free: int) -> list[tuple[float, float]]:
    """Least and most of each free number."""
    return list(_BOX[:free])


def noise(free: Float) -> Float:
    """(5,) from WHITE or 5 free numbers."""
    found = np.zeros(len(NOISE))
    found[: len(free)] = np.exp(free)
    if len(free) > WHITE:
        found[3] /= 1 + found[3]
    return found


def free(found: Float) -> Float:
    """The free numbers of a noise."""
    if found[3] == 0:
        return np.asarray(np.log(found[:WHITE]))
    return np.log(np.where(np.arange(len(NOISE)) == 3, found / (1 - found[3]), found))


def firsts(data: Data, *, alike: bool) -> list[Float]:
    """Free numbers to begin with: a third of the scatter of steps as noise of reading; all of it, where it is alike."""
    inner = np.flatnonzero(~data.first)
    steps = data.values[inner] - data.values[inner - 1]
    scatter = max(float(np.std(steps)), 1e-4)
    if not alike:
        return [np.log([0.3, 0.3, max(scatter / 3, 2e-4)])]
    return [np.array([*np.log([0.1, 0.1, scatter]), 0.0, np.log(memory)]) for memory in _MEMORIES]


def whiteness(errors: Float, first: NDArray[np.bool_]) -> Whiteness:
    """Of errors (n,) of predictions in trains one after the other; `first` (n,) marks where one starts.

    Q = sum over lags k of N r_k^2, r_k from the pairs of one train; chi^2 of LAGS if errors are independent.
    """
    from scipy import stats

    train = np.cumsum(first)
    size = float(np.sum(errors[~first] ** 2) / np.sum(~first))
    q = 0.0
    for lag in range(1, LAGS + 1):
        pair = (train[lag:] == train[:-lag]) & ~first[:-lag]
        if np.any(pair):
            products = errors[lag:][pair] * errors[:-lag][pair]
            q += float(products.sum() ** 2 / len(products)) / size**2
    return Whiteness(q, float(stats.chi2.sf(q, LAGS)))
