"""Reading of quantities as people type them: what `units.value_text` prints, and its plain-keyboard forms.

>>> read("20uS", "S"), read("22 nm", "m"), read("10 kohm", "ohm")
(2e-05, 2.2e-08, 10000.0)
>>> read("2.5 × 10⁻⁷", "1"), read("12,900", "count"), read("0.1 µm²", "m2")
(2.5e-07, 12900.0, 1e-13)
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final

from cimlearn.units import PREFIXABLE, PREFIXES, unit_symbol
from cimlearn.untrusted import text

_POWERS: Final = {symbol: power for power, symbol in PREFIXES.items()} | {"u": -6, "μ": -6, "c": -2}
_COUNTS: Final = {"k": 3, "K": 3, "M": 6, "G": 9}  # of pure numbers: 10k examples
_TIMES: Final = {
    "min": 60.0,
    "h": 3600.0,
    "day": 86400.0,
    "days": 86400.0,
    "year": 31557600.0,
    "years": 31557600.0,
}
_GROUPS: Final = re.compile(r"[+-]?\d{1,3}(,\d{3})+(?![\d,])")  # 12,900 and 1,234,567.5
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?(?![\d_.,])")
_POWER: Final = re.compile(r"(?:\s*[×x*]\s*)?10(?:\^([+-]?\d+)|([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))")
_PLAIN: Final = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_CENTI: Final = frozenset({"m", "m2"})  # the only units that are cut into hundredths
_LEAST: Final = math.log10(2.0)


class WrongUnit(ValueError):
    """The text is a number, but of another unit."""


def read(given: str, unit: str) -> float:
    """The number in SI `unit` that a text stands for.

    A number alone is in SI. After it may stand the unit with a prefix, as ASCII (`uS`, `kohm`, `mm2`, `J/m2`) or as it
    is printed (`µS`, `kΩ`, `mm²`). `5 %` is a share, `10k` a count; seconds are also written min, h, days and years.

    Raises
    ------
    WrongUnit
        If there is a number, but what follows is another unit.
    ValueError
        If there is no number.
    """
    stripped = given.strip().replace("−", "-")  # the minus sign that units.number prints
    try:
        return text.number(stripped)
    except ValueError:
        mantissa, rest = _leading(stripped)
        factor = _factor("".join(rest.split()), unit)
        if factor is None:
            raise WrongUnit(rest.strip()) from None
        return _times(mantissa, factor)


def _leading(given: str) -> tuple[str, str]:
    """The number that a text begins with, in plain digits, and what follows."""
    if given.startswith(("∞", "-∞")):
        return given.replace("∞", "inf").split()[0], ""
    grouped = _GROUPS.match(given)
    plain = given[: grouped.end()].replace(",", "") + given[grouped.end() :] if grouped else given
    power = _POWER.match(plain)  # 10¹¹, without anything before
    if power and (power[1] or power[2]):
        return f"1e{power[1] or power[2].translate(_PLAIN)}", plain[power.end() :]
    found = _NUMBER.match(plain)
    if not found or not found[0].isascii():
        raise ValueError(f"{given!r} is not a number")
    rest = plain[found.end() :]
    power = _POWER.match(rest)
    if power and rest.lstrip()[:1] in ("×", "x", "*"):
        return f"{found[0]}e{power[1] or power[2].translate(_PLAIN)}", rest[power.end() :]
    return found[0], rest


def _times(mantissa: str, factor: tuple[int, float]) -> float:
    """Mantissa x 10^power x ratio, rounded once where there is no ratio: 20uS is 2e-05 to the last bit."""
    power, ratio = factor
    base, _, exponent = mantissa.lower().partition("e")
    if "inf" in base:
        return float(base)
    return float(f"{base}e{int(exponent or 0) + power}") * ratio


def _factor(written: str, unit: str) -> tuple[int, float] | None:
    """What the written unit is worth in SI `unit`, as power of ten and ratio; None if it is another unit."""
    if not written or written in names(unit):
        return 0, 1.0
    if unit in ("1", "count"):
        if written == "%" and unit == "1":
            return -2, 1.0
        return (_COUNTS[written], 1.0) if written in _COUNTS else None
    if unit == "s" and written in _TIMES:
        return 0, _TIMES[written]
    head = re.match(r"[A-Za-z]+", unit)
    if head is None or (head[0] not in PREFIXABLE and unit != "m2"):
        return None
    for prefix, power in _POWERS.items():
        if prefix and written.startswith(prefix) and written.removeprefix(prefix) in names(unit):
            if prefix == "c" and unit not in _CENTI:
                return None
            return (2 * power if unit == "m2" else power), 1.0
    return None


def names(unit: str) -> set[str]:
    """How a unit may be written: 'ohm m2' -> ohmm2, Ωm², ..., '1/s' -> 1/s, s⁻¹, s^-1."""
    compact = "".join(unit.split())
    printed = "".join(unit_symbol(unit).split())
    found = {
        compact,
        printed,
        printed.replace("²", "^2"),
        compact.replace("ohm", "Ohm"),
        compact.replace("ohm", "Ω"),
    }
    if unit.startswith("1/"):
        found |= {f"/{unit[2:]}", f"{unit[2:]}^-1"}
    return found - {""}


def like(given: float, unit: str, near: float | None, low: float, high: float) -> str | None:
    """The prefix that was forgotten, as a text to type: 22 -> '22nm' where metres near 3e-8 are wanted.

    Of the prefixes that bring the number into low .. high, the one that ends nearest to `near`; None if there is none.
    """
    if unit not in PREFIXABLE or not given:
        return None
    fits: Iterable[int] = [p for p in PREFIXES if p and low <= given * 10.0**p <= high]
    aim = math.log10(abs(near)) if near else _LEAST
    best = min(fits, key=lambda p: abs(math.log10(abs(given)) + p - aim), default=None)
    return None if best is None else f"{given:g}{'u' if best == -6 else PREFIXES[best]}{unit}"
