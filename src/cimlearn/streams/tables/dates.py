"""Dates and times of day as people write them.

2026-01-31T12:00:00 (ISO 8601), 31.01.2026 12:00, 1/31/2026 2:05:09 PM, 31-01-2026, 14:05:09.25 alone. With dots the
day comes first. With / or - either may; a number above 12 in the column tells, or stream.dates does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

NAN: Final = float("nan")
DAY_FIRST, MONTH_FIRST, AUTO = "day-first", "month-first", "auto"
_CLOCK: Final = r"(\d{1,2}):(\d{2})(?::(\d{2}(?:[.,]\d{1,9})?))?(?:\s?([ap])\.?m\.?)?"
_DATE: Final = re.compile(
    rf"\s*(\d{{1,2}})([./-])(\d{{1,2}})\2(\d{{4}})(?:[T,\s]\s*{_CLOCK})?\s*", re.A | re.I
)
_TIME: Final = re.compile(rf"\s*{_CLOCK}\s*", re.A | re.I)
_MONTHS: Final = 12
_HOURS, _HALF = 24, 12


def seconds(word: Any, order: str) -> float:
    """A date as seconds since 1970 (UTC where it names no zone), a time of day as seconds since midnight; NaN if it is
    neither. `order` is day-first or month-first, for dates with / or -.
    """
    if isinstance(word, datetime):
        return _stamp(word)
    text = str(word)
    if (found := _DATE.fullmatch(text)) is not None:
        first, mark, second, year, *clock = found.groups()
        day, month = (second, first) if order == MONTH_FIRST and mark != "." else (first, second)
        with suppress(ValueError, OverflowError):
            return _stamp(datetime(int(year), int(month), int(day))) + (_of_day(clock) if clock[0] else 0.0)
        return NAN
    if (found := _TIME.fullmatch(text)) is not None:
        return _of_day(found.groups())
    with suppress(ValueError, OverflowError):
        return _stamp(datetime.fromisoformat(text.strip()))
    return NAN


def order_of(words: Iterable[Any]) -> str | None:
    """Which comes first in dates with / or -, day or month; None where no number among them tells."""
    found = [match for word in words if (match := _DATE.fullmatch(str(word))) is not None and match[2] != "."]
    if any(int(match[1]) > _MONTHS for match in found):
        return DAY_FIRST
    return MONTH_FIRST if not found or any(int(match[3]) > _MONTHS for match in found) else None


def _stamp(date: datetime) -> float:
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _of_day(clock: Iterable[str | None]) -> float:
    """Seconds since midnight of hours, minutes, seconds and a or p."""
    hour, minute, second, half = clock
    h, m, s = int(hour or 0), int(minute or 0), float((second or "0").replace(",", "."))
    if half is not None:
        if not 1 <= h <= _HALF:
            return NAN
        h = h % _HALF + (_HALF if half in "pP" else 0)
    return 3600.0 * h + 60.0 * m + s if h < _HOURS and m < 60 and s < 60 else NAN
