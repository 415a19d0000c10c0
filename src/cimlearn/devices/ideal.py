"""A device that does exactly what it is asked, inside its window."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cimlearn.compiled import kernel
from cimlearn.devices.base import bounds, inside, middle, program


class Ideal(NamedTuple):
    """No noise, no spread, any conductance of the window."""

    low: np.float32  # smallest conductance [S]
    high: np.float32  # largest conductance [S]

    def window(self) -> tuple[float, float]:
        """Conductances [S] of the smallest and the largest weight."""
        return bounds(self)

    def rest(self) -> tuple[float, float]:
        """(conductance [S], state) of a fresh cell."""
        return middle(self)


@kernel
def _program(device, conductance, state, gain, change, normal, uniform):
    return inside(device, conductance + change), state, True


program.register(Ideal, _program)
