"""A figure of a paper: a frozen sweep of experiments, an analysis that reads only their records, and a drawing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from cimlearn import metrics
from cimlearn.runfolder.records import Run
from cimlearn.studies.sweep import Point

Row = dict[str, Any]  # one line of a figure's data: column -> value
Runs = Mapping[str, Run]  # by the name of their point

REPRODUCED, NOT_REPRODUCED, NOT_COMPARABLE = "reproduced", "not reproduced", "not comparable"
UNDETERMINED = "undetermined"  # it hangs on what nobody published
QUICK = "A quick run: streams too short to judge accuracy or wear."


def verdict(holds: bool) -> str:
    """'reproduced' or 'not reproduced'."""
    return REPRODUCED if holds else NOT_REPRODUCED


def percent_text(values: Sequence[float]) -> str:
    """Shares over seeds in percent: '79.1 ± 0.4 %', without a spread for one."""
    spread = metrics.std(values)
    return f"{100 * metrics.mean(values):.1f}" + ("" if spread is None else f" ± {100 * spread:.1f}") + " %"


@dataclass(frozen=True)
class Claim:
    """One published statement beside our own number."""

    text: str
    stated: str  # where
    published: str  # as printed: '15 GOPS'
    ours: str  # with spread, where there is one
    ratio: float | None  # ours / published; None where that means nothing
    verdict: str  # 'reproduced', 'not reproduced', 'not comparable' or 'undetermined'
    reason: str
    command: str  # that redoes it


@dataclass(frozen=True)
class FigureResult:
    """What an analysis found."""

    rows: Sequence[Row]  # the figure's data, every point that is drawn
    caption: str  # what one sees, in one or two sentences
    claims: Sequence[Claim] = ()


@dataclass(frozen=True)
class PaperFigure:
    """One published figure or table."""

    name: str  # '4a'
    title: str
    points: Callable[[bool], Sequence[Point]]  # of the full sweep, or of the quick one (True)
    analyse: Callable[[Runs, bool], FigureResult]  # from the runs of `points`
    draw: Callable[[FigureResult], Figure] | None  # None: a table only
