"""Devices by name: those of this package, and those of others ('mydevice.py:CELL', entry points of 'cimlearn.devices').

A name stands for a `DeviceKind`: the parameters `device.*` with their owners, and how they become a device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from cimlearn import extensions
from cimlearn.devices import build, cellfile
from cimlearn.devices.kind import PARTS, DeviceKind
from cimlearn.errors import InputError, nearest
from cimlearn.parameters import ParameterSet, load

GROUP: Final = "cimlearn.devices"
NAME: Final = "device.kind"
BUILT_IN: Final[dict[str, DeviceKind]] = {
    "continuous": DeviceKind("continuous", build.continuous, build.low_high),
    "pulsed": DeviceKind("pulsed", build.pulsed, build.low_high),
    "levels": DeviceKind("hfo2_liehr_2020", build.levels, build.level_window),
    "vteam": DeviceKind("vteam_kvatinsky_2015", build.vteam, build.vteam_window),
    "ideal": DeviceKind("ideal", build.ideal, build.low_high),
}
# Published cells, each a preset of its own on that of pulsed cells (docs/theory/cells.md).
PUBLISHED: Final = (
    "gokmen",
    "capacitor",
    "ecram",
    "ecram-mo",
    "reram-es",
    "reram-sb",
    "array-om",
    "array-hfo2",
    "ag-si",
    "alox-hfo2",
    "epiram",
    "fefet",
    "pcmo",
    "taox-tio2",
    "pcm-nandakumar",
)


def names() -> list[str]:
    """The names of all devices that are known without a path."""
    return [*BUILT_IN, *PUBLISHED, *extensions.names(GROUP)]


def is_known(name: str) -> bool:
    """Whether a device has this name, or it says where one is."""
    return name in names() or extensions.is_outside(name, GROUP)


def kind(name: str) -> DeviceKind:
    """The kind of device that `name` names.

    Raises
    ------
    InputError
        For an unknown device, and for an object elsewhere that is none.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    if name in PUBLISHED:
        return replace(BUILT_IN["pulsed"], parameters=("pulsed", name.replace("-", "_")))
    if name.endswith(".toml"):
        return cellfile.read(name, kind, parameters)
    if not extensions.is_outside(name, GROUP):
        raise InputError(f"unknown device '{name}'; {nearest(name, names())}")
    return extensions.load(name, GROUP, DeviceKind)


def source(name: str) -> str | None:
    """SHA-256 of the source of a device that lives outside this package; None for one of ours."""
    return None if name in BUILT_IN or name in PUBLISHED else extensions.source(name, GROUP)


def parameters(name: str) -> ParameterSet:
    """Every parameter `device.*` of a kind of device, `device.kind` among them, and its `cell.*` and `periphery.*`."""
    own = kind(name).owned()
    wrong = next((key for key in own if not key.startswith(PARTS)), None)
    if wrong is not None:
        raise InputError(f"{name} has a parameter {wrong}; all of a device's are called device.something")
    entry = own.entry(NAME) if NAME in own else load("continuous").entry(NAME)
    mine = {"value": name, "choices": tuple(names()), "elsewhere": GROUP}
    return own.merged(
        ParameterSet({NAME: entry.model_copy(update=mine if NAME in own else mine | {"source": name})})
    )


def chosen(changes: Mapping[str, Any]) -> str:
    """The name of the device that changes to parameters choose.

    Raises
    ------
    InputError
        For a name that nothing has.
    """
    usual = ParameterSet({NAME: parameters("continuous").entry(NAME)})
    return str(usual.replace({key: value for key, value in changes.items() if key == NAME})[NAME])


def device(p: Mapping[str, Any]) -> Any:
    """The device described by the `device` part of a parameter set."""
    return kind(p["kind"]).build(dict(p))


def window(p: Mapping[str, Any]) -> tuple[float, float]:
    """Conductances [S] of the smallest and largest weight, from the `device` part of a parameter set.

    The same as the built device's `window()`, where the kind knows it without building it.
    """
    known = kind(p["kind"]).window
    return device(p).window() if known is None else known(p)
