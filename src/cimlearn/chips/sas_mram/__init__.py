"""SAS-MRAM: a Rep-Net that learns in INT8 beside a frozen backbone, on bit-serial arrays of MRAM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cimlearn.chips.base import Chip, Design, Kind
from cimlearn.parameters import ParameterSet, load
from cimlearn.streams.base import StreamShape

DEVICE: Final = "cell.technology"


def parameters(changes: Mapping[str, Any]) -> ParameterSet:
    """Every parameter with the changes applied; the memory technology brings its own."""
    from cimlearn.devices.technology import technology_parameters

    base = load("sas_mram")
    name = base.replace({k: v for k, v in changes.items() if k == DEVICE})[DEVICE]
    return technology_parameters(name).merged(base).replace(changes)


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
    first_streams=("split-mnist-domain", "split-digits-domain"),
    first_settings={"stream.examples": 1000, "stream.held_out": 400},
    packages={"chip": ("torch",), "float": ("torch",)},
    told_tasks=told_tasks,
)
