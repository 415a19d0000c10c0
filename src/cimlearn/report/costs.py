"""What a run cost: its records, the inventory in run.json, and prices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cimlearn.costs import prices
from cimlearn.costs.estimate import Costs, estimate
from cimlearn.costs.lifetime import from_histogram
from cimlearn.costs.machine import machine
from cimlearn.ledger import Ledger
from cimlearn.report.records import Record, Run


def run_costs(
    run: Run, changes: Mapping[str, Any] | None = None, record: Record | None = None
) -> Costs | None:
    """The costs of the first counted seed up to its last record (or up to `record`).

    None for a software twin, a run without records, and a run folder from before inventories were kept.

    Parameters
    ----------
    changes
        prices 'part.key' -> value that differ from those the run was made with

    Raises
    ------
    InputError
        If a price is missing or out of range.
    """
    record = record or run.last()
    inventory = run.config.get("inventory")
    if record is None or not inventory or "digital" not in inventory:
        return None
    values = {name: entry["value"] for name, entry in run.config["parameters"].items()}
    learned = sum(r.examples for r in run.of_seed(record.seed) if r.task <= record.task)
    return estimate(
        Ledger(record.counts, record.conductance_on),
        machine(inventory, values),
        price_parameters(run, changes),
        learned=learned,
        rates=from_histogram(((w.edges, w.counts) for w in record.writes.values()), learned),
        endurance=values["cell.endurance"],
        spread=values["cell.endurance_spread"],
    )


def price_parameters(run: Run, changes: Mapping[str, Any] | None = None) -> prices.ParameterSet:
    """The prices that a run was made with, with `changes` put in."""
    kept = {name: e["value"] for name, e in run.config.get("prices", {}).items() if e.get("changed")}
    return prices.parameters({**kept, **(changes or {})})
