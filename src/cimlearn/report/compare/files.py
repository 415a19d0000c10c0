"""Designs as a CSV file and their Pareto front as a picture, beside the page of many runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from cimlearn.report.compare.grouping import Benchmark, benchmarks
from cimlearn.report.compare.labels import labels
from cimlearn.report.compare.read import Compared
from cimlearn.report.compare.rows import design_row
from cimlearn.report.front_figure import front_figure
from cimlearn.report.html.drawing import png
from cimlearn.report.measures import FRONT
from cimlearn.runfolder.files import write_atomic

TABLE: Final = "designs.csv"
PICTURE: Final = "pareto.png"


class Written(NamedTuple):
    """The files of the designs."""

    table: Path
    picture: Path | None  # None where designs can't stand in one plot


def write_designs(compared: Compared, folder: Path) -> Written:
    """Write designs.csv, and pareto.png where designs of one benchmark have accuracy, energy and lifetime."""
    made = benchmarks(compared)
    rows = [row for benchmark in made for row in _rows(benchmark)]
    table = folder / TABLE
    write_atomic(table, _csv(rows).encode())
    drawn = [row for row in rows if row["finished"] and all(key in row for key in FRONT)]
    if len(made) > 1 or not drawn:
        return Written(table, None)
    png(front_figure(drawn, FRONT, [row["label"] for row in drawn]), folder / PICTURE)
    return Written(table, folder / PICTURE)


def _rows(benchmark: Benchmark) -> list[dict[str, Any]]:
    """One row per design, its parameters as columns of their own."""
    rows = []
    for design, label, best in zip(benchmark.designs, labels(benchmark), benchmark.best, strict=True):
        row = design_row(design, label, benchmark, best)
        runs = " ".join(row.pop("runs"))
        parameters = {k: "none" if v is None else v for k, v in row.pop("parameters").items()}
        rows.append(
            {"design": row.pop("design"), "label": row.pop("label"), **parameters, **row, "runs": runs}
        )
    return rows


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    """Rows in SI units; what a row lacks stays empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(k for row in rows for k in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
