"""A measure as a column: one unit for all its values, three digits."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from cimlearn.costs.told import MOST_YEARS
from cimlearn.report.measures import Measure
from cimlearn.units import common_unit, number


class Column(NamedTuple):
    """A measure, and how much of its SI unit one step of the printed number is."""

    measure: Measure
    factor: float
    symbol: str

    @property
    def heading(self) -> str:
        """'Area [mm²]'."""
        return f"{self.measure.name} [{self.symbol}]" if self.symbol else self.measure.name

    def scaled(self, value: float) -> float:
        """The value in the column's unit."""
        return value / self.factor

    def text(self, value: float, std: float | None = None) -> str:
        """'41.3 ± 4.3', 'never'."""
        beside = self.spread(value, std)
        return f"{self.middle(value)} ± {beside}" if beside else self.middle(value)

    def middle(self, value: float) -> str:
        """The mean in the column's unit."""
        if math.isinf(value):
            return "never"
        if self.measure.unit == "share":
            return f"{self.scaled(value):.1f}"
        if self.measure.unit == "year" and value > MOST_YEARS:
            return f"> {MOST_YEARS}"
        return _three_digits(self.scaled(value))

    def spread(self, value: float, std: float | None) -> str:
        """A standard deviation with the decimals of the mean beside it; empty for none, or one that shows in none."""
        if std is None or (self.measure.unit == "year" and value > MOST_YEARS):
            return ""
        middle, shown = self.middle(value), self.scaled(std)
        if "×" in middle or shown >= 1e6:
            return number(float(f"{shown:.2g}"), 2) if std else ""
        text = f"{shown:,.{len(middle.partition('.')[2])}f}"
        return text if text.strip("0.,") else ""


def _three_digits(value: float) -> str:
    """At least three digits, of whole numbers all of them: 4.80, 307, 1,152; powers of ten where that is long."""
    size = abs(value)
    if size != 0 and not 1e-3 <= size < 1e7:
        return number(value, 3)
    places = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 or size == 0 else 3
    return f"{value:,.{places}f}"


def column(measure: Measure, values: Iterable[float]) -> Column:
    """The column of a measure that holds `values` (SI)."""
    if measure.unit == "share":
        return Column(measure, 0.01, "%" if measure.larger else "points")
    if measure.unit == "year":
        return Column(measure, 1.0, "years")
    return Column(measure, *common_unit(values, measure.unit))
