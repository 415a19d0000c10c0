"""A table of readings, column by column: what each column is for, and its rows as numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError, nearest
from cimlearn.streams.checking import MAX_CLASSES
from cimlearn.streams.tables.cells import (
    Bad,
    Codes,
    Column,
    as_number,
    date_order,
    is_time,
    numeric,
    times,
)
from cimlearn.streams.tables.dates import AUTO, DAY_FIRST
from cimlearn.untrusted import limits
from cimlearn.untrusted.dialect import has_comma

Block = Mapping[str, Any]  # neighbouring rows of a table: name -> Column
CODED = ("label", "task", "group", "part")


class Table(NamedTuple):
    """All rows of a table, in order. The arrays are read-only."""

    name: str
    features: tuple[str, ...]
    values: NDArray[np.float32]  # (rows, features), NaN where a cell is no finite number
    label: NDArray[np.int64]  # (rows,) class, -1 where there is none
    classes: tuple[str, ...]  # sorted, as numbers where all are
    codes: dict[str, NDArray[np.int64]]  # 'task', 'group', 'part' -> (rows,) numbers in order of appearance
    words: dict[str, tuple[str, ...]]  # 'task', 'group', 'part' -> what the numbers stand for
    time: NDArray[np.float64] | None  # (rows,) numbers, or seconds since 1970
    checksums: dict[str, str]
    bad: tuple[Bad, ...] = ()  # of each input that has cells which are no finite numbers
    clock: str | None = None  # the column that was recognised as time, where nobody named one
    target: NDArray[np.float32] | None = (
        None  # (rows,) numbers to answer, NaN where there is none; then one class
    )
    order: str = DAY_FIRST  # of dates with / or -
    comma: bool = False  # its numbers had decimal commas


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
    blocks = iter(blocks)
    head = next(blocks, None)
    clock = _clock(head, columns, roles, settings)
    if clock is not None:
        roles = {**roles, "time": clock}
    features = _features(name, columns, roles, settings)
    order = DAY_FIRST
    if head is not None and "time" in roles:
        order = date_order(head[roles["time"]], roles["time"], name, settings.get("dates", AUTO))
    codes = {role: Codes() for role in roles if role in CODED}
    found: dict[str, list[NDArray[Any]]] = {role: [] for role in (*roles, "values")}
    bad: dict[str, Bad] = {}
    rows = 0
    for block in chain(() if head is None else (head,), blocks):
        found["values"].append(_numbers(block, features, name, rows, bad))
        for role, column in roles.items():
            cells = block[column]
            if role in codes:
                found[role].append(codes[role].add(cells))
            elif role == "target":
                found[role].append(numeric(cells, column, name, rows)[0])
            else:
                found[role].append(times(cells, column, name, rows, order))
        rows += len(found["values"][-1])
        limits.check_bytes(name, 4 * rows * len(features))
    if rows == 0:
        raise InputError(f"{name} has no rows; give at least two classes of them")
    for one in bad.values():
        if 2 * one.cells > rows:
            raise not_a_number(name, one, f"{one.cells} of {rows} rows; choose inputs with stream.features")
    return _made(name, features, codes, found, roles)._replace(
        bad=tuple(bad.values()), clock=clock, order=order
    )


def _made(
    name: str,
    features: tuple[str, ...],
    codes: dict[str, Codes],
    found: dict[str, list[NDArray[Any]]],
    roles: Mapping[str, str],
) -> Table:
    """The table from the blocks of its columns."""
    whole = {key: np.concatenate(parts) for key, parts in found.items()}
    target = whole.get("target")
    if target is None:
        classes, label = _classes(codes["label"], whole["label"], name, roles["label"])
    else:
        classes, label = (roles["target"],), np.where(np.isnan(target), -1, 0)
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
        target=target,
    )


def not_a_number(name: str, bad: Bad, more: str) -> InputError:
    """The error of a cell that is no finite number."""
    what = "is empty" if bad.word == "" else f"is {bad.word!r}"
    if has_comma(bad.word):
        more = f"set stream.decimal = comma if a comma marks decimals; {more}"
    return InputError(
        f"{name}: column '{bad.column}' {what} in row {bad.row + 1}, where a finite number is needed; {more}"
    )


def _clock(
    head: Block | None, columns: Sequence[str], roles: Mapping[str, str], settings: Mapping[str, Any]
) -> str | None:
    """The first column of times, where nobody says which columns are the time and the inputs."""
    if head is None or settings["time"] is not None or settings["features"] is not None:
        return None
    free = (column for column in columns if column not in roles.values())
    return next((column for column in free if is_time(head[column])), None)


def _roles(name: str, columns: Sequence[str], settings: Mapping[str, Any]) -> dict[str, str]:
    """'label', 'task', ... -> column, for those that are asked for."""
    twice = sorted({column for column in columns if list(columns).count(column) > 1})
    if twice:
        raise InputError(f"{name} has several columns called '{twice[0]}'; rename one")
    wanted = {role: settings[role] for role in (*CODED, "time")}
    if settings.get("target") is not None:
        wanted = {"target": settings["target"]} | {r: column for r, column in wanted.items() if r != "label"}
    roles = {role: column for role, column in wanted.items() if column is not None}
    for role, column in roles.items():
        if column not in columns:
            raise InputError(
                f"{name} has no column '{column}' (stream.{role}); it has {', '.join(columns)}; "
                + (_which(role, column, columns) if len(columns) > 1 else "check stream.delimiter")
            )
    used: dict[str, str] = {}
    for role, column in roles.items():
        if role in ("label", "part") and column in used.values():
            raise InputError(f"stream.{role} = '{column}' of {name} has another purpose too; choose another")
        used[role] = column
    if "part" in roles and roles["part"] in (roles.get("label"), roles.get("target")):
        what = "label" if "label" in roles else "target"
        raise InputError(f"stream.part = '{roles['part']}' of {name} is the {what}; choose another column")
    return roles


def _which(role: str, column: str, columns: Sequence[str]) -> str:
    """What to do about a column that isn't there."""
    said = nearest(column, columns)
    return said if said.startswith("did") else f"set stream.{role} to the one that holds the {role}"


