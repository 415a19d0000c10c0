"""What a search may aim at: columns of a run's results, each with its unit and which way is better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple


class Goal(NamedTuple):
    """One column."""

    unit: str  # "share" is shown in percent
    larger: bool  # is better
    name: str  # as a figure calls it


PRICED: Final = {  # known from a design alone, by experiments/pricing.py
    "learning_J": Goal("J", False, "energy of learning one example"),
    "inference_J": Goal("J", False, "energy of one inference"),
    "learning_s": Goal("s", False, "time of learning one example"),
    "inference_s": Goal("s", False, "time of one inference"),
    "power_W": Goal("W", False, "power of inference"),
    "ops_per_J": Goal("1/J", True, "operations per joule"),
    "area_m2": Goal("m2", False, "area"),
    "lifetime_years": Goal("year", True, "years until 10 % of the cells are stuck"),
}
LEARNED: Final = {  # known after a run only
    "accuracy": Goal("share", True, "accuracy"),
    "accuracy_new": Goal("share", True, "accuracy on the last task"),
    "forgetting": Goal("share", False, "forgetting"),
    "writes_per_cell": Goal("count", False, "writes per cell"),
    "writes_max": Goal("count", False, "writes of the most written cell"),
    "worn_cells": Goal("count", False, "worn cells"),
}
GOALS: Final = {**LEARNED, **PRICED}
FEWEST: Final = ("accuracy", "learning_J")  # objectives unless the study names others
_NEVER = 1e9  # years: Optuna's samplers compute with differences, which infinity doesn't have


def larger(objectives: Sequence[str]) -> dict[str, bool]:
    """Whether larger is better, for each objective."""
    return {name: GOALS[name].larger for name in objectives}


def averaged(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """The mean of each known column over the rows (one a seed); None where one of them has no value."""
    found: dict[str, float | None] = {}
    for name in GOALS:
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
