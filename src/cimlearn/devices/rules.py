"""What the numbers of a device must agree on, checked without building it (nothing is compiled for that)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from cimlearn.errors import InputError

Numbers = Mapping[str, Any]  # the `device` part of a parameter set


def check(device: Numbers) -> None:
    """Raise InputError where two numbers contradict each other; devices of others say so when they are built."""
    for rule in RULES.get(device["kind"], ()):
        rule(device)


def window(low: float, high: float, names: tuple[str, str] = ("device.low", "device.high")) -> None:
    """A window [S] has two ends."""
    if not low < high:
        raise InputError(f"{names[0]} = {low:g} S is not below {names[1]} = {high:g} S; swap or change them")


def resistances(device: Numbers) -> None:
    """A window [S] of two resistances."""
    window(1 / device["r_off"], 1 / device["r_on"], ("1 / device.r_off", "1 / device.r_on"))


def levels(mean: Sequence[float], spread: Sequence[float]) -> None:
    """A table has as many spreads as levels, and its resistances [ohm] fall."""
    if len(mean) != len(spread) or len(mean) < 2:
        raise InputError(
            f"device.mean has {len(mean)} levels and device.spread {len(spread)}; give both the same number, at least 2"
        )
    if any(after >= before for before, after in pairwise(mean)) or mean[-1] <= 0:
        raise InputError("device.mean must fall from level to level and stay above 0 ohm; sort it")


def pulses(device: Numbers) -> None:
    """Pulses of VTEAM lie beyond its thresholds [V]."""
    if device["v_reset"] <= device["v_off"] or device["v_set"] >= device["v_on"]:
        raise InputError(
            f"device.v_reset = {device['v_reset']:g} V or device.v_set = {device['v_set']:g} V lies within the "
            f"thresholds ({device['v_on']:g} to {device['v_off']:g} V) and moves nothing; raise the amplitude"
        )


def read_limit(device: Numbers) -> tuple[str, float] | None:
    """Name and value [V] of the device's own threshold that a read must stay below; None where it has none."""
    if "v_off" not in device or "v_on" not in device:
        return None
    return min((("device.v_off", device["v_off"]), ("-device.v_on", -device["v_on"])), key=lambda one: one[1])


RULES: Final[dict[str, tuple[Callable[[Numbers], None], ...]]] = {
    "continuous": (lambda p: window(p["low"], p["high"]),),
    "ideal": (lambda p: window(p["low"], p["high"]),),
    "levels": (lambda p: levels(p["mean"], p["spread"]),),
    "vteam": (resistances, pulses),
}
