"""How a text file writes a table: what stands between its cells, and whether a comma marks decimals.

Programs set to German, French and other languages write `20,13;1013,0`. Found from the first lines:

    delimiter   the first of tab, ; and | that gives each line the same number of cells, two or more; else a comma
    decimal     a comma where cells hold it between digits and none holds a point there, and columns are not
                separated by commas
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from cimlearn.untrusted.files import check_file

AUTO: Final = "auto"
NAMES: Final = {"tab": "\t"}  # delimiters that settings call by a word
_LOOKED_AT: Final = 100  # lines
_BEGIN: Final = 1 << 20  # characters that hold them
_MARKS: Final = "\t;|"
_COMMA: Final = re.compile(r"\s*[+-]?(\d{1,3}(\.\d{3})+|\d*),\d+([eE][+-]?\d+)?\s*", re.A)  # 1,5 or 1.234,5
_POINT: Final = re.compile(r"\s*[+-]?\d*\.\d+([eE][+-]?\d+)?\s*", re.A)


class Dialect(NamedTuple):
    """How a text file writes a table."""

    delimiter: str
    comma: bool  # 1,5 is one and a half


def dialect(path: Path, delimiter: str = AUTO, decimal: str = AUTO) -> Dialect:
    """The dialect of the file; what is not `auto` is taken as given: a delimiter or `tab`, `point` or `comma`."""
    check_file(path)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        begin = file.read(_BEGIN)
    lines = begin.splitlines()
    whole = lines[:-1] if len(begin) == _BEGIN else lines
    return of_lines([line for line in whole if line.strip() and not line.startswith("#")], delimiter, decimal)


def of_lines(lines: Sequence[str], delimiter: str = AUTO, decimal: str = AUTO) -> Dialect:
    """The dialect of a table from its lines, blank ones and remarks left out."""
    known = lines[:_LOOKED_AT]
    mark = NAMES.get(delimiter, delimiter)
    if delimiter == AUTO:
        mark = next((one for one in _MARKS if _even(known, one)), ",")
    if decimal != AUTO or mark == ",":
        return Dialect(mark, decimal == "comma")
    cells = [cell for row in _rows(known, mark) for cell in row]
    commas, points = (any(form.fullmatch(cell) for cell in cells) for form in (_COMMA, _POINT))
    return Dialect(mark, commas and not points)


def pointed(cells: Sequence[str]) -> Sequence[str]:
    """Cells of a column with a point where a number has a comma: 1,5 becomes 1.5, 1.234,5 becomes 1234.5."""
    if "," not in "".join(cells):
        return cells
    return [cell.replace(".", "").replace(",", ".") if has_comma(cell) else cell for cell in cells]


def has_comma(cell: str) -> bool:
    """Whether a cell is a number with a decimal comma."""
    return _COMMA.fullmatch(cell) is not None


def _even(lines: Sequence[str], mark: str) -> bool:
    """Whether `mark` gives all lines the same number of cells, two or more."""
    counts = {len(row) for row in _rows(lines, mark)}
    return len(counts) == 1 and counts != {1}


def _rows(lines: Sequence[str], mark: str) -> list[list[str]]:
    try:
        return [row for row in csv.reader(lines, delimiter=mark) if row]
    except csv.Error:
        return []
