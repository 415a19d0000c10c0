"""All costs of a digital bit-serial chip: energy, time, area, power, throughput, lifetime.

An int8 product is 64 reads of a bit, so products = n_bits_read / 64, and operations = 2 products. It is a digital chip
itself, so there is no digital twin; what stands beside it is the same ledger priced with the cell of another memory.
"""

from __future__ import annotations

import math
from typing import Final

from cimlearn.costs.base import PHASES, Costs, Parts, Phase, check_inference
from cimlearn.costs.bitserial.area import digital_area
from cimlearn.costs.bitserial.energy import Counts, digital_energy
from cimlearn.costs.bitserial.machine import PRODUCTS, WORD_BITS, DigitalMachine
from cimlearn.costs.bitserial.size import digital_seconds
from cimlearn.costs.bitserial.wear import learning_years, sooner
from cimlearn.costs.lifetime import Rates, years
from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet

READS: Final = WORD_BITS * WORD_BITS  # of bits, for one int8 product


def digital_estimate(
    ledger: Ledger, m: DigitalMachine, p: ParameterSet, *, learned: int, rates: Rates | None
) -> Costs:
    """Everything that `ledger` costs on `m` at the prices `p`.

    Parameters
    ----------
    ledger
        what was done
    m
        what did it
    p
        prices (costs.prices.parameters for 'sas-mram')
    learned
        new examples that the phase 'learn' took (its replays are in the ledger)
    rates
        how often cells were written; None = nothing was

    Raises
    ------
    InputError
        If the ledger is empty, nothing was classified, or a price is missing.
    """
    check_inference(ledger)
    phases: dict[str, Phase] = {}
    products: dict[str, Parts] = {}
    for name, phase in PHASES.items():
        counts = ledger.counts.get(phase, {})
        examples = learned if name == "learning" else counts["time"]["examples"]
        if not any(counts.values()) or not examples:
            continue
        found = digital_energy(counts, m, p)
        times = digital_seconds(counts, m, p)
        leak = leakage(m, p) * times.total
        parts = _merged([*found.values(), {"leakage": leak}])
        phases[name] = Phase(
            {part: value / examples for part, value in parts.items()},
            seconds=times.total / examples,
            step_seconds=times.total / (times.steps or examples),
            operations=2.0 * int8_products(counts) / examples,
        )
        works = {work: math.fsum(of.values()) / examples for work, of in found.items()}
        products[name] = works | {"leakage": leak / examples}
    lifetime = years(
        rates or Rates(()),
        rate=p["operation.rate"],
        endurance=m.cell.endurance if rates else None,
        spread=m.cell.endurance_spread,
    )
    if m.learning_cell is not None and learned:
        lifetime = sooner(lifetime, learning_years(ledger, m, p, learned=learned))
    return Costs(phases, {}, digital_area(m, p), {}, lifetime, rates.mean if rates else None, products)


def leakage(m: DigitalMachine, p: ParameterSet) -> float:
    """Power of the chip at rest [W]: cells, SRAM unit, memories."""
    static = m.sram.cells + sum(m.memory_bits.values())
    held = sum(array.cells * cell.leakage for array, cell in m.weights)
    if m.learning_cell is not None:
        own = m.sram.cells + m.learning_bits
        static, held = static - own, held + own * m.learning_cell.leakage
    return float(held + static * p["technology.sram_leakage"])


def int8_products(counts: Counts) -> int:
    """Multiply-adds of two int8 numbers in one phase."""
    units = ("mram_bits_read", "frozen_bits_read", "sram_bits_read")
    return sum(counts.get(product, {}).get(unit, 0) for product in PRODUCTS for unit in units) // READS


def _merged(found: list[Parts]) -> Parts:
    """Parts added up by name."""
    total: Parts = {}
    for parts in found:
        for part, value in parts.items():
            total[part] = total.get(part, 0.0) + value
    return total
