"""What a table of pulses on simulated cells says of a device, by the definitions of those who measure cells.

step        mean change of a pulse that begins in the middle tenth of the window
asymmetry   (up - down) / (up + down) of the steps
noise       standard deviation of those changes within a cell, relative to the step
spread      standard deviation of the cells' own steps, relative to the mean
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.devices import catalog
from cimlearn.devices.response import pulse_response
from cimlearn.parameters import ParameterSet

CELLS: Final = 100
_FEWEST, _MOST = 50, 2000  # pulses of a train
_PARTS: Final = 50.0  # of the window that a pulse asks for, where the device has no pulse of its own
_MIDDLE: Final = 0.05  # of the window, to either side


class Step(NamedTuple):
    """Pulses of one direction in the middle of the window."""

    mean: float  # [S], above 0
    noise: float | None  # relative; None where a cell had fewer than two of them
    spread: float  # relative


class Measured(NamedTuple):
    """A train of pulses up, one down, and both again, on simulated cells."""

    parameters: ParameterSet  # of the device and its cell
    low: float  # [S] the window of weights
    high: float
    train: int  # pulses of each
    seen: NDArray[np.float32]  # (cells, 1 + 4 train) conductance [S]
    up: Step | None  # None: no pulse began in the middle
    down: Step | None

    @property
    def asymmetry(self) -> float | None:
        """(up - down) / (up + down)."""
        if self.up is None or self.down is None or self.up.mean + self.down.mean <= 0:
            return None
        return (self.up.mean - self.down.mean) / (self.up.mean + self.down.mean)

    def end(self, up: bool) -> NDArray[np.float32]:
        """(cells,) conductance [S] after the second train up or down."""
        return self.seen[:, (3 if up else 4) * self.train]


def measure(name: str, settings: Mapping[str, Any] | None = None, *, seed: int = 0) -> Measured:
    """Trains on `CELLS` cells of the device that `name` names, long enough to cross the window twice.

    Raises
    ------
    InputError
        For an unknown device or setting, or a value out of range.
    """
    found = catalog.parameters(catalog.chosen({catalog.NAME: name})).replace(settings or {})
    made = catalog.device(found.part("device"))
    low, high = made.window()
    pulse = float(getattr(made, "pulse", (high - low) / _PARTS))
    train = min(_MOST, max(_FEWEST, ceil(2 * (high - low) / pulse)))
    seen = pulse_response(name, settings, trains=(train, -train, train, -train), cells=CELLS, seed=seed)
    steps = (_step(seen, train, low, high, up) for up in (True, False))
    return Measured(found, low, high, train, seen, *steps)


def changes(
    seen: NDArray[np.float32], train: int, up: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(train,) mean conductance [S] of the cells before each pulse of one direction, (cells, train) its changes.

    They are those of the second trains, since a new cell may stand beyond its own bounds. The place is that of the mean
    of all cells: one reading's own noise, as large as many pulses, would pick the cells that come back from it.
    """
    pulses = np.arange(train) + (2 if up else 3) * train
    moved = seen[:, pulses + 1].astype(np.float64) - seen[:, pulses]
    return seen[:, pulses].mean(axis=0, dtype=np.float64), moved


def _step(seen: NDArray[np.float32], train: int, low: float, high: float, up: bool) -> Step | None:
    place, moved = changes(seen, train, up)
    here = (moved if up else -moved)[:, np.abs(place - 0.5 * (low + high)) <= _MIDDLE * (high - low)]
    if here.size == 0:
        return None
    mean, own = float(here.mean()), here.mean(axis=1)
    if mean == 0:
        return Step(0.0, None, 0.0)
    noise = float(here.std(axis=1, ddof=1).mean()) / abs(mean) if here.shape[1] > 1 else None
    return Step(mean, noise, float(own.std()) / abs(mean))
