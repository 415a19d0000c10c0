"""What a design costs: the answer of every pricing, whatever the kind of its arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cimlearn.errors import InputError
from cimlearn.ledger import Ledger

Parts = dict[str, float]  # part -> joules, watts or square metres

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


class Note(NamedTuple):
    """What a reader must know beside a price."""

    kind: str  # ideal: free here; unserved: no circuit does it; derived: priced by a law outside its table
    part: str
    text: str
    remedy: str  # what to change; empty where nothing can be


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
    twin_kind: str = ""  # which digital chip `twin` is
    twins: dict[str, dict[str, Phase]] = field(default_factory=dict)  # every kind of twin, for the range
    notes: tuple[Note, ...] = ()  # what the price leaves out, what no circuit could serve

    @property
    def ratios(self) -> dict[str, dict[str, float]]:
        """Kind of digital twin -> phase -> its energy over the chip's."""
        return {
            kind: {name: phases[name].joules / phase.joules for name, phase in self.phases.items()}
            for kind, phases in self.twins.items()
        }

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
            **({"notes": [note._asdict() for note in self.notes]} if self.notes else {}),
        }

    def _beside(self) -> dict[str, Any]:
        """The digital twin."""
        now, twin, learning = self.phases["inference"], self.twin["inference"], self.phases.get("learning")
        return {
            "kind": self.twin_kind,
            "power_W": twin.watts,
            "ops_per_J": twin.ops_per_J,
            "ratio": now.ops_per_J / twin.ops_per_J,
            "learning_ratio": self.twin["learning"].joules / learning.joules if learning else None,
            "ratios": self.ratios,
            "learning_s": self.twin["learning"].seconds if learning else None,
            "area_m2": math.fsum(self.twin_area.values()),
            "by_part": {name: phase.parts for name, phase in self.twin.items()},
        }


def check_inference(ledger: Ledger) -> None:
    """Raise InputError if nothing was classified."""
    if not ledger.counts.get("predict", {}).get("time", {}).get("examples"):
        raise InputError(
            "the ledger holds no inference, so power and throughput are not defined; classify something"
        )
