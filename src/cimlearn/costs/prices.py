"""The parameters that prices need, by model of costs: of operations and pieces, the technology node, the twin."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from cimlearn.errors import InputError
from cimlearn.parameters import ParameterSet, load

NODE: Final = "technology.node"
PARTS: Final = ("technology", "price", "operation", "twin", "expected")
OPERATION: Final = ("operation.rate", "operation.pipelined")  # the others of this part are of chips
LOGIC: Final = ("price.table_bits", "price.logic_area")
SHARED: Final = ("operation.rate",)  # a chip's clock needs it too


class Priced(NamedTuple):
    """Which prices a model of costs has."""

    node: str  # where none is chosen
    presets: tuple[str, ...]
    logic: bool = False  # and those of digital units that stand beside sub-arrays


SETS: Final = {
    "crossbar": Priced("65nm", ("prices", "prices_m2ru", "expected")),
    "layers": Priced("65nm", ("prices", "prices_m2ru", "expected")),
    "bitserial": Priced("28nm", ("prices", "prices_sas_mram", "expected_sas_mram")),
    "bit-layers": Priced("28nm", ("prices", "prices_sas_mram", "expected_sas_mram"), logic=True),
}


def is_price(name: str) -> bool:
    """Whether the parameter 'part.key' belongs to prices, not to a chip or a stream."""
    part = name.partition(".")[0]
    return part in PARTS and (part != "operation" or name in OPERATION)


def for_chip(settings: Mapping[str, Any], chip: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `settings` that a chip with parameters `chip` takes: no prices but the shared ones that it knows."""
    return {
        name: value
        for name, value in settings.items()
        if not is_price(name) or (name in SHARED and name in chip)
    }


@cache
def _defaults(node: str, presets: tuple[str, ...], logic: bool) -> ParameterSet:
    """All price parameters at one node."""
    found = load(f"cmos_{node}")
    for preset in presets:
        found = found.merged(load(preset))
    if not logic:
        return found
    beside = load("prices_m2ru").entries()
    return found.merged(ParameterSet({name: beside[name] for name in LOGIC}))


def parameters(
    changes: Mapping[str, Any] | None = None, model: str | None = "crossbar", own: tuple[str, ...] = ()
) -> ParameterSet:
    """Every price parameter of a model of costs with `changes` applied; `technology.node` chooses the node's preset.

    None, a chip without prices, has no such parameter. `own` are presets of a design's own prices.

    Raises
    ------
    InputError
        For an unknown model, name or node, or a value that is missing, negative or otherwise out of range.
    """
    changes = dict(changes or {})
    if model is None:
        return ParameterSet({}).replace(changes)
    if model not in SETS:
        raise InputError(f"no prices for chips of kind '{model}'; known: {', '.join(SETS)}")
    usual, presets, logic = SETS[model]
    presets = (*presets, *own)
    if NODE not in changes:
        return _defaults(usual, presets, logic).replace(changes)
    chosen = _defaults(usual, presets, logic).replace({NODE: changes.pop(NODE)}).entry(NODE)
    at_node = _defaults(chosen.value, presets, logic)
    mine = at_node.entry(NODE).model_copy(
        update={"changed": chosen.changed}
    )  # so that a run's prices keep it
    return at_node.merged(ParameterSet({NODE: mine})).replace(changes)
