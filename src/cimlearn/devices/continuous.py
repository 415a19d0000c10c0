"""A device of continuous conductance: linear or soft-bounds response, with noise on every write."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cimlearn.compiled import kernel
from cimlearn.devices.base import bounds, inside, middle, program


class Continuous(NamedTuple):
    """Every write lands near the change asked for.

    asked = change * gain * (1 + cycle * n),  n ~ N(0, 1)       gain: the cell's own factor
    linear:      G <- G + asked
    soft bounds: G <- G + asked * 2 (high - G) / (high - low)   upwards; 2 (G - low) / (high - low) downwards

    The soft-bounds factor is 1 in the middle of the window and 0 at the bound approached (Fusi and Abbott,
    Nature Neuroscience 10 (2007), 485).
    """

    low: np.float32  # smallest conductance [S]
    high: np.float32  # largest conductance [S]
    cycle: np.float32  # cycle-to-cycle standard deviation of a write, relative to the change
    soft: bool  # soft bounds instead of a linear response

    def window(self) -> tuple[float, float]:
        """Conductances [S] of the smallest and the largest weight."""
        return bounds(self)

    def rest(self) -> tuple[float, float]:
        """(conductance [S], state) of a fresh cell."""
        return middle(self)


@kernel
def _program(device, conductance, state, gain, change, normal, uniform):
    asked = change * gain
    asked *= np.float32(1) + device.cycle * normal
    if device.soft:
        room = device.high - conductance if asked > 0 else conductance - device.low
        asked *= np.float32(2) * room / (device.high - device.low)
    return inside(device, conductance + asked), state, True


program.register(Continuous, _program)
