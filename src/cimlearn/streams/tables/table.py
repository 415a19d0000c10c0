"""A table of readings, column by column: what each column is for, and its rows as numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError, nearest
from cimlearn.streams.checking import MAX_CLASSES
from cimlearn.untrusted import limits, text

Column = Sequence[Any] | NDArray[Any]  # (rows,) texts, numbers or dates
Block = Mapping[str, Any]  # neighbouring rows of a table: name -> Column
CODED = ("label", "task", "group", "part")
_FINE = np.finfo(np.float32).max


class Table(NamedTuple):
    """All rows of a table, in order. The arrays are read-only."""

    name: str
    features: tuple[str, ...]
    values: NDArray[np.float32]  # (rows, features)
    label: NDArray[np.int64]  # (rows,) class, -1 where there is none
    classes: tuple[str, ...]  # sorted, as numbers where all are
    codes: dict[str, NDArray[np.int64]]  # 'task', 'group', 'part' -> (rows,) numbers in order of appearance
    words: dict[str, tuple[str, ...]]  # 'task', 'group', 'part' -> what the numbers stand for
    time: NDArray[np.float64] | None  # (rows,) numbers, or seconds since 1970
    checksums: dict[str, str]


def make_table(
    name: str, columns: Sequence[str], blocks: Iterable[Block], settings: Mapping[str, Any]
) -> Table:
    """The table called `name` from its column names and its rows, block by block.

    Raises
    ------
    InputError
        If a column is missing or has two purposes, a value is no finite number (names row and column), or there are
        fewer than two classes.
    """
    roles = _roles(name, columns, settings)
    features = _features(name, columns, roles, settings)
    codes = {role: _Codes() for role in roles if role in CODED}
    found: dict[str, list[NDArray[Any]]] = {role: [] for role in (*roles, "values")}
    rows = 0
    for block in blocks:
        found["values"].append(_numbers(block, features, name, rows))
        for role, column in roles.items():
            cells = block[column]
            coded = codes[role].add(cells) if role in codes else _times(cells, column, name, rows)
            found[role].append(coded)
        rows += len(found["values"][-1])
        limits.check_bytes(name, 4 * rows * len(features))
    if rows == 0:
        raise InputError(f"{name} has no rows; give at least two classes of them")
    whole = {key: np.concatenate(parts) for key, parts in found.items()}
    classes, label = _classes(codes["label"], whole["label"], name, roles["label"])
    others = [role for role in codes if role != "label"]
    _refuse_blanks(codes, whole, others, roles, name)
    for array in (whole["values"], label):
        array.flags.writeable = False
    return Table(
        name,
        features,
        whole["values"],
        label,
        classes,
        {role: whole[role] for role in others},
        {role: tuple(codes[role].words) for role in others},
        whole.get("time"),
        {},
    )


def _roles(name: str, columns: Sequence[str], settings: Mapping[str, Any]) -> dict[str, str]:
    """'label', 'task', ... -> column, for those that are asked for."""
    twice = sorted({column for column in columns if list(columns).count(column) > 1})
    if twice:
        raise InputError(f"{name} has several columns called '{twice[0]}'; rename one")
    roles = {role: settings[role] for role in (*CODED, "time") if settings[role] is not None}
    for role, column in roles.items():
        if column not in columns:
            raise InputError(
                f"{name} has no column '{column}' (stream.{role}); it has {', '.join(columns)}; "
                + (nearest(column, columns) if len(columns) > 1 else "check stream.delimiter")
            )
    used: dict[str, str] = {}
    for role, column in roles.items():
        if role in ("label", "part") and column in used.values():
            raise InputError(f"stream.{role} = '{column}' of {name} has another purpose too; choose another")
        used[role] = column
    if roles.get("part") == roles["label"]:
        raise InputError(f"stream.part = '{roles['part']}' of {name} is the label; choose another column")
    return roles


def _features(
    name: str, columns: Sequence[str], roles: Mapping[str, str], settings: Mapping[str, Any]
) -> tuple[str, ...]:
    """The columns that are inputs."""
    asked = settings["features"]
    if asked is None:
        chosen = tuple(column for column in columns if column not in roles.values())
        if not chosen:
            raise InputError(f"{name} has no column besides {', '.join(roles.values())}; add inputs")
        return chosen
    chosen = tuple(part.strip() for part in asked.strip("[] ").split(","))
    for column in chosen:
        if chosen.count(column) > 1:
            raise InputError(f"stream.features of {name} names '{column}' twice; name it once")
        if column not in columns:
            raise InputError(
                f"{name} has no column '{column}' (stream.features); it has {', '.join(columns)}; "
                + nearest(column, columns)
            )
        if column == roles["label"]:
            raise InputError(f"stream.features of {name} holds the label '{column}'; leave it out")
    return chosen


def _numbers(block: Block, features: tuple[str, ...], name: str, first: int) -> NDArray[np.float32]:
    """(rows, features) of a block; `first` rows came before."""
    columns = [_numeric(block[column], column, name, first) for column in features]
    return np.stack(columns, axis=1)


def _numeric(cells: Column, column: str, name: str, first: int) -> NDArray[np.float32]:
    """(rows,) numbers of one column."""
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
        exact = np.array([_number(cell) for cell in cells], np.float64)
    bad = ~(np.abs(exact) <= _FINE)  # NaN too
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        cell = cells[row]
        what = "is empty" if _text(cell) == "" else f"is {_text(cell)!r}"
        raise InputError(
            f"{name}: column '{column}' {what} in row {first + row + 1}, where a finite number is needed; "
            "mend it, or name the inputs with stream.features"
        )
    return exact.astype(np.float32)


def _plain_digits(cells: Column) -> bool:
    """Whether NumPy may read these texts: none holds an underscore or digits of another script."""
    try:
        joined = "".join(cells)
    except TypeError:
        return False
    return joined.isascii() and "_" not in joined


def _number(cell: Any) -> float:
    """A cell as a number, NaN if it is none."""
    try:
        return text.number(cell)
    except (TypeError, ValueError):
        return float("nan")


def _times(cells: Column, column: str, name: str, first: int) -> NDArray[np.float64]:
    """(rows,) times: numbers, or dates as seconds since 1970."""
    if isinstance(cells, np.ndarray) and cells.dtype.kind == "M":
        seconds = cells.astype("datetime64[us]").astype(np.float64) / 1e6
        return np.where(np.isnat(cells), np.nan, seconds)
    times = np.array([parse_time(cell) for cell in cells], np.float64)
    if not np.isfinite(times).all():
        row = int(np.flatnonzero(~np.isfinite(times))[0])
        raise InputError(
            f"{name}: column '{column}' is {_text(cells[row])!r} in row {first + row + 1}, which is no time; "
            "write numbers, or dates as 2026-01-31T12:00:00"
        )
    return times


def parse_time(cell: Any) -> float:
    """A time as a number: itself, or seconds since 1970 (dates without a zone count as UTC); NaN if it is none."""
    number = _number(cell)
    if number == number:
        return number
    try:
        date = cell if isinstance(cell, datetime) else datetime.fromisoformat(str(cell).strip())
    except ValueError:
        return float("nan")
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _text(cell: Any) -> str:
    """A cell as a word; '' where nothing is known (empty, None, NaN). Whole numbers have no point: 1.0 is '1'."""
    if cell is None or (not isinstance(cell, str | bytes) and not _is_itself(cell)):
        return ""
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    return (cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)).strip()


def _is_itself(cell: Any) -> bool:
    """False for NaN and for other libraries' missing values."""
    try:
        return bool(cell == cell)
    except TypeError:
        return False


