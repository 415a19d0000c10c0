"""All costs of a ledger on a machine: energy, time, area, power, throughput, the digital twin, lifetime."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from cimlearn.costs.crossbar.area import area
from cimlearn.costs.crossbar.energy import energy
from cimlearn.costs.crossbar.latency import Seconds, seconds
from cimlearn.costs.crossbar.machine import Machine, Parts
from cimlearn.costs.crossbar.twin import twin_area, twin_energy, twin_leakage, twin_seconds
from cimlearn.costs.lifetime import Rates, years
from cimlearn.errors import InputError
from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet

PHASES = {"inference": "predict", "learning": "learn"}  # name in a table -> phase of the ledger


@dataclass(frozen=True)
class Phase:
    """One phase per example: inference, or learning one new example with its replays."""

    parts: Parts  # energy by part [J], leakage included
    seconds: float
    step_seconds: float  # per time step of a pass
    operations: float  # multiplications and additions of the arrays' products

    @property
    def joules(self) -> float:
        """Energy [J]: the sum of the parts."""
        return math.fsum(self.parts.values())

    @property
    def watts(self) -> float:
        """Power while it works [W]."""
        return self.joules / self.seconds

    @property
    def ops_per_s(self) -> float:
        """Throughput [1/s]."""
        return self.operations / self.seconds

    @property
    def ops_per_J(self) -> float:
        """Energy efficiency [1/J]."""
        return self.operations / self.joules


@dataclass(frozen=True)
class Costs:
    """What a chip costs. `phases` and `twin` hold 'inference' and, where something was learned, 'learning'.

    A chip that is digital itself has no digital twin: `twin` and `twin_area` are empty.
    """

    phases: dict[str, Phase]
    twin: dict[str, Phase]
    area: Parts  # [m2]
    twin_area: Parts
    lifetime: dict[str, float | None]  # years
    writes_per_example: float | None  # mean over the cells
    products: dict[str, Parts] = field(default_factory=dict)  # phase -> product of training -> energy [J]

    def as_dict(self) -> dict[str, Any]:
        """The plain JSON object that docs/costs.md describes."""
        now = self.phases["inference"]
        learning = self.phases.get("learning")
        return {
            "power_W": now.watts,
            "ops_per_s": now.ops_per_s,
            "ops_per_J": now.ops_per_J,
            "area_m2": math.fsum(self.area.values()),
            "latency": {
                "per_step_s": now.step_seconds,
                "per_example_s": now.seconds,
                "per_learned_example_s": learning.seconds if learning else None,
            },
            "energy": {
                "inference_J": now.joules,
                "learning_J": learning.joules if learning else None,
                "by_part": {name: phase.parts for name, phase in self.phases.items()},
                **({"by_product": self.products} if self.products else {}),
            },
            "learning_power_W": learning.watts if learning else None,
            "area": self.area,
            **({"digital": self._beside()} if self.twin else {}),
            "lifetime_years": self.lifetime,
            "writes_per_cell_per_example": self.writes_per_example,
        }

    def _beside(self) -> dict[str, Any]:
        """The digital twin."""
        now, twin, learning = self.phases["inference"], self.twin["inference"], self.phases.get("learning")
        return {
            "power_W": twin.watts,
            "ops_per_J": twin.ops_per_J,
            "ratio": now.ops_per_J / twin.ops_per_J,
            "learning_ratio": self.twin["learning"].joules / learning.joules if learning else None,
            "area_m2": math.fsum(self.twin_area.values()),
            "by_part": {name: phase.parts for name, phase in self.twin.items()},
        }


def estimate(
    ledger: Ledger,
    machine: Machine,
    p: ParameterSet,
    *,
    learned: int,
    rates: Rates | None,
    endurance: float | None,
    spread: float,
) -> Costs:
    """Everything that `ledger` costs on `machine` at the prices `p`.

    Parameters
    ----------
    ledger
        what was done
    machine
        what did it
    p
        prices (costs.prices.parameters)
    learned
        new examples that the phase 'learn' took (its replays are in the ledger)
    rates
        how often cells were written; None = nothing was
    endurance, spread
        the endurance law: median writes until a cell sticks (None = never), standard deviation of its logarithm

    Raises
    ------
    InputError
        If the ledger is empty, nothing was classified, or a price is missing.
    """
    joules = energy(ledger, machine, p)
    twin = twin_energy(ledger, joules, machine, p)
    leak = sum(machine.memory_bits.values()) * p["technology.sram_leakage"]
    check_inference(ledger)
    chip_phases, twin_phases = {}, {}
    for name, phase in PHASES.items():
        times = seconds(ledger, phase, machine, p) if phase in ledger.counts else None
        examples = learned if name == "learning" else times.examples if times else 0
        if times is None or not examples:
            continue
        products = sum(ledger.counts[phase].get(array, {}).get("products", 0) for array in machine.arrays)
        chip_phases[name] = _per_example(joules[phase], times.total, leak, times, examples, products)
        slow = twin_seconds(ledger, phase, machine, p)
        twin_phases[name] = _per_example(
            twin[phase], slow, twin_leakage(machine, p), times, examples, products
        )
    lifetime = years(
        rates or Rates(()), rate=p["operation.rate"], endurance=endurance if rates else None, spread=spread
    )
    return Costs(
        chip_phases,
        twin_phases,
        area(machine, p),
        twin_area(machine, p),
        lifetime,
        rates.mean if rates else None,
    )


def check_inference(ledger: Ledger) -> None:
    """Raise InputError if nothing was classified."""
    if not ledger.counts.get("predict", {}).get("time", {}).get("examples"):
        raise InputError(
            "the ledger holds no inference, so power and throughput are not defined; classify something"
        )


def _per_example(
    parts: Parts, total: float, leak: float, times: Seconds, examples: int, products: int
) -> Phase:
    """The phase's totals divided by its examples."""
    all_parts = parts | {"leakage": leak * total}
    return Phase(
        {part: value / examples for part, value in all_parts.items()},
        seconds=total / examples,
        step_seconds=total / times.steps,
        operations=2.0 * products / examples,
    )
