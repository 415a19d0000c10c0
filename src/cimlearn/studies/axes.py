"""What a study varies: values that are listed, values that are drawn, and how a value is written in a run's name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from numpy.random import Generator

from cimlearn.errors import InputError, nearest

_DIGITS = 6  # of a drawn number, so that names, files and command lines can hold it exactly
_TRIES = 10_000  # draws until one lies inside the limits


@dataclass(frozen=True)
class Range:
    """Uniform from `low` to `high`, or uniform in the logarithm; whole numbers include both ends."""

    low: float
    high: float
    log: bool = False

    def draw(self, rng: Generator, *, whole: bool = False) -> float:
        """One value."""
        low, high = (self.low, self.high + 1) if whole else (self.low, self.high)
        if self.log:
            value = math.exp(rng.uniform(math.log(low), math.log(high)))
        else:
            value = float(rng.uniform(low, high))
        return min(math.floor(value), math.floor(self.high)) if whole else _rounded(value)


@dataclass(frozen=True)
class Choice:
    """One of `values`, each as likely."""

    values: tuple[Any, ...]

    def draw(self, rng: Generator, *, whole: bool = False) -> Any:
        """One value, as it is listed."""
        return self.values[int(rng.integers(len(self.values)))]


@dataclass(frozen=True)
class Normal:
    """Normal with `mean` and standard deviation `std`, drawn again while outside `low` to `high`."""

    mean: float
    std: float
    low: float = -math.inf
    high: float = math.inf

    def draw(self, rng: Generator, *, whole: bool = False) -> float:
        """One value."""
        return _inside(lambda: float(rng.normal(self.mean, self.std)), self.low, self.high, whole)


@dataclass(frozen=True)
class LogNormal:
    """exp(normal): half of the values are above `median`; `sigma` is the standard deviation of the logarithm."""

    median: float
    sigma: float
    low: float = 0.0
    high: float = math.inf

    def draw(self, rng: Generator, *, whole: bool = False) -> float:
        """One value."""
        middle = math.log(self.median)
        return _inside(lambda: math.exp(rng.normal(middle, self.sigma)), self.low, self.high, whole)


Spread = Range | Choice | Normal | LogNormal


@dataclass(frozen=True)
class Draws:
    """Values drawn for several parameters, `count` times; draw n of one parameter depends on seed, name and n alone."""

    count: int
    seed: int
    spreads: Mapping[str, Spread]


def _rounded(value: float) -> float:
    """`value` to a few digits."""
    return float(f"{value:.{_DIGITS}g}")


def _inside(draw: Callable[[], float], low: float, high: float, whole: bool) -> float:
    """The first of many draws between `low` and `high`."""
    for _ in range(_TRIES):
        value = draw()
        value = round(value) if whole else _rounded(value)
        if low <= value <= high:
            return value
    raise InputError(f"none of {_TRIES} draws lies between {low:g} and {high:g}; widen these limits")


_FORMS: Final[dict[type, tuple[frozenset[str], frozenset[str]]]] = {  # keys that a form needs, and may have
    Range: (frozenset({"low", "high"}), frozenset({"log"})),
    Choice: (frozenset({"choices"}), frozenset()),
    Normal: (frozenset({"mean", "std"}), frozenset({"low", "high"})),
    LogNormal: (frozenset({"median", "sigma"}), frozenset({"low", "high"})),
}
FORMS: Final = (
    "{low = 0.1, high = 1.0} or {low = 1e5, high = 1e9, log = true}, {choices = [1, 2]}, "
    "{mean = 1.0, std = 0.1}, {median = 1e6, sigma = 0.5}"
)


def spread_of(name: str, given: Any) -> Spread:
    """The spread that a study file gives for the parameter `name`.

    Raises
    ------
    InputError
        For unknown or missing keys, values that are no numbers, and limits the wrong way round.
    """
    if not isinstance(given, Mapping):
        raise InputError(f"{name} = {given!r} is not a spread; write one of {FORMS}")
    known = sorted({key for needs, may in _FORMS.values() for key in needs | may})
    for key in given:
        if key not in known:
            raise InputError(f"{name}: unknown key '{key}'; {nearest(key, known)}")
    keys = frozenset(given)
    form = next((form for form, (needs, may) in _FORMS.items() if needs <= keys <= needs | may), None)
    if form is None:
        raise InputError(f"{name}: {', '.join(sorted(keys)) or 'nothing'} is no spread; write one of {FORMS}")
    if form is Choice:
        return _choice(name, given["choices"])
    for key, value in given.items():
        if key == "log" and not isinstance(value, bool):
            raise InputError(f"{name}: log = {value!r} is neither true nor false")
        if key != "log" and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise InputError(f"{name}: {key} = {value!r} is not a number")
        if not math.isfinite(value):
            raise InputError(f"{name}: {key} = {value} is not finite")
    spread: Spread = form(**given)
    _check(name, spread)
    return spread


def _choice(name: str, values: Any) -> Choice:
    """A choice among the list `values`."""
    if not isinstance(values, list) or not values:
        raise InputError(f"{name}: choices = {values!r} is not a list of at least one value")
    return Choice(tuple(values))


def _check(name: str, spread: Spread) -> None:
    """Raise InputError for numbers that make no spread."""
    match spread:
        case Range(low, high, log):
            if not low < high:
                raise InputError(f"{name}: low = {low:g} is not below high = {high:g}; swap or widen them")
            if log and low <= 0:
                raise InputError(f"{name}: low = {low:g} has no logarithm; give a value above 0")
        case Normal(_, std, low, high) | LogNormal(_, std, low, high):
            word = "std" if isinstance(spread, Normal) else "sigma"
            if std < 0:
                raise InputError(f"{name}: {word} = {std:g} is below 0")
            if not low < high:
                raise InputError(f"{name}: low = {low:g} is not below high = {high:g}; swap or widen them")
            if isinstance(spread, LogNormal) and spread.median <= 0:
                raise InputError(f"{name}: median = {spread.median:g} has no logarithm; give a value above 0")


def value_text(value: Any) -> str:
    """A value as part of a run's name: 1e6, 0.05, none, 8+4, vteam; the same text for 1e6 and 1000000."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return _number_text(value)
    if isinstance(value, list | tuple):
        return "+".join(value_text(item) for item in value)
    return "none" if value is None else re.sub(r"[^\w.+-]+", "-", str(value)).strip("-") or "-"


def _number_text(value: int | float) -> str:
    """A number with all its digits, and an exponent where it is shorter."""
    if not math.isfinite(value) or value == 0:
        return "0" if value == 0 else str(value)
    number = Decimal(repr(value)).normalize()
    if 1e-4 <= abs(value) < 1e5:
        return format(number, "f")
    return format(number, "e").replace("e+", "e")
