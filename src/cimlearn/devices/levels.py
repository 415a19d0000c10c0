"""A device with a table of levels: a write moves whole levels and redraws the resistance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.compiled import kernel
from cimlearn.devices.base import inside, program


class Levels(NamedTuple):
    """Measured levels, each with the spread of the resistance that a write lands on.

    A change [S] is walked along the mean conductances; the rest that is smaller than one step moves one
    more level with probability rest / step, so that the expected mean conductance is the one asked for.
    `state` is the level.
    """

    low: np.float32  # smallest conductance [S] a draw may land on
    high: np.float32  # largest conductance [S] a draw may land on
    mean: NDArray[np.float32]  # (levels,) mean resistance [ohm], falling
    spread: NDArray[np.float32]  # (levels,) standard deviation of the resistance [ohm]
    centre: NDArray[np.float32]  # (levels,) mean conductance [S] = 1 / mean, rising

    def gambles(self) -> bool:
        """It rounds at random, so the array draws uniform numbers."""
        return True

    def window(self) -> tuple[float, float]:
        """Conductances [S] of the smallest and the largest weight."""
        return float(self.centre[0]), float(self.centre[-1])

    def rest(self) -> tuple[float, float]:
        """(conductance [S], level) of a fresh cell: the level nearest to the middle of the window."""
        level = int(np.argmin(np.abs(self.centre - 0.5 * sum(self.window()))))
        return float(self.centre[level]), float(level)


@kernel
def moved(device, level, change, draw):
    """The level reached from `level` by a change [S]; `draw` in [0, 1) decides the last step."""
    last = device.centre.size - 1
    while change > 0 and level < last:
        step = device.centre[level + 1] - device.centre[level]
        if change < step:
            return level + 1 if draw * step < change else level
        change -= step
        level += 1
    while change < 0 and level > 0:
        step = device.centre[level] - device.centre[level - 1]
        if -change < step:
            return level - 1 if draw * step < -change else level
        change += step
        level -= 1
    return level


@kernel
def _program(device, conductance, state, gain, change, normal, uniform):
    level = int(state)
    target = moved(device, level, change * gain, uniform)
    if target == level:
        return conductance, state, False
    resistance = device.mean[target] + device.spread[target] * normal
    resistance = max(resistance, np.float32(1) / device.high)
    return inside(device, np.float32(1) / resistance), np.float32(target), True


program.register(Levels, _program)
