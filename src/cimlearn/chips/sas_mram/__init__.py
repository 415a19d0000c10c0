"""SAS-MRAM: a Rep-Net that learns in INT8 beside a frozen backbone, on bit-serial arrays of MRAM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cimlearn.chips.base import Chip, Design, Kind
from cimlearn.errors import InputError
from cimlearn.parameters import ParameterSet, load
from cimlearn.streams.base import StreamShape

DEVICE: Final = "cell.technology"
FROZEN: Final = "cell.frozen"
LEARNING: Final = "cell.learning"
GROUPS: Final = (
    FROZEN,
    DEVICE,
    LEARNING,
)  # in the order in which DEVICE may name them, the last left out or not


def parameters(changes: Mapping[str, Any]) -> ParameterSet:
    """Every parameter with the changes applied; the memory technology brings its own."""
    from cimlearn.devices.technology import technology_parameters

    base = load("sas_mram")
    name = str(base.replace({k: v for k, v in changes.items() if k == DEVICE})[DEVICE])
    if "+" in name:
        named = dict(zip(GROUPS, groups(name), strict=False))
        for group in (FROZEN, LEARNING):
            if group in named and changes.get(group, named[group]) != named[group]:
                raise InputError(
                    f"{DEVICE} = {name} and {group} = {changes[group]} name two memories of one group; leave one out"
                )
        changes, name = {**changes, **named}, named[DEVICE]
    return technology_parameters(name).merged(base).replace(changes)


def groups(name: str) -> list[str]:
    """The two or three technologies that 'sas-mram+sram' names. Raises InputError where it doesn't."""
    parts = [part.strip() for part in name.split("+")]
    if len(parts) not in (2, 3) or not all(parts):
        raise InputError(
            f"{DEVICE} = {name}: name one memory, two as FROZEN+TRAINED, such as sas-mram+sram, or three as "
            "FROZEN+TRAINED+LEARNING"
        )
    return parts


def told_tasks(p: ParameterSet) -> bool:
    """A network for each task can only answer when it is told the task."""
    return bool(p["network.tasks"] == "own")


def build(on: str, *, parameters: ParameterSet, shape: StreamShape, seed: int) -> Chip:
    """The chip or its float32 twin."""
    from cimlearn.chips.sas_mram.chip import SasMram

    return SasMram(parameters, shape, seed=seed, on=on)


def design(p: ParameterSet, shape: StreamShape, *, learned: int, predicted: int) -> Design:
    """What it is expected to do, without a run."""
    from cimlearn.chips.sas_mram import expected

    return expected.design(p, shape, learned=learned, predicted=predicted)


KIND: Final = Kind(
    name="sas-mram",
    placements=("chip", "float"),
    parameters=parameters,
    build=build,
    design=design,
    device=DEVICE,
    costs="bitserial",
    first_streams=("rotated-mnist", "rotated-digits"),
    first_settings={
        "rotated-mnist": {"stream.examples": 1000, "stream.held_out": 400},
        "rotated-digits": {"stream.examples": 1000, "stream.held_out": 300, "network.fit": "resize"},
    },
    priced_stream="split-mnist-domain",
    packages={"chip": ("torch",), "float": ("torch",)},
    told_tasks=told_tasks,
)
