"""A search for people: the front as cells of text, and one line on what became of all trials."""

from __future__ import annotations

import math
from typing import Any

from cimlearn.report.measures import MEASURE
from cimlearn.studies.axes import value_text
from cimlearn.studies.results import Row
from cimlearn.studies.search.outcome import STATES, Searched
from cimlearn.studies.search.table import Search
from cimlearn.units import number, quantity


def heads(search: Search) -> list[str]:
    """The columns of the front: trial, parameters, objectives."""
    return ["trial", *(dimension.name for dimension in search.space), *search.objectives]


def cells(search: Search, row: Row) -> list[str]:
    """A finished trial under `heads`."""
    parameters = [parameter(row[dimension.name]) for dimension in search.space]
    return [str(row["trial"]), *parameters, *(objective(row, name) for name in search.objectives)]


def parameter(value: Any) -> str:
    """A chosen value."""
    return value_text(float(f"{value:.4g}")) if isinstance(value, float) else value_text(value)


def objective(row: Row, name: str) -> str:
    """A column with its unit; accuracy with its spread over seeds."""
    value, unit = row[name], MEASURE[name].unit
    if value is None:
        return "–"
    if unit == "share":
        spread = row.get(f"{name}_std")
        return f"{100 * value:.1f}" + (f" ± {100 * spread:.1f}" if spread is not None else "") + " %"
    if unit == "year":
        return "never" if math.isinf(value) else f"{number(value, 3)} years"
    return quantity(value, unit)


def tally(found: Searched) -> str:
    """'20 trials: 12 finished, 5 pruned, 3 infeasible'."""
    counts = [f"{found.count(state)} {state}" for state in STATES if found.count(state)]
    return f"{len(found.rows)} trials: {', '.join(counts)}"
