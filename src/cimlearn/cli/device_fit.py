"""`cimlearn device fit`: from measured pulses to a cell, with its figure and a TOML file that runs."""

from __future__ import annotations

import math
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cimlearn import quantities
from cimlearn.cli.output import stdout
from cimlearn.errors import InputError
from cimlearn.runfolder.files import to_json
from cimlearn.units import number, plural, quantity

if TYPE_CHECKING:
    from cimlearn.devices.fit.data import Data
    from cimlearn.devices.fit.fit import Cells
    from cimlearn.devices.fit.spread import Alike, Number

UNLIKELY = 1e-3  # chance below which errors are called dependent


def command(arguments: Namespace) -> None:
    """Fit a law (the one whose held-out likelihood is highest, or --law), draw it, write the file."""
    from cimlearn.cli import device_fit_drawing
    from cimlearn.devices.fit import data, fit, spread, tables, write
    from cimlearn.devices.pulsed import LAWS

    if arguments.file is None:
        raise InputError("device fit: name the table, for example cimlearn device fit pulses.csv")
    if arguments.law is not None and arguments.law not in LAWS:
        raise InputError(f"--law {arguments.law}: give one of {', '.join(LAWS)}")
    if arguments.out is not None and not arguments.out.endswith(".toml"):
        raise InputError(f"--out {arguments.out}: a cell's file ends in .toml, as {arguments.out}.toml")
    pulses = tables.read(arguments.file, arguments.unit)
    measured = data.data(pulses, _window(arguments.window))
    notes = [*pulses.notes, *data.oddities(measured)]
    if not {True, False} <= {train.up for train in pulses.trains}:
        notes.append("the missing polarity is taken for the mirror image of the other (assumed)")
    laws = LAWS if arguments.law is None else (arguments.law,)
    cells, scores, gain = fit.chosen(measured, laws)
    alike = spread.alike(cells)
    notes += _of_noise(measured, cells, alike, gain)
    found = write.inside_ranges(spread.numbers(cells, measured))
    file = Path(arguments.out or f"{Path(arguments.file).stem}-cell.toml")
    text = write.content(
        found, measured, normalised=pulses.normalised, file=Path(arguments.file).name, notes=notes
    )
    write.save(file, text)
    figure = file.with_suffix(".png")
    device_fit_drawing.save(figure, measured, cells, normalised=pulses.normalised)
    if arguments.json:
        shown = {key: one._asdict() if hasattr(one, "_asdict") else one for key, one in found.items()}
        print(to_json({"law": cells.law, "held_out": scores, "parameters": shown, "notes": notes,
                       "alike": alike and {**alike._asdict(), "share": alike.share._asdict(),
                                           "pulses": alike.pulses._asdict(), "gain": gain},
                       "file": str(file), "figure": str(figure)}))  # fmt: skip
        return
    _print(measured, cells.law, scores, found, notes)
    print(f"cell: {file} (use it with --set device={file})\nfigure: {figure}")


def _of_noise(measured: Data, cells: Cells, alike: Alike | None, gain: float) -> list[str]:
    """What the noise of readings is like, and what the fit leaves unexplained."""
    from cimlearn.devices.fit import fit, noise

    notes = []
    if alike is not None:
        notes.append(
            f"noise of readings stays alike for {number(alike.pulses.value, 2)} pulses ({_interval(alike.pulses)}): "
            f"{number(alike.size, 3)} half windows of it, {number(alike.rest, 3)} that are new with each reading; "
            f"likelier by {number(gain, 3)} (log-likelihood) than new noise alone. device.write_noise holds both, and "
            "the simulated cell draws it anew with each write"
        )
    found = noise.whiteness(fit.evaluate(cells, measured)[1][1], measured.first)
    if found.chance < UNLIKELY:
        notes.append(
            f"errors of pulses are not independent of those before (Ljung-Box, {noise.LAGS} pulses: "
            f"{number(found.q, 3)}, chance {number(found.chance, 1)}): the law or its noise misses something"
        )
    return notes


def _window(text: str | None) -> tuple[float, float] | None:
    """'1e-5,1e-4' as two numbers."""
    if text is None:
        return None
    try:
        low, high = (quantities.read(part, "S") for part in text.split(","))
    except ValueError:
        raise InputError(f"--window {text}: give two conductances, such as 10uS,100uS") from None
    return low, high


def _print(
    measured: Data, law: str, scores: dict[str, float], found: dict[str, Any], notes: list[str]
) -> None:
    """Laws, numbers and notes as text."""
    from rich import box
    from rich.table import Table

    console = stdout()
    table = Table(
        title=f"{plural(measured.cells(), 'cell')}, {plural(int((~measured.first).sum()), 'pulse')}, window "
        f"{quantity(measured.low, 'S') if measured.low > 0 else number(measured.low)} to "
        f"{quantity(measured.high, 'S') if measured.low > 0 else number(measured.high)}",
        title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
    )  # fmt: skip
    for name in ("law", "held-out log-likelihood of a pulse"):
        table.add_column(name)
    for name, score in sorted(scores.items(), key=lambda item: -item[1]):
        table.add_row(f"{name}{' (chosen)' if name == law else ''}", f"{score:.4f}")
    console.print(table)
    if scores[law] < max(scores.values()):
        print(f"{law} has the fewest numbers of the laws within a standard error of the best\n")
    values = Table(box=box.SIMPLE_HEAD)
    for name in ("parameter", "value", "interval (together 95 %)"):
        values.add_column(name)
    for name, one in found.items():
        if hasattr(one, "value"):
            values.add_row(f"device.{name}", f"{one.value:.4g}", _interval(one))
    console.print(values)
    for note in notes:
        print(f"note: {note}")


def _interval(one: Number) -> str:
    """The interval of a number, or why there is none."""
    if one.low is None and one.high is None:
        return f"assumed: {one.assumed}" if one.assumed else ""
    if one.low == -math.inf and one.high == math.inf:
        return "any: these pulses can't tell it"
    return f"{0 if one.low is None else one.low:.4g} to " + ("any" if one.high is None else f"{one.high:.4g}")
