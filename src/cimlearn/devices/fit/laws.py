"""Numbers of each law as free ones an optimiser may vary, and the way back to a cell.

A law has its cell's own numbers, which differ between cells, and a shape that all cells share. Steps and bounds are
free in their logarithm.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.devices.pulsed import (
    BEND_DOWN,
    BEND_UP,
    DOWN,
    HIGHEST,
    LAWS,
    LOWEST,
    TRAITS,
    UP,
    Pulsed,
)

Float = NDArray[np.float64]
POINTS: Final = 7  # of a table of steps


class Law(NamedTuple):
    """Free numbers of a law: first those of each cell, then the shape."""

    own: tuple[str, ...]  # beside 'up' and 'down'
    shape: tuple[str, ...]


FORMS: Final = {
    "constant": Law((), ()),
    "linear": Law(("bend_up", "bend_down"), ()),
    "soft-bounds": Law(("low", "high"), ()),
    "exponential": Law((), ("bend_up", "rate_up", "bend_down", "rate_down")),
    "power": Law((), ("bend_up", "bend_down")),
    "table": Law((), tuple(f"{way}{n}" for way in ("up", "down") for n in range(POINTS))),
}
# Where free numbers may lie: (least, most), and where they start.
_LIMITS: Final = {
    "up": (-16.0, 1.0, 0.0),
    "down": (-16.0, 1.0, 0.0),
    "low": (-3.0, 3.0, 0.1),
    "high": (-3.0, 3.0, 0.1),
    "rate": (-8.0, 8.0, 0.0),
    "table": (-6.0, 4.0, 0.0),
}
_BENDS: Final = {"linear": (-0.98, 3.0, 0.3), "exponential": (-0.95, 20.0, 0.1), "power": (0.02, 6.0, 0.5)}


def limits(law: str, name: str) -> tuple[float, float, float]:
    """(least, most, first) of a free number."""
    if name.startswith("bend"):
        return _BENDS[law]
    if name.startswith("rate"):
        return (*_LIMITS["rate"][:2], -0.5 if name.endswith("up") else 0.5)
    if name in _LIMITS:
        return _LIMITS[name]
    return _LIMITS["table"]


def traits(law: str, own: dict[str, float], shape: dict[str, float], reach: tuple[float, float]) -> Float:
    """(TRAITS,) of a cell whose data reach from reach[0] to reach[1] half windows."""
    cell = np.zeros(TRAITS)
    cell[UP], cell[DOWN] = np.exp(own["up"]), np.exp(own["down"])
    cell[LOWEST], cell[HIGHEST] = reach
    if law == "soft-bounds":
        cell[LOWEST], cell[HIGHEST] = -np.exp(own["low"]), np.exp(own["high"])
    both = {**shape, **own}
    cell[BEND_UP], cell[BEND_DOWN] = both.get("bend_up", 0.0), both.get("bend_down", 0.0)
    return cell


def device(law: str, shape: dict[str, float]) -> Pulsed:
    """A description for the kernel: only the law and its shape count."""
    one = np.float32(1)
    table = np.ones((2, POINTS), np.float32)
    if law == "table":
        table = np.exp([[shape[f"{way}{n}"] for n in range(POINTS)] for way in ("up", "down")])
    free: dict[str, Any] = {
        "low": one, "high": one, "middle": one, "half": one, "law": LAWS.index(law), "step": one,
        "asymmetry": np.float32(0), "bend": np.zeros(2, np.float32),
        "rate": np.array([shape.get("rate_up", 0.0), shape.get("rate_down", 0.0)], np.float32),
        "table": np.asarray(table, np.float32), "bound": np.zeros(2, np.float32), "pulse": one, "most": 1,
        "cycle": one, "cycle_absolute": one, "write_noise": one, "step_spread": 0.0, "log_normal": False,
        "asymmetry_spread": 0.0, "bend_spread": (0.0, 0.0), "bound_spread": (0.0, 0.0),
        "cycle_slope": np.float32(0), "summed": False, "one_way": False, "reset": np.float32(0),
        "reset_spread": np.float32(0),
    }  # fmt: skip
    return Pulsed(**free)
