"""The Pareto front: what no other row beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cimlearn.report.measures import FRONT, larger


def front(rows: Sequence[Mapping[str, Any]], goals: Mapping[str, bool] | None = None) -> list[bool]:
    """For each row, whether no other is at least as good in every goal and better in one (Pareto optimal).

    `goals` says of each measure whether larger is better; default: measures.FRONT.
    A row that lacks a goal (None or no entry) is not on the front and beats nobody.
    """
    wanted = larger(FRONT) if goals is None else goals
    scores = [_score(row, wanted) for row in rows]

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
    return [v if up else -v for v, up in zip(values, goals.values(), strict=True) if v is not None]
