"""`cimlearn query`: SQL over the results of a study."""

from __future__ import annotations

import csv
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from rich.table import Table

from cimlearn.cli.output import stdout
from cimlearn.runfolder.files import to_json
from cimlearn.studies.query import query


def command(arguments: Namespace) -> None:
    """Print what the query selects: an aligned table, JSON or CSV."""
    columns, rows = query(Path(arguments.study), arguments.sql)
    if arguments.json:
        print(to_json([dict(zip(columns, map(_plain, row), strict=True)) for row in rows]))
    elif arguments.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    else:
        stdout().print(_table(columns, rows))


def _plain(value: Any) -> Any:
    """A value as JSON holds it: numbers that are not finite, and dates, as text."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, float) and value - value != 0:
        return str(value)
    return value if isinstance(value, int | float | str | None) else str(value)


def _table(columns: list[str], rows: list[tuple[Any, ...]]) -> Table:
    """Rows in columns; numbers to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, name in enumerate(columns):
        numbers = any(isinstance(row[i], int | float) for row in rows)
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_text, row))
    return table


def _text(value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, list | tuple):
        return " ".join(map(_text, value))
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
