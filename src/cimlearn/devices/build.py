"""Make a device from the `device.*` parameters of its preset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from cimlearn.devices.continuous import Continuous
from cimlearn.devices.ideal import Ideal
from cimlearn.devices.levels import Levels
from cimlearn.devices.pulsed import LAWS, SIGMAS, Pulsed
from cimlearn.devices.pulsed_mean import mean_step
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


def _pulsed(p: dict[str, Any]) -> Pulsed:
    low, high = (float(v) for v in _window(p["low"], p["high"]))
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    tables = [np.array(p[name], np.float32) for name in ("table_up", "table_down")]
    if tables[0].size != tables[1].size or tables[0].size < 2:
        raise InputError(
            f"device.table_up has {tables[0].size} points and device.table_down {tables[1].size}; "
            "give both the same number, at least 2"
        )
    noise = SIGMAS * p["write_noise"] * p["step"]
    reach = [
        p[f"bound_{side}"] * (1 + SIGMAS * p[f"bound_{side}_spread"]) + sign * noise
        for side, sign in (("low", -1), ("high", 1))
    ]
    two = [np.array([p[f"{name}_up"], p[f"{name}_down"]], np.float32) for name in ("bend", "rate")]
    made = Pulsed(
        low=np.float32(max(middle + half * reach[0], 1e-3 * low)),
        high=np.float32(middle + half * reach[1]),
        middle=np.float32(middle),
        half=np.float32(half),
        law=LAWS.index(p["law"]),
        step=np.float32(p["step"]),
        asymmetry=np.float32(p["asymmetry"]),
        bend=two[0],
        rate=two[1],
        table=np.stack(tables),
        bound=np.array([p["bound_low"], p["bound_high"]], np.float32),
        pulse=np.float32(1),
        most=int(p["most"]),
        cycle=np.float32(p["cycle"]),
        cycle_absolute=np.float32(p["cycle_absolute"]),
        write_noise=np.float32(p["write_noise"]),
        step_spread=float(p["step_spread"]),
        log_normal=p["step_spread_law"] == "log-normal",
        asymmetry_spread=float(p["asymmetry_spread"]),
        bend_spread=(float(p["bend_up_spread"]), float(p["bend_down_spread"])),
        bound_spread=(float(p["bound_low_spread"]), float(p["bound_high_spread"])),
    )
    return made._replace(pulse=np.float32(half * _middle_step(made)))


def _middle_step(made: Pulsed) -> float:
    """Mean of the steps up and down of the mean cell in the middle of the window, in half windows."""
    steps = [mean_step(made, np.zeros(1), up)[0] for up in (True, False)]
    if min(steps) <= 0:
        way = "up" if steps[0] <= 0 else "down"
        raise InputError(
            f"pulses {way} never move a cell in the middle of the window (device.step = {made.step:g}, "
            f"device.asymmetry = {made.asymmetry:g}, device.law = {LAWS[made.law]}); a cell that is written one way "
            "only can't learn alone: change its law, or its asymmetry"
        )
    return float(np.mean(steps))


_MAKERS: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "continuous": _continuous,
    "ideal": _ideal,
    "levels": _levels,
    "pulsed": _pulsed,
    "vteam": _vteam,
}


def device(parameters: dict[str, Any]) -> Any:
    """The device described by the `device` part of a parameter set."""
    return _MAKERS[parameters["kind"]](parameters)
