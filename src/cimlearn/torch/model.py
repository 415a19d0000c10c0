"""A model of one's own as a chip: the same runs, records, resumption, ledger, pages and studies as M2RU.

# mymodel.py
from torch import nn
from cimlearn.torch import model_chip

def build(shape):                                # of the stream: steps, features, classes, signed
    inputs = shape.steps * shape.features
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, shape.classes))

CHIP = model_chip(build)

cimlearn run mymodel.py:CHIP --stream permuted-digits --set device.kind=ecram

The model takes x (examples, steps, features) and gives (examples, classes). It learns by gradient descent on the cross
entropy, of a stream of numbers on the mean-square error, or on a loss of one's own; `rule.batch` new examples an
update, each with replayed ones. Ranges of inputs and sums come from uniformly random inputs, since a chip is made
before its stream is seen. `--on float` is the same model in software, by gradient descent.

INT8 = model_chip(build, bit_serial())           # SAS-MRAM's arrays and integer rule instead of crossbars
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from cimlearn.chips.base import Chip, Design, Kind
from cimlearn.devices import catalog as devices
from cimlearn.errors import InputError
from cimlearn.parameters import ParameterSet, load
from cimlearn.streams.base import StreamShape
from cimlearn.torch import expected
from cimlearn.torch.hardware import Hardware, bit_serial, crossbar
from cimlearn.torch.learner import Build, Loss, ModelChip, Wanted, usual
from cimlearn.torch.library import nn
from cimlearn.torch.names import Names

# kind of array -> the parameter that names its cell, the preset of its rule, its model of costs
PARTS: Final = {
    "crossbar": ("device.kind", "model_rule", "layers"),
    "bit-serial": ("cell.technology", "model_rule_bits", "bit-layers"),
}


def model_chip(
    build: Build,
    hardware: Hardware | None = None,
    *,
    name: str = "model",
    keep: Sequence[str] = (),
    frozen: Sequence[str] = (),
    place: Mapping[str, Hardware] | None = None,
    loss: Loss = usual,
    end_task: Callable[[nn.Module], None] | None = None,
) -> Kind:
    """A kind of chip whose network is `build(shape)`, on arrays that learn in situ.

    Parameters
    ----------
    build
        the model for a stream's shape (steps, features, classes, signed); PyTorch's generator is seeded before
    hardware
        `crossbar(...)`, or `bit_serial(...)`: INT8 weights that learn by SAS-MRAM's integer rule; None: `crossbar()`.
        Settings of a run go over it
    name
        of the chip in records
    keep, frozen, place
        layers by name, as of `to_chip`
    loss
        of (model, output (examples, classes), y (examples,)), or of numbers both (examples, outputs); the model's
        parameters are what its cells hold, so a penalty on them is possible. What it computes has no price
    end_task
        called with the model after each task; what it keeps for the next (importances, anchors) is written into buffers
        that the model has registered, which are saved with a run

    Raises
    ------
    InputError
        For hardware that is none.
    """
    base = crossbar() if hardware is None else hardware
    if not isinstance(base, Hardware):
        raise InputError(f"hardware is a {type(base).__name__}; give crossbar(...) or bit_serial(...)")
    given = {key: entry.value for key, entry in base.parameters.entries().items() if entry.changed}
    cell, preset, costs = PARTS[base.kind]
    usual_cell = base.parameters[cell]

    def parameters(changes: Mapping[str, Any]) -> ParameterSet:
        changes = {**given, **changes}
        rule = load(preset).merged(_replay())
        own = {key: value for key, value in changes.items() if key in rule}
        others = {key: value for key, value in changes.items() if key not in rule}
        if base.kind == "bit-serial":
            arrays = bit_serial({cell: usual_cell} | others)
        else:
            chosen = devices.chosen({cell: usual_cell} | dict(changes))
            arrays = Hardware(base.kind, crossbar(device=chosen).parameters, base.prices).replace(others)
        return arrays.parameters.merged(rule.replace(own))

    wanted = Wanted(Names(keep, frozen, place or {}), loss, end_task, base.kind)

    def made(on: str, *, parameters: ParameterSet, shape: StreamShape, seed: int) -> Chip:
        return ModelChip(build, parameters, base.prices, shape, seed=seed, on=on, wanted=wanted)

    def design(p: ParameterSet, shape: StreamShape, *, learned: int, predicted: int) -> Design:
        return expected.design(build, base.prices, p, shape, wanted, learned=learned, predicted=predicted)

    return Kind(
        name=name,
        placements=("chip", "float"),
        parameters=parameters,
        build=made,
        design=design,
        device=cell,
        costs=costs,
        numbers=True,
        packages={"chip": ("torch",), "float": ("torch",)},
    )


def _replay() -> ParameterSet:
    """The replay memory, as M2RU's."""
    names = ("slots", "bits", "quantiser", "ratio", "random")
    found = load("m2ru").entries()
    return ParameterSet({f"replay.{name}": found[f"replay.{name}"] for name in names})
