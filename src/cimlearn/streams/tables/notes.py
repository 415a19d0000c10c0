"""What a table was cut into: what is left out, counted, and what the reader of an accuracy should know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cimlearn.streams.tables.cells import EPOCHS
from cimlearn.streams.tables.holes import Clock
from cimlearn.streams.tables.table import Table
from cimlearn.streams.tables.windows import Windows, runs
from cimlearn.units import percent, plural, whole

MOST: Final = 0.5  # a share above it is most of them
MANY: Final = 0.05  # a share of filled cells above it is worth a word
_RISING: Final = 20  # rows from which a rising column is no chance
_FAST: Final = 2  # rows a second from which a window of one second holds several
_RARELY: Final = 0.01  # share of steps back that a counter makes when it begins anew


def notes(table: Table, cut: Windows, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Entries of `stream_facts`: recordings, rows in no window, holes in time, missing cells, and `warnings`."""
    length = settings["window"]
    left = _left(cut, length)
    group = table.codes.get("group", np.zeros(len(left), np.int64))
    recordings = int(group.max()) + 1
    without = recordings - len(np.unique(group[cut.first]))
    said: dict[str, Any] = {
        "recordings": recordings,
        "recordings_without_window": without,
        "rows_in_no_window": int(left.sum()),
    }
    if cut.clock is not None:
        said |= {"median_step": cut.clock.step, "gap": cut.clock.gap, "holes_in_time": cut.clock.holes}
    if table.bad:
        said["missing"] = {
            "policy": settings["missing"],
            "cells": sum(one.cells for one in table.bad),
            "rows_left_out": int(cut.unusable.sum()),
            "columns": {one.column: one.cells for one in table.bad},
        }
    warnings = [
        *(["Commas were read as decimal marks (stream.decimal)."] if table.comma else []),
        *_gone(table, left, settings, recordings, without),
        *_missing(table, cut),
        *_times(table, cut.clock),
        *_counters(table, group),
        *_window(table, cut, settings, group),
    ]
    return said | ({"warnings": warnings} if warnings else {})


def _left(cut: Windows, length: int) -> NDArray[np.bool_]:
    """(rows,) rows that are in no window."""
    change = np.zeros(len(cut.row_task) + 1, np.int64)
    np.add.at(change, cut.first, 1)
    np.add.at(change, cut.first + length, -1)
    return np.cumsum(change[:-1]) == 0


def _gone(
    table: Table, left: NDArray[np.bool_], settings: Mapping[str, Any], recordings: int, without: int
) -> list[str]:
    """Most recordings, a class, or most rows are in no window."""
    length = settings["window"]
    present = np.bincount(table.label[(table.label >= 0) & ~left], minlength=len(table.classes))
    said = [
        f"Class ‘{table.classes[k]}’ is in no window of {plural(length, 'row')}: it is never learned."
        for k in np.flatnonzero(present == 0)
    ]
    if without > MOST * recordings:
        said.append(
            f"{whole(without)} of {plural(recordings, 'recording')} are in no window: they are shorter than "
            f"stream.window = {length}, or cut by what is held out; {_lengths(table)}"
        )
    elif left.mean() > MOST and (settings["hop"] or length) <= length:
        said.append(
            f"{percent(float(left.mean()), 0)} of the rows are in no window of {plural(length, 'row')}; a shorter "
            "stream.window keeps more."
        )
    return said


def _lengths(table: Table) -> str:
    """How long recordings are."""
    rows = (
        np.sort(np.bincount(table.codes["group"])) if "group" in table.codes else np.array([len(table.label)])
    )
    few = int(np.quantile(rows, 0.1))
    return f"recordings have {rows[0]} to {whole(int(rows[-1]))} rows, and nine in ten at least {few}."


def _missing(table: Table, cut: Windows) -> list[str]:
    """Cells without a number."""
    if not table.bad:
        return []
    cells = sum(one.cells for one in table.bad)
    share = cells / (len(table.label) * len(table.features))
    worst = max(table.bad, key=lambda one: one.cells)
    much = f", {percent(share)} of all" if share > MANY else ""
    return [
        f"{plural(cells, 'cell')} held no number{much} (‘{worst.column}’: {whole(worst.cells)}); "
        f"{plural(int(cut.unusable.sum()), 'row')} are in no window for it."
    ]


def _times(table: Table, clock: Clock | None) -> list[str]:
    """What the column of times was used for."""
    if clock is None:
        return []
    said = []
    if table.clock is not None:
        said.append(
            f"Column ‘{table.clock}’ holds times, so it is no input (stream.features names the inputs)."
        )
    if clock.back:
        said.append(f"Time goes back {clock.back} times; windows end there (stream.group names recordings).")
    if clock.holes > clock.back:
        said.append(
            f"Windows end at {plural(clock.holes - clock.back, 'hole')} in time, where a step is longer than "
            f"{clock.gap:.4g} (the median step is {clock.step:.4g}; stream.gap)."
        )
    return said


def _counters(table: Table, group: NDArray[np.int64]) -> list[str]:
    """Inputs that only rise, as times and row numbers do."""
    within = np.diff(group) == 0
    if np.count_nonzero(within) < _RISING:
        return []
    said = []
    for k, name in enumerate(table.features):
        step = np.diff(table.values[:, k].astype(np.float64))[within]
        known = step[~np.isnan(step)]
        if (known < 0).mean() <= _RARELY and (known > 0).mean() > MOST:
            said.append(
                f"Column ‘{name}’ rises from row to row, as a time or a counter does, and is taken as an input; "
                f"set stream.time = {name}, or name the inputs with stream.features."
            )
    return said


def _window(table: Table, cut: Windows, settings: Mapping[str, Any], group: NDArray[np.int64]) -> list[str]:
    """What window would suit, where each row is an example and the table looks like recordings."""
    if settings["window"] > 1:
        return []
    begin, end = runs(group, table.label)
    if cut.clock is not None and cut.clock.step > 0:
        unit, known = _second(table)
        rows = unit / cut.clock.step
        if rows >= _FAST:
            return [
                f"Each row is an example (stream.window = 1). The column of times says {rows:.3g} rows a second"
                f"{'' if known else ', if it counts seconds'}: stream.window = {round(rows)} is one second."
            ]
    several = "group" in table.codes and len(table.words["group"]) > len(table.classes)
    if several and (end - begin).min() > 1:
        few = int(np.quantile(end - begin, 0.1))
        return [
            "Each row is an example (stream.window = 1), though rows belong to recordings. Stretches of one label have "
            f"{(end - begin).min()} to {whole(int((end - begin).max()))} rows: stream.window = {few} fits nine in ten."
        ]
    return []


def _second(table: Table) -> tuple[float, bool]:
    """A second in the unit of the column of times (1000 for milliseconds since 1970), and whether that is known."""
    first = 0.0 if table.time is None else float(table.time[0])
    units = [1000.0**k for k, (low, high) in enumerate(EPOCHS) if low < first < high]
    return (units[0], True) if units else (1.0, False)
