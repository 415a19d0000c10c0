"""Read measured conductance against pulses, as people keep it.

    long        device, polarity, pulse, conductance_uS        a row for each pulse; `device` and `pulse` may be missing
    wide        pulse, potentiation_uS, depression_uS          a column for each train; 'cell3_up_kohm' names its cell
    bare        two columns without names: up and down in normalised weights

Units stand in the name of a column: S, mS, uS, nS, pS of a conductance, ohm, kohm, Mohm, Gohm of a resistance;
`weight` or `normalised` for weights of -1 .. 1.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.untrusted.dialect import of_lines, pointed
from cimlearn.untrusted.files import read_bytes

SIEMENS: Final = {"S": 1.0, "mS": 1e-3, "uS": 1e-6, "µS": 1e-6, "nS": 1e-9, "pS": 1e-12}
OHM: Final = {"ohm": 1.0, "kohm": 1e3, "Mohm": 1e6, "Gohm": 1e9}
WEIGHT: Final = "weight"
UNITS: Final = (*SIEMENS, *OHM, WEIGHT)
UP: Final = ("potentiation", "up", "ltp", "set", "increase", "1", "+", "+1")
DOWN: Final = ("depression", "down", "ltd", "reset", "decrease", "-1", "-", "0", "2")
BYTES: Final = 1 << 28  # of a file
MOST: Final = 5_000_000  # rows of a table
LEAST: Final = 4  # pulses of a train that a law is fitted to


class Train(NamedTuple):
    """Pulses of one polarity on one cell."""

    device: str
    up: bool
    values: NDArray[np.float64]  # (1 + pulses,) conductance [S], or normalised weight


class Pulses(NamedTuple):
    """All trains of a file."""

    trains: tuple[Train, ...]
    normalised: bool  # values are weights of -1 .. 1, not siemens
    notes: tuple[str, ...]  # what was taken for granted


def read(file: str | Path, unit: str | None = None) -> Pulses:
    """The trains of a table; `unit` where no column's name says it.

    Raises
    ------
    InputError
        If the file can't be read, a unit is missing, or a value is none.
    """
    path = Path(file)
    if unit is not None and unit not in UNITS:
        raise InputError(f"--unit {unit}: give one of {', '.join(UNITS)}")
    rows = _rows(path)
    if all(_number(cell) is not None for cell in rows[0]):
        return _bare(path, rows, unit)
    names, body = [name.strip() for name in rows[0]], rows[1:]
    if not body:
        raise InputError(f"{path} has names and no rows")
    if len(set(names)) < len(names):
        raise InputError(f"{path}: two columns have the same name; rename one")
    lower = [name.lower() for name in names]
    if "polarity" in lower:
        return _long(path, names, body, unit)
    return _wide(path, names, body, unit)


def _rows(path: Path) -> list[list[str]]:
    """The cells of a CSV file, rows of blanks left out."""
    try:
        text = read_bytes(path, BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text file; save the table as CSV") from None
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    how = of_lines(lines)
    rows = [row for row in csv.reader(lines, delimiter=how.delimiter) if any(cell.strip() for cell in row)]
    if not rows:
        raise InputError(f"{path} is empty")
    if len(rows) > MOST:
        raise InputError(f"{path} has {len(rows):,} rows; at most {MOST:,} are read")
    wide = next((n for n, row in enumerate(rows) if len(row) != len(rows[0])), None)
    if wide is not None:
        raise InputError(f"{path}: row {wide + 1} has {len(rows[wide])} cells, the first {len(rows[0])}")
    return [list(pointed(row)) for row in rows] if how.comma else rows


def _number(text: str) -> float | None:
    """A finite number written in plain digits."""
    if not re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", text, re.ASCII):
        return None
    value = float(text)
    return value if np.isfinite(value) else None


def _unit(path: Path, name: str, given: str | None) -> str:
    """The unit that a column's name ends in, or the one given."""
    word = re.split(r"[_\s\[\(]+", name.strip(" ])"))[-1]
    if word in UNITS:
        return word
    known = {one.lower(): one for one in OHM if one != "Mohm"} | {"weight": WEIGHT, "normalised": WEIGHT}
    known |= {"normalized": WEIGHT, "w": WEIGHT}
    if word.lower() in known:
        return known[word.lower()]
    if given is not None:
        return given
    raise InputError(
        f"{path}: column '{name}' names no unit; call it conductance_uS, resistance_kohm or weight, or give --unit uS"
    )


def _values(path: Path, name: str, cells: Sequence[str], unit: str, first: int) -> NDArray[np.float64]:
    """Conductances [S], or weights, of a column; blanks at the end are left out."""
    kept = list(cells)
    while kept and not kept[-1].strip():
        kept.pop()
    found = [_number(cell) for cell in kept]
    wrong = next((n for n, value in enumerate(found) if value is None), None)
    if wrong is not None:
        raise InputError(f"{path}: row {wrong + first}, column '{name}': {kept[wrong]!r} is not a number")
    values = np.array(found, float)
    if unit == WEIGHT:
        return values
    if np.any(values <= 0):
        raise InputError(
            f"{path}: column '{name}' has values of 0 or below; a conductance or resistance is above"
        )
    return 1.0 / (values * OHM[unit]) if unit in OHM else values * SIEMENS[unit]


