"""How chips are priced: a table of models by the kind of their arrays, so that reports never ask which chip it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from cimlearn.costs.base import Costs, Note
from cimlearn.costs.bitserial.costs import digital_estimate
from cimlearn.costs.bitserial.machine import DigitalMachine, digital_machine
from cimlearn.costs.bitserial.wear import digital_wear
from cimlearn.costs.crossbar.costs import estimate
from cimlearn.costs.crossbar.energy import mean_conductance
from cimlearn.costs.crossbar.layers import estimate_layers, layer_notes, layered
from cimlearn.costs.crossbar.machine import machine
from cimlearn.costs.crossbar.served import notes
from cimlearn.costs.lifetime import Rates
from cimlearn.errors import InputError
from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet


@dataclass(frozen=True)
class Done:
    """What a chip is and did, as a run folder keeps it."""

    ledger: Ledger
    inventory: Mapping[str, Mapping[str, int]]
    parameters: Mapping[str, Any]  # of the chip, by name
    cell: Mapping[str, Any]  # figures of its memory technology; empty where prices tell
    learned: int  # new examples
    rates: Rates  # how often cells were written


class Wear(NamedTuple):
    """How often cells are written, the law by which they wear, and the parameters that it is from."""

    rates: Rates
    median: float | None  # writes until a cell sticks; None: never
    spread: float  # standard deviation of ln(writes)
    median_name: str
    spread_name: str


Instead = Mapping[str, Any] | None  # figures of another memory cell to price the chip with


@dataclass(frozen=True)
class Pricing:
    """How one kind of chip is priced."""

    costs: Callable[[Done, ParameterSet, Instead], Costs]
    wear: Callable[[Done, ParameterSet, Instead], Wear]


def pricing(model: str | None) -> Pricing:
    """The model of this name, one of MODELS. Raises InputError for one without prices."""
    if model is None:
        raise InputError("this chip has no prices: its kind names no model of costs")
    if model not in MODELS:
        raise InputError(f"no prices for chips of kind '{model}'; known: {', '.join(MODELS)}")
    return MODELS[model]


def _crossbar(done: Done, p: ParameterSet, instead: Instead) -> Costs:
    """Analog crossbars."""
    law, made_of = _crossbar_wear(done, p, instead), machine(done.inventory, done.parameters)
    costs = estimate(done.ledger, made_of, p, learned=done.learned, **_law(law))
    mean = {name: mean_conductance(done.ledger, made_of, name) for name in made_of.arrays}
    return replace(costs, notes=notes(made_of, done.parameters, p, mean))


def _law(wear: Wear) -> dict[str, Any]:
    """What an estimate asks of the wear."""
    return {"rates": wear.rates, "endurance": wear.median, "spread": wear.spread}


def _crossbar_wear(done: Done, p: ParameterSet, instead: Instead) -> Wear:
    """Parameters of the chip, which the simulator draws from."""
    if instead is not None:
        raise InputError(
            "these cells are analog, so no other memory can stand in for them; reprice a run of sas-mram"
        )
    median, spread = "cell.endurance", "cell.endurance_spread"
    return Wear(done.rates, done.parameters[median], done.parameters[spread], median, spread)


def _bitserial(done: Done, p: ParameterSet, instead: Instead) -> Costs:
    """Digital bit-serial sub-arrays."""
    rates = _bitserial_wear(done, p, instead).rates
    return digital_estimate(done.ledger, _digital(done, instead), p, learned=done.learned, rates=rates)


def _bitserial_wear(done: Done, p: ParameterSet, instead: Instead) -> Wear:
    """The law of the memory cell, which the simulator draws from."""
    made_of = _digital(done, instead)
    rates = digital_wear(done.ledger, made_of, p, learned=done.learned, counted=done.rates)
    cell = made_of.cell
    return Wear(rates, cell.endurance, cell.endurance_spread, "cell.endurance", "cell.endurance_spread")


def _digital(done: Done, instead: Instead) -> DigitalMachine:
    return digital_machine(done.inventory, done.parameters, done.cell, instead=instead)


def _layers(done: Done, p: ParameterSet, instead: Instead) -> Costs:
    """Any network on analog crossbars; its capacitors are figures of the run."""
    law, inventory = _crossbar_wear(done, p, instead), done.inventory
    arrays = {name: one for name, one in inventory.items() if name not in ("memory", "digital")}
    made_of = layered(arrays, inventory["memory"], done.cell["capacitance"], done.parameters)
    costs = estimate_layers(done.ledger, made_of, p, learned=done.learned, **_law(law))
    return replace(costs, notes=(_DIGITAL, *layer_notes(done.ledger, made_of, done.parameters, p)))


def _bit_layers(done: Done, p: ParameterSet, instead: Instead) -> Costs:
    """Any network on digital bit-serial sub-arrays."""
    return replace(_bitserial(done, p, instead), notes=(_DIGITAL, _BETWEEN))


_BETWEEN: Final = Note(
    "ideal",
    "between layers",
    "activations between layers are floating-point numbers, as PyTorch has them; what is computed there while it "
    "learns has no price",
    "",
)
_DIGITAL: Final = Note(
    "ideal",
    "digital parameters",
    "biases, norms and layers that stay digital learn in software: their memory and their steps have no price",
    "",
)
MODELS: Final = {
    "layers": Pricing(_layers, _crossbar_wear),
    "crossbar": Pricing(_crossbar, _crossbar_wear),
    "bitserial": Pricing(_bitserial, _bitserial_wear),
    "bit-layers": Pricing(_bit_layers, _bitserial_wear),
}
