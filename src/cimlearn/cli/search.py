"""`cimlearn search`: choose designs, run them, show the Pareto front."""

from __future__ import annotations

import math
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from cimlearn.cli.output import stdout
from cimlearn.cli.pace import Pace
from cimlearn.errors import InputError
from cimlearn.runfolder.files import to_json
from cimlearn.studies.search.outcome import FINISHED, FRONT, STATES, TRIALS, Searched, in_order
from cimlearn.studies.search.page import PAGE, PICTURE, write_page
from cimlearn.studies.search.run import run_search
from cimlearn.studies.search.table import Search, search_of
from cimlearn.studies.search.words import cells, heads, tally
from cimlearn.studies.study import load
from cimlearn.studies.sweep import cores
from cimlearn.studies.workers.local import LocalWorkers

_FAILED = 1  # exit status: the search is done, but some trials failed


def command(arguments: Namespace) -> int:
    """Run the trials that are left, then write and print the front; 1 if a trial failed."""
    if arguments.workers is not None and arguments.workers < 1:
        raise InputError(f"--workers {arguments.workers}: give a whole number from 1 on")
    if arguments.timeout is not None and not arguments.timeout > 0:
        raise InputError(f"--timeout {arguments.timeout:g}: give seconds above 0")
    search = search_of(load(arguments.study))
    arguments.interrupts.hint = "the same command goes on"
    if arguments.storage is not None:
        search = replace(search, storage=arguments.storage)
    count = min(arguments.workers or cores(), search.trials)
    folder = Path(arguments.out) if arguments.out is not None else search.study.folder
    tell = None if arguments.quiet else _teller()
    found = run_search(search, folder, LocalWorkers(count, arguments.timeout), count, tell)
    if found.count(FINISHED):
        write_page(search, found)
    print(to_json(_plain(search, found))) if arguments.json else _print(search, found)
    return _FAILED if found.count("failed") else 0


def _teller() -> Callable[[int, str, int, int], None]:
    """What tells of each trial that ended, in a line on stderr with the time left (pace.py)."""
    pace = Pace()

    def tell(trial: int, what: str, ended: int, total: int) -> None:
        left = pace.left(total - ended)
        print(f"{ended} of {total}  trial={trial}  {what}  {left}".rstrip(), file=sys.stderr, flush=True)

    return tell


def _print(search: Search, found: Searched) -> None:
    """The front as a table, and where everything is."""
    for row in found.rows:
        if row["state"] == "failed":
            print(f"failed: trial={row['trial']}: {row['reason']}")
    print(tally(found))
    if found.count("running"):
        print("another search of this study still runs trials; call this again later for all of them")
    if not found.front and found.count(FINISHED):
        print(f"every finished trial is near chance, so none is on the front: {found.folder / PAGE}")
        return
    if not found.front:
        print(f"no trial has finished; their reasons: {found.folder / TRIALS}")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in heads(search):
        table.add_column(name, justify="right")
    for row in in_order(search, found.front):
        table.add_row(*cells(search, row))
    stdout().print(table)
    print(f"front: {found.folder / FRONT}\ntrials: {found.folder / TRIALS}")
    print(f"picture: {found.folder / PICTURE}\npage: {found.folder / PAGE}")
    if search.train:
        print(f"designs side by side: {found.folder / 'index.html'}")


def _plain(search: Search, found: Searched) -> dict[str, Any]:
    """The outcome as JSON; a lifetime that never ends is null."""
    front = [
        {
            k: None if isinstance(v, float) and math.isinf(v) else v
            for k, v in row.items()
            if k not in ("best", "state", "reason", "near_chance")
        }
        for row in in_order(search, found.front)
    ]
    return {
        "folder": str(found.folder),
        "trials": len(found.rows),
        **{state: found.count(state) for state in STATES},
        "objectives": search.goals,
        "front": front,
    }
