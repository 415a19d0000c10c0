"""Printing of numbers: SI inside the program, prefixes and separators only here.

>>> quantity(3.2e-12, "J")
'3.2 pJ'
>>> count(1_234_567)
'1.23 M'
>>> whole(1_234_567)
'1,234,567'
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from statistics import median
from typing import Any

PREFIXES = {
    -18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "",
    3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E",
}  # fmt: skip
PREFIXABLE = frozenset(
    {"A", "B", "C", "F", "H", "Hz", "J", "Pa", "S", "T", "V", "W", "eV", "g", "m", "ohm", "s"}
)
_AREAS = {0: "m²", -6: "mm²", -12: "µm²", -18: "nm²"}  # power of ten [m²] -> symbol
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _split(value: float, digits: int) -> tuple[float, int]:
    """The value rounded to `digits` significant digits, as mantissa (1 <= |m| < 10) and power of ten."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return float(mantissa), int(exponent)


def _fixed(mantissa: float, shift: int, digits: int) -> str:
    """Mantissa x 10^shift with `digits` significant digits, without trailing zeros."""
    text = f"{mantissa * 10**shift:,.{max(0, digits - 1 - shift)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def number(value: float, digits: int = 6) -> str:
    """A pure number to `digits` digits: 0.002, 10¹¹, 2.5 × 10⁻⁷; whole ones below 10⁷ exactly: 12,900."""
    if not math.isfinite(value):
        return {"inf": "∞", "-inf": "−∞"}.get(str(value), "not a number")
    if value == 0:
        return "0"
    if float(value).is_integer() and abs(value) < 1e7:
        return whole(int(value))
    mantissa, exponent = _split(value, digits)
    if -4 <= exponent < 7:
        return _fixed(mantissa, exponent, digits)
    power = "10" + str(exponent).translate(_SUPERSCRIPT)
    return power if mantissa == 1 else f"{mantissa:.{digits}g} × {power}"


def quantity(value: float, unit: str, digits: int = 3) -> str:
    """A quantity in SI `unit` with the prefix that makes it readable, such as '200 ns' for 2e-7 s.

    Only units that take a prefix get one; "1" and "count" are pure numbers, "m2" becomes µm², mm² or m².
    """
    if unit in ("1", "count"):
        return number(value, max(digits, 6))
    match = re.fullmatch(r"([A-Za-z]+)(|[/·* ].*)", unit)
    if not math.isfinite(value) or value == 0:
        return f"{number(value)} {unit_symbol(unit)}"
    if unit == "m2":
        power = min(max(math.floor(_split(value, digits)[1] / 6) * 6, -18), 0)
        return f"{number(float(f'{value / 10.0**power:.{digits}g}'))} {_AREAS[power]}"
    if match and match[1] in PREFIXABLE:
        mantissa, exponent = _split(value, digits)
        power = math.floor(exponent / 3) * 3
        if power in PREFIXES:
            symbol = unit_symbol(match[1]) + unit_symbol(match[2])
            return f"{_fixed(mantissa, exponent - power, digits)} {PREFIXES[power]}{symbol}"
    return f"{number(value, max(digits, 6))} {unit_symbol(unit)}"


def common_unit(values: Iterable[float], unit: str) -> tuple[float, str]:
    """How much of SI `unit` one step is, and its symbol, so that most values are readable: (1e-06, 'µJ')."""
    sizes = [abs(v) for v in values if math.isfinite(v) and v != 0]
    if not sizes or (unit not in PREFIXABLE and unit != "m2"):
        return 1.0, unit_symbol(unit)
    exponent = _split(median(sizes), 3)[1]
    if unit == "m2":
        power = min(max(math.floor(exponent / 6) * 6, -18), 0)
        return 10.0**power, _AREAS[power]
    power = min(max(math.floor(exponent / 3) * 3, -18), 18)
    return 10.0**power, PREFIXES[power] + unit_symbol(unit)


def unit_symbol(unit: str) -> str:
    """A unit as it is printed: 'ohm' -> 'Ω', 'J/m2' -> 'J/m²', '1/s' -> 's⁻¹', '1' and 'count' -> ''."""
    if unit in ("1", "count"):
        return ""
    if match := re.fullmatch(r"1/([A-Za-z]+)", unit):
        return unit_symbol(match[1]) + "⁻¹"
    unit = re.sub(r"\bohm\b", "Ω", unit)
    return re.sub(r"(?<=[a-zA-Z])([23])\b", lambda m: m[1].translate(_SUPERSCRIPT), unit)


def count(value: float, digits: int = 3) -> str:
    """A count, short: 950, 12.9 k, 1.2 M. Under 1,000 a whole number is exact."""
    if value == 0 or abs(value) < 1000:
        return number(value, digits)
    mantissa, exponent = _split(value, digits)
    power = min(math.floor(exponent / 3) * 3, 18)
    return f"{_fixed(mantissa, exponent - power, digits)} {PREFIXES[power]}".rstrip()


def whole(value: int) -> str:
    """A whole number, every digit, in groups of three: 1,234,567."""
    return f"{value:,d}"


def si_text(value: Any, unit: str) -> str:
    """A value as it is set, in SI and with every digit: '5e-08 s'; empty if `value_text` says the same."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return ""
    if isinstance(value, list | tuple):
        text = ",".join(_typed(item) for item in value)
    else:
        text = _typed(value)
    text = f"{text} {unit_symbol(unit)}".rstrip()
    return "" if isinstance(value, bool) or text == value_text(value, unit).replace(",", "") else text


def _typed(value: float) -> str:
    """A number as one types it, with every digit: 3534, 0.57, 1e+09."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value).removesuffix(".0")


def percent(share: float | None, decimals: int = 1) -> str:
    """A share (0 to 1) in percent: 0.912 -> '91.2 %'; '–' for None."""
    return "–" if share is None else f"{100 * share:.{decimals}f} %"


def points(difference: float | None, decimals: int = 1) -> str:
    """A difference of shares in percentage points: 0.021 -> '2.1 points'; '–' for None."""
    return "–" if difference is None else f"{100 * difference:.{decimals}f} points"


def plural(amount: int, noun: str) -> str:
    """An amount with its noun: '1 task', '5 tasks'."""
    return f"{whole(amount)} {noun}{'' if amount == 1 else 's'}"


def value_text(value: Any, unit: str) -> str:
    """The value of a parameter for a reader: numbers with prefix and unit, 'off' for None, 'yes' or 'no'."""
    if value is None:
        return "off"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return quantity(value, unit, digits=6)
    if isinstance(value, list | tuple):
        return ", ".join(
            value_text(item, unit).replace(",", "") for item in value
        )  # 12900: commas part the items
    return str(value)
