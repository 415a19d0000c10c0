"""The product of few vectors that are learned from, in one call each way: forward with what the error needs, and back.

Forward is that of arrays/vectors.py, without the rows whose input is 0. Back, with d the error at the outputs,

    e_tj = d_j s_x b_j g_tj   where the sum tj lies within the range of its integrator, else 0
    d_x  = m R(W_t x'(e_t / m)) / s_x,   m = max_j |e_tj|

R is the transposed read of torch/transposed.py: the error drives the columns, streamed in the same bits, and
integrators and converters of the rows tell the sums, with a noise of their own.
"""

from __future__ import annotations

import numpy as np

from cimlearn.arrays.vectors import (
    convert_row,
    counted,
    disturb,
    encode_row,
    lit_row,
    scale_row,
    squares_row,
)
from cimlearn.compiled import entry, kernel
from cimlearn.noise import mixed


@kernel
def _driven(seen, first, tall, place):
    """Put the places of rows first .. first + tall - 1 whose input isn't 0 in place; answers how many."""
    count = 0
    for i in range(tall):
        place[count] = i
        count += 1 if seen[first + i] != 0 else 0
    return count


@kernel
def _add_driven(total, weight, x, first, place, count):
    """total (columns,) += sum over the driven rows of x[first + i] weight[i]: four rows at a time."""
    for n in range(0, count - 3, 4):
        p, q, r, s = place[n], place[n + 1], place[n + 2], place[n + 3]
        a, b, c, d = x[first + p], x[first + q], x[first + r], x[first + s]
        for j in range(total.size):
            total[j] += (a * weight[p, j] + b * weight[q, j]) + (c * weight[r, j] + d * weight[s, j])
    for n in range(count - count % 4, count):
        p = place[n]
        a = x[first + p]
        for j in range(total.size):
            total[j] += a * weight[p, j]


@entry
def forward(
    encoder,
    converter,
    tiles,
    x,
    unit,
    row_on,
    weight,
    variance,
    key,
    reach,
    scale,
    bias,
    seen,
    inputs_inside,
    inside,
    out,
):
    """`vectors.multiply`, which also leaves what the way back needs; gives bits that were 1, and what they lit [S].

    seen
        (vectors, inputs) what drove the rows
    inputs_inside
        (vectors, inputs) whether an input lies below the largest code; (0, 0): not asked for
    inside
        (tiles, vectors, columns) whether a sum lies within the range; (0, 0, 0): not asked for
    """
    key = mixed(key)
    vectors, inputs, columns = x.shape[0], x.shape[1], weight.shape[2]
    codes, lit = np.zeros(inputs, np.uint32), np.zeros(inputs, np.int32)
    squares, place = np.empty(inputs, np.float32), np.empty(weight.shape[1], np.int64)
    sums, power, draws = (
        np.empty(columns, np.float32),
        np.empty(columns, np.float32),
        np.empty(columns, np.float32),
    )
    floor, steps = np.float32(converter.thermal * reach * reach), np.float32(encoder.ones.size)
    for n in range(vectors):
        encode_row(encoder, x[n], unit, codes, seen[n])
        lit_row(encoder, codes, seen[n], lit)
        if variance.size:
            squares_row(encoder, codes, seen[n], squares)
        if inputs_inside.size:
            for i in range(inputs):
                inputs_inside[n, i] = abs(x[n, i] / unit) * steps < steps - np.float32(0.5)
        out[n, :] = 0
        for t in range(tiles.shape[1]):
            first, tall, start = tiles[0, t], tiles[1, t], tiles[2, t]
            count = _driven(seen[n], first, tall, place)
            sums[:] = 0
            _add_driven(sums, weight[t], seen[n], first, place, count)
            if variance.size:
                power[:] = 0
                _add_driven(power, variance[t], squares, first, place, count)
                disturb(key, t * vectors + n, sums, power, floor, draws)
            elif floor > 0:
                disturb(key, t * vectors + n, sums, power[:0], floor, draws)
            if inside.size:
                for j in range(columns):
                    v = sums[j] * (converter.gain[t, j] / reach) + converter.offset[t, j]
                    inside[t, n, j] = abs(v) <= 1
            convert_row(converter, t, sums, reach, out[n, start : start + columns])
        scale_row(converter, reach, unit, scale, out[n])
        for j in range(bias.size):
            out[n, j] += bias[j]
    return counted(lit, row_on)


