"""What a model on arrays costs: its ledger at the prices of M2RU or SAS-MRAM, by the equations of `cimlearn.costs`.

Integrators are as large as the sample asks for: C_f follows from the range of each array's sums (cells.capacitance).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cimlearn.arrays.bitserial_counts import batch_work, inventory, phase_counts, place
from cimlearn.arrays.crossbar_counts import pieces
from cimlearn.costs.base import Costs, flattering
from cimlearn.costs.bitserial.area import digital_area
from cimlearn.costs.bitserial.costs import digital_estimate
from cimlearn.costs.bitserial.energy import digital_energy
from cimlearn.costs.bitserial.machine import DigitalMachine, digital_machine
from cimlearn.costs.bitserial.size import cycle
from cimlearn.costs.crossbar.area import area
from cimlearn.costs.crossbar.energy import energy, mean_conductance
from cimlearn.costs.crossbar.layers import BACK, estimate_layers, forward_only, layer_notes, layered
from cimlearn.costs.crossbar.machine import Machine
from cimlearn.costs.lifetime import Rates
from cimlearn.devices.technology import memory_cell
from cimlearn.errors import InputError
from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet
from cimlearn.torch import bits_learned, convert
from cimlearn.torch.array import Array
from cimlearn.torch.cells import capacitance, mapping
from cimlearn.torch.chip import Conversion, conversion
from cimlearn.torch.crossbar import CrossbarArray
from cimlearn.torch.insitu import InSituArray
from cimlearn.torch.insitu_bits import InSituBits
from cimlearn.torch.ledger import ACTIVATIONS, changes, examples_learned, layer_of, ledger, size, turned
from cimlearn.torch.library import nn
from cimlearn.units import count, quantity

REST = "(digital)"


@dataclass(frozen=True)
class Share:
    """What one array, or all that is digital, costs per example."""

    joules: float
    seconds: float
    area: float  # [m2]
    products: float  # multiply-adds


@dataclass(frozen=True, repr=False)
class ModelCosts:
    """What a model costs; its repr is a table of its arrays.

    Shares of energy and time add up to the total's, leakage left out; those of area too.
    """

    total: Costs  # per example
    layers: dict[str, Share]  # array, and '(digital)', of inference
    program: float  # energy of writing all weights once [J]
    unknown: tuple[str, ...] = ()  # operations without a price; with one of them every total is a lower bound
    on_arrays: float = 1.0  # share of the multiply-adds that arrays do

    def as_dict(self) -> dict[str, Any]:
        """The plain JSON object of docs/costs.md, with `layers` and `program_J` beside."""
        shares = {name: dataclasses.asdict(one) for name, one in self.layers.items()}
        return {
            **self.total.as_dict(),
            "layers": shares,
            "program_J": self.program,
            "unknown": list(self.unknown),
            "on_arrays": self.on_arrays,
        }

    def to_frame(self) -> Any:
        """A pandas.DataFrame with a row for each array: joules, seconds and products an example, area.

        Raises
        ------
        InputError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise InputError("to_frame() needs pandas: pip install pandas") from None
        return pandas.DataFrame.from_dict(
            {name: dataclasses.asdict(one) for name, one in self.layers.items()}, orient="index"
        )

    def __repr__(self) -> str:
        """A table of the arrays and what they come to."""
        now = self.total.phases["inference"]
        rows = [("", "energy", "time", "area", "products")]
        rows += [_row(name, one) for name, one in self.layers.items()]
        whole = Share(now.joules, now.seconds, math.fsum(self.total.area.values()), now.operations / 2)
        rows.append(_row("total", whole))
        wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for first, *rest in rows:
            cells = [text.rjust(width) for text, width in zip(rest, wide[1:], strict=True)]
            lines.append("  ".join([first.ljust(wide[0]), *cells]))
        if self.on_arrays < 1:
            lines.append(f"on arrays: {100 * self.on_arrays:.1f} % of the multiply-adds")
        if self.unknown:
            lines.append(f"a lower bound: no price for {', '.join(self.unknown)}")
        lines.append(f"programming once: {quantity(self.program, 'J')}")
        learning = self.total.phases.get("learning")
        if learning is not None:
            lines.append(
                f"learning: {quantity(learning.joules, 'J')} and {quantity(learning.seconds, 's')} an example, "
                f"{self.total.writes_per_example or 0:.3g} writes a cell"
            )
            years = self.total.lifetime["first_cell"]
            lines.append("first worn cell: " + ("never" if years is None else f"after {years:.3g} years"))
        lines += [f"{said}: {parts}" for said, parts in flattering(note[:2] for note in self.total.notes)]
        return "\n".join(lines)


