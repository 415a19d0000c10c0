"""Reading a junction: the current at a small voltage against a reference, with variation of cells and amplifier.

    I_P = V / R_P,  I_AP = V / R_AP(V)

A cell's resistance-area product, area and TMR and the offset of its amplifier are drawn once, when the cell is made:
a weak cell fails again and again. Noise is drawn at every read. All are independent and normal,

    I_P  = V / R_P (1 + a) / (1 + r) + o + n
    I_AP = V / R_P (1 + a) / (1 + r) / (1 + T (1 + t)) + o + n          T = TMR at the read voltage

and the error is their integral: given r and t a current is normal in a, o and n, over r and t it is summed on an even
grid (exact to the rounding for normal weights). The reference lies where both states are misread equally often.

Noise is Johnson's of the parallel junction in the bandwidth of the read, n^2 = 4 k T / R_P / (2 t), unless it is given.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from cimlearn.devices import mtj

Array = NDArray[np.float64]
_WIDTH: Final = 10.0  # standard deviations that the grid reaches to either side
_STEP: Final = 0.25  # of the grid, in standard deviations
_LEAST: Final = 0.05  # of its mean: no resistance, area or TMR is drawn below
_CERTAIN: Final = 6.0  # a margin of so many times the noise is never crossed
_MARGINS: Final = 49  # points of the table of margins


class Read(NamedTuple):
    """How a junction is read, and what varies."""

    voltage: float  # across the junction [V]
    time: float  # [s]
    amplifier: float  # energy of the sense amplifier for one decision [J]
    offset: float  # standard deviation of the amplifier's offset, referred to its input [A]
    spread_resistance_area: float  # standard deviation, relative
    spread_area: float  # standard deviation, relative
    spread_tmr: float  # standard deviation, relative
    noise: float | None = None  # standard deviation at each read, referred to the input [A]; None: Johnson's


class Sensed(NamedTuple):
    """What the amplifier sees."""

    parallel: float  # current of state P without variation [A]
    antiparallel: float  # current of state AP without variation [A]
    parallel_spread: float  # standard deviation to first order, with the amplifier's offset [A]
    antiparallel_spread: float  # the same for AP [A]
    noise: float  # standard deviation at each read [A]
    reference: float  # [A]
    error: float  # probability of a wrong answer, mean of both states


class Margins(NamedTuple):
    """How far the current of a cell lies on the right side of the reference: the lower tail of its distribution."""

    noise: float  # standard deviation at each read [A]
    margin: tuple[float, ...]  # rising, up to 6 times the noise [A]
    parallel: tuple[float, ...]  # share of cells whose margin in state P is below
    antiparallel: tuple[float, ...]  # the same in state AP


def sensed(junction: mtj.Junction, read: Read) -> Sensed:
    """Currents, spreads, noise, reference and error of a read."""
    r_p, r_ap = mtj.parallel(junction), float(mtj.antiparallel(junction, read.voltage))
    i_p, i_ap = read.voltage / r_p, read.voltage / r_ap
    conductance = np.hypot(read.spread_resistance_area, read.spread_area)
    s_p = float(np.hypot(i_p * conductance, read.offset))
    s_ap = float(np.hypot(i_ap * np.hypot(conductance, read.spread_tmr * (1 - r_p / r_ap)), read.offset))
    n = noise(junction, read)
    low, high = i_ap, i_p
    for _ in range(50):
        reference = 0.5 * (low + high)
        parallel, antiparallel = misread(junction, read, reference, n)
        low, high = (low, reference) if parallel > antiparallel else (reference, high)
    error = 0.5 * sum(misread(junction, read, reference, n)) if i_p > i_ap else 0.5
    return Sensed(i_p, i_ap, s_p, s_ap, n, reference, error)


def noise(junction: mtj.Junction, read: Read) -> float:
    """Standard deviation of the current at each read [A]."""
    if read.noise is not None:
        return read.noise
    return float(np.sqrt(2 * mtj.BOLTZMANN * junction.temperature / mtj.parallel(junction) / read.time))


def misread(junction: mtj.Junction, read: Read, reference: float, noisy: float) -> tuple[float, float]:
    """Probability that state P stays below `reference` [A], and that state AP comes above it; `noisy` is n [A]."""
    ratio = read.voltage / junction.half_voltage
    tmr = junction.tmr / (1 + ratio * ratio)
    z, weight = _grid()
    ra = np.maximum(1 + read.spread_resistance_area * z, _LEAST)
    mean = read.voltage / mtj.parallel(junction) / ra  # of state P, given r
    parallel = float(weight @ _below(reference - mean, mean, read, noisy))
    more = np.maximum(1 + read.spread_tmr * z, _LEAST) * tmr
    current = mean[:, None] / (1 + more)
    above = _below(current - reference, current, read, noisy)
    return parallel, float(weight @ above @ weight)


def _below(distance: Array, mean: Array, read: Read, noisy: float) -> Array:
    """Phi(distance / s), s what area, offset and noise spread a current of `mean` by."""
    spread = np.sqrt((mean * read.spread_area) ** 2 + read.offset**2 + noisy**2)
    if np.all(spread > 0):
        return np.asarray(ndtr(distance / spread))
    return np.asarray(0.5 * (1 + np.sign(distance)))


def _grid() -> tuple[Array, Array]:
    """Standard normal numbers, evenly spaced, and their weights."""
    z = np.arange(-_WIDTH, _WIDTH + _STEP / 2, _STEP)
    weight = np.exp(-0.5 * z * z)
    return z, weight / weight.sum()


def margins(junction: mtj.Junction, read: Read) -> Margins:
    """The cells that may be misread: whose margin is less than six times the noise."""
    seen = sensed(junction, read)
    top = _CERTAIN * seen.noise
    deepest = max(seen.parallel - seen.antiparallel, top)
    points = top - np.concatenate([[0.0], np.geomspace(1e-3 * deepest, deepest, _MARGINS - 1)])[::-1]
    shares = [
        (
            misread(junction, read, seen.reference + m, 0.0)[0],
            misread(junction, read, seen.reference - m, 0.0)[1],
        )
        for m in points
    ]
    parallel, antiparallel = zip(*shares, strict=True)
    return Margins(seen.noise, tuple(points.tolist()), parallel, antiparallel)


def read_energy(junction: mtj.Junction, read: Read, seen: Sensed | None = None) -> Any:
    """V (I_P + I_AP) / 2 t + amplifier [J]: both states are equally common."""
    seen = seen or sensed(junction, read)
    return read.voltage * 0.5 * (seen.parallel + seen.antiparallel) * read.time + read.amplifier
