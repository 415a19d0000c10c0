"""The page of a panel: accuracy of every cell with every scheme, then what each costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from matplotlib.figure import Figure

from cimlearn.costs.told import MOST_YEARS
from cimlearn.report.html import drawing
from cimlearn.report.html.markup import Cell, figure, header, section, table, text
from cimlearn.report.html.shell import whole_page
from cimlearn.runfolder.files import write_atomic
from cimlearn.studies.panel.panel import IDEAL
from cimlearn.studies.panel.rows import CLOSE, FEW_BITS, Row, Table, csv_text
from cimlearn.studies.panel.schemes import schemes
from cimlearn.units import count, number, percent, plural, quantity

PAGE, CSV = "index.html", "panel.csv"
QUICK_NOTICE: Final = "Quick: short streams, where all accuracies are low. The full panel decides."


class Written(NamedTuple):
    """The files of a panel."""

    page: Path
    csv: Path


def write_panel(found: Table, folder: Path, failures: dict[str, str], *, quick: bool) -> Written:
    """Write index.html, panel.csv and a picture for each stream into `folder`."""
    write_atomic(folder / CSV, csv_text(found.rows).encode())
    body = []
    for stream in found.streams():
        caption = (
            f"Accuracy on {stream} after its last task; the line is the ideal cell, the dots are schemes."
        )
        picture = drawn(found, stream)
        drawing.png(picture, folder / f"{stream}.png")
        svg = drawing.svg(picture, stream, caption)
        body.append(section(stream, stream, f"<p>{text(said(found, stream))}</p>", figure(svg, caption)))
        body[-1] += section(f"{stream}-accuracy", f"Accuracy on {stream}", _accuracies(found, stream))
        body[-1] += section(f"{stream}-costs", f"Costs on {stream}", _costs(found, stream))
    body.append(section("schemes", "Schemes", _schemes(found)))
    if failures:
        rows = [[Cell(text(name), "name"), Cell(text(why))] for name, why in failures.items()]
        body.append(section("failed", "Not run", table("Runs that failed", header(["run", "why"]), rows)))
    page = whole_page(
        title="Panel of memory cells",
        subtitle=f"{plural(len({row['cell'] for row in found.rows} - {IDEAL}), 'cell')} beside the ideal one · "
        "every number from runs",
        body=body,
        notices=[QUICK_NOTICE if quick else None],
        scripts=("tables.js",),
        drawn_from="the records of the panel’s runs",
    )
    write_atomic(folder / PAGE, page.encode())
    return Written(folder / PAGE, folder / CSV)


def said(found: Table, stream: str) -> str:
    """How many cells come close to the ideal one."""
    best, close = found.best(stream), found.close(stream)
    ideal = [row for row in found.of(stream) if row["cell"] == IDEAL]
    if not ideal:
        return "The ideal cell has not been run on this stream."
    return (
        f"{len(close)} of {plural(len(best), 'cell')} within {100 * CLOSE:.0f} points of the ideal cell "
        f"({percent(ideal[0]['accuracy'])}) with at most {FEW_BITS:.0f} extra bits of SRAM a weight"
        + (f": {', '.join(close)}." if close else ".")
    )


def drawn(found: Table, stream: str) -> Figure:
    """A line of dots for each cell, a colour for each scheme."""
    rows = found.of(stream)
    cells = [cell for cell in dict.fromkeys(row["cell"] for row in rows) if cell != IDEAL]
    height = 1.7 + 0.26 * len(cells)  # inches, of which 1.3 stand below and above the axes
    with drawing.style():
        made, axes = drawing.new(f"Accuracy on {stream}", (7.0, height))
        for row in rows:
            if row["cell"] == IDEAL:
                axes.axvline(100 * row["accuracy"], color=drawing.MUTED, linewidth=1)
        for k, scheme in enumerate(dict.fromkeys(r["scheme"] for r in rows if r["cell"] != IDEAL)):
            own = [row for row in rows if row["scheme"] == scheme and row["cell"] != IDEAL]
            axes.scatter(
                [100 * row["accuracy"] for row in own],
                [cells.index(row["cell"]) for row in own],
                color=drawing.SERIES[k % len(drawing.SERIES)],
                marker="os^Dv*"[k % 6],
                s=22,
                label=scheme,
            )
        axes.set_yticks(range(len(cells)), cells)
        axes.set_ylim(len(cells) - 0.5, -0.5)
        axes.set_xlabel("accuracy [%]")
        axes.grid(axis="both")
        made.subplots_adjust(left=0.17, right=0.96, bottom=0.9 / height, top=1 - 0.4 / height)
        if cells:
            below = -0.5 / (height - 1.3)
            axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.45, below))
    return made


def _accuracies(found: Table, stream: str) -> str:
    """A row per cell, a column per scheme."""
    rows = found.of(stream)
    names = list(dict.fromkeys(row["scheme"] for row in rows))
    by = {(row["cell"], row["scheme"]): row for row in rows}
    lines = []
    for cell in dict.fromkeys(row["cell"] for row in rows):
        line = [Cell(text(cell), "name", cell)]
        for name in names:
            row = by.get((cell, name))
            line.append(
                Cell("–", "n") if row is None else Cell(text(_accuracy(row)), "n", str(row["accuracy"]))
            )
        lines.append(line)
    caption = "Accuracy [%], and points below the ideal cell; ± is one standard deviation over seeds"
    return table(caption, header(["cell", *names], range(1, 1 + len(names))), lines)


def _accuracy(row: Row) -> str:
    std = "" if row["accuracy_std"] is None else f" ± {100 * row['accuracy_std']:.1f}"
    below = (
        "" if row["below_ideal"] is None or row["cell"] == IDEAL else f" (−{100 * row['below_ideal']:.1f})"
    )
    return f"{100 * row['accuracy']:.1f}{std}{below.replace('−-', '+')}"


_COLUMNS: Final[dict[str, tuple[str, Callable[[Any], str]]]] = {
    "accuracy": ("accuracy", percent),
    "learning_J": ("energy of a learned example", lambda v: quantity(v, "J")),
    "inference_J": ("of an inference", lambda v: quantity(v, "J")),
    "lifetime_years": ("years until 10 % stuck", lambda v: _years(v)),
    "extra_bits": ("extra SRAM bits a weight", lambda v: number(v, 3)),
    "cells_per_weight": ("cells a weight", lambda v: number(v, 3)),
    "pulses": ("pulses a new example", count),
    "verify_reads": ("verifying reads", count),
    "digital_operations": ("digital operations", count),
    "writes_per_cell": ("pulses a cell", count),
    "writes_max": ("most-pulsed cell", count),
    "worn_cells": ("worn cells", count),
}


def _years(value: float) -> str:
    return f"> {MOST_YEARS}" if math.isinf(value) or value > MOST_YEARS else number(value, 3)


def _costs(found: Table, stream: str) -> str:
    """Every row with its costs."""
    lines = []
    for row in found.of(stream):
        line = [Cell(text(row["cell"]), "name", row["cell"]), Cell(text(row["scheme"]))]
        for key, (_, show) in _COLUMNS.items():
            value = row.get(key)
            line.append(Cell("–", "n") if value is None else Cell(text(show(value)), "n", str(value)))
        lines.append(line)
    names = ["cell", "scheme", *(head for head, _ in _COLUMNS.values())]
    caption = "A new example is learned together with its replays; a column sorts by its values"
    return table(caption, header(names, range(2, len(names))), lines)


def _schemes(found: Table) -> str:
    """What each scheme is."""
    known: Sequence[Any] = schemes()
    used = {row["scheme"] for row in found.rows}
    rows = [
        [
            Cell(text(one.name), "name"),
            Cell(text(one.help)),
            Cell(text(", ".join(f"{k}={v}" for k, v in one.settings.items()))),
        ]
        for one in known
        if one.name in used
    ]
    return table("Write schemes", header(["scheme", "what the chip does", "settings"]), rows)
