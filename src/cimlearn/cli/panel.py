"""`cimlearn panel`: memory cells side by side, with every write scheme on every stream; a user's own among them."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from rich import box
from rich.table import Table as Shown

from cimlearn.cli.output import stdout
from cimlearn.cli.sweep_progress import shown_points
from cimlearn.cli.wanted import seeds_of_text, settings_of
from cimlearn.errors import InputError
from cimlearn.report.measures import plain
from cimlearn.runfolder.files import to_json
from cimlearn.studies.panel.page import said, write_panel
from cimlearn.studies.panel.panel import IDEAL, Panel, run_panel
from cimlearn.studies.panel.rows import Row, Table, table
from cimlearn.units import number, percent, points, quantity

_FAILED = 1  # exit status: the panel is done, but some runs failed


def command(arguments: Namespace) -> int:
    """Run what is not finished, then write page and CSV; 1 if a run failed."""
    if arguments.workers is not None and arguments.workers < 1:
        raise InputError(f"--workers {arguments.workers}: give a whole number from 1 on")
    panel = Panel(
        cells=tuple(arguments.cells),
        schemes=_names(arguments.schemes),
        streams=_names(arguments.streams),
        seeds=(0,) if arguments.seeds is None else seeds_of_text(arguments.seeds),
        settings=settings_of(arguments.set),
        data=arguments.data,
        quick=arguments.quick,
    )
    folder = panel.folder if arguments.out is None else Path(arguments.out)
    arguments.interrupts.hint = "the same command goes on"
    with shown_points(arguments.quiet) as shown:
        outcome, entries = run_panel(
            panel, folder, workers=arguments.workers, tell=shown.tell, retried=shown.retried
        )
    found, failures = table(entries, folder), dict(outcome.failures)
    written = write_panel(found, folder, failures, quick=arguments.quick)
    if arguments.json:
        rows = [plain(row) for row in found.rows]
        print(to_json({"folder": str(folder), "failures": failures, "rows": rows}, indent=2))
    else:
        for name, why in failures.items():
            print(f"failed: {name}: {why}")
        _print(found)
        print(f"table: {written.csv}\npage: {written.page}")
    return _FAILED if failures else 0


def _names(given: str | None) -> tuple[str, ...]:
    """'a,b' as ('a', 'b')."""
    return tuple(name.strip() for name in (given or "").split(",") if name.strip())


def _print(found: Table) -> None:
    """For each stream the best cheap scheme of each cell."""
    for stream in found.streams():
        print(f"{stream}: {said(found, stream)}")
        best = found.best(stream)
        ideal = [row for row in found.of(stream) if row["cell"] == IDEAL]
        shown = Shown(box=box.SIMPLE_HEAD, pad_edge=False)
        for n, name in enumerate(
            ("cell", "best scheme", "accuracy", "below ideal", "learning", "years", "extra bits")
        ):
            shown.add_column(name, justify="left" if n < 2 else "right")
        for row in (*ideal, *best.values()):
            shown.add_row(*_line(row))
        stdout().print(shown)


def _line(row: Row) -> tuple[str, ...]:
    """A row's words."""
    years, joules = row["lifetime_years"], row["learning_J"]
    return (
        row["cell"],
        row["scheme"],
        percent(row["accuracy"]),
        "–" if row["below_ideal"] is None else points(row["below_ideal"]),
        "–" if joules is None else quantity(joules, "J"),
        "–" if years is None else "> 100" if years > 100 else number(years, 3),
        "–" if row["extra_bits"] is None else number(row["extra_bits"], 3),
    )
