"""What the numbers of a device must agree on, checked without building it (nothing is compiled for that)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from cimlearn.devices.presets import window
from cimlearn.errors import InputError


def check(device: Mapping[str, Any]) -> None:
    """Raise InputError where two numbers of the `device` part of a parameter set contradict each other."""
    if device["kind"] == "levels":
        _levels(device["mean"], device["spread"])
    low, high = window(device)
    if not low < high:
        names = (
            ("1 / device.r_off", "1 / device.r_on") if "r_off" in device else ("device.low", "device.high")
        )
        raise InputError(f"{names[0]} = {low:g} S is not below {names[1]} = {high:g} S; swap or change them")
    if device["kind"] == "vteam" and (
        device["v_reset"] <= device["v_off"] or device["v_set"] >= device["v_on"]
    ):
        raise InputError(
            f"device.v_reset = {device['v_reset']:g} V or device.v_set = {device['v_set']:g} V lies within the "
            f"thresholds ({device['v_on']:g} to {device['v_off']:g} V) and moves nothing; raise the amplitude"
        )


def read_limit(device: Mapping[str, Any]) -> tuple[str, float] | None:
    """Name and value [V] of the device's own threshold that a read must stay below; None where it has none."""
    if device["kind"] != "vteam":
        return None
    return min((("device.v_off", device["v_off"]), ("-device.v_on", -device["v_on"])), key=lambda one: one[1])


def _levels(mean: tuple[float, ...], spread: tuple[float, ...]) -> None:
    """A table has as many spreads as levels, and its resistances fall."""
    if len(mean) != len(spread) or len(mean) < 2:
        raise InputError(
            f"device.mean has {len(mean)} levels and device.spread {len(spread)}; give both the same number, at least 2"
        )
    if any(after >= before for before, after in pairwise(mean)) or mean[-1] <= 0:
        raise InputError("device.mean must fall from level to level and stay above 0 ohm; sort it")
