"""Make the devices of this package from the `device.*` parameters of their presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cimlearn.devices import rules

if TYPE_CHECKING:
    from cimlearn.devices.continuous import Continuous
    from cimlearn.devices.ideal import Ideal
    from cimlearn.devices.levels import Levels
    from cimlearn.devices.pulsed import Pulsed
    from cimlearn.devices.vteam import Vteam


def window_of(low: float, high: float) -> tuple[np.float32, np.float32]:
    """A window [S]; InputError where it has no width."""
    rules.window(low, high)
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

    rules.levels(p["mean"], p["spread"])
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


def pulsed(p: Mapping[str, Any]) -> Pulsed:
    """A cell written by whole pulses."""
    from cimlearn.devices import pulsed_build

    return pulsed_build.pulsed(p)


def vteam(p: Mapping[str, Any]) -> Vteam:
    """VTEAM."""
    from cimlearn.devices.vteam import Vteam

    rules.resistances(p)
    rules.pulses(p)
    low, high = window_of(1.0 / p["r_off"], 1.0 / p["r_on"])
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
