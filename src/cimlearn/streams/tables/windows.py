"""Windows over the rows of a table: never across tasks or recordings, nor across training and held-out rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.streams.tables.cells import as_number, parse_time
from cimlearn.streams.tables.holes import Clock, clock, filled
from cimlearn.streams.tables.table import Table

Rows = NDArray[np.int64]


class Windows(NamedTuple):
    """Windows of equal length, in the order of the table."""

    first: Rows  # (windows,) first row
    label: Rows  # (windows,) class
    task: Rows  # (windows,)
    test: NDArray[np.bool_]  # (windows,) whether it is held out
    names: tuple[str, ...]  # of the tasks
    training_rows: NDArray[np.bool_]  # (rows,) rows that are not held out
    row_task: Rows  # (rows,)
    unlabelled: int  # windows left out, as a row has no label
    values: NDArray[np.float32]  # (rows, features) with what stream.missing filled in
    unusable: NDArray[np.bool_]  # (rows,) rows that still have a cell without a number
    clock: Clock | None  # of a table with times


def cut_windows(table: Table, settings: Mapping[str, Any]) -> Windows:
    """All windows of stream.window rows, stream.hop apart.

    A stretch is neighbouring rows of one task, one recording, and all of them held out or none (rule 'same': of one
    label too); windows start at its beginning and lie within it.

    Raises
    ------
    InputError
        If no window fits into a stretch, or settings contradict each other or the table.
    """
    length = settings["window"]
    hop = settings["hop"] or length
    reach = length + (settings["ahead"] if table.target is not None else 0)  # to the row of the target
    task, names = _tasks(table, settings)
    group = table.codes.get("group", np.zeros(len(task), np.int64))
    ticks = clock(table, settings, group)
    part = np.zeros(len(task), np.int64) if ticks is None else ticks.part
    test = _held_out(table, settings, task, group, runs(task, group, part))
    values = filled(table, settings["missing"], runs(group, part, test))
    unusable = np.zeros(len(task), bool)
    if table.bad:
        unusable |= np.isnan(values).any(axis=1)
    same = (table.label,) if settings["rule"] == "same" else ()
    begin, end = runs(task, group, part, test, unusable, *same)
    starts = [
        np.arange(a, b - reach + 1, hop)
        for a, b in zip(begin.tolist(), end.tolist(), strict=True)
        if b - a >= reach and not unusable[a]
    ]
    if not starts:
        label = ", one label" if same else ""
        further = f" and {reach - length} to the target" if reach > length else ""
        raise InputError(
            f"stream.window = {length} rows{further} is longer than any stretch of {table.name} (one recording, one "
            f"task, held out or not{label}): the longest has {(end - begin).max()} rows; choose a shorter window, or "
            "longer blocks (stream.block)"
            + (
                ""
                if ticks is None or not ticks.holes
                else f"; windows end at the {ticks.holes} holes in time (stream.gap)"
            )
        )
    first = np.concatenate(starts)
    if table.target is None:
        found = _labels(table, first, length, settings["rule"])
    else:
        found = table.label[first + reach - 1]
    kept = found >= 0
    unlabelled = len(kept) - np.count_nonzero(kept)
    first = first[kept]
    return Windows(
        first,
        found[kept],
        task[first],
        test[first],
        names,
        ~test,
        task,
        int(unlabelled),
        values,
        unusable,
        ticks,
    )


def _tasks(table: Table, settings: Mapping[str, Any]) -> tuple[Rows, tuple[str, ...]]:
    """(rows,) the task of each row, and the names of the tasks."""
    rows, changes = len(table.label), settings["changes"]
    if "task" in table.codes:
        if changes is not None:
            raise InputError("stream.task and stream.changes both say where tasks begin; set one of them")
        return table.codes["task"], table.words["task"]
    if changes is None:
        return np.zeros(rows, np.int64), ("task 1",)
    words = [word.strip() for word in str(changes).strip("[] ").split(",")]
    points = np.array([parse_time(word, table.order) for word in words])
    if not np.isfinite(points).all():
        bad = words[int(np.flatnonzero(~np.isfinite(points))[0])]
        raise InputError(f"stream.changes holds {bad!r}; give row numbers, or times where stream.time is set")
    if (np.diff(points) <= 0).any():
        raise InputError(f"stream.changes = {changes} doesn't rise; give change points in order")
    timed = table.time is not None and (
        table.clock is None or any(np.isnan(as_number(word)) for word in words)
    )
    where = table.time if timed and table.time is not None else np.arange(rows, dtype=np.float64)
    task = np.searchsorted(points, where, side="right")
    for k in range(len(points) + 1):
        if not (task == k).any():
            unit = "times" if timed else "row numbers"
            raise InputError(
                f"stream.changes = {changes} leaves task {k + 1} without rows; {unit} of {table.name} go from "
                f"{where.min() + (not timed):g} to {where.max() + (not timed):g}"
            )
    return task, tuple(f"task {k + 1}" for k in range(len(points) + 1))


def runs(*of: NDArray[Any]) -> tuple[Rows, Rows]:
    """Begin and end of the stretches of neighbouring rows in which all arrays stay the same."""
    change = np.zeros(len(of[0]) - 1, bool)
    for array in of:
        change |= array[1:] != array[:-1]
    begin = np.concatenate(([0], np.flatnonzero(change) + 1))
    return begin, np.concatenate((begin[1:], [len(of[0])]))


def _held_out(
    table: Table, settings: Mapping[str, Any], task: Rows, group: Rows, runs: tuple[Rows, Rows]
) -> NDArray[np.bool_]:
    """(rows,) whether a row is held out."""
    share = settings["test_share"]
    if "part" in table.codes:
        words = [word.lower() for word in table.words["part"]]
        if sorted(words) != ["test", "train"]:
            raise InputError(
                f"stream.part of {table.name} holds {', '.join(table.words['part'])}; "
                "needed: train and test, and both"
            )
        return table.codes["part"] == words.index("test")
    if settings["split"] == "groups":
        if "group" not in table.codes:
            raise InputError("stream.split = groups needs a column of recordings; name it with stream.group")
        chosen = _every(np.zeros(len(table.words["group"]), np.int64), share)
        return chosen[group]
    return _blocks(table, settings["block"] or 4 * settings["window"], share, task, runs)


def _blocks(table: Table, size: int, share: float, task: Rows, runs: tuple[Rows, Rows]) -> NDArray[np.bool_]:
    """Every run is cut into blocks of about `size` rows; of those of a task and class, `share` are held out."""
    begins, ends = [], []
    for a, b in zip(*(part.tolist() for part in runs), strict=True):
        borders = np.linspace(a, b, max(1, (b - a) // size) + 1).astype(np.int64)
        begins.append(borders[:-1])
        ends.append(borders[1:])
    begin, end = np.concatenate(begins), np.concatenate(ends)
    middle = table.label[(begin + end) // 2]  # the class of a block, well enough to spread the blocks of each
    chosen = _every(task[begin] * (len(table.classes) + 1) + middle, share)
    return np.repeat(chosen, end - begin)


def _every(kind: Rows, share: float) -> NDArray[np.bool_]:
    """Which of the things of each kind are held out: a `share` of them, evenly spaced, not the first of two."""
    chosen = np.zeros(len(kind), bool)
    for one in np.unique(kind):
        mine = np.flatnonzero(kind == one)
        passed = np.floor(np.arange(len(mine) + 1) * share + 0.5)
        chosen[mine] = np.diff(passed) > 0
    return chosen


def _labels(table: Table, first: Rows, length: int, rule: str) -> Rows:
    """(windows,) the class of each window by the rule; -1 if a row of it has no label."""
    if rule == "majority":
        found, most = np.zeros(len(first), np.int64), np.zeros(len(first), np.int64)
        for k in range(len(table.classes)):
            count = _count(table.label == k, first, length)
            found[count > most] = k
            most = np.maximum(most, count)
    else:
        found = table.label[first + length - 1]
    found[_count(table.label < 0, first, length) > 0] = -1
    return found


def _count(rows: NDArray[np.bool_], first: Rows, length: int) -> Rows:
    """(windows,) how many of a window's rows are among `rows`."""
    before = np.concatenate(([0], np.cumsum(rows)))
    return before[first + length] - before[first]