def costs(model: nn.Module) -> ModelCosts:
    """Energy, time and area per example of everything classified since the last reset, at `hardware.prices`.

    Raises
    ------
    InputError
        If nothing was classified in `eval` mode, or a price is missing.
    """
    carried = conversion(model)
    if not carried.examples:
        raise InputError(
            "nothing was classified yet, so there is nothing to price; run the model in eval mode first"
        )
    price = _analog if carried.hardware.kind == "crossbar" else _digital
    found, seen = price(model, carried), carried.report
    return dataclasses.replace(found, unknown=tuple(sorted(seen.unknown)), on_arrays=seen.on_arrays)


def _row(name: str, one: Share) -> tuple[str, str, str, str, str]:
    """A line of the table."""
    joules, seconds = quantity(one.joules, "J"), quantity(one.seconds, "s")
    return name, joules, seconds, quantity(one.area, "m2"), count(round(one.products))


def _machine(model: nn.Module, carried: Conversion) -> Machine:
    """The crossbars of a model and what stands around them, as prices see them."""
    p = carried.hardware.parameters
    found, capacitors = {}, {}
    memory = {ACTIVATIONS: _kept(model, carried)}
    learned = any(isinstance(a, InSituArray) and a.updates for a, _ in convert.arrays(model))
    for array, _ in convert.arrays(model):
        assert isinstance(array, CrossbarArray)
        found[array.name] = pieces(size(array))
        capacitors[array.name] = capacity(array.p, float(array.reach))
        if not isinstance(array, InSituArray) or not learned:
            continue
        if array.updates:
            held = -(-changes(array, array.learned.vectors) // array.updates)
            if array.trains is None:
                memory["changes"] = memory.get("changes", 0) + held * p["digital.change_bits"]
            values = array.layout.groups * array.fan_in + array.layout.outputs
            kept = array.learned.vectors / array.examples * values
            memory[ACTIVATIONS] += math.ceil(kept) * p["activation.bits"]  # kept until the error comes back
        if array.back_tally.vectors:  # rows have integrators and converters too, columns drivers
            found[array.name + BACK] = pieces(turned(array))
            capacitors[array.name + BACK] = capacity(array.p, float(array.back.reach[0]))
    return layered(found, memory, capacitors, p)


def capacity(p: ParameterSet, reach: float) -> float:
    """The capacitor of integrators that reach to sums of `reach` [F]."""
    found = capacitance(p, mapping(p).scale, reach)
    if found is None:
        raise InputError(
            "periphery.saturation = none gives the integrators no size, so they have no price; give a voltage, as 0.8"
        )
    return found


def _kept(model: nn.Module, carried: Conversion) -> int:
    """Bits of the memory between layers: twice the largest output of one example (one is read, one written)."""
    outputs = [a.tally.vectors * a.layout.outputs / carried.examples for a, _ in convert.arrays(model)]
    inputs = [a.layout.groups * a.fan_in for a, _ in convert.arrays(model)]
    return 2 * math.ceil(max(*outputs, *inputs)) * carried.hardware.parameters["activation.bits"]


def _analog(model: nn.Module, carried: Conversion) -> ModelCosts:
    """The costs of crossbars."""
    p, prices = carried.hardware.parameters, carried.hardware.prices
    made_of, done, n = _machine(model, carried), ledger(model), carried.examples
    total = estimate_layers(
        done,
        made_of,
        prices,
        learned=examples_learned(model) if "learn" in done.counts else 0,
        rates=_rates(model),
        endurance=p["cell.endurance"],
        spread=p["cell.endurance_spread"],
    )
    crossbars = [array for array, _ in convert.arrays(model) if isinstance(array, CrossbarArray)]
    aged = {"cell.drift": 1.0} if any(float(array.age) > 0 for array in crossbars) else {}
    total = dataclasses.replace(total, notes=layer_notes(done, made_of, {**p, **aged}, prices))
    made_of = forward_only(made_of)
    counts, on = done.counts["predict"], done.conductance_on["predict"]
    mean = {name: mean_conductance(done, made_of, name) for name in made_of.arrays}
    shares = {}
    for name in made_of.arrays:
        alone = dataclasses.replace(
            made_of, arrays={name: made_of.arrays[name]}, memory_bits={ACTIVATIONS: 0}
        )
        only = Ledger({"predict": {name: counts[name]}}, {"predict": {name: on[name]}})
        joules = math.fsum(energy(only, alone, prices)["predict"].values())
        bare = dataclasses.replace(alone, lanes=0)
        one = size(_named(model, name))
        cycles = counts[name]["cycles"] + counts[name]["vectors"] * one.convert_cycles
        shares[name] = Share(
            joules / n,
            0.0 if "weight_ih" in name else cycles / made_of.clock / n,
            math.fsum(area(bare, prices, mean).values()),
            counts[name]["products"] / n,
        )
    program = math.fsum(energy(done, made_of, prices)["program"].values()) if done.counts["program"] else 0.0
    return ModelCosts(total, _with_rest(total, shares), program)


def _rates(model: nn.Module) -> Rates | None:
    """How often cells are written for each example learned; None where none learns in situ."""
    groups: list[tuple[float, float]] = []
    for array, _ in convert.arrays(model):
        if isinstance(array, InSituArray) and array.updates:
            writes, cells = np.unique(array.writes(), return_counts=True)
            groups += zip((writes / array.examples).tolist(), cells.astype(float).tolist(), strict=True)
    return Rates(tuple(groups)) if groups else None


def _named(model: nn.Module, name: str) -> CrossbarArray:
    """The crossbar called `name`."""
    found = next(array for array, _ in convert.arrays(model) if array.name == name)
    assert isinstance(found, CrossbarArray)
    return found


def _with_rest(total: Costs, shares: dict[str, Share]) -> dict[str, Share]:
    """The shares, and what of the total is no array's: logic, activation memory."""
    now = total.phases["inference"]

    def left(whole: float, part: Callable[[Share], float]) -> float:
        return max(0.0, whole - math.fsum(part(one) for one in shares.values()))

    rest = Share(
        left(now.joules - now.parts["leakage"], lambda one: one.joules),
        left(now.seconds, lambda one: one.seconds),
        left(math.fsum(total.area.values()), lambda one: one.area),
        0.0,
    )
    return {**shares, REST: rest}


def _digital(model: nn.Module, carried: Conversion) -> ModelCosts:
    """The costs of bit-serial arrays."""
    p, prices, n = carried.hardware.parameters, carried.hardware.prices, carried.examples
    held = [array for array, _ in convert.arrays(model)]
    memory = {ACTIVATIONS: _kept(model, carried)} | bits_learned.memory(held)
    made_of = _bits_of(carried, held, memory)
    done = ledger(model)
    phases = {name: counts for name, counts in done.counts.items() if name != "program"}
    learned = phases["learn"]["time"]["examples"] if "learn" in phases else 0
    total = digital_estimate(Ledger(phases), made_of, prices, learned=learned, rates=bits_learned.rates(held))
    shares = {}
    for array in held:
        work = batch_work([layer_of(array)], learning=False) if array.tally.vectors else None
        if work is None:
            shares[array.name] = Share(0.0, 0.0, 0.0, 0.0)
            continue
        counts = phase_counts([(work, 1)], place(p), learning=False, examples=n)
        parts = digital_energy({"forward": counts["forward"]}, made_of, prices)["forward"]
        alone = _bits_of(carried, [array], {ACTIVATIONS: 0})
        bare = dataclasses.replace(alone, lanes=0, adders=0, narrowers=0)
        shares[array.name] = Share(
            math.fsum(parts.values()) / n,
            counts["time"]["forward_cycles"] * cycle(made_of) / n,
            math.fsum(digital_area(bare, prices).values()),
            work.layers[0].forward.products / n,
        )
    written = done.counts["program"]
    program = (
        math.fsum(math.fsum(parts.values()) for parts in digital_energy(written, made_of, prices).values())
        if written
        else 0.0
    )
    return ModelCosts(total, _with_rest(total, shares), program)


def _bits_of(carried: Conversion, held: list[Array], memory: dict[str, int]) -> DigitalMachine:
    """The sub-arrays that hold `held`, as prices see them; adders and narrowers are shared by all."""
    p = carried.hardware.parameters
    layers = [
        bits_learned.layer(array, max(array.steps))
        if isinstance(array, InSituBits) and array.updates
        else layer_of(array)._replace(windows=1)
        for array in held
    ]
    found = inventory(layers, 1, p, memory)
    found["digital"]["lanes"] = p["digital.lanes"]
    values = {name: entry.value for name, entry in p.entries().items()}
    return digital_machine(found, values, memory_cell(p).as_dict())
