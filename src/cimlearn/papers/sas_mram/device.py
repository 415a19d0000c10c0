"""Figures of a memory of junctions on heavy-metal lines: half-select window, energy and area against N, read margin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cimlearn.devices import mtj, sas_mram, sensing
from cimlearn.devices.technology import cell_area, line, reading, technology_parameters, writing
from cimlearn.papers.base import Row
from cimlearn.parameters import ParameterSet
from cimlearn.report.html import drawing

SHARED: Final = (1, 2, 3, 4, 6, 8)  # junctions on a line
_POINTS: Final = 241
_LEAST: Final = 1e-15  # error rates below are not drawn


@dataclass(frozen=True)
class LineDesign:
    """A line with its write and its read, and the parameters they come from."""

    parameters: ParameterSet
    line: sas_mram.Line
    write: sas_mram.Write
    read: sensing.Read


def design(name: str, changes: dict[str, Any]) -> LineDesign:
    """The design of a technology with a line; InputError as in `technology`."""
    p = technology_parameters(name, changes)
    on = line(p)
    return LineDesign(p, on, writing(p, on), reading(p))


def window_rows(one: LineDesign) -> list[Row]:
    """Over the SOT current of the second phase: probability to switch with and without STT, and their errors."""
    low, high = sas_mram.window(one.line, one.write)
    current = np.linspace(0.0, 2.2 * max(low, high), _POINTS)
    columns = {
        "current_A": current,
        "selected": sas_mram.switches(one.line, current, one.write.voltage, one.write.pulse),
        "selected_fails": sas_mram.fails_to_switch(one.line, current, one.write.voltage, one.write.pulse),
        "sot_only": sas_mram.switches(one.line, current, 0.0, one.write.pulse),
    }
    return _rows(columns)


def sharing_rows(one: LineDesign) -> list[Row]:
    """Energy by cause [J/bit], area [m2/bit] and voltage over the line [V] for N junctions on it."""
    rows: list[Row] = []
    for bits in SHARED:
        shared = one.line._replace(bits=bits)
        energy = sas_mram.write_energy(shared, one.write)
        rows.append(
            {
                "bits": bits,
                "reset_J": energy.reset,
                "line_J": energy.line,
                "assist_J": energy.assist,
                "area_m2": cell_area(one.parameters, shared, one.write),
                "volts": one.write.reset_current * sas_mram.path_resistance(shared),
            }
        )
    return rows


def read_rows(one: LineDesign) -> list[Row]:
    """Densities [1/A] of the read current in both states, with variation and offset."""
    seen = sensing.sensed(one.line.junction, one.read)
    margin = 5 * max(seen.parallel_spread, seen.antiparallel_spread)
    current = np.linspace(max(seen.antiparallel - margin, 0.0), seen.parallel + margin, _POINTS)
    states = {
        "parallel": (seen.parallel, seen.parallel_spread),
        "antiparallel": (seen.antiparallel, seen.antiparallel_spread),
    }
    columns = {"current_A": current}
    for state, (mean, spread) in states.items():
        wide = max(spread, 1e-3 * mean)  # a line where nothing varies
        columns[state] = np.exp(-0.5 * ((current - mean) / wide) ** 2) / (wide * np.sqrt(2 * np.pi))
    return _rows(columns)


def _rows(columns: dict[str, np.ndarray]) -> list[Row]:
    """Columns of equal length as rows."""
    return [
        dict(zip(columns, values, strict=True))
        for values in zip(*(c.tolist() for c in columns.values()), strict=True)
    ]


def figures(one: LineDesign) -> dict[str, Figure]:
    """All figures by name; without a second phase there is no half-select window to draw."""
    drawn = {"sharing-energy": _draw_energy(one), "sharing-area": _draw_area(one), "read": _draw_read(one)}
    if one.write.pulse > 0:
        drawn = {"half-select": _draw_probability(one), "half-select-errors": _draw_errors(one)} | drawn
    return drawn


def _column(rows: list[Row], name: str, scale: float = 1.0) -> list[float]:
    """One column, scaled."""
    return [row[name] * scale for row in rows]


def _draw_probability(one: LineDesign) -> Figure:
    """Probability to switch against SOT current."""
    rows = window_rows(one)
    with drawing.style():
        figure, axes = drawing.new(f"Switching in a pulse of {one.write.pulse * 1e9:g} ns")
        x = _column(rows, "current_A", 1e6)
        axes.plot(
            x, _column(rows, "selected"), color=drawing.SERIES[0], lw=1.8, label="selected: SOT and STT"
        )
        axes.plot(x, _column(rows, "sot_only"), color=drawing.SERIES[1], lw=1.8, ls="--", label="SOT only")
        stt = sas_mram.roles(one.line, one.write).stt_only
        axes.axhline(stt, color=drawing.SERIES[2], lw=1.4, ls=":", label="STT only")
        _band(axes, one)
        axes.set(
            xlabel="SOT current of the second phase [µA]", ylabel="probability to switch", ylim=(-0.03, 1.03)
        )
        axes.grid(axis="y")
        axes.legend(loc="center right")
    return figure


def _draw_errors(one: LineDesign) -> Figure:
    """What goes wrong against SOT current, on a logarithmic scale."""
    rows = window_rows(one)
    with drawing.style():
        figure, axes = drawing.new("Errors of a write, by junction")
        x = _column(rows, "current_A", 1e6)
        lines = (("selected_fails", "selected: fails", "-"), ("sot_only", "SOT only: switches", "--"))
        for k, (name, label, dashes) in enumerate(lines):
            y = [max(v, _LEAST / 10) for v in _column(rows, name)]
            axes.plot(x, y, color=drawing.SERIES[k], lw=1.8, ls=dashes, label=label)
        stt = max(sas_mram.roles(one.line, one.write).stt_only, _LEAST / 10)
        axes.axhline(stt, color=drawing.SERIES[2], lw=1.4, ls=":", label="STT only: switches")
        axes.axhline(one.write.target, color=drawing.MUTED, lw=0.9, label="accepted")
        _band(axes, one)
        axes.set_yscale("log")
        axes.set(xlabel="SOT current of the second phase [µA]", ylabel="probability", ylim=(_LEAST, 3.0))
        axes.grid(axis="y")
        axes.legend(loc="lower right")
    return figure


def _band(axes: Axes, one: LineDesign) -> None:
    """The half-select window and the current chosen in it."""
    low, high = sas_mram.window(one.line, one.write)
    axes.axvspan(low * 1e6, high * 1e6, color=drawing.SERIES[2], alpha=0.2, lw=0, label="window")
    axes.set_xlim(0, 2.2 * max(low, high) * 1e6)


def _draw_energy(one: LineDesign) -> Figure:
    """Stacked energy per bit against N."""
    rows = sharing_rows(one)
    with drawing.style():
        figure, axes = drawing.new("Write energy per bit")
        below = np.zeros(len(rows))
        place = range(len(rows))
        causes = [
            ("reset_J", "reset (SOT)"),
            ("line_J", "second phase (SOT)"),
            ("assist_J", "second phase (STT)"),
        ]
        if one.write.pulse == 0:
            causes = [("reset_J", "write (SOT)")]
        for k, (name, label) in enumerate(causes):
            part = np.array(_column(rows, name, 1e15))
            axes.bar(place, part, bottom=below, width=0.62, color=drawing.SERIES[k], label=label)
            below += part
        axes.set_xticks(list(place), [str(row["bits"]) for row in rows])
        axes.set(xlabel="junctions on a line, N", ylabel="energy [fJ/bit]", ylim=(0, 1.3 * below.max()))
        axes.grid(axis="y")
        axes.legend(loc="upper right")
    return figure


def _draw_area(one: LineDesign) -> Figure:
    """Area per bit against N."""
    rows, square = sharing_rows(one), one.parameters["area.feature"] ** 2
    with drawing.style():
        figure, axes = drawing.new(f"Area per bit, F = {one.parameters['area.feature'] * 1e9:g} nm")
        areas = _column(rows, "area_m2", 1 / square)
        axes.plot(_column(rows, "bits"), areas, color=drawing.SERIES[0], marker="o", lw=1.8)
        strip = one.line.pitch * (one.line.strip_width + one.parameters["area.strip_space"]) / square
        axes.axhline(strip, color=drawing.MUTED, lw=1.2, ls="--", label="strip and its space alone")
        axes.set(xlabel="junctions on a line, N", ylabel="area [F²/bit]")
        axes.set_ylim(bottom=0)
        axes.set_xticks(SHARED)
        axes.grid(axis="y")
        axes.legend()
    return figure


def _draw_read(one: LineDesign) -> Figure:
    """Densities of the read current and the reference."""
    rows, seen = read_rows(one), sensing.sensed(one.line.junction, one.read)
    with drawing.style():
        figure, axes = drawing.new(f"Read current at {one.read.voltage:g} V, with variation and offset")
        x = _column(rows, "current_A", 1e6)
        for k, (state, label) in enumerate((("antiparallel", "antiparallel"), ("parallel", "parallel"))):
            axes.fill_between(x, _column(rows, state, 1e-6), color=drawing.SERIES[k], alpha=0.25, lw=0)
            axes.plot(x, _column(rows, state, 1e-6), color=drawing.SERIES[k], lw=1.6, label=label)
        axes.axvline(seen.reference * 1e6, color=drawing.INK, lw=1.0, ls="--", label="reference")
        axes.set(xlabel="current [µA]", ylabel="density [1/µA]")
        axes.set_ylim(bottom=0)
        axes.grid(axis="y")
        axes.legend()
    return figure


def details(one: LineDesign) -> dict[str, tuple[float, str]]:
    """Figures of the line beyond the interface of all technologies: name -> (value, unit)."""
    junction = one.line.junction
    energy, seen = sas_mram.write_energy(one.line, one.write), sensing.sensed(junction, one.read)
    roles = sas_mram.roles(one.line, one.write)
    found: dict[str, tuple[float, str]] = {
        "stability of a junction": (mtj.stability(junction), "1"),
        "resistance, parallel": (mtj.parallel(junction), "ohm"),
        "resistance, antiparallel": (float(mtj.antiparallel(junction, 0.0)), "ohm"),
        "resistance of the strip": (sas_mram.strip_resistance(one.line), "ohm"),
        "critical SOT current": (sas_mram.critical_current(one.line), "A"),
        "voltage over the line": (one.write.reset_current * sas_mram.path_resistance(one.line), "V"),
        "reset: energy": (energy.reset, "J/bit"),
        "reset: fails": (roles.reset_fails, "1"),
        "read: margin in standard deviations": (
            (seen.parallel - seen.antiparallel) / max(seen.parallel_spread + seen.antiparallel_spread, 1e-30),
            "1",
        ),
        "read: disturbs": (
            float(mtj.read_disturb(junction, seen.parallel, one.read.time)),
            "1",
        ),
    }
    if one.write.pulse > 0:
        low, high = sas_mram.window(one.line, one.write)
        found |= {
            "half-select window: from": (low, "A"),
            "half-select window: to": (high, "A"),
            "SOT current of the second phase": (one.write.current, "A"),
            "STT current of a selected junction": (
                float(sas_mram.stt_current(one.line, one.write.voltage)),
                "A",
            ),
            "second phase: energy, SOT": (energy.line, "J/bit"),
            "second phase: energy, STT": (energy.assist, "J/bit"),
            "selected: fails": (roles.selected_fails, "1"),
            "SOT only: switches": (roles.sot_only, "1"),
            "STT only: switches": (roles.stt_only, "1"),
        }
    return found