def _polarity(path: Path, word: str) -> bool:
    """True for a train upwards."""
    plain = word.strip().lower()
    if plain in UP:
        return True
    if plain in DOWN:
        return False
    raise InputError(f"{path}: polarity '{word}' is neither of potentiation, depression (or up, down)")


def _long(path: Path, names: list[str], body: list[list[str]], unit: str | None) -> Pulses:
    """A row for each pulse; a train ends where its device or polarity does, or its pulse number falls."""
    lower = [name.lower() for name in names]
    places = {word: lower.index(word) for word in ("device", "polarity", "pulse") if word in lower}
    others = [n for n in range(len(names)) if n not in places.values()]
    wanted = [n for n in others if lower[n].startswith(("conductance", "resistance", "weight", "g_", "r_"))]
    if len(wanted or others) != 1:
        raise InputError(
            f"{path}: which column holds the conductance? Found {', '.join(names[n] for n in others) or 'none'}; "
            "call one conductance_uS, resistance_kohm or weight"
        )
    column = (wanted or others)[0]
    found = _unit(path, names[column], unit)
    values = _values(path, names[column], [row[column] for row in body], found, 2)
    if len(values) < len(body):
        raise InputError(f"{path}: column '{names[column]}' ends before the others; drop those rows")
    trains, start = [], 0
    keys = [(row[places["device"]].strip() if "device" in places else "0", _polarity(path, row[places["polarity"]]))
            for row in body]  # fmt: skip
    numbers = [_number(row[places["pulse"]]) for row in body] if "pulse" in places else None
    for n in range(1, len(body) + 1):
        again = numbers is not None and n < len(body) and _before(numbers[n], numbers[n - 1])
        if n == len(body) or keys[n] != keys[n - 1] or again:
            trains.append(Train(keys[start][0], keys[start][1], values[start:n]))
            start = n
    return _checked(path, trains, found, [])


def _before(now: float | None, last: float | None) -> bool:
    """Whether a pulse number starts anew."""
    return now is not None and last is not None and now <= last


def _wide(path: Path, names: list[str], body: list[list[str]], unit: str | None) -> Pulses:
    """A column for each train."""
    trains, units = [], set()
    for n, name in enumerate(names):
        words = [word for word in re.split(r"[_\s\-\[\]\(\)]+", name) if word]
        ways = [word for word in words if word.lower() in (*UP[:5], *DOWN[:5])]
        if not ways:
            continue
        found = _unit(path, name, unit)
        units.add(WEIGHT if found == WEIGHT else "S")
        cell = next((word for word in words if word not in (*ways, found)), "0")
        values = _values(path, name, [row[n] for row in body], found, 2)
        trains.append(Train(cell, ways[0].lower() in UP, values))
    if not trains:
        raise InputError(
            f"{path}: no column 'polarity' and none that names one ({', '.join(names)}); call columns potentiation_uS "
            "and depression_uS, or give a row for each pulse with polarity, pulse, conductance_uS"
        )
    if len(units) > 1:
        raise InputError(f"{path}: some columns are weights, others conductances; give one of them")
    return _checked(path, trains, units.pop(), [])


def _bare(path: Path, rows: list[list[str]], unit: str | None) -> Pulses:
    """Two columns without names."""
    if len(rows[0]) != 2:
        raise InputError(
            f"{path} has {len(rows[0])} columns without names; name them in a first row: device, polarity, pulse, "
            "conductance_uS"
        )
    table = list(zip(*rows, strict=True))
    weights = any((_number(cell) or 0.0) < 0 for column in table for cell in column)
    if unit is None and not weights:
        raise InputError(
            f"{path}: the columns have no names, so no unit; give --unit uS (or kohm, weight), or name them"
        )
    found = unit or WEIGHT
    trains = [Train("0", n == 0, _values(path, str(n + 1), table[n], found, 1)) for n in range(2)]
    notes = ["the columns have no names: the first was taken for potentiation, the second for depression"]
    if unit is None:
        notes.append("values below 0 were taken for normalised weights, -1 .. 1 for the whole window")
    return _checked(path, trains, found, notes)


def _checked(path: Path, trains: list[Train], unit: str, notes: list[str]) -> Pulses:
    """The trains, long enough to fit."""
    long = [train for train in trains if len(train.values) > LEAST]
    if not long:
        raise InputError(f"{path}: no train of more than {LEAST} pulses; measure at least {LEAST + 1}")
    if len(long) < len(trains):
        notes.append(f"{len(trains) - len(long)} trains of {LEAST} pulses or fewer were left out")
    for train in long:
        if np.ptp(train.values) == 0:
            way = "potentiation" if train.up else "depression"
            raise InputError(f"{path}: device {train.device}, {way}: pulses never move the cell")
    return Pulses(tuple(long), unit == WEIGHT, tuple(notes))
