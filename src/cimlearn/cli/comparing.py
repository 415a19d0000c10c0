"""What `compare` and `report` share: the table in the terminal, the page, the rows as JSON."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from cimlearn.cli.output import stdout
from cimlearn.errors import InputError
from cimlearn.report.compare.designs import designs_table
from cimlearn.report.compare.grouping import benchmarks
from cimlearn.report.compare.labels import labels
from cimlearn.report.compare.page import write_page
from cimlearn.report.compare.read import Compared
from cimlearn.report.compare.rows import all_rows
from cimlearn.runfolder.files import to_json


def over_of(given: str | None, compared: Compared) -> tuple[str, ...]:
    """The parameters of `--over`; InputError for one that no run has."""
    names = tuple(name.strip() for name in (given or "").split(",") if name.strip())
    known = {name for e in compared.entries for name in (*e.run.parameters, *e.run.prices)}
    for name in names:
        if name not in known:
            raise InputError(f"--over {name}: no run has such a parameter; cimlearn show CHIP lists them")
    return names


def show(
    compared: Compared,
    folder: Path,
    over: Collection[str] = (),
    *,
    as_json: bool = False,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write the page; print a table per benchmark, or one JSON object, with `facts` in it, and nothing else."""
    page = write_page(compared, folder, over)
    made = benchmarks(compared, over)
    rows = all_rows(made, [labels(benchmark) for benchmark in made])
    if as_json:
        print(to_json({**(facts or {}), **rows}, indent=2))
        return
    for name, why in compared.unreadable.items():
        print(f"left out: {name}: {why}")
    for benchmark in made:
        print(benchmark.title)
        stdout().print(
            designs_table([r for r in rows["designs"] if r["benchmark"] == benchmark.title], ["label"])
        )
    print(f"page: {page}", flush=True)
