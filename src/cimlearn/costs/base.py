"""What a design costs: the answer of every pricing, whatever the kind of its arrays."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from cimlearn.costs.told import lined, op_rate, years
from cimlearn.errors import InputError
from cimlearn.ledger import Ledger
from cimlearn.units import number, quantity

Parts = dict[str, float]  # part -> joules, watts or square metres

_AGES: Final = {"first_cell": "first cell", "one_percent": "1 %", "ten_percent": "10 % of the cells"}
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


@dataclass(frozen=True, repr=False)
class Costs:
    """What a chip costs; its repr are the headline figures.

    `phases` and `twin` hold 'inference' and, where something was learned, 'learning'. A chip that is digital itself has
    no digital twin: `twin` and `twin_area` are empty.
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

    def __repr__(self) -> str:
        return text(self)

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


def headline(costs: Costs, rate: float | None = None) -> Iterator[tuple[str, str]]:
    """Name and text of each headline figure; `rate` [1/s]: of the learned examples that lifetimes are told for."""
    now, learning = costs.phases["inference"], costs.phases.get("learning")
    yield (
        "power",
        quantity(now.watts, "W") + (f", {quantity(learning.watts, 'W')} while learning" if learning else ""),
    )
    yield "throughput", op_rate(now.ops_per_s, "OPS")
    yield "efficiency", op_rate(now.ops_per_J, "OPS/W")
    yield "area", quantity(math.fsum(costs.area.values()), "m2")
    step = f"{quantity(now.step_seconds, 's')} a step, " if now.step_seconds < now.seconds else ""
    learned = f", {quantity(learning.seconds, 's')} a learned example with its replays" if learning else ""
    yield "latency", f"{step}{quantity(now.seconds, 's')} an example{learned}"
    learned = f", {quantity(learning.joules, 'J')} a learned one" if learning else ""
    yield "energy", f"{quantity(now.joules, 'J')} an example{learned}"
    if costs.twin:
        yield from _beside(costs)
    ages = ", ".join(f"{said}: {years(costs.lifetime[name])}" for name, said in _AGES.items())
    yield "lifetime" if rate is None else f"lifetime at {number(rate)} examples/s", ages


def _beside(costs: Costs) -> Iterator[tuple[str, str]]:
    """The digital twin, and how the chip stands beside each kind of it."""
    twin, ratios = costs.twin["inference"], costs.ratios[costs.twin_kind]
    yield (
        f"digital twin ({costs.twin_kind})",
        f"{quantity(twin.watts, 'W')}, {op_rate(twin.ops_per_J, 'OPS/W')}, "
        f"{quantity(math.fsum(costs.twin_area.values()), 'm2')}",
    )
    learning = f", {number(ratios['learning'], 3)} times while learning" if "learning" in ratios else ""
    yield "chip against twin", f"{number(ratios['inference'], 3)} times as efficient{learning}"
    others = [
        f"{kind} {number(found['inference'], 3)}"
        for kind, found in costs.ratios.items()
        if kind != costs.twin_kind
    ]
    yield "against other twins", f"{', '.join(others)} times as efficient"


def flattering(notes: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """What no circuit serves and what is free, from kinds and parts of notes; parts of arrays are named once."""
    known = list(notes)
    found = []
    for kind, said in (("unserved", "no circuit serves"), ("ideal", "ideal, so free")):
        parts = dict.fromkeys(part.partition(" of ")[0] for one, part in known if one == kind)
        if parts:
            found.append((said, ", ".join(parts)))
    return found


def text(costs: Costs) -> str:
    """The headline figures a line each, and the names of what is free or can't be served."""
    return lined([*headline(costs), *flattering(note[:2] for note in costs.notes)])


def check_inference(ledger: Ledger) -> None:
    """Raise InputError if nothing was classified."""
    if not ledger.counts.get("predict", {}).get("time", {}).get("examples"):
        raise InputError(
            "the ledger holds no inference, so power and throughput are not defined; classify something"
        )
