"""Make a pulsed cell from the `device.*` parameters of its preset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cimlearn.devices.pulsed import LAWS, SIGMAS, Pulsed
from cimlearn.devices.pulsed_mean import mean_step
from cimlearn.devices.rules import window_of
from cimlearn.errors import InputError


def pulsed(p: Mapping[str, Any]) -> Pulsed:
    """A cell written by whole pulses.

    Raises
    ------
    InputError
        For a window of no width, tables of different lengths, and pulses that never move the cell.
    """
    low, high = (float(v) for v in window_of(p["low"], p["high"]))
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
        cycle_slope=np.float32(p["cycle_slope"]),
        summed=p["cycle_law"] == "summed",
        write_noise=np.float32(p["write_noise"]),
        step_spread=float(p["step_spread"]),
        log_normal=p["step_spread_law"] == "log-normal",
        asymmetry_spread=float(p["asymmetry_spread"]),
        bend_spread=(float(p["bend_up_spread"]), float(p["bend_down_spread"])),
        bound_spread=(float(p["bound_low_spread"]), float(p["bound_high_spread"])),
        one_way=p["way"] == "up",
        reset=np.float32(p["reset"]),
        reset_spread=np.float32(p["reset_spread"]),
    )
    return made._replace(pulse=np.float32(half * _middle_step(made)))


def _middle_step(made: Pulsed) -> float:
    """Mean of the steps up and down (or up alone) of the mean cell in the middle of the window, in half windows."""
    steps = [mean_step(made, np.zeros(1), up)[0] for up in ((True,) if made.one_way else (True, False))]
    if min(steps) <= 0:
        way = "up" if steps[0] <= 0 else "down"
        raise InputError(
            f"pulses {way} never move a cell in the middle of the window (device.step = {made.step:g}, "
            f"device.asymmetry = {made.asymmetry:g}, device.law = {LAWS[made.law]}); a cell that is written one way "
            "only can't learn alone: change its law or asymmetry, or set device.way = up and write pairs"
        )
    return float(np.mean(steps))
