"""Designs side by side as a table for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cimlearn.units import number, quantity

if TYPE_CHECKING:
    from rich.table import Table


def designs_table(rows: Sequence[dict[str, Any]], varied: Sequence[str]) -> Table:
    """One line per design as `cimlearn.explore` makes them, the best accuracy first; a star where nothing beats it."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in varied:
        table.add_column(name)
    for name in ("accuracy [%]", "learning", "inference", "years to 10 % stuck", "area", "best"):
        table.add_column(name, justify="right")
    for row in sorted(rows, key=lambda r: -r["accuracy"]):
        spread = "" if row["accuracy_std"] is None else f" ± {100 * row['accuracy_std']:.1f}"
        life = "never" if math.isinf(row["lifetime_years"]) else number(row["lifetime_years"], 3)
        table.add_row(
            *(str(row[name]) for name in varied),
            f"{100 * row['accuracy']:.1f}{spread}",
            quantity(row["learning_J"], "J"),
            quantity(row["inference_J"], "J"),
            life,
            quantity(row["area_m2"], "m2"),
            "*" if row["best"] else "",
        )
    return table
