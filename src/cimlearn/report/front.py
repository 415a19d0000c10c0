"""What nothing beats: the Pareto front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

GOALS: Final = {"accuracy": True, "learning_J": False, "lifetime_years": True}  # name -> larger is better


def front(rows: Sequence[Mapping[str, Any]], goals: Mapping[str, bool] = GOALS) -> list[bool]:
    """For each row, whether no other is at least as good in every goal and better in one (Pareto optimal).

    A row that lacks a goal (None or no entry) is not on the front and beats nobody.
    """
    scores = [_score(row, goals) for row in rows]

    def beaten(mine: Sequence[float]) -> bool:
        return any(
            all(a >= b for a, b in zip(other, mine, strict=True)) and other != mine
            for other in scores
            if other is not None
        )

    return [mine is not None and not beaten(mine) for mine in scores]


def _score(row: Mapping[str, Any], goals: Mapping[str, bool]) -> list[float] | None:
    """The goals of a row, all turned so that larger is better; None where one is missing."""
    values = [row.get(name) for name in goals]
    if any(value is None for value in values):
        return None
    return [v if larger else -v for v, larger in zip(values, goals.values(), strict=True) if v is not None]
