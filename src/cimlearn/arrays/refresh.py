"""Effective weights from cells: exact, or through circuit, time and temperature.

The equations stand in arrays/crossbar.py, arrays/circuit.py and arrays/ageing.py.
"""

from __future__ import annotations

import numpy as np

from cimlearn.arrays.ageing import seen as seen_of
from cimlearn.compiled import apart, disjoint, kernel

BLOCK = 8  # rows that are brought in step together, in the nearest memory


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
def _see_single(conductance, path, sign, reference, weight):
    """weight (cells,) [S]: what columns see of weights that are one cell each, less references."""
    for j in range(weight.size):
        weight[j] = sign * (conductance[j] * path[j]) - reference[j]


@apart
def _see_squares(conductance, path, sign, reference, noisy, variance):
    """variance (cells,) [S^2]: the squares of what columns see of the same."""
    square = sign * sign
    for j in range(variance.size):
        variance[j] = reference[j] * reference[j] if noisy else np.float32(0)
    for j in range(variance.size):
        reached = conductance[j] * path[j]
        variance[j] += square * reached * reached


@apart
def _sum_loads(conductance, reference, beside, load):
    """Add to load (columns,) [S] what hangs on a column, cells (rows * columns,) row after row."""
    columns = load.size
    for first in range(0, conductance.size, columns):
        row, taken = conductance[first : first + columns], reference[first : first + columns]
        for j in range(columns):
            load[j] = (load[j] + (taken[j] if beside else np.float32(0))) + row[j]


@kernel
def _sum_single(bar, top, bottom, load):
    """`_sum_cells` of weights that are one cell each, which don't age: rows side by side are one vector."""
    seen, loads, state, columns = bar.state.seen, bar.loads, bar.state, load.size
    load[:] = 0
    for first in range(top, bottom, BLOCK):
        start, end = first * columns, min(first + BLOCK, bottom) * columns
        conductance, path = state.cells.conductance.reshape(-1)[start:end], seen.path.reshape(-1)[start:end]
        reference, sign = seen.reference.reshape(-1)[start:end], bar.sign[0]
        _see_single(conductance, path, sign, reference, state.weight.reshape(-1)[start:end])
        _see_squares(conductance, path, sign, reference, loads.cells, state.variance.reshape(-1)[start:end])
        _sum_loads(conductance, reference, loads.beside, load)


@apart
def _scale_rows(values, unit, gain, power, factor):
    """values (rows * columns,) in units of weights: times unit * gain**power, gain (columns,); factor is scratch."""
    columns = gain.size
    for j in range(columns):
        factor[j] = unit * gain[j] if power == 1 else unit * gain[j] * gain[j]
    for first in range(0, values.size, columns):
        row = values[first : first + columns]
        for j in range(columns):
            row[j] *= factor[j]


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
        if bar.sign.size == 1 and not ages:
            _sum_single(bar, top, bottom, load)
        else:
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
        start, end, factor_of = top * columns, bottom * columns, bar.scratch.column[2]
        _scale_rows(weight.reshape(-1)[start:end], np.float32(bar.scale), load, 1, factor_of)
        _scale_rows(variance.reshape(-1)[start:end], unit, load, 2, factor_of)
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
    refresh_rows(conductance, bar.sign, scale, reference, unit, first, last, weight, variance)


@apart
def _one_layer(conductance, sign, scale, reference, unit, weight, variance):
    """weight and variance (cells,) of weights that are one cell each."""
    square = sign * sign
    for j in range(weight.size):
        weight[j] = (sign * conductance[j] - reference) * scale
    for j in range(weight.size):
        g = conductance[j]
        variance[j] = square * g * g * unit


@disjoint
def _two_layers(one, other, sign, beside, scale, reference, unit, weight, variance):
    """The same of two cells a weight, of the signs `sign` and `beside`."""
    square, square_beside = sign * sign, beside * beside
    for j in range(weight.size):
        weight[j] = (sign * one[j] - reference + beside * other[j]) * scale
    for j in range(variance.size):
        variance[j] = square * one[j] * one[j]
    for j in range(variance.size):
        variance[j] = (square_beside * other[j] * other[j] + variance[j]) * unit


@apart
def _more_layers(conductance, sign, scale, reference, unit, first, last, weight, variance):
    """The same of rows first .. last - 1, of several cells a weight."""
    columns = weight.shape[1]
    for i in range(first, last):
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


@kernel
def refresh_rows(conductance, sign, scale, reference, unit, first, last, weight, variance):
    """Rows first .. last - 1 of weight and variance (rows, columns) from the cells alone."""
    if sign.size > 2:
        _more_layers(conductance, sign, scale, reference, unit, first, last, weight, variance)
        return
    start, end = first * weight.shape[1], last * weight.shape[1]
    one, w, v = (
        conductance[0].reshape(-1)[start:end],
        weight.reshape(-1)[start:end],
        variance.reshape(-1)[start:end],
    )
    if sign.size == 1:
        _one_layer(one, sign[0], scale, reference, unit, w, v)
        return
    other = conductance[1].reshape(-1)[start:end]
    _two_layers(one, other, sign[0], sign[1], scale, reference, unit, w, v)