@entry
def errors(converter, tiles, columns, inside, d, unit, scale, error):
    """error (tiles, vectors, columns) at the sums of tiles, of d (vectors, outputs) at the outputs.

    inside
        (tiles, vectors, columns) of `forward`; (0, 0, 0): integrators have no range
    unit, scale
        the range of the inputs and (outputs,) or (1,) that of the weights
    """
    for t in range(tiles.shape[1]):
        start, gain = tiles[2, t], converter.gain[t]
        for n in range(d.shape[0]):
            for j in range(columns):
                error[t, n, j] = (
                    d[n, start + j] * (unit * scale[start + j if scale.size > 1 else 0]) * gain[j]
                )
            if inside.size:
                for j in range(columns):
                    error[t, n, j] = error[t, n, j] if inside[t, n, j] else np.float32(0)


@kernel
def _across(total, weight, tall, x):
    """total (tall,) = weight (tall, columns) @ x (columns,): eight rows side by side."""
    for i in range(0, tall - 7, 8):
        a = b = c = d = e = f = g = h = np.float32(0)
        for j in range(x.size):
            v = x[j]
            a += weight[i, j] * v
            b += weight[i + 1, j] * v
            c += weight[i + 2, j] * v
            d += weight[i + 3, j] * v
            e += weight[i + 4, j] * v
            f += weight[i + 5, j] * v
            g += weight[i + 6, j] * v
            h += weight[i + 7, j] * v
        total[i], total[i + 1], total[i + 2], total[i + 3] = a, b, c, d
        total[i + 4], total[i + 5], total[i + 6], total[i + 7] = e, f, g, h
    for i in range(tall - tall % 8, tall):
        a = np.float32(0)
        for j in range(x.size):
            a += weight[i, j] * x[j]
        total[i] = a


@entry
def back(encoder, converter, tiles, error, weight, variance, key, reach, headroom, inputs_inside, unit, dx):
    """dx (vectors, inputs) by a transposed read of error (tiles, vectors, columns); gives the bits that were 1.

    converter
        of the rows of each tile
    reach
        (1,) the range of their integrators; where it is 0 it becomes `headroom` times the largest sum of this call
    inputs_inside, unit
        of `forward`: where an input was cut the error stops; the range of the inputs
    """
    key = mixed(key)
    count, vectors, columns = error.shape
    tall = weight.shape[1]
    steps = encoder.ones.size
    most = np.float32(steps / (steps - 1)) if steps else np.float32(1)
    codes, lit = np.zeros(columns, np.uint32), np.zeros(columns, np.int32)
    scaled, seen, squares = (
        np.empty(columns, np.float32),
        np.empty(columns, np.float32),
        np.empty(columns, np.float32),
    )
    sums, power = (
        np.zeros((count, vectors, tall), np.float32),
        np.zeros((count, vectors, tall), np.float32),
    )
    size, largest = np.zeros((count, vectors), np.float32), np.float32(0)
    draws, told = np.empty(tall, np.float32), np.empty(tall, np.float32)
    for t in range(count):
        for n in range(vectors):
            m = np.float32(0)
            for j in range(columns):
                m = abs(error[t, n, j]) if not abs(error[t, n, j]) <= m else m  # not a number stays none
            size[t, n] = m
            whole = np.float32(1) if m == 0 else m
            for j in range(columns):
                scaled[j] = error[t, n, j] / whole
            encode_row(encoder, scaled, most, codes, seen)
            lit_row(encoder, codes, seen, lit)
            _across(sums[t, n], weight[t], tiles[1, t], seen)
            if variance.size:
                squares_row(encoder, codes, seen, squares)
                _across(power[t, n], variance[t], tiles[1, t], squares)
            for i in range(tiles[1, t]):
                largest = max(largest, abs(sums[t, n, i]))
    if reach[0] == 0:
        reach[0] = headroom * largest
    end = max(reach[0], np.float32(1e-30))
    floor, ones = np.float32(converter.thermal * end * end), np.ones(1, np.float32)
    for t in range(count):
        first = tiles[0, t]
        for n in range(vectors):
            if variance.size:
                disturb(key, t * vectors + n, sums[t, n], power[t, n], floor, draws)
            elif floor > 0:
                disturb(key, t * vectors + n, sums[t, n], draws[:0], floor, draws)
            told[:] = 0
            convert_row(converter, t, sums[t, n], end, told)
            scale_row(converter, end, most, ones, told)
            for i in range(tiles[1, t]):
                open_ = not inputs_inside.size or inputs_inside[n, first + i]
                dx[n, first + i] = told[i] * size[t, n] / unit if open_ else np.float32(0)
    bits = np.int64(0)
    for j in range(columns):
        bits += np.int64(lit[j])
    return bits
