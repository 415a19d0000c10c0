"""The mean step of a pulsed cell for whole arrays of places, and its mean response in closed form where there is one.

    dw / dn = s f(w)                        n: pulses

    constant      w(n) = w0 + s n
    linear        w(n) = c - (c - w0) exp(-s n / c)                     c = 1 / bend, up
    soft bounds   the same with c = h
    power         (h - w(n))^(1 - p) = (h - w0)^(1 - p) - (1 - p) s n / (h - l)^p,     p = bend != 1
    exponential   exp(-k w(n)) = (exp(-k w0) + b) exp(-k s n) - b,        b = bend, k = 2 rate / (h - l)

These are the limits of small steps, in closed form; a step of s differs from them by terms of order s.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.devices import pulsed
from cimlearn.devices.pulsed import BEND_UP, HIGHEST, LOWEST, UP

Float = NDArray[np.float64]


def mean_step(device: Any, w: NDArray[Any], up: bool, own: NDArray[Any] | None = None) -> Float:
    """(places,) mean step of one pulse, >= 0, at places w (places,), all in half windows.

    own
        (TRAITS,) or (places, TRAITS) a cell's numbers; the mean cell without
    """
    cell = np.asarray(pulsed.typical(device) if own is None else own, float)
    side = 0 if up else 1
    step, bend = cell[..., UP + side], cell[..., BEND_UP + side]
    low, high = cell[..., LOWEST], cell[..., HIGHEST]
    factor: Any
    if device.law == pulsed.CONSTANT:
        factor = np.ones_like(w, float)
    elif device.law == pulsed.LINEAR:
        factor = 1 - bend * w if up else 1 + bend * w
    elif device.law == pulsed.SOFT:
        factor = 1 - w / (high if up else low)
    elif device.law == pulsed.EXPONENTIAL:
        factor = 1 + bend * np.exp(2 * float(device.rate[side]) * w / (high - low))
    elif device.law == pulsed.POWER:
        factor = np.maximum((high - w if up else w - low) / (high - low), 0.0) ** bend
    else:
        table = np.asarray(device.table[side], float)
        factor = np.interp(w, np.linspace(-1, 1, len(table)), table)
    return np.asarray(step * np.maximum(factor, 0.0))


def mean_response(device: Any, start: float, pulses: NDArray[Any], up: bool) -> Float:
    """(pulses,) place w of the mean cell after so many pulses from `start`, in the limit of small steps.

    Raises
    ------
    ValueError
        For the table law, which has no closed form.
    """
    cell = pulsed.typical(device).astype(float)
    side, sign = (0, 1.0) if up else (1, -1.0)
    s, bend, low, high = cell[UP + side], cell[BEND_UP + side], cell[LOWEST], cell[HIGHEST]
    n, v, top = np.asarray(pulses, float), sign * start, (high if up else -low)
    if device.law == pulsed.CONSTANT or (device.law == pulsed.LINEAR and bend == 0):
        found = v + s * n
    elif device.law in (pulsed.LINEAR, pulsed.SOFT):
        c = top if device.law == pulsed.SOFT else 1 / bend
        found = c - (c - v) * np.exp(-s * n / c)
    elif device.law == pulsed.POWER and bend == 1:
        found = top - (top - v) * np.exp(-s * n / (high - low))
    elif device.law == pulsed.POWER:
        left = (top - v) ** (1 - bend) - (1 - bend) * s * n / (high - low) ** bend
        found = top - np.maximum(left, 0.0) ** (1 / (1 - bend))
    elif device.law == pulsed.EXPONENTIAL:
        k = sign * 2 * float(device.rate[side]) / (high - low)
        grown = (np.exp(-k * v) + bend) * np.exp(-k * s * n) - bend
        found = -np.log(np.maximum(grown, 1e-300)) / k
    else:
        raise ValueError("a table of steps has no closed form; use cimlearn.devices.pulse_response")
    return np.asarray(np.clip(sign * np.minimum(found, top), low, high))
