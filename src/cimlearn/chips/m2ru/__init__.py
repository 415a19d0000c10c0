"""M2RU: a Minion Recurrent Unit on memristor crossbars that learns on the chip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cimlearn.arrays import rules
from cimlearn.chips.base import Chip, Design, Kind
from cimlearn.devices import catalog as devices
from cimlearn.parameters import ParameterSet, load
from cimlearn.streams.base import StreamShape

DEVICE: Final = "device.kind"


def parameters(changes: Mapping[str, Any]) -> ParameterSet:
    """Every parameter with the changes applied; the device brings its own, and so does a probed feedback."""
    name, usual = devices.chosen(changes), load("m2ru")
    own = devices.parameters(name)
    if changes.get("rule.feedback", usual["rule.feedback"]) == "probed":
        usual = usual.merged(load("m2ru_probed"))
    found = own.merged(usual).merged(rules.around(name)).merged(own).replace(changes)
    probed = ("feedback",) if found["rule.feedback"] == "probed" else ()
    rules.check(found, (*rules.ARRAYS, *probed))
    return found


def build(on: str, *, parameters: ParameterSet, shape: StreamShape, seed: int) -> Chip:
    """The chip, its float twin, or the twin that Adam trains."""
    if on == "adam":
        from cimlearn.chips.m2ru.adam import AdamTwin

        return AdamTwin(parameters, shape, seed=seed)
    from cimlearn.chips.m2ru.chip import M2RU

    return M2RU(parameters, shape, seed=seed, on=on)


def design(p: ParameterSet, shape: StreamShape, *, learned: int, predicted: int) -> Design:
    """What it is expected to do, without a run."""
    from cimlearn.chips.m2ru import expected

    return expected.design(p, shape, learned=learned, predicted=predicted)


KIND: Final = Kind(
    name="m2ru",
    placements=("chip", "float", "adam"),
    parameters=parameters,
    build=build,
    design=design,
    device=DEVICE,
    costs="crossbar",
    first_streams=("permuted-mnist", "permuted-digits"),
    packages={"adam": ("torch",)},
)
