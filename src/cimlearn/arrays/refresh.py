"""Effective weights from cells: exact, or through circuit, time and temperature.

The equations stand in arrays/crossbar.py, arrays/circuit.py and arrays/ageing.py.
"""

from __future__ import annotations

import numpy as np

from cimlearn.arrays.ageing import seen as seen_of
from cimlearn.compiled import apart, kernel


@kernel
def refresh(bar, first, last):
    """Bring the weights and their read variances of rows first .. last - 1 in step with the cells.

    Where the circuit isn't exact, a column sees all cells that hang on its virtual ground together, so these are all
    brought in step.
    """
    if bar.state.seen.path.size > 0:
        _refresh_seen(bar, first, last)
    else:
        _refresh_exact(bar, first, last)


@apart
def _sum_cells(
    conductance,
    path,
    factor,
    shift,
    ages,
    sign,
    reference,
    noisy,
    beside,
    top,
    bottom,
    weight,
    variance,
    load,
):
    """Of rows top .. bottom - 1: what columns see of cells less references, and its square [S]; load (columns,): of
    all that hangs on a column.
    """
    columns = weight.shape[1]
    for j in range(columns):
        load[j] = 0
    for i in range(top, bottom):
        for j in range(columns):
            taken = reference[i, j]
            weight[i, j] = -taken
            variance[i, j] = taken * taken if noisy else np.float32(0)
            load[j] += taken if beside else np.float32(0)
        for k in range(sign.size):
            for j in range(columns):
                g = conductance[k, i, j]
                if ages:
                    g = seen_of(factor[k, i, j], shift[k, i, j], g)
                reached = g * path[k, i, j]
                weight[i, j] += sign[k] * reached
                variance[i, j] += (sign[k] * sign[k]) * reached * reached
                load[j] += g


@apart
def _scale_rows(weight, variance, scale, unit, load, top, bottom):
    """Rows top .. bottom - 1 in units of weights; load (columns,) has the gains."""
    for i in range(top, bottom):
        for j in range(weight.shape[1]):
            weight[i, j] *= scale * load[j]
        for j in range(weight.shape[1]):
            variance[i, j] *= unit * load[j] * load[j]


@kernel
def _refresh_seen(bar, first, last):
    """Weights and read variances through shares, references, loads and gains (arrays/circuit.py), of the groups of rows
    that hold one of the rows first .. last - 1.
    """
    weight, variance, seen, loads = bar.state.weight, bar.state.variance, bar.state.seen, bar.loads
    unit = np.float32(bar.read_variance * bar.scale * bar.scale)
    held, columns = np.float32(loads.transconductance), weight.shape[1]
    load, conductance = bar.scratch.column[1], bar.state.cells.conductance
    ages, factor, shift = bar.ageing.on, bar.state.aged.factor, bar.state.aged.shift
    tile = 0
    for n in range(bar.hanging.size - 1):
        top, bottom = bar.hanging[n], bar.hanging[n + 1]
        tile += 1 if top >= bar.tiles[tile + 1] else 0
        if bottom <= first or top >= last:
            continue
        _sum_cells(
            conductance,
            seen.path,
            factor,
            shift,
            ages,
            bar.sign,
            seen.reference,
            loads.cells,
            loads.beside,
            top,
            bottom,
            weight,
            variance,
            load,
        )
        mean = np.float32(0)
        for j in range(columns):  # load becomes the gain of each column
            load[j] = held / (held + load[j]) if held > 0 else np.float32(1)
            mean += load[j] / np.float32(columns)
        for j in range(columns):
            if loads.calibration == 1:
                load[j] /= mean
            elif loads.calibration == 2:
                load[j] = np.float32(1)
            load[j] *= seen.trim[tile, j]
        _scale_rows(weight, variance, np.float32(bar.scale), unit, load, top, bottom)
        if bar.ageing.trap.size > 0:
            _refresh_traps(bar, top, bottom, load)


@kernel
def _refresh_traps(bar, first, last, load):
    """What traps do to the weights of rows first .. last - 1, whose columns have gains load (columns,)."""
    aged, seen, scale = bar.state.aged, bar.state.seen, np.float32(bar.scale)
    factor, shift, conductance, trap = aged.factor, aged.shift, bar.state.cells.conductance, bar.ageing.trap
    for i in range(first, last):
        for j in range(load.size):
            for k in range(bar.sign.size):
                g = seen_of(factor[k, i, j], shift[k, i, j], conductance[k, i, j])
                aged.sway[k, i, j] = scale * load[j] * bar.sign[k] * trap[k, i, j] * (g * seen.path[k, i, j])
            if aged.borne.size > 0:
                aged.borne[i, j] = scale * load[j] * seen.reference[i, j]


@kernel
def _refresh_exact(bar, first, last):
    """Weights and read variances of the cells alone."""
    unit = np.float32(bar.read_variance * bar.scale * bar.scale)
    scale, reference = np.float32(bar.scale), np.float32(bar.reference)
    conductance, weight, variance = bar.state.cells.conductance, bar.state.weight, bar.state.variance
    for i in range(first, last):
        refresh_row(conductance, bar.sign, scale, reference, unit, i, weight, variance)


@apart
def refresh_row(conductance, sign, scale, reference, unit, i, weight, variance):
    """Row i of weight and variance (rows, columns) from the cells alone."""
    columns = weight.shape[1]
    for j in range(columns):
        weight[i, j] = -reference
        variance[i, j] = 0
    for k in range(sign.size):
        for j in range(columns):
            g = conductance[k, i, j]
            weight[i, j] += sign[k] * g
            variance[i, j] += (sign[k] * sign[k]) * g * g
    for j in range(columns):
        weight[i, j] *= scale
        variance[i, j] *= unit
