"""Accelerators: networks mapped on arrays, a learning rule, replay. A chip never knows the stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cimlearn.arrays.rules import check as check_arrays
from cimlearn.chips.base import Chip, Design
from cimlearn.devices.presets import PRESETS
from cimlearn.errors import InputError, nearest
from cimlearn.parameters import ParameterSet, load
from cimlearn.streams.base import StreamShape

CHIPS: Final = ("m2ru", "sas-mram")
PLACEMENTS: Final = {"m2ru": ("chip", "float", "adam"), "sas-mram": ("chip", "float")}
# What a run takes where the user names no stream: the first of these that is there, and settings that keep it short.
FIRST_STREAMS: Final = {
    "m2ru": ("permuted-mnist", "permuted-digits"),
    "sas-mram": ("split-mnist-domain", "split-digits-domain"),
}
FIRST_SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "m2ru": {},
    "sas-mram": {"stream.examples": 1000, "stream.held_out": 400},
}


def parameters(chip: str, changes: Mapping[str, Any] | None = None) -> ParameterSet:
    """Every parameter of a chip with the changes applied; the device chosen brings its own.

    Raises
    ------
    InputError
        For an unknown chip or parameter, or a value of wrong type or out of range.
    """
    check(chip)
    changes = dict(changes or {})
    base = load(chip.replace("-", "_"))
    if chip == "m2ru":
        first = load("continuous")
        kind = first.replace({"device.kind": changes.get("device.kind", "continuous")})["device.kind"]
        found = load(PRESETS[kind]).merged(base).merged(load(PRESETS[kind])).replace(changes)
        check_arrays(found)
        return found
    from cimlearn.devices.technology import technology_parameters

    name = "cell.technology"
    cell = base.replace({name: changes[name]})[name] if name in changes else base[name]
    return technology_parameters(cell).merged(base).replace(changes)


def told_tasks(chip: str, parameters: ParameterSet) -> bool:
    """Whether the chip is told which task an example belongs to when it classifies (task-incremental)."""
    return chip == "sas-mram" and parameters["network.tasks"] == "own"


def build(chip: str, on: str, *, parameters: ParameterSet, shape: StreamShape, seed: int) -> Chip:
    """A chip, or one of its software twins, ready to learn examples of `shape`."""
    check_placement(chip, on)
    if chip == "sas-mram":
        from cimlearn.chips.sas_mram.chip import SasMram

        return SasMram(parameters, shape, seed=seed, on=on)
    if on == "adam":
        from cimlearn.chips.m2ru.adam import AdamTwin

        return AdamTwin(parameters, shape, seed=seed)
    from cimlearn.chips.m2ru.chip import M2RU

    return M2RU(parameters, shape, seed=seed, on=on)


def design(chip: str, p: ParameterSet, shape: StreamShape, *, learned: int, predicted: int) -> Design:
    """What a chip is, and what it is expected to do for `learned` new examples of `shape` and `predicted` ones.

    p
        parameters of the chip with those of its prices (`expected.*` is among them)

    Raises
    ------
    InputError
        For an unknown chip, or one that can't be made for `shape`.
    """
    check(chip)
    if chip == "sas-mram":
        from cimlearn.chips.sas_mram import expected as sas_expected

        return sas_expected.design(p, shape, learned=learned, predicted=predicted)
    from cimlearn.chips.m2ru import expected

    return expected.design(p, shape, learned=learned, predicted=predicted)


def check_placement(chip: str, on: str) -> None:
    """Raise InputError for an unknown chip, or a placement that it doesn't have."""
    check(chip)
    if on not in PLACEMENTS[chip]:
        raise InputError(f"unknown placement '{on}' of {chip}; {nearest(on, PLACEMENTS[chip])}")


def check(chip: str) -> None:
    """Raise InputError for an unknown chip."""
    if chip not in CHIPS:
        raise InputError(f"unknown chip '{chip}'; {nearest(chip, CHIPS)}")
