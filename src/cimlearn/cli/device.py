"""`cimlearn device`: figures of a memory cell.

A digital one stands beside the other technologies, with drawings of its physics; an analog one is given pulses
(device_pulses.py); a measured one is fitted (device_fit.py).
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cimlearn.cli.output import stdout
from cimlearn.cli.wanted import settings_of
from cimlearn.devices import catalog
from cimlearn.devices.technology import (
    Technology,
    has_line,
    names,
    technology,
    technology_parameters,
)
from cimlearn.errors import InputError, nearest
from cimlearn.parameters import ParameterSet
from cimlearn.runfolder.files import to_json
from cimlearn.units import number, quantity

if TYPE_CHECKING:
    from rich.table import Table

_TEN_YEARS = 10 * 365.25 * 86400.0  # [s]


def command(arguments: Namespace) -> None:
    """Print the figures of a cell, and draw them; of a digital one where it has a heavy-metal line."""
    if arguments.technology == "fit":
        from cimlearn.cli import device_fit

        device_fit.command(arguments)
        return
    if arguments.file is not None:
        raise InputError(
            f"device {arguments.technology} takes no table; write cimlearn device fit {arguments.file}"
        )
    name, changes = arguments.technology, settings_of(arguments.set)
    if name not in names():
        if not catalog.is_known(name):
            raise InputError(f"unknown cell '{name}'; {nearest(name, [*names(), *catalog.names()])}")
        from cimlearn.cli import device_pulses

        device_pulses.command(name, changes, arguments.out, arguments.json)
        return
    chosen = technology(name, changes)
    others = [technology(other) for other in names() if other != name]
    p = technology_parameters(name, changes)
    more: dict[str, tuple[float, str]] = {}
    drawn: list[Path] = []
    if has_line(name):
        from cimlearn.papers.sas_mram import device as study
        from cimlearn.report.html import drawing

        design = study.design(name, changes)
        more = study.details(design)
        if arguments.out is not None or not arguments.json:
            drawn = drawing.save(study.figures(design), Path(arguments.out or f"devices/{name}"))
    if arguments.json:
        print(to_json(_content(chosen, others, more, p)))
        return
    console = stdout()
    if more:
        console.print(_details(name, more))
    console.print(_comparison([chosen, *others]))
    print(f"{_assumed(p)} of {len(p)} parameters of {name} are assumed:")
    print("  " + ", ".join(n for n, e in p.entries().items() if e.origin == "assumed" and not e.changed))
    if drawn:
        print(f"figures: {drawn[0].parent} ({', '.join(file.stem for file in drawn[::2])}; PNG and SVG)")


def _assumed(p: ParameterSet) -> int:
    """How many parameters nobody published."""
    return sum(entry.origin == "assumed" and not entry.changed for entry in p.entries().values())


def _content(
    chosen: Technology, others: list[Technology], more: dict[str, tuple[float, str]], p: ParameterSet
) -> dict[str, Any]:
    """Everything for --json, in SI."""
    return {
        "technology": {
            **chosen.as_dict(),
            "retention_failure_10_years": chosen.retention_failure(_TEN_YEARS),
        },
        "details": {name: {"value": value, "unit": unit} for name, (value, unit) in more.items()},
        "baselines": [
            {**other.as_dict(), "retention_failure_10_years": other.retention_failure(_TEN_YEARS)}
            for other in others
        ],
        "parameters": len(p),
        "assumed": _assumed(p),
    }


def _details(name: str, more: dict[str, tuple[float, str]]) -> Table:
    """The figures of the line."""
    from rich import box
    from rich.table import Table

    table = Table(
        title=name, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_header=False
    )
    for label, (value, unit) in more.items():
        table.add_row(label, _number(value) if unit == "1" else quantity(value, unit))
    return table


def _comparison(shown: list[Technology]) -> Table:
    """All technologies, one column each."""
    from rich import box
    from rich.table import Table

    table = Table(
        title="Per bit, beside other memories", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD
    )
    table.add_column("")
    for one in shown:
        table.add_column(one.name, justify="right")
    for label, *texts in zip(_LABELS, *(_texts(one) for one in shown), strict=True):
        table.add_row(label, *texts)
    return table


_LABELS = (
    "write energy",
    "write time",
    "bits written together",
    "write error",
    "read energy",
    "read time",
    "read error",
    "area",
    "endurance [writes]",
    "leakage",
    "lost in ten years",
    "lost without supply",
)


def _texts(one: Technology) -> tuple[str, ...]:
    """The figures of a technology in the order of `_LABELS`."""
    return (
        quantity(one.write_energy, "J"),
        quantity(one.write_time, "s"),
        str(one.bits_per_write),
        _number(one.write_error),
        quantity(one.read_energy, "J"),
        quantity(one.read_time, "s"),
        _number(one.read_error),
        f"{number(float(f'{1e12 * one.area:.3g}'))} µm²",
        number(one.endurance, 3),
        quantity(one.leakage, "W"),
        _number(one.retention_failure(_TEN_YEARS)),
        "yes" if one.volatile else "no",
    )


def _number(value: float) -> str:
    """A probability or ratio, three digits."""
    return number(float(f"{value:.3g}"), 3)
