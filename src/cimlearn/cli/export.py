"""`cimlearn export`: the arrays of a run as netlists of a circuit simulator."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from cimlearn.errors import InputError
from cimlearn.spice.export import export


def command(arguments: Namespace) -> None:
    """Write netlists of every tile, and what this program expects of them; print each file."""
    written = export(
        Path(arguments.run),
        Path(arguments.spice),
        seed=arguments.seed,
        arrays=(arguments.array,) if arguments.array else None,
        x=None if arguments.input is None else _numbers(arguments.input),
    )
    for file in written:
        print(file)


def _numbers(listed: str) -> list[float]:
    """'0.5,-1' as numbers in -1 .. 1."""
    found = []
    for item in listed.split(","):
        try:
            value = float(item)
        except ValueError:
            value = float("nan")
        if not -1 <= value <= 1:
            raise InputError(f"--input: '{item}' is no number in -1 .. 1; give one for each row, as 0.5,-1")
        found.append(value)
    return found
