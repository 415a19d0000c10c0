"""Accelerators: networks mapped on arrays, a learning rule, replay. A chip never knows the stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cimlearn.chips.base import Chip
from cimlearn.devices.presets import PRESETS
from cimlearn.errors import InputError, nearest
from cimlearn.parameters import ParameterSet, load
from cimlearn.streams.base import StreamShape

CHIPS: Final = ("m2ru",)
PLACEMENTS: Final = ("chip", "float", "adam")


def parameters(chip: str, changes: Mapping[str, Any] | None = None) -> ParameterSet:
    """Every parameter of a chip with the changes applied; `device.kind` chooses the device's preset.

    Raises
    ------
    InputError
        For an unknown chip or parameter, or a value of wrong type or out of range.
    """
    if chip not in CHIPS:
        raise InputError(f"unknown chip '{chip}'; {nearest(chip, CHIPS)}")
    changes = dict(changes or {})
    base = load("continuous")
    kind = base.replace({"device.kind": changes.get("device.kind", "continuous")})["device.kind"]
    chosen = load(PRESETS[kind]).merged(load(chip))
    return chosen.replace(changes)


def build(chip: str, on: str, *, parameters: ParameterSet, shape: StreamShape, seed: int) -> Chip:
    """A chip, or one of its software twins, ready to learn examples of `shape`."""
    if chip not in CHIPS:
        raise InputError(f"unknown chip '{chip}'; {nearest(chip, CHIPS)}")
    if on == "adam":
        from cimlearn.chips.adam import AdamTwin

        return AdamTwin(parameters, shape, seed=seed)
    if on not in PLACEMENTS:
        raise InputError(f"unknown placement '{on}'; {nearest(on, PLACEMENTS)}")
    from cimlearn.chips.m2ru import M2RU

    return M2RU(parameters, shape, seed=seed, on=on)
