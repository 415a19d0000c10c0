"""Fit a law to measured pulses: its shape to all cells together, then each cell's own numbers, then how they spread.

    1. the pooled cell maximises the likelihood of all trains: shape, steps, noise
    2. each cell's own numbers maximise that of its trains, with the shape held; the noise is fitted again
    3. mean and spread of a number over n cells: mean +- t s / sqrt(n), spread^2 = s^2 - mean error^2, interval by chi^2

The law is chosen by the likelihood of pieces of trains that were held out of 1. and 2. Noise of readings that is alike
from pulse to pulse is kept where it is likelier by `noise.GAIN`; the law is then chosen again, of several within a
standard error by all data (held-out pieces are short beside such noise). Intervals hold together at 95 % (Bonferroni).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.devices.fit import noise as noises
from cimlearn.devices.fit.data import Data, blocks
from cimlearn.devices.fit.filter import likelihood
from cimlearn.devices.fit.laws import FORMS, device, limits, traits
from cimlearn.devices.fit.optimum import hessian, inverse, minimum
from cimlearn.devices.pulsed import DOWN, LAWS, UP

Float = NDArray[np.float64]
Reach = tuple[tuple[float, float], ...]  # lowest and highest place of each cell
SMOOTH: Final = 50  # pieces of a train whose means tell how far it reaches
MARGIN: Final = 0.02  # half windows that a cell may stand beyond its data


class Cells(NamedTuple):
    """A law with the numbers of every cell."""

    law: str
    shape: dict[str, float]
    own: tuple[dict[str, float], ...]  # of each cell
    error: tuple[dict[str, float], ...]  # standard errors of `own`
    noise: Float  # (5,) cycle, cycle_absolute [steps], read [half windows], alike [share], memory [pulses]
    noise_error: (
        Float  # (5,) standard errors of the free numbers (noise.py); NaN where a noise is as good as none
    )
    reach: tuple[tuple[float, float], ...]  # places that the data of each cell reach
    likelihood: float  # logarithm, of what it was fitted to

    def traits(self) -> NDArray[np.float32]:
        """(cells, TRAITS)."""
        rows = [
            traits(self.law, own, self.shape, reach) for own, reach in zip(self.own, self.reach, strict=True)
        ]
        return np.array(rows, np.float32)


def evaluate(cells: Cells, data: Data) -> tuple[float, Float]:
    """Log-likelihood of data under fitted cells, and (3, n) what the filter says of each value (filter.py)."""
    out = np.zeros((3, len(data.values)))
    args = (data.values, data.cell, data.up, data.first)
    found = likelihood(device(cells.law, cells.shape), cells.traits(), *args, cells.noise, out)
    return float(found), out


def held_out(data: Data, law: str, *, alike: bool = False) -> Float:
    """(pieces,) log-likelihood of the pieces of trains that the fit has not seen, each piece on its own."""
    piece = blocks(data)
    odd = piece % 2 == 1
    kept, left = data.of(~odd), data.of(odd)
    cells = fitted(kept, law, reach=_reach(data), alike=alike)
    _, out = evaluate(cells, left)
    return np.add.reduceat(out[2], np.flatnonzero(left.first))


class Chosen(NamedTuple):
    """The fit of the law that was chosen."""

    cells: Cells
    scores: dict[str, float]  # law -> mean held-out log-likelihood of a pulse
    gain: float  # log-likelihood that readings alike from pulse to pulse bring


def chosen(data: Data, laws: tuple[str, ...] = LAWS) -> Chosen:
    """The law and the noise that the data ask for, fitted to all cells."""
    law, scores = choose(data, laws)
    white, coloured = (fitted(data, law, alike=alike) for alike in (False, True))
    gain = coloured.likelihood - white.likelihood
    if not gain > noises.GAIN:
        return Chosen(white, scores, gain)
    found = {one: held_out(data, one, alike=True) for one in laws}
    fits = [coloured if one == law else fitted(data, one, alike=True) for one in _close(found)]
    best = max(fits, key=lambda cells: _bayes(cells, data))
    return Chosen(best, _means(found, data), best.likelihood - white.likelihood)


def choose(data: Data, laws: tuple[str, ...] = LAWS) -> tuple[str, dict[str, float]]:
    """The law of highest held-out likelihood, and the mean log-likelihood of a pulse by law.

    Of laws that the best one beats by less than a standard error (of the difference, over pieces), the one with the
    fewest free numbers.
    """
    found = {law: held_out(data, law) for law in laws}
    simplest = min(_close(found), key=lambda law: len(FORMS[law].own) + len(FORMS[law].shape))
    return simplest, _means(found, data)


def _means(found: dict[str, Float], data: Data) -> dict[str, float]:
    """Mean log-likelihood of a held-out pulse by law."""
    pulses = sum(blocks(data) % 2 == 1)
    return {law: float(one.sum() / pulses) for law, one in found.items()}


def _close(found: dict[str, Float]) -> list[str]:
    """Laws that the best one beats by less than a standard error of the difference, over pieces (pieces,)."""
    best = max(found, key=lambda law: found[law].sum())
    less = {law: found[best] - one for law, one in found.items()}
    return [law for law, one in less.items() if one.sum() <= one.std() * np.sqrt(len(one))]


def _bayes(cells: Cells, data: Data) -> float:
    """Log-likelihood of all data less half a ln(pulses) for each free number (Schwarz, Ann. Stat. 6 (1978), 461)."""
    form = FORMS[cells.law]
    numbers = (2 + len(form.own)) * len(cells.own) + len(form.shape)
    return cells.likelihood - 0.5 * numbers * float(np.log(np.sum(~data.first)))


def _reach(data: Data) -> tuple[tuple[float, float], ...]:
    """Places that each cell's data reach, with a margin, at both sides of 0; noise of long trains averaged out."""
    found = [(-MARGIN, MARGIN)] * data.cells()
    starts = np.flatnonzero(data.first)
    for start, end in zip(starts, np.append(starts[1:], len(data.values)), strict=True):
        width = max((end - start) // SMOOTH, 1)
        smooth = np.convolve(data.values[start:end], np.full(width, 1 / width), "valid")
        low, high = found[data.cell[start]]
        found[data.cell[start]] = (
            min(low, float(smooth.min()) - MARGIN),
            max(high, float(smooth.max()) + MARGIN),
        )
    return tuple(found)


def fitted(data: Data, law: str, *, reach: Reach | None = None, alike: bool = False) -> Cells:
    """A law fitted to all cells; with `alike`, noise of readings may stay alike from pulse to pulse."""
    reach = reach or _reach(data)
    form, out = FORMS[law], np.zeros((3, len(data.values)))
    both = [way for way, up in (("up", True), ("down", False)) if np.any(data.up[~data.first] == up)]
    names = ["up", "down", *form.own, *form.shape]
    wide = (min(r[0] for r in reach), max(r[1] for r in reach))
    args = (data.values, np.zeros_like(data.cell), data.up, data.first)

    def unpack(free: Float) -> tuple[dict[str, float], dict[str, float]]:
        every = dict(zip(names, free[: len(names)], strict=True))
        for way, other in (("up", "down"), ("down", "up")):  # a way that nobody measured mirrors the other
            if way not in both:
                every[way] = every[other]
        return {n: every[n] for n in ("up", "down", *form.own)}, {n: every[n] for n in form.shape}

    def loss(free: Float) -> float:
        own, shape = unpack(free)
        cell = traits(law, own, shape, wide)[None].astype(np.float32)
        found = likelihood(device(law, shape), cell, *args, noises.noise(free[len(names) :]), out)
        return -float(found) / len(data.values) if np.isfinite(found) else 1e6

    start = _start(data, law, names)
    tries = []
    for first_noise in noises.firsts(data, alike=alike):
        box = [limits(law, name)[:2] for name in names] + noises.box(len(first_noise))
        tries.append(minimum(loss, np.concatenate([start, first_noise]), box))
    best = min(tries, key=loss)
    own, shape = unpack(best)
    return _each(data, law, own, shape, noises.noise(best[len(names) :]), reach)


def _each(
    data: Data,
    law: str,
    own: dict[str, float],
    shape: dict[str, float],
    noise: Float,
    reach: tuple[tuple[float, float], ...],
) -> Cells:
    """Every cell's own numbers with the shape held, and the noise of all of them together."""
    one = device(law, shape)
    owns, errors = [dict(own) for _ in reach], [dict.fromkeys(own, np.nan) for _ in reach]
    for _ in range(2 if len(reach) > 1 else 1):
        for n, limit in enumerate(reach):
            mine = data.of(data.cell == n)
            if len(reach) > 1 or _ == 0:
                owns[n], errors[n] = _one(mine, law, one, owns[n], shape, noise, limit)
        cells = Cells(law, shape, tuple(owns), tuple(errors), noise, np.full(len(noise), np.nan), reach, 0.0)
        noise, noise_error = _noise(data, cells, one)
    cells = cells._replace(noise=noise, noise_error=noise_error)
    return cells._replace(likelihood=evaluate(cells, data)[0])


def _one(
    mine: Data,
    law: str,
    one: object,
    start: dict[str, float],
    shape: dict[str, float],
    noise: Float,
    limit: tuple[float, float],
) -> tuple[dict[str, float], dict[str, float]]:
    """A cell's own numbers and their standard errors."""
    names, out = list(start), np.zeros((3, len(mine.values)))
    args = (mine.values, np.zeros_like(mine.cell), mine.up, mine.first)
    seen = [n for n in names if not (n in ("up", "down") and not np.any(mine.up[~mine.first] == (n == "up")))]

    def loss(free: Float) -> float:
        own = {**start, **dict(zip(seen, free, strict=True))}
        cell = traits(law, own, shape, limit)[None].astype(np.float32)
        found = likelihood(one, cell, *args, noise, out)
        return -float(found) if np.isfinite(found) else 1e9

    box = [limits(law, name)[:2] for name in seen]
    best = minimum(loss, np.array([start[n] for n in seen]), box, scale=len(mine.values))
    errors = np.sqrt(np.diag(inverse(hessian(loss, best))))
    return (
        {**start, **dict(zip(seen, best.tolist(), strict=True))},
        {**dict.fromkeys(names, np.nan), **dict(zip(seen, errors.tolist(), strict=True))},
    )


def _noise(data: Data, cells: Cells, one: object) -> tuple[Float, Float]:
    """(5,) noise of all cells, each with its own numbers, and standard errors of its free numbers."""
    rows, out = cells.traits(), np.zeros((3, len(data.values)))
    args = (data.values, data.cell, data.up, data.first)

    def loss(free: Float) -> float:
        found = likelihood(one, rows, *args, noises.noise(free), out)
        return -float(found) if np.isfinite(found) else 1e9

    start = noises.free(cells.noise)
    best = minimum(loss, start, noises.box(len(start)), scale=len(data.values))
    bent = hessian(loss, best)
    alive = np.diag(bent) > 1.0  # one whose value hardly matters has no error to speak of
    errors = np.full(len(cells.noise), np.nan)
    if np.any(alive):
        errors[: len(best)][alive] = np.sqrt(np.diag(inverse(bent[np.ix_(alive, alive)])))
    return noises.noise(best), errors


def _start(data: Data, law: str, names: list[str]) -> Float:
    """Free numbers to begin with: mean steps of each way, the law's usual shape."""
    found = {}
    inner = np.flatnonzero(~data.first)
    steps = data.values[inner] - data.values[inner - 1]
    for name in names:
        found[name] = limits(law, name)[2]
    for way, up in (("up", True), ("down", False)):
        some = steps[data.up[inner] == up] * (1 if up else -1)
        found[way] = float(np.log(max(some.mean(), 1e-6))) if len(some) else -4.0
        if law == "power":
            found[way] += 0.5
    return np.array([found[name] for name in names])


__all__ = ["DOWN", "UP", "Cells", "Chosen", "choose", "chosen", "evaluate", "fitted", "held_out"]
