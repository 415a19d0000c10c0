"""What a search aims at: measures of report/measures.py, as means over seeds and as Optuna takes them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cimlearn.report.measures import MEASURE, PRICED

FEWEST: Final = ("accuracy", "learning_J")  # objectives unless the study names others
_NEVER = 1e9  # years: Optuna's samplers compute with differences, which infinity doesn't have


def averaged(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """The mean of each measure over the rows (one a seed); None where one of them has no value."""
    found: dict[str, float | None] = {}
    for name in MEASURE:
        values = [row.get(name) for row in rows]
        numbers = [float(value) for value in values if value is not None]
        found[name] = math.fsum(numbers) / len(numbers) if len(numbers) == len(values) else None
    return found


def told(row: Mapping[str, Any], objectives: Sequence[str]) -> list[float]:
    """The objectives' values as Optuna takes them."""
    return [
        min(float(row[name]), _NEVER) if name == "lifetime_years" else float(row[name]) for name in objectives
    ]


def broken(costs: Mapping[str, float], limits: Mapping[str, float]) -> dict[str, float]:
    """For each limit, by what share of it the costs are worse (above 0) or better (0 or below)."""
    return {
        name: (limit - costs[name] if PRICED[name].larger else costs[name] - limit) / abs(limit)
        for name, limit in limits.items()
    }
