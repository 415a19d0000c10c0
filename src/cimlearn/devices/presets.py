"""Which preset file describes which kind of device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

PRESETS: Final = {
    "continuous": "continuous",
    "ideal": "ideal",
    "levels": "hfo2_liehr_2020",
    "pulsed": "pulsed",
    "vteam": "vteam_kvatinsky_2015",
}


def window(device: Mapping[str, Any]) -> tuple[float, float]:
    """Conductances [S] of the smallest and largest weight, from the `device` part of a parameter set.

    The same as the built device's `window()`, without building it.
    """
    if device["kind"] == "levels":
        return 1.0 / device["mean"][0], 1.0 / device["mean"][-1]
    if device["kind"] == "vteam":
        return 1.0 / device["r_off"], 1.0 / device["r_on"]
    return device["low"], device["high"]
