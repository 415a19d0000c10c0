"""Rates of operations, lifetimes and lists of figures in words, alike on pages, in tables and in Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cimlearn.units import number

MOST_YEARS: Final = 100  # a longer lifetime is told as "> 100 years": no law of wear was measured so far out


def op_rate(value: float, unit: str) -> str:
    """A rate of operations: '29.4 GOPS', '6.7 TOPS/W'."""
    prefix, size = ("T", 1e12) if value >= 1e12 else ("G", 1e9)
    return f"{number(float(f'{value / size:.3g}'), 3)} {prefix}{unit}"


def years(value: float | None) -> str:
    """A lifetime: '12.2 years', '142 days', '> 100 years' beyond what anybody could check, 'never' for None."""
    if value is None:
        return "never"
    if value > MOST_YEARS:
        return f"> {MOST_YEARS} years"
    if value >= 1:
        return f"{number(float(f'{value:.3g}'), 3)} years"
    return f"{number(float(f'{365.25 * value:.3g}'), 3)} days"


def lined(lines: Sequence[tuple[str, str]]) -> str:
    """Names and texts as plain text, a line each, texts below each other."""
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {words}" for name, words in lines)
