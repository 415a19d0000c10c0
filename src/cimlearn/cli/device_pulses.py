"""`cimlearn device CELL` of an analog cell: pulses on simulated cells as a measurement shows them, and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from cimlearn.cli.output import stdout
from cimlearn.devices.measured import CELLS, Measured, Step, changes, measure
from cimlearn.runfolder.files import to_json
from cimlearn.units import number, percent, plural, quantity

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DRAWN: Final = 5  # cells
_PLACES: Final = 20  # of the window, at each of which the change of a pulse is drawn


def command(name: str, settings: Mapping[str, Any], out: str | None, as_json: bool) -> None:
    """Print what pulses on the cell show, and draw it."""
    from cimlearn.report.html import drawing

    one = measure(name, settings)
    p = one.parameters.entries()
    assumed = [key for key, entry in p.items() if entry.origin == "assumed" and not entry.changed]
    drawn: list[Path] = []
    if out is not None or not as_json:
        folder = Path(out or f"devices/{Path(name.partition(':')[0]).stem}")
        drawn = drawing.save({"pulses": _pulses(name, one), "steps": _steps(name, one)}, folder)
    if as_json:
        print(
            to_json(
                {
                    "device": name,
                    **_content(one),
                    "assumed": assumed,
                    "figures": [str(file) for file in drawn],
                }
            )
        )
        return
    from rich import box
    from rich.table import Table

    table = Table(
        title=name, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_header=False
    )
    for label, words in _lines(one):
        table.add_row(label, words)
    console = stdout()
    console.print(table)
    print(f"{len(assumed)} of {len(p)} parameters of {name} are assumed:\n  {', '.join(assumed)}")
    print(f"figures: {drawn[0].parent} (pulses, steps; PNG and SVG)")


def _lines(one: Measured) -> list[tuple[str, str]]:
    """Name and text of each number."""
    width, cell = one.high - one.low, one.parameters.part("cell")
    lines = [
        (
            "window",
            f"{quantity(one.low, 'S')} to {quantity(one.high, 'S')}, {number(one.high / one.low, 3)} times",
        )
    ]
    for way, step in (("up", one.up), ("down", one.down)):
        lines.append((f"a pulse {way}, mid-window", _step_words(step, width)))
    if one.asymmetry is not None:
        lines.append(("asymmetry, mid-window", number(round(one.asymmetry, 3), 3)))
    for up in (True, False):
        end = one.end(up).astype(float)
        words = f"{quantity(float(end.mean()), 'S')} +- {quantity(float(end.std()), 'S')} between cells"
        lines.append((f"after {plural(one.train, 'pulse')} {'up' if up else 'down'}", words))
    for key, label in (("read_noise", "noise of a read"), ("endurance", "endurance, median")):
        if cell.get(key) is not None:
            lines.append(
                (label, percent(cell[key]) if key == "read_noise" else f"{number(cell[key], 3)} writes")
            )
    return lines


def _step_words(step: Step | None, width: float) -> str:
    """'1.2 uS, 2.5 % of the window (40 pulses cross it); noise 30 %, between cells 10 %'."""
    if step is None:
        return "none begins there: a pulse crosses the middle, or the cell never comes back"
    if step.mean <= 0:
        return "moves nothing"
    noise = "" if step.noise is None else f"noise {percent(step.noise, 0)}, "
    return (
        f"{quantity(step.mean, 'S')}, {percent(step.mean / width, 2)} of the window ({number(width / step.mean, 3)} "
        f"cross it); {noise}between cells {percent(step.spread, 0)}"
    )


def _content(one: Measured) -> dict[str, Any]:
    """Everything for --json, in SI."""
    ends = {
        way: {"mean_S": float(end.mean()), "std_S": float(end.std())}
        for way, end in (("up", one.end(True).astype(float)), ("down", one.end(False).astype(float)))
    }
    return {
        "window_S": [one.low, one.high],
        "cells": CELLS,
        "train": one.train,
        "step": {"up": _step_content(one.up), "down": _step_content(one.down)},
        "asymmetry": one.asymmetry,
        "end": ends,
    }


def _step_content(step: Step | None) -> dict[str, Any] | None:
    return None if step is None else {"mean_S": step.mean, "noise": step.noise, "spread": step.spread}


def _pulses(name: str, one: Measured) -> Figure:
    """Conductance against pulses: some cells, and the mean of all."""
    from cimlearn.report.html import drawing

    with drawing.style():
        figure, axes = drawing.new(f"{name}: {one.train} pulses up, {one.train} down, twice")
        for cell in one.seen[:_DRAWN]:
            axes.plot(1e6 * cell, color=drawing.MUTED, lw=0.6, alpha=0.6)
        axes.plot(1e6 * one.seen.mean(axis=0, dtype=np.float64), color=drawing.ACCENT, lw=1.8)
        for bound in (one.low, one.high):
            axes.axhline(1e6 * bound, color=drawing.MUTED, lw=0.8, ls=":")
        axes.annotate(
            "window of weights", (0, 1e6 * one.high), (2, 3), textcoords="offset points", color=drawing.MUTED
        )
        axes.set_xlabel(f"pulse (thin: {_DRAWN} cells, bold: mean of {CELLS})")
        axes.set_ylabel("conductance [µS]")
    return figure


def _steps(name: str, one: Measured) -> Figure:
    """Mean change of a pulse against the mean conductance before it."""
    from cimlearn.report.html import drawing

    with drawing.style():
        figure, axes = drawing.new(f"{name}: mean change of a pulse")
        edges = np.linspace(one.low, one.high, _PLACES + 1)
        for up, colour, way in ((True, drawing.SERIES[0], "up"), (False, drawing.SERIES[1], "down")):
            at, mean = _binned(*changes(one.seen, one.train, up), edges)
            axes.plot(at, mean, color=colour, lw=1.8, marker="o", ms=2.5)
            if len(at):
                axes.annotate(way, (at[-1], mean[-1]), (6, -3), textcoords="offset points", color=colour)
        axes.axhline(0, color=drawing.MUTED, lw=0.8)
        axes.margins(x=0.12)
        axes.set_xlabel("mean conductance before the pulse [µS]")
        axes.set_ylabel("change [µS]")
    return figure


def _binned(
    place: NDArray[np.float64], moved: NDArray[np.float64], edges: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(places,) middle [µS] and mean change [µS], where pulses begin."""
    where = np.digitize(place, edges) - 1
    begun = [k for k in range(len(edges) - 1) if (where == k).any()]
    mean = [1e6 * float(moved[:, where == k].mean()) for k in begun]
    return 5e5 * (edges[:-1] + edges[1:])[begun], np.array(mean)
