"""Holes in a table: cells that are no numbers, and times at which nothing was recorded.

A cell that is no finite number (stream.missing):
    drop         its row is in no window; windows end before it
    hold         the last good value of the stretch
    interpolate  on the line between its good neighbours in the stretch, in time where there is a column of times

A stretch is neighbouring rows of one recording without a hole in time, all of them held out or none, so nothing is
carried from held-out rows into training rows. Cells before the first good one of a stretch (and after the last, for
interpolate) have nothing to come from: their rows are in no window.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn import quantities
from cimlearn.errors import InputError
from cimlearn.streams.tables.table import Table, not_a_number

Rows = NDArray[np.int64]
STEPS: Final = 10.0  # median steps that make a hole, where stream.gap = auto


class Clock(NamedTuple):
    """What the column of times says; times are in its own unit, seconds for dates."""

    step: float  # median time from one row to the next within a recording; 0 where time never rises
    gap: float | None  # a longer step is a hole; None: none is
    part: Rows  # (rows,) number of the piece between two holes
    holes: int
    back: int  # holes where time goes back


def clock(table: Table, settings: Mapping[str, Any], group: Rows) -> Clock | None:
    """The holes in time within recordings (group (rows,)); None without a column of times.

    Raises
    ------
    InputError
        If stream.gap is neither auto, none, nor a positive time, or is set without a column of times; if time goes
        back within a recording, where stream.time was set.
    """
    asked = str(settings["gap"]).strip().lower()
    if table.time is None:
        if asked not in ("auto", "none"):
            raise InputError(f"stream.gap = {asked} needs a column of times; name it with stream.time")
        return None
    step = np.diff(table.time)
    within = np.diff(group) == 0
    back = within & (step < 0)
    if back.any() and table.clock is None:
        raise InputError(
            f"{table.name}: time goes back in row {np.flatnonzero(back)[0] + 2}; sort the rows by time, or name the "
            "column of the recordings with stream.group"
        )
    rising = step[within & (step > 0)]
    median = float(np.median(rising)) if len(rising) else 0.0
    gap = _gap(asked, median)
    hole = back | (within & (step > gap)) if gap is not None else back
    part = np.concatenate(([0], np.cumsum(hole)))
    return Clock(median, gap, part, int(hole.sum()), int(back.sum()))


def _gap(asked: str, median: float) -> float | None:
    """The step beyond which windows end."""
    if asked == "auto":
        return STEPS * median if median > 0 else None
    if asked in ("none", "off"):
        return None
    try:
        found = quantities.read(asked, "s")
    except ValueError:
        found = float("nan")
    if not 0 < found < float("inf"):
        raise InputError(f"stream.gap = {asked}: give auto, none, or a time above 0, such as 2 or 500ms")
    return found


def check_missing(table: Table, how: str) -> None:
    """Raise InputError where cells are no numbers and nobody said what to do with them (stream.missing = refuse)."""
    if table.bad and how == "refuse":
        cells, rows = sum(one.cells for one in table.bad), int(np.isnan(table.values).any(axis=1).sum())
        columns = f"{len(table.bad)} column{'s' if len(table.bad) > 1 else ''}"
        raise not_a_number(
            table.name,
            table.bad[0],
            f"{cells} such cell{'s' if cells > 1 else ''}, {rows} of {len(table.label)} rows, {columns}: set "
            "stream.missing = drop, hold or interpolate, or mend it, or name the inputs with stream.features",
        )


def filled(table: Table, how: str, stretches: tuple[Rows, Rows]) -> NDArray[np.float32]:
    """(rows, features) the values with what can be filled; NaN where nothing can; `stretches`: begins, ends."""
    values = table.values
    if how not in ("hold", "interpolate") or not table.bad:
        return values
    values = values.copy()
    for column in range(values.shape[1]):
        if not np.isnan(values[:, column]).any():
            continue
        for a, b in zip(*(border.tolist() for border in stretches), strict=True):
            piece = values[a:b, column]
            good = np.flatnonzero(~np.isnan(piece))
            if not 0 < len(good) < b - a:
                continue
            if how == "hold":
                last = np.searchsorted(good, np.arange(b - a), side="right") - 1
                piece[good[0] :] = piece[good[last[good[0] :]]]
            else:
                at = np.arange(b - a, dtype=np.float64) if table.time is None else table.time[a:b]
                piece[:] = np.interp(at, at[good], piece[good], np.nan, np.nan)
    values.flags.writeable = False
    return values
