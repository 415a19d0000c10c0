"""SOT kicks, STT decides: a write of a perpendicular junction in two steps, in numbers without units.

| symbol | name | meaning |
|---|---|---|
| a | strength | SOT field over anisotropy field: a = J / (2 J_c), J_c the current that tilts the layer by 45 degrees |
| i | drive | STT current over its critical current; positive towards z = -1 |
| D | delta | barrier over k T |
| s | pulse over twice the relaxation time of the energy: alpha gamma mu0 H_k t / (1 + alpha^2) |

Kick. The SOT, polarised along y, turns the magnetisation from z = +-1 into the plane, where m = y is its fixed point.
Mean: the Landau-Lifshitz-Gilbert equation without noise. Covariance C: its linear response J to thermal noise,

    (1 + alpha^2) dm/dt' = -m x h - alpha m x (m x h) - a m x (m x y) + alpha a m x y,    h = m_z z
    dC/dt' = J C + C J^T + alpha / ((1 + alpha^2) D) (1 - m m^T)

Decision. The STT is collinear with the easy axis, so m_z = z moves by itself. Of the junctions that stand at z, a share
u ends up at +1; backwards in time

    du/ds = (1 / w) d/dz [(1 - z^2) w / (2 D) du/dz],    w = exp(D (z^2 - 2 i z))

(Brown, Phys. Rev. 130 (1963), 1677), from u = integral of exp(-D z^2) / (1 - z^2) up to z, the share without a current.
Solved on finite volumes of even angle, with the matrix exponential: right to 5 %, on the high side, at 1e-6. The share
that is wrong is the mean of u
over the normal z that the kick leaves.

tests/devices/test_kick.py holds both against a stochastic macrospin at several currents and pulses. A round layer is
assumed, without anisotropy in the plane; back-hopping of real junctions (arXiv 2604.22574) is not in it.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm

Array = NDArray[np.float64]
_STEP: Final = 0.05  # of the kick's trajectory, in t'
_VOLUMES: Final = 256  # of z
_REACH: Final = 8.0  # standard deviations of the landing that are summed
_LEAST: Final = 1e-300


class Landed(NamedTuple):
    """Where a kick leaves z of a junction that started at z = +1; one that started at -1 has the other mean."""

    mean: Array
    variance: Array


def landed(strength: Any, length: float, alpha: float, delta: float) -> Landed:
    """After a kick of `strength` (any shape) for `length` t' = gamma mu0 H_k t."""
    a = np.asarray(strength, float)
    m = np.zeros((3, *a.shape))
    m[2] = 1.0
    spread = np.zeros((3, 3, *a.shape))  # covariance
    spread[0, 0] = spread[1, 1] = 1 / (2 * delta)
    steps = max(int(np.ceil(length / _STEP)), 1)
    step = length / steps
    for _ in range(steps):
        m, spread = _advanced(m, spread, a, alpha, delta, step)
    return Landed(m[2], np.maximum(spread[2, 2], 0.0))


def _advanced(
    m: Array, spread: Array, a: Array, alpha: float, delta: float, step: float
) -> tuple[Array, Array]:
    """m and its covariance one step later (Heun)."""

    def moved(of: Array) -> Array:
        first = _slope(of, a, alpha)
        new = of + 0.5 * step * (first + _slope(of + step * first, a, alpha))
        return np.asarray(new / np.sqrt((new * new).sum(0)))

    tiny = 1e-6
    response = np.stack([(moved(m + tiny * e) - moved(m - tiny * e)) / (2 * tiny) for e in _axes(m)], axis=1)
    after = moved(m)
    grown = np.einsum("ij...,jk...,lk...->il...", response, spread, response)
    noise = alpha / (delta * (1 + alpha * alpha)) * step
    tangent = np.eye(3).reshape(3, 3, *[1] * a.ndim) - after[:, None] * after[None, :]
    return after, grown + noise * tangent


def _axes(m: Array) -> list[Array]:
    """Unit vectors in the form of m (3, ...)."""
    found = []
    for axis in range(3):
        one = np.zeros((3, *[1] * (m.ndim - 1)))
        one[axis] = 1.0
        found.append(one)
    return found


def _slope(m: Array, a: Array, alpha: float) -> Array:
    """(3, ...) dm/dt' without noise."""
    x, y, z = m
    field = np.stack([np.zeros_like(z), -alpha * a + np.zeros_like(z), z])  # u: -m x u
    pull = np.stack([np.zeros_like(z), a + np.zeros_like(z), alpha * z])  # v: -m x (m x v) = v - m (m v)
    cross = np.stack([y * field[2] - z * field[1], z * field[0] - x * field[2], x * field[1] - y * field[0]])
    return np.asarray((-cross + pull - m * (m * pull).sum(0)) / (1 + alpha * alpha))


