"""Make a device from the `device.*` parameters of its preset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from cimlearn.devices.continuous import Continuous
from cimlearn.devices.ideal import Ideal
from cimlearn.devices.levels import Levels
from cimlearn.devices.rules import check
from cimlearn.devices.vteam import Vteam


def _window(low: float, high: float) -> tuple[np.float32, np.float32]:
    return np.float32(low), np.float32(high)


def _continuous(p: dict[str, Any]) -> Continuous:
    return Continuous(*_window(p["low"], p["high"]), np.float32(p["cycle"]), bool(p["soft"]))


def _ideal(p: dict[str, Any]) -> Ideal:
    return Ideal(*_window(p["low"], p["high"]))


def _levels(p: dict[str, Any]) -> Levels:
    mean, spread = np.array(p["mean"], np.float32), np.array(p["spread"], np.float32)
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
    """The device described by the `device` part of a parameter set; InputError where its numbers disagree."""
    check(parameters)
    return _MAKERS[parameters["kind"]](parameters)
