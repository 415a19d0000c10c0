"""The cheapest change of a design that a circuit serves, where none serves it as it is set.

What has one answer is taken from the rules of `costs/crossbar/served.py`: the swing that the supply leaves, integration
beside settling, drivers as wide as their row, a reference column beside every column, an amplifier as strong as its
column, its noise simulated. What has several is tried: cells of higher resistance, a slower clock, shorter tiles, a
higher read voltage.
Capacitors keep the range of weights throughout. Of the designs that are served the one of least energy per inference is
taken; nothing is trained for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, Final, NamedTuple

from cimlearn import chips
from cimlearn.chips.m2ru.expected import middle
from cimlearn.costs import prices
from cimlearn.costs.base import Costs
from cimlearn.errors import InputError
from cimlearn.experiments.pricing import price
from cimlearn.parameters import ParameterSet
from cimlearn.streams.base import StreamShape

RESISTANCE: Final = (1, 5, 20, 100)  # times that of the cells
SLOWER: Final = (1, 4, 16)  # times the clock's period
ROWS: Final = (None, 64)  # of a tile; None: as set
VOLTAGE: Final = (
    1,
    2,
)  # times that of a read: less noise for more energy, as long as no read disturbs a cell


class Served(NamedTuple):
    """A design that a circuit serves."""

    settings: dict[str, Any]  # to be set besides
    costs: Costs


def is_searched(chip: str) -> bool:
    """Whether changes of this chip can be tried: its parameters are those of M2RU's two arrays."""
    return chips.kind(chip).costs == "crossbar"


def cheapest(p: ParameterSet, own: ParameterSet, shape: StreamShape, chip: str = "m2ru") -> Served | None:
    """The cheapest served change of a design `chip` with parameters `p` and prices `own`; None where none is found."""
    found: Served | None = None
    for changes in _candidates(p, own):
        priced = {name: value for name, value in changes.items() if prices.is_price(name)}
        rest = {name: value for name, value in changes.items() if name not in priced}
        try:
            changed = p.replace(rest)
            chips.kind(chip).parameters({n: e.value for n, e in changed.entries().items() if e.changed})
            costs = price(chip, changed, own.replace(priced), shape)
        except InputError:
            continue
        if any(note.kind == "unserved" for note in costs.notes):
            continue
        if found is None or costs.phases["inference"].joules < found.costs.phases["inference"].joules:
            found = Served(changes, costs)
    return found


def _candidates(p: ParameterSet, own: ParameterSet) -> Iterator[dict[str, Any]]:
    """Settings to try, the least changed first."""
    resistances = RESISTANCE if "device.low" in p and "device.high" in p else (1,)
    voltages = [v for v in VOLTAGE if v == 1 or v * p["periphery.read_voltage"] < p["periphery.threshold"]]
    for resistance, slower, rows, voltage in product(resistances, SLOWER, ROWS, voltages):
        yield _candidate(p, own, resistance, slower, rows, voltage)


def _candidate(
    p: ParameterSet, own: ParameterSet, resistance: int, slower: int, rows: int | None, voltage: int
) -> dict[str, Any]:
    """Settings of one candidate."""
    swing = own["technology.supply"] / 2 - own["price.headroom"]
    saturation = min(p["periphery.saturation"] or swing, swing)
    integration = min(p["periphery.integration"], 1 - own["price.settling"])
    charge = integration / p["periphery.integration"] * slower * voltage / resistance
    charge *= (p["periphery.saturation"] or saturation) / saturation
    found: dict[str, Any] = {
        "periphery.saturation": saturation,
        "periphery.integration": integration,
        "price.drivers": "sized",
        "price.write_together": 8,
    }
    for name in ("hidden", "output"):
        found[f"periphery.{name}_capacitance"] = float(f"{p[f'periphery.{name}_capacitance'] * charge:.4g}")
    if p["mapping.kind"] == "reference":
        found["periphery.reference_group"] = p["periphery.reference_group"] or 1
    if resistance > 1:
        found |= {name: p[name] / resistance for name in ("device.low", "device.high")}
    if voltage > 1:
        found["periphery.read_voltage"] = p["periphery.read_voltage"] * voltage
    if slower > 1:
        found["periphery.clock"] = p["periphery.clock"] / slower
    tall = min(p["tile.rows"], rows or p["tile.rows"])
    if rows is not None:
        found["tile.rows"] = tall
    if p["periphery.transconductance"] is None:
        found |= {"periphery.noise_factor": 1.33, "periphery.calibration": "mean"}
        found["periphery.transconductance"] = _column(p, tall) / resistance
    return {name: value for name, value in found.items() if name not in p or p[name] != value}


def _column(p: ParameterSet, rows: int) -> float:
    """Conductance of a column of `rows` cells in the middle of their window, its reference beside it [S]."""
    tallest = min(rows, 2 * p["network.hidden"] + 1)
    layers = p["mapping.cells"] * 2  # of pairs, or a cell and its reference
    return float(f"{middle(p) * layers * tallest:.2g}")