def _features(
    name: str, columns: Sequence[str], roles: Mapping[str, str], settings: Mapping[str, Any]
) -> tuple[str, ...]:
    """The columns that are inputs."""
    asked = settings["features"]
    past = "target" in roles and settings["ahead"] > 0  # the target's past is known, so it is an input
    if asked is None:
        others = [column for role, column in roles.items() if role != "target" or not past]
        chosen = tuple(column for column in columns if column not in others)
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
        if column == roles.get("label"):
            raise InputError(f"stream.features of {name} holds the label '{column}'; leave it out")
        if column == roles.get("target") and not past:
            raise InputError(
                f"stream.features of {name} holds the target '{column}', which would be read off; leave it out, or "
                "forecast it with stream.ahead = 1 or more"
            )
    return chosen


def _numbers(
    block: Block, features: tuple[str, ...], name: str, first: int, bad: dict[str, Bad]
) -> NDArray[np.float32]:
    """(rows, features) of a block; `first` rows came before. What is no number is added to `bad`."""
    columns = []
    for column in features:
        values, wrong = numeric(block[column], column, name, first)
        columns.append(values)
        if wrong is not None:
            before = bad.get(column)
            bad[column] = wrong if before is None else before._replace(cells=before.cells + wrong.cells)
    return np.stack(columns, axis=1)


def _classes(
    codes: Codes, label: NDArray[np.int64], name: str, column: str
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The sorted classes, and each row's number among them."""
    if not 2 <= len(codes.words) <= MAX_CLASSES:
        listed = f" ({codes.words[0]})" if len(codes.words) == 1 else ""
        raise InputError(
            f"{name}: column '{column}' has {len(codes.words)} different labels{listed}; "
            f"needed: 2 to {MAX_CLASSES}"
        )
    numbers = [as_number(word) for word in codes.words]
    known = all(n == n for n in numbers)
    order = sorted(range(len(numbers)), key=lambda k: numbers[k] if known else codes.words[k])
    rank = np.full(len(numbers) + 1, -1)  # the last one is for -1: no label
    rank[order] = np.arange(len(order))
    return tuple(codes.words[k] for k in order), rank[label]


def _refuse_blanks(
    codes: Mapping[str, Codes],
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
