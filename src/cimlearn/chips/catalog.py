"""Chips by name: those of this package, and those of others ('mychip.py:CHIP', entry points of 'cimlearn.chips')."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from cimlearn import extensions
from cimlearn.chips import m2ru, sas_mram
from cimlearn.chips.base import Chip, Design, Kind
from cimlearn.errors import InputError, nearest
from cimlearn.parameters import ParameterSet
from cimlearn.streams.base import StreamShape

GROUP: Final = "cimlearn.chips"
BUILT_IN: Final[dict[str, Kind]] = {one.name: one for one in (*m2ru.KINDS, sas_mram.KIND)}


def names() -> list[str]:
    """The names of all chips that are known without a path."""
    return sorted({*BUILT_IN, *extensions.names(GROUP)})


def is_known(name: str) -> bool:
    """Whether a chip has this name."""
    return name in BUILT_IN or extensions.is_outside(name, GROUP)


def kind(name: str) -> Kind:
    """The chip that `name` names.

    Raises
    ------
    InputError
        For an unknown chip, and for an object elsewhere that is none.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    if not extensions.is_outside(name, GROUP):
        raise InputError(f"unknown chip '{name}'; {_meant(name)}")
    return extensions.load(name, GROUP, Kind)


def _meant(name: str) -> str:
    """What whoever wrote `name` may have meant: the object in a Python file, or a table."""
    if name.endswith(".py"):
        return f"say which object in it is the chip: {name}:CHIP"
    if Path(name).suffix in (".csv", ".tsv", ".txt", ".parquet", ".npz"):
        return f"data is a stream: m2ru --stream {name}"
    return nearest(name, names())


def source(name: str) -> str | None:
    """SHA-256 of the source of a chip that lives outside this package; None for one of ours."""
    return None if name in BUILT_IN else extensions.source(name, GROUP)


def parameters(chip: str, changes: Mapping[str, Any] | None = None) -> ParameterSet:
    """Every parameter of a chip with the changes applied; the memory cell chosen brings its own.

    Raises
    ------
    InputError
        For an unknown chip or parameter, or a value of wrong type or out of range.
    """
    return kind(chip).parameters(dict(changes or {}))


def told_tasks(chip: str, parameters: ParameterSet) -> bool:
    """Whether the chip is told which task an example belongs to when it classifies (task-incremental)."""
    return kind(chip).told_tasks(parameters)


def build(chip: str, on: str, *, parameters: ParameterSet, shape: StreamShape, seed: int) -> Chip:
    """A chip, or one of its software twins, ready to learn examples of `shape`."""
    check_placement(chip, on)
    check_outputs(chip, shape)
    return kind(chip).build(on, parameters=parameters, shape=shape, seed=seed)


def suited(
    chip: str,
    parameters: ParameterSet,
    shape: StreamShape,
    examples: int,
    sample: Callable[[], NDArray[Any] | None],
    given: Collection[str],
) -> ParameterSet:
    """Parameters for a stream of `examples` new examples; `sample` gives the first few, if asked; `given` were set."""
    suit = kind(chip).suit
    return parameters if suit is None else suit(parameters, shape, examples, sample, given)


def design(chip: str, p: ParameterSet, shape: StreamShape, *, learned: int, predicted: int) -> Design:
    """What a chip is, and what it is expected to do for `learned` new examples of `shape` and `predicted` ones.

    p
        parameters of the chip with those of its prices (`expected.*` is among them)

    Raises
    ------
    InputError
        For an unknown chip, one that says nothing without a run, or one that can't be made for `shape`.
    """
    check_outputs(chip, shape)
    found = kind(chip).design
    if found is None:
        raise InputError(f"the costs of {chip} are known after a run only; run it: cimlearn run {chip}")
    return found(p, shape, learned=learned, predicted=predicted)


def check_outputs(chip: str, shape: StreamShape) -> None:
    """Raise InputError where a stream asks for numbers of a chip that learns classes only."""
    if shape.numbers and not kind(chip).numbers:
        raise InputError(
            f"{chip} learns classes, and this stream asks for numbers (regression); take m2ru or a model of your own "
            "(cimlearn.torch.model_chip), or a stream of classes"
        )


def check_placement(chip: str, on: str) -> None:
    """Raise InputError for an unknown chip, or a placement that it doesn't have."""
    placements = kind(chip).placements
    if on not in placements:
        raise InputError(f"unknown placement '{on}' of {chip}; {nearest(on, placements)}")
