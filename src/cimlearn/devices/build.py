"""Make the devices of this package from the `device.*` parameters of their presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cimlearn.errors import InputError

if TYPE_CHECKING:
    from cimlearn.devices.continuous import Continuous
    from cimlearn.devices.ideal import Ideal
    from cimlearn.devices.levels import Levels
    from cimlearn.devices.pulsed import Pulsed
    from cimlearn.devices.vteam import Vteam


def window_of(low: float, high: float) -> tuple[np.float32, np.float32]:
    """A window [S]; InputError where it has no width."""
    if not low < high:
        raise InputError(f"device.low = {low:g} S is not below device.high = {high:g} S; swap or change them")
    return np.float32(low), np.float32(high)


def continuous(p: Mapping[str, Any]) -> Continuous:
    """Continuous conductance."""
    from cimlearn.devices.continuous import Continuous

    return Continuous(*window_of(p["low"], p["high"]), np.float32(p["cycle"]), bool(p["soft"]))


def ideal(p: Mapping[str, Any]) -> Ideal:
    """The ideal cell."""
    from cimlearn.devices.ideal import Ideal

    return Ideal(*window_of(p["low"], p["high"]))


def levels(p: Mapping[str, Any]) -> Levels:
    """A table of levels."""
    from cimlearn.devices.levels import Levels

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


def pulsed(p: Mapping[str, Any]) -> Pulsed:
    """A cell written by whole pulses."""
    from cimlearn.devices import pulsed_build

    return pulsed_build.pulsed(p)


def vteam(p: Mapping[str, Any]) -> Vteam:
    """VTEAM."""
    from cimlearn.devices.vteam import Vteam

    low, high = window_of(1.0 / p["r_off"], 1.0 / p["r_on"])
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


def low_high(p: Mapping[str, Any]) -> tuple[float, float]:
    """The window [S] of a device whose parameters name it."""
    return p["low"], p["high"]


def level_window(p: Mapping[str, Any]) -> tuple[float, float]:
    """From the first to the last level [S]."""
    return 1.0 / p["mean"][0], 1.0 / p["mean"][-1]


def vteam_window(p: Mapping[str, Any]) -> tuple[float, float]:
    """From the off to the on resistance, as conductances [S]."""
    return 1.0 / p["r_off"], 1.0 / p["r_on"]
