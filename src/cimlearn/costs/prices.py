"""The parameters that prices need, by chip: of operations and pieces, of the technology node, of the digital twin."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from cimlearn.parameters import ParameterSet, load

NODE: Final = "technology.node"
PARTS: Final = ("technology", "price", "operation", "twin", "expected")


class Priced(NamedTuple):
    """Which prices a chip has."""

    node: str  # where none is chosen
    presets: tuple[str, ...]


SETS: Final = {
    "m2ru": Priced("65nm", ("prices", "prices_m2ru", "expected")),
    "sas-mram": Priced("28nm", ("prices", "prices_sas_mram", "expected_sas_mram")),
}


def is_price(name: str) -> bool:
    """Whether the parameter 'part.key' belongs to prices, not to a chip or a stream."""
    return name.partition(".")[0] in PARTS


@cache
def _defaults(node: str, presets: tuple[str, ...]) -> ParameterSet:
    """All price parameters at one node."""
    found = load(f"cmos_{node}")
    for preset in presets:
        found = found.merged(load(preset))
    return found


def parameters(changes: Mapping[str, Any] | None = None, chip: str = "m2ru") -> ParameterSet:
    """Every price parameter of a chip with `changes` applied; `technology.node` chooses the node's preset.

    A chip without prices of its own has those of M2RU.

    Raises
    ------
    InputError
        For an unknown name or node, or a value that is missing, negative or otherwise out of range.
    """
    changes = dict(changes or {})
    usual, presets = SETS.get(chip, SETS["m2ru"])
    if NODE not in changes:
        return _defaults(usual, presets).replace(changes)
    chosen = _defaults(usual, presets).replace({NODE: changes.pop(NODE)}).entry(NODE)
    at_node = _defaults(chosen.value, presets)
    own = at_node.entry(NODE).model_copy(update={"changed": chosen.changed})  # so that a run's prices keep it
    return at_node.merged(ParameterSet({NODE: own})).replace(changes)
