"""Designs side by side as a table for the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cimlearn.costs.told import MOST_YEARS
from cimlearn.units import number, quantity

if TYPE_CHECKING:
    from rich.table import Table


def designs_table(rows: Sequence[Mapping[str, Any]], varied: Sequence[str]) -> Table:
    """One line per design, the best accuracy first; a star on the Pareto front. `varied` names what is said of it.

    Rows are those of `cimlearn.report.compare.rows`; what a software twin lacks is a dash.
    """
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in varied:
        table.add_column(name)
    for name in ("accuracy [%]", "learning", "inference", "years to 10 % stuck", "area", "best"):
        table.add_column(name, justify="right")
    for row in sorted(rows, key=lambda r: -r.get("accuracy", -1.0)):
        spread = "" if row.get("accuracy_std") is None else f" ± {100 * row['accuracy_std']:.1f}"
        table.add_row(
            *(str(row[name]) for name in varied),
            f"{100 * row['accuracy']:.1f}{spread}" if "accuracy" in row else "–",
            *(quantity(row[key], "J") if key in row else "–" for key in ("learning_J", "inference_J")),
            _life(row),
            quantity(row["area_m2"], "m2") if "area_m2" in row else "–",
            "*" if row["best"] else "",
        )
    return table


def _life(row: Mapping[str, Any]) -> str:
    """Years, 'never', or a dash for what has no cells."""
    if "lifetime_years" not in row:
        return "–"
    years = row["lifetime_years"]
    if years is None or math.isinf(years):
        return "never"
    return f"> {MOST_YEARS}" if years > MOST_YEARS else number(years, 3)
