"""Cells of a table as numbers, times and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.labels import is_missing
from cimlearn.streams.tables import dates
from cimlearn.untrusted import text

Column = Sequence[Any] | NDArray[Any]  # (rows,) texts, numbers or dates
_FINE: Final = np.finfo(np.float32).max
# Seconds, milliseconds, microseconds and nanoseconds since 1970, from 2001 to 2096.
EPOCHS: Final = tuple((1e9 * unit, 4e9 * unit) for unit in (1.0, 1e3, 1e6, 1e9))
_LOOKED_AT: Final = 1000  # cells from which a column of times is known


class Bad(NamedTuple):
    """The first cell of a column that is no finite number, and how many there are."""

    column: str
    row: int  # counted from 0
    word: str  # what it holds
    cells: int


def numeric(cells: Column, column: str, name: str, first: int) -> tuple[NDArray[np.float32], Bad | None]:
    """(rows,) numbers of one column, NaN where a cell is none; `first` rows came before.

    Raises
    ------
    InputError
        For complex numbers and structures.
    """
    kind = cells.dtype.kind if isinstance(cells, np.ndarray) else "O"
    if kind in "cV":
        raise InputError(
            f"{name}: column '{column}' is of type {cells.dtype}; give real numbers, such as its size and angle"  # type: ignore[union-attr]
        )
    try:
        if kind in "mM" or (kind in "OSU" and not _plain_digits(cells)):
            raise TypeError  # each cell says for itself whether it is a number
        exact = np.asarray(cells, np.float64)
    except (TypeError, ValueError):
        exact = np.array([as_number(cell) for cell in cells], np.float64)
    bad = ~(np.abs(exact) <= _FINE)  # NaN too
    if not bad.any():
        return exact.astype(np.float32), None
    row = int(np.flatnonzero(bad)[0])
    exact[bad] = np.nan
    return exact.astype(np.float32), Bad(column, first + row, as_text(cells[row]), int(bad.sum()))


def _plain_digits(cells: Column) -> bool:
    """Whether NumPy may read these texts: none holds an underscore or digits of another script."""
    try:
        joined = "".join(cells)
    except TypeError:
        return False
    return joined.isascii() and "_" not in joined


def as_number(cell: Any) -> float:
    """A cell as a number, NaN if it is none."""
    try:
        return text.number(cell)
    except (TypeError, ValueError):
        return float("nan")


def date_order(cells: Column, column: str, name: str, asked: str) -> str:
    """Whether day or month comes first in dates such as 31/01/2026; `asked` is that, or auto: what the cells tell.

    Raises
    ------
    InputError
        If the cells leave it open.
    """
    if asked != dates.AUTO:
        return asked
    plain = isinstance(cells, np.ndarray) and cells.dtype.kind not in "OSU"
    found = dates.DAY_FIRST if plain else dates.order_of(cells)
    if found is None:
        raise InputError(
            f"{name}: column '{column}' holds dates such as {as_text(cells[0])}, whose day and month can't be told "
            f"apart; set stream.dates = {dates.DAY_FIRST} or {dates.MONTH_FIRST}"
        )
    return found


def times(cells: Column, column: str, name: str, first: int, order: str) -> NDArray[np.float64]:
    """(rows,) times: numbers, dates as seconds since 1970, times of day as seconds since midnight.

    Raises
    ------
    InputError
        If a cell is no time.
    """
    if isinstance(cells, np.ndarray) and cells.dtype.kind == "M":
        found = np.where(np.isnat(cells), np.nan, cells.astype("datetime64[us]").astype(np.float64) / 1e6)
    else:
        found = np.array([parse_time(cell, order) for cell in cells], np.float64)
    if not np.isfinite(found).all():
        row = int(np.flatnonzero(~np.isfinite(found))[0])
        raise InputError(
            f"{name}: column '{column}' is {as_text(cells[row])!r} in row {first + row + 1}, which is no time; "
            "write numbers, or dates as 2026-01-31T12:00:00"
        )
    return found


def parse_time(cell: Any, order: str) -> float:
    """A time as a number: itself, or what `dates.seconds` says; NaN if it is none."""
    number = as_number(cell)
    return number if number == number else dates.seconds(cell, order)


def as_text(cell: Any) -> str:
    """A cell as a word; '' where nothing is known (empty, None, NaN). Whole numbers have no point: 1.0 is '1'."""
    if is_missing(cell):
        return ""
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    return (cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)).strip()


class Codes:
    """Numbers for the words of a column, in order of appearance."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self._known: dict[str, int] = {"": -1}

    def add(self, cells: Column) -> NDArray[np.int64]:
        """(rows,) numbers of the words in a block; -1 for none."""
        plain = cells.tolist() if isinstance(cells, np.ndarray) and cells.dtype.kind in "iufb" else cells
        return np.fromiter((self._code(as_text(cell)) for cell in plain), np.int64, len(plain))

    def _code(self, word: str) -> int:
        word = "" if word.lower() == "nan" else word  # a missing value that another program wrote as text
        if word not in self._known:
            self._known[word] = len(self.words)
            self.words.append(word)
        return self._known[word]


def is_time(cells: Column) -> bool:
    """Whether a column holds dates or times of day, or rising seconds (or ms, µs, ns) since 1970."""
    if isinstance(cells, np.ndarray) and cells.dtype.kind not in "iufOSU":
        return cells.dtype.kind == "M"
    seen = [cell for cell in cells[:_LOOKED_AT] if as_text(cell)]
    if len(seen) < 2:
        return False
    numbers = np.array([as_number(cell) for cell in seen])
    if np.isnan(numbers).all():
        order = dates.order_of(seen) or dates.DAY_FIRST
        return all(np.isfinite(parse_time(cell, order)) for cell in seen)
    inside = any((numbers > low).all() and (numbers < high).all() for low, high in EPOCHS)
    return inside and bool((np.diff(numbers) >= 0).all()) and numbers[-1] > numbers[0]
