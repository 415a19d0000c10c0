"""The figure of `device fit`: data with the fitted mean response, and what is left of each pulse."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cimlearn.devices.fit import fit, laws
from cimlearn.devices.fit.data import Data
from cimlearn.devices.pulsed_mean import mean_step
from cimlearn.report.html import drawing

DRAWN = 8  # cells, at most


def save(file: Path, data: Data, cells: fit.Cells, *, normalised: bool) -> None:
    """Write the PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with drawing.style():
        figure = Figure(figsize=(9, 6.5), layout="constrained")
        FigureCanvasAgg(figure)
        grid = figure.subplots(2, 2, sharex="col")
        for column, (up, way) in enumerate(((True, "potentiation"), (False, "depression"))):
            _way(grid[:, column], data, cells, up)
            grid[0, column].set_title(f"{way}: data and {cells.law} law", loc="left")
            grid[1, column].set_xlabel("pulse")
        if cells.noise[3] > 0:
            grid[1, 0].set_title(f"noise of readings alike for {cells.noise[4]:.2g} pulses", loc="left")
        grid[0, 0].set_ylabel("normalised weight" if normalised else "conductance [µS]")
        grid[1, 0].set_ylabel("error of a pulse [standard deviations]")
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=150)


def _way(axes: np.ndarray, data: Data, cells: fit.Cells, up: bool) -> None:
    """Data, fit and residuals of one polarity."""
    middle, half = 0.5 * (data.low + data.high), 0.5 * (data.high - data.low)
    unit = 1e6 if data.low > 0 else 1.0
    _, out = fit.evaluate(cells, data)
    device, rows = laws.device(cells.law, cells.shape), cells.traits()
    starts = np.flatnonzero(data.first)
    ends = np.append(starts[1:], len(data.values))
    drawn: set[int] = set()
    for start, end in zip(starts, ends, strict=True):
        cell = int(data.cell[start])
        if bool(data.up[start]) != up or (cell not in drawn and len(drawn) >= DRAWN):
            continue
        drawn.add(cell)
        colour, pulses = drawing.SERIES[cell % len(drawing.SERIES)], np.arange(end - start)
        axes[0].plot(
            pulses, unit * (middle + half * data.values[start:end]), ".", ms=3, color=colour, alpha=0.6
        )
        w = [
            float(out[0, start + 1 : start + 2].mean())
            if cells.noise[2] > 0.02
            else float(data.values[start])
        ]
        for _ in range(end - start - 1):
            step = float(mean_step(device, np.array([w[-1]]), up, rows[cell])[0])
            w.append(float(np.clip(w[-1] + (step if up else -step), rows[cell][2], rows[cell][3])))
        axes[0].plot(pulses, unit * (middle + half * np.array(w)), "-", lw=1.6, color=colour,
                     label=f"cell {data.names[cell]}")  # fmt: skip
        axes[1].plot(pulses[1:], out[1, start + 1 : end], ".", ms=3, color=colour)
    axes[1].axhline(0, color="grey", lw=0.8)
    if drawn:
        axes[0].legend(frameon=False)
