"""The parameters that prices need: of operations and pieces, of the technology node, of the digital twin."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from cimlearn.parameters import ParameterSet, load

NODE: Final = "technology.node"
USUAL: Final = "65nm"
PARTS: Final = ("technology", "price", "operation", "twin", "expected")


def is_price(name: str) -> bool:
    """Whether the parameter 'part.key' belongs to prices, not to a chip or a stream."""
    return name.partition(".")[0] in PARTS


@cache
def _defaults(node: str) -> ParameterSet:
    """All price parameters at one node."""
    return load(f"cmos_{node}").merged(load("prices")).merged(load("expected"))


def parameters(changes: Mapping[str, Any] | None = None) -> ParameterSet:
    """Every price parameter with `changes` applied; `technology.node` chooses the node's preset.

    Raises
    ------
    InputError
        For an unknown name or node, or a value that is missing, negative or otherwise out of range.
    """
    changes = dict(changes or {})
    if NODE not in changes:
        return _defaults(USUAL).replace(changes)
    chosen = _defaults(USUAL).replace({NODE: changes.pop(NODE)}).entry(NODE)
    at_node = _defaults(chosen.value)
    own = at_node.entry(NODE).model_copy(update={"changed": chosen.changed})  # so that a run's prices keep it
    return at_node.merged(ParameterSet({NODE: own})).replace(changes)
