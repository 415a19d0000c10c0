"""Trains as one row of places, with what the filter needs to know of each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.devices.fit.tables import Pulses
from cimlearn.errors import InputError

BLOCKS = 8  # pieces of a train: every other one is held out


class Data(NamedTuple):
    """Places of all trains, one after the other."""

    values: NDArray[np.float64]  # (n,) in half windows
    cell: NDArray[np.int64]  # (n,)
    up: NDArray[np.bool_]  # (n,) whether the pulse before went up
    first: NDArray[np.bool_]  # (n,) where a train starts
    names: tuple[str, ...]  # of the cells
    low: float  # conductance of w = -1 [S], or weight
    high: float  # conductance of w = 1 [S], or weight

    def cells(self) -> int:
        """How many."""
        return len(self.names)

    def of(self, keep: NDArray[np.bool_]) -> Data:
        """The values that `keep` (n,) marks; each begins anew where the one before is left out."""
        starts = self.first.copy()
        starts[1:] |= ~keep[:-1]
        return self._replace(
            values=self.values[keep], cell=self.cell[keep], up=self.up[keep], first=starts[keep]
        )


def data(pulses: Pulses, window: tuple[float, float] | None = None) -> Data:
    """The trains in half windows.

    Without `window` [S], it runs from the mean of the cells' lowest conductances to that of their highest; normalised
    weights keep their own, -1 .. 1.

    Raises
    ------
    InputError
        For a window of no width.
    """
    names = tuple(dict.fromkeys(train.device for train in pulses.trains))
    extremes = [np.concatenate([t.values for t in pulses.trains if t.device == name]) for name in names]
    low = float(np.mean([one.min() for one in extremes]))
    high = float(np.mean([one.max() for one in extremes]))
    if pulses.normalised:
        low, high = -1.0, 1.0
    if window is not None:
        low, high = window
    if not low < high:
        raise InputError(
            f"the window from {low:g} to {high:g} has no width; give --window LOW,HIGH in siemens"
        )
    lengths = [len(train.values) for train in pulses.trains]
    first = np.zeros(sum(lengths), np.bool_)
    first[np.cumsum([0, *lengths[:-1]])] = True
    values = np.concatenate([train.values for train in pulses.trains])
    return Data(
        values=(2 * values - low - high) / (high - low),
        cell=np.repeat([names.index(t.device) for t in pulses.trains], lengths),
        up=np.repeat([t.up for t in pulses.trains], lengths),
        first=first,
        names=names,
        low=low,
        high=high,
    )


def blocks(one: Data) -> NDArray[np.int64]:
    """(n,) which piece of its train each value belongs to, 0 .. BLOCKS - 1."""
    starts = np.flatnonzero(one.first)
    ends = np.append(starts[1:], len(one.values))
    return np.concatenate(
        [np.arange(end - start) * BLOCKS // (end - start) for start, end in zip(starts, ends, strict=True)]
    )


def oddities(one: Data) -> list[str]:
    """What the data say that a law would average away: missing polarities, one cell only, trains that turn back."""
    notes = []
    if one.cells() == 1:
        notes.append("one cell only: spreads between cells can't be told from it")
    for up, way in ((True, "potentiation"), (False, "depression")):
        if not np.any(one.up == up):
            notes.append(f"{way} is missing")
    starts = np.flatnonzero(one.first)
    ends = np.append(starts[1:], len(one.values))
    for start, end in zip(starts, ends, strict=True):
        found = _turns(one.values[start:end], bool(one.up[start]))
        if found is not None:
            way = "potentiation" if one.up[start] else "depression"
            word = "falls" if one.up[start] else "rises"
            notes.append(
                f"device {one.names[one.cell[start]]}, {way}: the conductance {word} between pulses {found[0]} and "
                f"{found[1]}, beyond its noise (not monotone)"
            )
    return notes


def _turns(values: NDArray[np.float64], up: bool) -> tuple[int, int] | None:
    """The pulses between which the mean of a fifth of the train moves against its polarity by 4 standard errors."""
    size = max(len(values) // 5, 3)
    means = np.array([values[n : n + size].mean() for n in range(0, len(values) - size + 1, size)])
    steps = np.diff(values)
    scatter = (
        np.std(np.diff(steps)) / np.sqrt(6) if len(steps) > 2 else 0.0
    )  # of a reading, whatever the trend
    walk = np.std(steps) * np.sqrt(size)  # of a walk over that many pulses
    error = np.hypot(scatter * np.sqrt(2 / size), 0.0 if scatter * np.sqrt(2) > 0.9 * np.std(steps) else walk)
    against = np.diff(means) * (-1 if up else 1)
    worst = int(np.argmax(against))
    if len(against) == 0 or against[worst] <= max(4 * error, 0.02):
        return None
    return worst * size, (worst + 2) * size - 1
