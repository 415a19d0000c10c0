"""When the cells of a chip wear out, from what they were written in a run.

A cell that is written r times a second sticks at t = E / r, its endurance E log-normal between cells with median M
and standard deviation s of ln E (`cell.endurance`, `cell.endurance_spread`; the law that the simulator draws from).
With shares f_i of the cells written at rates r_i, the share that is stuck at time t is

    F(t) = sum_i f_i Phi( ln(r_i t / M) / s )

One percent and ten percent: F(t) = 0.01 and 0.1. First cell: the median of the first of N deaths,
1 - prod_i (1 - F_i(t))^(N f_i) = 1/2. A share is never there before the first cell (of few cells one is more than 1 %).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cimlearn.errors import InputError

YEAR: Final = 365.25 * 86400.0  # [s]
PRECISION: Final = 1e-10  # of a lifetime, relative


@dataclass(frozen=True)
class Rates:
    """How often cells are written: pairs of (writes per new example, number of cells)."""

    groups: Sequence[tuple[float, float]]

    @property
    def cells(self) -> float:
        """All cells."""
        return sum(cells for _, cells in self.groups)

    @property
    def mean(self) -> float:
        """Writes per cell and new example."""
        return sum(rate * cells for rate, cells in self.groups) / self.cells if self.groups else 0.0


def from_histogram(histograms: Iterable[tuple[Sequence[float], Sequence[float]]], examples: float) -> Rates:
    """Rates from write histograms (edges (n + 1,), counts (n,)) after `examples` new examples; bins at their middle.

    Bins hold whole numbers of writes from one edge up to the next, so the middle of [0, 1) is 0.
    """
    if examples <= 0:
        raise InputError(
            "no example was learned, so nothing can be said about lifetime; learn at least one task"
        )
    groups = []
    for edges, counts in histograms:
        for k, cells in enumerate(counts):
            if cells:
                groups.append((0.5 * (edges[k] + edges[k + 1] - 1) / examples, float(cells)))
    return Rates(tuple(groups))


def _stuck(x: float, spread: float) -> float:
    """Share of cells stuck once ln(writes / median endurance) is x."""
    if spread == 0:
        return 1.0 if x >= 0 else 0.0
    return 0.5 * math.erfc(-x / (spread * math.sqrt(2.0)))


def share_stuck(rates: Rates, examples: float, *, endurance: float, spread: float) -> float:
    """F: share of cells that are stuck after `examples` new examples."""
    x = math.log(examples / endurance)
    dead = sum(cells * _stuck(math.log(rate) + x, spread) for rate, cells in rates.groups if rate > 0)
    return dead / rates.cells if rates.cells else 0.0


def _one_stuck(rates: Rates, examples: float, *, endurance: float, spread: float) -> float:
    """Probability that at least one cell is stuck after `examples` new examples."""
    x, alive = math.log(examples / endurance), 0.0  # alive: logarithm of the probability that all are
    for rate, cells in rates.groups:
        if rate > 0:
            stuck = _stuck(math.log(rate) + x, spread)
            if stuck >= 1:
                return 1.0
            alive += cells * math.log1p(-stuck)
    return -math.expm1(alive)


def _solve(share: Callable[[float], float], wanted: float) -> float | None:
    """Examples (1 to 1e40) after which `share` reaches `wanted`, by bisection of their logarithm; None = never."""
    low, high = 0.0, math.log(1e40)
    if share(math.exp(high)) < wanted:
        return None
    while high - low > PRECISION:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if share(math.exp(middle)) < wanted else (low, middle)
    return math.exp(high)


def _not_before(first: float | None, share: float | None) -> float | None:
    """A share of the cells can't be stuck before one cell is: below 100 cells one is more than 1 %."""
    return share if first is None or share is None else max(first, share)


def years(rates: Rates, *, rate: float, endurance: float | None, spread: float) -> dict[str, float | None]:
    """Years until the first, 1 % and 10 % of the cells are stuck, `rate` new examples a second; None = never.

    Raises
    ------
    InputError
        For an endurance or a rate that is not above 0.
    """
    if endurance is not None and endurance <= 0:
        raise InputError(f"cell.endurance = {endurance:g} writes: give a number above 0, or none for never")
    if rate <= 0:
        raise InputError(f"operation.rate = {rate:g} examples a second: give a number above 0")
    if endurance is None:
        return {"first_cell": None, "one_percent": None, "ten_percent": None}
    law = {"endurance": endurance, "spread": spread}
    first = _solve(lambda n: _one_stuck(rates, n, **law), 0.5)
    examples = {
        "first_cell": first,
        "one_percent": _not_before(first, _solve(lambda n: share_stuck(rates, n, **law), 0.01)),
        "ten_percent": _not_before(first, _solve(lambda n: share_stuck(rates, n, **law), 0.1)),
    }
    return {name: None if n is None else n / rate / YEAR for name, n in examples.items()}
