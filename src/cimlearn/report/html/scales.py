"""Where values stand along an axis: a share of its length, and the marks that a reader needs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from cimlearn.units import number

_TICKS: Final = 5  # about
_LOGARITHMIC: Final = 20.0  # largest to smallest; above it equal steps are equal factors
_NEVER: Final = 0.88  # share of the axis that finite values get where some are infinite


class Tick(NamedTuple):
    """A mark: where (0 to 1) and what it says."""

    share: float
    text: str


class Scale(NamedTuple):
    """An axis from `low` to `high`, linear or logarithmic; `never`: infinity stands at its end."""

    low: float
    high: float
    log: bool = False
    never: bool = False

    def place(self, value: float) -> float:
        """Share of the axis' length at which `value` stands, held inside the axis."""
        length = _NEVER if self.never else 1.0
        if math.isinf(value):
            return 1.0 if value > 0 else 0.0
        if self.log:
            if value <= 0:
                return 0.0
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return min(max(share, 0.0), 1.0) * length

    def ticks(self) -> list[Tick]:
        """The marks, from low to high."""
        values = _decades(self.low, self.high) if self.log else _steps(self.low, self.high)
        marks = [Tick(self.place(v), number(v, 4)) for v in values]
        return [*marks, Tick(1.0, "never")] if self.never else marks


def scale(values: Iterable[float], least: float = 0.0, bounds: tuple[float, float] | None = None) -> Scale:
    """The axis that holds all `values` with room at both ends, at least `least` long, inside `bounds`.

    Logarithmic where all are positive and the largest is 20 times the smallest.
    """
    every = list(values)
    finite = [v for v in every if math.isfinite(v)]
    never = len(finite) < len(every)
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if low > 0 and high / low >= _LOGARITHMIC:
        room = (high / low) ** 0.07
        return Scale(low / room, high * room, True, never)
    lacking = max(least, 1e-9 * abs(high), 1e-12) - (high - low)
    if lacking > 0:
        low, high = low - lacking / 2, high + lacking / 2
    room = 0.09 * (high - low)
    low, high = low - room, high + room
    if bounds is not None:
        low, high = max(low, bounds[0]), min(high, bounds[1])
    return Scale(low, high, False, never)


def _steps(low: float, high: float) -> list[float]:
    """Round numbers at equal steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * min((1, 2, 5, 10), key=lambda s: abs(math.log(s * power / rough)))
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _decades(low: float, high: float) -> list[float]:
    """Powers of ten; over a short range 2 and 5 times them too, over a long one only some."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    skip = max(1, math.ceil((last - first) / 7))
    factors = (1, 2, 5) if last - first <= 3 else (1,)
    values = [f * 10.0**k for k in range(first, last + 1) if k % skip == 0 for f in factors]
    return [v for v in values if low <= v <= high]
