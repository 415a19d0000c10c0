"""VTEAM: a threshold memristor whose state moves with a power law of the voltage beyond a threshold.

    dx/dt = k_off (v / v_off - 1)^a_off   for v > v_off > 0       (towards high resistance)
    dx/dt = k_on  (v / v_on  - 1)^a_on    for v < v_on  < 0       (towards low resistance)
    dx/dt = 0                             between
    R(x)  = r_on + (r_off - r_on) x / d,  0 <= x <= d

Source: Kvatinsky et al., "VTEAM: a general model for voltage-controlled memristors", IEEE TCAS-II 62 (2015), 786.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cimlearn.compiled import kernel
from cimlearn.devices.base import bounds, inside, middle, program


class Vteam(NamedTuple):
    """The model's parameters and the two write pulses. `state` is x / d in 0 .. 1, for the record."""

    low: np.float32  # 1 / r_off [S]
    high: np.float32  # 1 / r_on [S]
    k_off: float  # [m/s]
    k_on: float  # [m/s], negative
    v_off: float  # [V]
    v_on: float  # [V], negative
    a_off: float
    a_on: float
    thickness: float  # d [m]
    v_reset: float  # amplitude of a pulse that raises the resistance [V]
    v_set: float  # amplitude of a pulse that lowers the resistance [V], negative
    longest: float  # longest pulse [s]
    cycle: float  # cycle-to-cycle standard deviation of the displacement, relative

    def window(self) -> tuple[float, float]:
        """Conductances [S] of the smallest and the largest weight."""
        return bounds(self)

    def rest(self) -> tuple[float, float]:
        """(conductance [S], state) of a fresh cell."""
        return middle(self)


@kernel
def speed(device, voltage):
    """dx/dt [m/s] at a voltage [V]."""
    if voltage > device.v_off:
        return device.k_off * (voltage / device.v_off - 1) ** device.a_off
    if voltage < device.v_on:
        return device.k_on * (voltage / device.v_on - 1) ** device.a_on
    return 0.0


@kernel
def _program(device, conductance, state, gain, change, normal, uniform):
    # The controller reads nothing: it takes the pulse length for a cell in the middle of the conductance
    # window, where dG/dx = -G^2 (r_off - r_on) / d. Cells elsewhere move more or less: VTEAM's own nonlinearity.
    span = 1 / device.low - 1 / device.high
    middle = 0.5 * (device.low + device.high)
    slope = middle * middle * span / device.thickness
    rate = speed(device, device.v_reset if change < 0 else device.v_set)
    if rate == 0.0:
        return conductance, state, False
    duration = min(abs(change) / (slope * abs(rate)), device.longest)
    moved = rate * duration / device.thickness * gain
    moved *= 1 + device.cycle * normal
    # x / d follows from the resistance, so the cell needs no state of its own beyond its conductance.
    place = (1 / conductance - 1 / device.high) / span
    place = min(max(place + moved, 0.0), 1.0)
    resistance = 1 / device.high + span * place
    return inside(device, 1 / resistance), np.float32(place), True


program.register(Vteam, _program)
