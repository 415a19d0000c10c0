"""Make a device from the `device.*` parameters of its preset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from cimlearn.devices.continuous import Continuous
from cimlearn.devices.ideal import Ideal
from cimlearn.devices.levels import Levels
from cimlearn.devices.vteam import Vteam
from cimlearn.errors import InputError


def _window(low: float, high: float) -> tuple[np.float32, np.float32]:
    if not low < high:
        raise InputError(f"device.low = {low:g} S is not below device.high = {high:g} S; swap or change them")
    return np.float32(low), np.float32(high)


def _continuous(p: dict[str, Any]) -> Continuous:
    return Continuous(*_window(p["low"], p["high"]), np.float32(p["cycle"]), bool(p["soft"]))


def _ideal(p: dict[str, Any]) -> Ideal:
    return Ideal(*_window(p["low"], p["high"]))


def _levels(p: dict[str, Any]) -> Levels:
    mean, spread = np.array(p["mean"], np.float32), np.array(p["spread"], np.float32)
    if mean.shape != spread.shape or mean.size < 2:
        raise InputError(
            f"device.mean has {mean.size} levels and device.spread {spread.size}; give both the same number, at least 2"
        )
    if np.any(mean[1:] >= mean[:-1]) or mean[-1] <= 0:
        raise InputError("device.mean must fall from level to level and stay above 0 ohm; sort it")
    low, high = 1.0 / float(mean[0]), 1.0 / float(mean[-1])
    margin = p["margin"]
    return Levels(
        np.float32(low * (1 - margin)),
        np.float32(high * (1 + margin)),
        mean,
        spread,
        (1.0 / mean).astype(np.float32),
    )


def _vteam(p: dict[str, Any]) -> Vteam:
    low, high = _window(1.0 / p["r_off"], 1.0 / p["r_on"])
    if p["v_reset"] <= p["v_off"] or p["v_set"] >= p["v_on"]:
        raise InputError(
            f"device.v_reset = {p['v_reset']:g} V or device.v_set = {p['v_set']:g} V lies within the thresholds "
            f"({p['v_on']:g} to {p['v_off']:g} V) and moves nothing; raise the amplitude"
        )
    names = (
        "k_off",
        "k_on",
        "v_off",
        "v_on",
        "a_off",
        "a_on",
        "thickness",
        "v_reset",
        "v_set",
        "longest",
        "cycle",
    )
    return Vteam(low, high, *(float(p[name]) for name in names))


_MAKERS: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "continuous": _continuous,
    "ideal": _ideal,
    "levels": _levels,
    "vteam": _vteam,
}


def device(parameters: dict[str, Any]) -> Any:
    """The device described by the `device` part of a parameter set."""
    return _MAKERS[parameters["kind"]](parameters)
