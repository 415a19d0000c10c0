"""All costs of a ledger on a machine: energy, time, area, power, throughput, the digital twin, lifetime."""

from __future__ import annotations

from cimlearn.costs.base import PHASES, Costs, Parts, Phase, check_inference
from cimlearn.costs.crossbar.area import area
from cimlearn.costs.crossbar.energy import energy, mean_conductance
from cimlearn.costs.crossbar.latency import Seconds, seconds
from cimlearn.costs.crossbar.machine import Machine
from cimlearn.costs.crossbar.twin import KINDS, twin_area, twin_energy, twin_leakage, twin_seconds
from cimlearn.costs.lifetime import Rates, years
from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet


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
    mean = {name: mean_conductance(ledger, machine, name) for name in machine.arrays}
    digital = {kind: twin_energy(ledger, joules, machine, p, kind) for kind in KINDS}
    leak = sum(machine.memory_bits.values()) * p["technology.sram_leakage"]
    check_inference(ledger)
    chip_phases: dict[str, Phase] = {}
    twins: dict[str, dict[str, Phase]] = {kind: {} for kind in KINDS}
    for name, phase in PHASES.items():
        times = seconds(ledger, phase, machine, p) if phase in ledger.counts else None
        examples = learned if name == "learning" else times.examples if times else 0
        if times is None or not examples:
            continue
        products = sum(ledger.counts[phase].get(array, {}).get("products", 0) for array in machine.arrays)
        chip_phases[name] = _per_example(joules[phase], times.total, leak, times, examples, products)
        for kind, energies in digital.items():
            slow, leaks = twin_seconds(ledger, phase, machine, p, kind), twin_leakage(machine, p, kind)
            twins[kind][name] = _per_example(energies[phase], slow, leaks, times, examples, products)
    lifetime = years(
        rates or Rates(()), rate=p["operation.rate"], endurance=endurance if rates else None, spread=spread
    )
    return Costs(
        chip_phases,
        twins[p["twin.kind"]],
        area(machine, p, mean),
        twin_area(machine, p),
        lifetime,
        rates.mean if rates else None,
        twin_kind=p["twin.kind"],
        twins=twins,
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
