"""What a run cost: its records, the inventory in run.json, and prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cimlearn.costs import prices
from cimlearn.costs.base import Costs
from cimlearn.costs.lifetime import YEAR, Rates, from_histogram, share_stuck
from cimlearn.costs.models import Done, pricing
from cimlearn.errors import InputError
from cimlearn.ledger import Ledger
from cimlearn.runfolder.records import Record, Run, RunParameter


def run_costs(
    run: Run,
    changes: Mapping[str, Any] | None = None,
    record: Record | None = None,
    *,
    technology: Mapping[str, Any] | None = None,
) -> Costs | None:
    """The costs of the first counted seed up to its last record (or up to `record`).

    None for a software twin, a run without records, and a run folder from before inventories were kept.

    Parameters
    ----------
    run
        a run folder, read
    changes
        prices 'part.key' -> value that differ from those the run was made with
    record
        where to stop; its seed is the one that is priced
    technology
        figures of another memory for the weights (`Technology.as_dict()`), of digital chips

    Raises
    ------
    InputError
        If a price or a figure is missing or out of range, or the chip has no prices.
    """
    record = record or run.last()
    inventory = run.config.get("inventory")
    if record is None or not inventory or "digital" not in inventory:
        return None
    if not run.prices:
        raise InputError(f"{run.folder}: run.json has an inventory but no prices; run it again")
    return pricing(run.costs).costs(_done(run, record), price_parameters(run, changes), technology)


def reprice(
    run: Run, technology: Mapping[str, Any], changes: Mapping[str, Any] | None = None
) -> Costs | None:
    """The same work with the weights in another memory: `technology` is a `Technology.as_dict()`.

    Times, energies, area, leakage and endurance are the other cell's; sizes and counts stay. See `run_costs`.
    """
    return run_costs(run, changes, technology=technology)


def priced(run: Run) -> tuple[Costs | None, str | None]:
    """`run_costs`, or why the run can't be priced: a run that is finished is shown without its costs."""
    try:
        return run_costs(run), None
    except InputError as error:
        return None, str(error)


@dataclass(frozen=True)
class Ageing:
    """How the cells of a chip wear if it goes on as in the run."""

    rates: Rates
    per_second: float  # new examples
    endurance: float | None  # median writes until a cell sticks
    spread: float  # standard deviation of the endurance's logarithm
    names: tuple[str, str] = ("cell.endurance", "cell.endurance_spread")  # the parameters of both

    def share_stuck(self, years: float) -> float:
        """Share of the cells that are stuck after `years` > 0."""
        if self.endurance is None:
            return 0.0
        examples = years * YEAR * self.per_second
        return share_stuck(self.rates, examples, endurance=self.endurance, spread=self.spread)


def ageing(run: Run) -> Ageing:
    """The wear that `run_costs` takes the lifetime from; for runs that have costs."""
    record = run.last()
    if record is None:
        raise InputError(f"{run.folder}: nothing is recorded, so nothing wears; learn at least one task")
    p = price_parameters(run)
    law = pricing(run.costs).wear(_done(run, record), p, None)
    names = (law.median_name, law.spread_name)
    return Ageing(law.rates, p["operation.rate"], law.median, law.spread, names)


def price_parameters(run: Run, changes: Mapping[str, Any] | None = None) -> prices.ParameterSet:
    """The prices that a run was made with, with `changes` put in; another node brings its own technology."""
    changes = changes or {}
    known = prices.parameters(model=run.costs)
    kept = {
        name: entry.value
        for name, entry in run.prices.items()
        if name in known
        and (entry.changed or prices.NODE not in changes or not name.startswith("technology."))
    }
    return prices.parameters({**kept, **changes}, run.costs)


def used_prices(run: Run) -> dict[str, RunParameter]:
    """The prices of run.json that price what was counted: all but those for chips that were never run."""
    return {name: entry for name, entry in run.prices.items() if not name.startswith("expected.")}


def _done(run: Run, record: Record) -> Done:
    """What the chip of a run is, and what it did up to `record`."""
    return Done(
        ledger=Ledger(record.counts, record.conductance_on),
        inventory=run.config["inventory"],
        parameters={name: entry.value for name, entry in run.parameters.items()},
        cell=run.config.get("cell", {}),
        learned=_learned(run, record),
        rates=_rates(run, record),
    )


def _learned(run: Run, record: Record) -> int:
    """New examples that the seed of `record` has learned since its start."""
    return sum(r.examples for r in run.of_seed(record.seed) if r.task <= record.task)


def _rates(run: Run, record: Record) -> Rates:
    """How often cells were written per new example up to `record`."""
    return from_histogram(((w.edges, w.counts) for w in record.writes.values()), _learned(run, record))
