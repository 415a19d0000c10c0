"""`cimlearn data`: which data files are there, fetch them, verify them."""

from __future__ import annotations

import sys
from argparse import Namespace

from rich.table import Table

from cimlearn.cli.output import stdout
from cimlearn.errors import InputError
from cimlearn.streams.sources.find import get, list_sources, source, verify
from cimlearn.units import count


def command(arguments: Namespace) -> None:
    """Do `data list`, `data get NAME...` or `data verify [NAME...]`."""
    if arguments.action == "get" and not arguments.names:
        raise InputError("name what to get; `cimlearn data list` shows what there is")
    {"list": _list, "get": _get, "verify": _verify}[arguments.action](arguments.names, arguments.data)


def _list(names: list[str], data: str | None) -> None:
    """A line per source: where it is, its size and licence."""
    wanted = [source(name).name for name in names]
    table = Table("name", "what", "where", "size", "licence", box=None, pad_edge=False)
    for row in list_sources(data):
        if not wanted or row.name in wanted:
            size = f"{count(row.bytes)}B" if row.bytes else ""
            table.add_row(
                row.name, row.what, row.found or f"missing: cimlearn data get {row.name}", size, row.licence
            )
    stdout().print(table)


def _get(names: list[str], data: str | None) -> None:
    """Download sources, naming each file as it begins and ends."""
    for name in names:
        for path in get(name, data, _tell):
            print(path, flush=True)


def _tell(file: str, done: int, size: int) -> None:
    """Show how far a download is, on a terminal."""
    if sys.stderr.isatty():
        end = "\n" if done >= size else ""
        print(f"\r{file}: {count(done)}B of {count(size)}B ", end=end, file=sys.stderr, flush=True)


def _verify(names: list[str], data: str | None) -> None:
    """A line per file. Raises InputError if one is bad, or if one of a source asked for is missing."""
    wrong = []
    for name in names or [row.name for row in list_sources(data)]:
        for check in verify(name, data):
            print(f"{check.state:8}{name:15}{check.path or check.file}")
            if check.state == "bad" or (names and check.state == "missing"):
                wrong.append(check.file)
    if wrong:
        raise InputError(f"not right: {', '.join(wrong)}; delete what is bad, then `cimlearn data get NAME`")
