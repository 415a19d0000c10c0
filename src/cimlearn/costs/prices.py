"""The parameters that prices need: of operations and pieces, of the technology node, of the digital twin."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from cimlearn.parameters import ParameterSet, load

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
    node = "technology.node"
    chosen = _defaults("65nm").replace({node: changes[node]})[node] if node in changes else "65nm"
    return _defaults(chosen).replace(changes)
