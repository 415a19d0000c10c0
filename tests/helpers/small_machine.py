"""What the tests of costs share: a machine small enough for paper, and ledgers to price."""

from __future__ import annotations

from typing import Any

from cimlearn import chips
from cimlearn.chips.m2ru.expected import expected
from cimlearn.chips.m2ru.sizes import inventory
from cimlearn.costs import prices
from cimlearn.costs.base import Costs
from cimlearn.costs.crossbar.costs import estimate
from cimlearn.costs.crossbar.energy import energy
from cimlearn.costs.crossbar.machine import Machine, machine
from cimlearn.costs.lifetime import Rates, years
from cimlearn.ledger import Ledger
from cimlearn.streams.base import StreamShape

HAND = 1e-5  # a number worked out on paper, to six digits
ROUNDING = 1e-12  # sums in another order
FLOAT32 = 1e-6  # a device keeps its window in float32

# A small machine: 5 x 4 weights with 2 converters and 3 x 2 with 1, one cell a weight, one tile each; 10 MHz.
INVENTORY = {
    "hidden": {
        "weights": 20, "cells": 20, "tiles": 1, "rows": 5, "columns": 4,
        "level_shifters": 5, "integrators": 4, "converters": 2,
    },
    "output": {
        "weights": 6, "cells": 6, "tiles": 1, "rows": 3, "columns": 2,
        "level_shifters": 3, "integrators": 2, "converters": 1,
    },
    "memory": {"replay": 65536, "changes": 416},
    "digital": {"lanes": 8, "kwta_inputs": 2},
}  # fmt: skip
CHIP: dict[str, Any] = {
    "periphery.clock": 1e7,
    "periphery.read_voltage": 0.1,
    "periphery.converter_bits": 8,
    "periphery.hidden_capacitance": 1e-12,
    "periphery.output_capacitance": 1e-12,
    "mapping.kind": "reference",
    "network.state_bits": 16,
    "digital.change_bits": 16,
}
# One product of the hidden array: 6 input bits are 1, each switches on 4 cells of 100 uS; 7 cycles and 1 of conversion.
READ = {
    "vectors": 1, "products": 20, "active_bits": 6, "row_pulses": 6, "integrations": 32, "conversions": 4,
}  # fmt: skip
READ_ON = 6 * 4 * 1e-4  # [S]
TIME = {"stream_cycles": 7, "convert_cycles": 1, "state_cycles": 2, "examples": 1, "steps": 1}


def made(**changes: Any) -> Machine:
    """The small machine; `periphery__clock` stands for periphery.clock."""
    return machine(INVENTORY, CHIP | {name.replace("__", "."): value for name, value in changes.items()})


def once(phase: str = "predict", **parts: dict[str, int]) -> Ledger:
    """A ledger of one product of the hidden array, and of `parts`."""
    hidden = READ | parts.pop("hidden", {})
    return Ledger({phase: {"hidden": hidden, "time": TIME, **parts}}, {phase: {"hidden": READ_ON}})


def parts_of(ledger: Ledger, phase: str = "predict", **settings: Any) -> dict[str, float]:
    """The energy of each part in one phase, on the small machine."""
    changes = {name.replace("__", "."): value for name, value in settings.items()}
    return energy(ledger, made(), prices.parameters(changes))[phase]


def design(**changes: Any) -> tuple[Ledger, Machine]:
    """The expected ledger and the machine of the low-ohmic chip on row-wise digits, learning through time, changed."""
    given = {key.replace("__", "."): value for key, value in changes.items()}
    p = chips.parameters("m2ru-lowohmic", {"rule.feedback": "through"} | given)
    shape = StreamShape(28, 28, 10, False)
    ledger = expected(p.merged(prices.parameters()), shape, learned=16, predicted=1)
    return ledger, machine(inventory(p, shape), p)


def whole(settings: dict[str, Any] | None = None, **changes: Any) -> Costs:
    """Costs of the expected ledger of a chip on row-wise digits."""
    ledger, chip = design(**changes)
    p, rates = prices.parameters(settings), Rates(((0.07, 13910.0),))
    return estimate(ledger, chip, p, learned=16, rates=rates, endurance=1e9, spread=0.3)


def law(rates: Rates, rate: float = 10.0, endurance: float = 1e6, spread: float = 0.3) -> dict[str, Any]:
    return years(rates, rate=rate, endurance=endurance, spread=spread)