def waited(start: Landed, gap: float, delta: float) -> Landed:
    """After `gap` s without any current: z and its spread grow."""
    growth = np.exp(gap)
    return Landed(start.mean * growth, start.variance * growth**2 + (growth**2 - 1) / (2 * delta))


class Decision:
    """STT of one `drive` on junctions of barrier `delta`, for pulses of any number of `step` s."""

    def __init__(self, drive: float, delta: float, step: float) -> None:
        """Step one pulse of `step`; longer ones follow by squaring."""
        edges = -np.cos(np.linspace(0.0, np.pi, _VOLUMES + 1))  # even angles: the wells are narrow
        self.z = 0.5 * (edges[1:] + edges[:-1])
        self._up = _without_current(edges, delta)
        self._down = _without_current(edges, delta, above=True)
        well = np.where(self.z > 0, np.exp(delta * (self.z**2 - 1)), 0.0) * np.diff(edges)
        self._well = well / well.sum()
        self._powers = [expm(step * _generator(edges, drive, delta))]

    def wrong(self, start: Landed, steps: int) -> tuple[float, float]:
        """Probabilities that a pulse of `steps` fails: of a junction that (is to change, keeps its bit).

        `start` is a number each, what `landed` found for z = +1; the drive pushes to -1.
        """
        return self._means(start, self._share(self._up, steps))

    def alone(self, steps: int) -> float:
        """Probability that a junction at rest, which no kick has turned, switches in a pulse of `steps`."""
        return float(self._well @ self._share(self._down, steps))

    def shortest(self, start: Landed, target: float, most: int) -> int | None:
        """The least number of steps, below 2^`most`, after which at most `target` is wrong; None if there is none."""
        share, passed = self._up, 0
        for power in reversed(range(most)):
            longer = self._power(power) @ share
            if max(self._means(start, longer)) > target:
                share, passed = longer, passed + (1 << power)
        return passed + 1 if passed + 1 < 1 << most else None

    def _share(self, share: Array, steps: int) -> Array:
        """(volumes,) of `share` at the end, at the start of so many steps."""
        for power in range(max(steps, 0).bit_length()):
            if steps >> power & 1:
                share = self._power(power) @ share
        return share

    def _power(self, power: int) -> Array:
        """The propagator of 2^power steps."""
        while len(self._powers) <= power:
            self._powers.append(self._powers[-1] @ self._powers[-1])
        return self._powers[power]

    def _means(self, start: Landed, share: Array) -> tuple[float, float]:
        """Mean of u over the landing from +1, and over the one from -1."""
        spread = max(float(start.variance) ** 0.5, 1e-9)
        t = np.linspace(-_REACH, _REACH, 129)
        weight = np.exp(-0.5 * t * t)
        weight /= weight.sum()
        logs = np.log(np.maximum(share, _LEAST))
        found = [
            float(weight @ np.exp(np.interp(sign * float(start.mean) + spread * t, self.z, logs)))
            for sign in (1, -1)
        ]
        return found[0], found[1]


def _generator(edges: Array, drive: float, delta: float) -> Array:
    """(volumes, volumes) of the equation for u."""
    z, width, inner = 0.5 * (edges[1:] + edges[:-1]), np.diff(edges), edges[1:-1]
    flow = (1 - inner * inner) / (2 * delta * np.diff(z))
    level, at_edge = _exponent(z, drive, delta), _exponent(inner, drive, delta)
    # w is averaged over a volume, its exponent taken as straight
    mass = width * _bulge(np.diff(_exponent(edges, drive, delta)))
    right, left = (np.exp(at_edge - level[side]) for side in (slice(None, -1), slice(1, None)))
    made = np.diag(flow * right / mass[:-1], 1) + np.diag(flow * left / mass[1:], -1)
    return np.asarray(made - np.diag(made.sum(1)))


def _bulge(rise: Array) -> Array:
    """sinh(x) / x of half the rise: the mean of exp over a straight line, relative to its middle."""
    half = np.maximum(0.5 * np.abs(rise), 1e-9)
    return np.asarray(np.sinh(half) / half)


def _exponent(z: Array, drive: float, delta: float) -> Array:
    """ln w."""
    return np.asarray(delta * (z * z - 2 * drive * z))


def _without_current(edges: Array, delta: float, *, above: bool = False) -> Array:
    """(volumes,) u of a junction that is left alone, or 1 - u: the flux is the same everywhere."""
    inner = edges[1:-1]
    steps = np.exp(-delta * inner * inner) / (1 - inner * inner) * np.diff(0.5 * (edges[1:] + edges[:-1]))
    if above:
        return np.asarray(np.append(np.cumsum(steps[::-1])[::-1], 0.0) / steps.sum())
    return np.asarray(np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum())