class _Codes:
    """Numbers for the words of a column, in order of appearance."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self._known: dict[str, int] = {"": -1}

    def add(self, cells: Column) -> NDArray[np.int64]:
        """(rows,) numbers of the words in a block; -1 for none."""
        plain = cells.tolist() if isinstance(cells, np.ndarray) and cells.dtype.kind in "iufb" else cells
        return np.fromiter((self._code(_text(cell)) for cell in plain), np.int64, len(plain))

    def _code(self, word: str) -> int:
        if word not in self._known:
            self._known[word] = len(self.words)
            self.words.append(word)
        return self._known[word]


def _classes(
    codes: _Codes, label: NDArray[np.int64], name: str, column: str
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The sorted classes, and each row's number among them."""
    if not 2 <= len(codes.words) <= MAX_CLASSES:
        listed = f" ({codes.words[0]})" if len(codes.words) == 1 else ""
        raise InputError(
            f"{name}: column '{column}' has {len(codes.words)} different labels{listed}; "
            f"needed: 2 to {MAX_CLASSES}"
        )
    numbers = [_number(word) for word in codes.words]
    known = all(n == n for n in numbers)
    order = sorted(range(len(numbers)), key=lambda k: numbers[k] if known else codes.words[k])
    rank = np.full(len(numbers) + 1, -1)  # the last one is for -1: no label
    rank[order] = np.arange(len(order))
    return tuple(codes.words[k] for k in order), rank[label]


def _refuse_blanks(
    codes: Mapping[str, _Codes],
    whole: Mapping[str, NDArray[Any]],
    roles: Iterable[str],
    columns: Mapping[str, str],
    name: str,
) -> None:
    """Raise InputError where a task, group or part isn't given."""
    for role in roles:
        blank = np.flatnonzero(whole[role] < 0)
        if len(blank):
            raise InputError(
                f"{name}: column '{columns[role]}' is empty in row {blank[0] + 1}; give each row a {role}"
            )


def frame_blocks(frame: Any, name: str) -> tuple[list[str], Iterator[Block]]:
    """Column names and rows of a data frame (pandas, polars, PyArrow), a mapping or a structured array."""
    names = getattr(frame, "column_names", None)
    if names is None:
        names = getattr(frame, "columns", None)
    if names is None and isinstance(frame, np.ndarray):
        names = frame.dtype.names
    if names is None and isinstance(frame, Mapping):
        names = list(frame)
    if names is None or not hasattr(frame, "__getitem__"):
        raise InputError(
            f"{name} is a {type(frame).__name__}; give a data frame, a mapping of columns, or a file's path"
        )
    columns = {str(key): _plain(frame[key]) for key in names}
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        raise InputError(f"{name} has columns of {sorted(lengths)} rows; make them equally long")
    return [str(key) for key in names], iter([columns])


def _plain(column: Any) -> Column:
    """A column of a data frame as an array."""
    given = column.to_numpy() if hasattr(column, "to_numpy") else column
    return given if isinstance(given, list) else np.asarray(given)
