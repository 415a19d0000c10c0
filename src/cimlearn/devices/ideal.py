"""A device that does exactly what it is asked, inside its window."""

from __future__ import annotations

from typing import NamedTuple

from cimlearn.compiled import kernel
from cimlearn.devices.base import inside, program


class Ideal(NamedTuple):
    """No noise, no spread, any conductance of the window."""

    low: float  # smallest conductance [S]
    high: float  # largest conductance [S]


@kernel
def _program(device, conductance, state, gain, change, normal, uniform):
    return inside(device, conductance + change), state, True


program.register(Ideal, _program)
