"""Devices by name: those of this package, and those of others ('mydevice.py:CELL', entry points of 'cimlearn.devices').

A name stands for a `DeviceKind`: the parameters `device.*` with their owners, and how they become a device.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cimlearn import extensions
from cimlearn.devices import build
from cimlearn.devices.kind import DeviceKind
from cimlearn.errors import InputError, nearest
from cimlearn.parameters import ParameterSet, load

GROUP: Final = "cimlearn.devices"
NAME: Final = "device.kind"
BUILT_IN: Final[dict[str, DeviceKind]] = {
    "continuous": DeviceKind("continuous", build.continuous, build.low_high),
    "ideal": DeviceKind("ideal", build.ideal, build.low_high),
    "levels": DeviceKind("hfo2_liehr_2020", build.levels, build.level_window, gambles=True),
    "vteam": DeviceKind("vteam_kvatinsky_2015", build.vteam, build.vteam_window),
}


def names() -> list[str]:
    """The names of all devices that are known without a path."""
    return [*BUILT_IN, *extensions.names(GROUP)]


def kind(name: str) -> DeviceKind:
    """The kind of device that `name` names.

    Raises
    ------
    InputError
        For an unknown device, and for an object elsewhere that is none.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    if not extensions.is_outside(name, GROUP):
        raise InputError(f"unknown device '{name}'; {nearest(name, names())}")
    found = extensions.load(name, GROUP)
    if not isinstance(found, DeviceKind):
        raise InputError(f"{name} is a {type(found).__name__}; a device is a cimlearn.devices.DeviceKind")
    return found


def source(name: str) -> str | None:
    """SHA-256 of the source of a device that lives outside this package; None for one of ours."""
    return None if name in BUILT_IN else extensions.source(name, GROUP)


def parameters(name: str) -> ParameterSet:
    """Every parameter `device.*` of a kind of device, `device.kind` among them."""
    found = kind(name).parameters
    own = load(found) if isinstance(found, str) else found
    wrong = next((key for key in own if not key.startswith("device.")), None)
    if wrong is not None:
        raise InputError(f"{name} has a parameter {wrong}; all of a device's are called device.something")
    if name in BUILT_IN:
        return own
    entry = load("continuous").entry(NAME).model_copy(update={"value": name, "source": name})
    return own.merged(ParameterSet({NAME: entry}))


def device(p: Mapping[str, Any]) -> Any:
    """The device described by the `device` part of a parameter set."""
    return kind(p["kind"]).build(dict(p))


def window(p: Mapping[str, Any]) -> tuple[float, float]:
    """Conductances [S] of the smallest and largest weight, from the `device` part of a parameter set.

    The same as the built device's `window()`, where the kind knows it without building it.
    """
    known = kind(p["kind"]).window
    return device(p).window() if known is None else known(p)
