"""The product of vectors that are learned from, in one call each way: forward with what the error needs, and back.

Forward is that of arrays/vectors.py. Few vectors leave out the rows whose input is 0; several share blocks of registers
(arrays/matmul.py). Back, with d the error at the outputs,

    e_tj = d_j s_x b_j g_tj   where the sum tj lies within the range of its integrator, else 0
    d_x  = m R(W_t x'(e_t / m)) / s_x,   m = max_j |e_tj|

R is the transposed read of torch/transposed.py: the error drives the columns, streamed in the same bits, and
integrators and converters of the rows tell the sums, with a noise of their own.
"""

from __future__ import annotations

import numpy as np

from cimlearn.arrays.matmul import add_product
from cimlearn.arrays.vectors import (
    convert_row,
    counted,
    disturb,
    encode_all,
    encode_row,
    lit_row,
    scale_row,
    squares_row,
)
from cimlearn.compiled import apart, entry, kernel
from cimlearn.noise import mixed

SEVERAL = 4  # vectors from which a product in blocks is the faster one
TOGETHER = 64  # vectors of one block


@kernel
def _driven(seen, place):
    """Put the places of seen (rows,) that aren't 0 in place; answers how many."""
    count = 0
    for i in range(seen.size):
        place[count] = i
        count += 1 if seen[i] != 0 else 0
    return count


@apart
def _add_driven(total, weight, x, place):
    """total (columns,) += sum over the driven rows of x[i] weight[i]: four rows at a time."""
    count = place.size
    for n in range(0, count - 3, 4):
        p, q, r, s = place[n], place[n + 1], place[n + 2], place[n + 3]
        a, b, c, d = x[p], x[q], x[r], x[s]
        for j in range(total.size):
            total[j] += (a * weight[p, j] + b * weight[q, j]) + (c * weight[r, j] + d * weight[s, j])
    for n in range(count - count % 4, count):
        p = place[n]
        a = x[p]
        for j in range(total.size):
            total[j] += a * weight[p, j]


@kernel
def _sum_up(sums, power, weight, variance, x, squares, place):
    """sums (vectors, columns) of x (vectors, rows) and weight; power of squares and variance, or (0, 0)."""
    vectors, rows = x.shape
    sums[:] = 0
    power[:] = 0
    if vectors >= SEVERAL:
        add_product(sums, x, weight, vectors, 0, rows)
        if power.size:
            add_product(power, squares, variance, vectors, 0, rows)
        return
    for n in range(vectors):
        count = _driven(x[n], place)
        _add_driven(sums[n], weight, x[n], place[:count])
        if power.size:
            _add_driven(power[n], variance, squares[n], place[:count])


@apart
def _within(sums, gain, offset, reach, inside):
    """inside (columns,): whether sums lie within the range of their integrators."""
    for j in range(sums.size):
        inside[j] = abs(sums[j] * (gain[j] / reach) + offset[j]) <= 1


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
    (vectors, inputs), columns = x.shape, weight.shape[2]
    lit, place = np.zeros(inputs, np.int32), np.empty(weight.shape[1], np.int64)
    noisy, block = variance.size > 0, min(vectors, TOGETHER)
    squares = np.empty((vectors if noisy else 0, inputs), np.float32)
    encode_all(encoder, x, unit, np.zeros(inputs, np.uint32), seen, squares, inputs_inside, lit)
    sums_of, draws = np.empty((block, columns), np.float32), np.empty(columns, np.float32)
    power_of = np.empty((block if noisy else 0, columns), np.float32)
    floor = np.float32(converter.thermal * reach * reach)
    out[:] = 0
    for begin in range(0, vectors, TOGETHER):
        end = min(begin + TOGETHER, vectors)
        for t in range(tiles.shape[1]):
            first, tall, start = tiles[0, t], tiles[1, t], tiles[2, t]
            last = first + tall
            sums, power = sums_of[: end - begin], power_of[: end - begin]
            w, v = weight[t], variance[t if noisy else 0 : t + 1 if noisy else 0].reshape(-1, columns)
            _sum_up(
                sums, power, w, v, seen[begin:end, first:last], squares[begin:end, first:last], place[:tall]
            )
            for n in range(begin, end):
                total = sums[n - begin]
                if noisy:
                    disturb(key, t * vectors + n, total, power[n - begin], floor, draws)
                elif floor > 0:
                    disturb(key, t * vectors + n, total, draws[:0], floor, draws)
                if inside.size:
                    _within(total, converter.gain[t], converter.offset[t], reach, inside[t, n])
                convert_row(converter, t, total, reach, out[n, start : start + columns])
    for n in range(vectors):
        scale_row(converter, reach, unit, scale, out[n])
        for j in range(bias.size):
            out[n, j] += bias[j]
    return counted(lit, row_on)


@apart
def _error_row(d, unit, scale, gain, error):
    """error (columns,) at the sums, of d at the outputs; scale (columns,) or (1,)."""
    if scale.size == 1:
        for j in range(error.size):
            error[j] = d[j] * (unit * scale[0]) * gain[j]
    else:
        for j in range(error.size):
            error[j] = d[j] * (unit * scale[j]) * gain[j]


@apart
def _cut(inside, error):
    for j in range(error.size):
        error[j] = error[j] if inside[j] else np.float32(0)


@entry
def errors(converter, tiles, inside, d, unit, scale, error):
    """error (tiles, vectors, columns) at the sums of tiles, of d (vectors, outputs) at the outputs.

    inside
        (tiles, vectors, columns) of `forward`; (0, 0, 0): integrators have no range
    unit, scale
        the range of the inputs and (outputs,) or (1,) that of the weights
    """
    columns = error.shape[2]
    for t in range(tiles.shape[1]):
        start = tiles[2, t]
        end = start + columns
        for n in range(d.shape[0]):
            own = scale if scale.size == 1 else scale[start:end]
            _error_row(d[n, start:end], unit, own, converter.gain[t], error[t, n])
            if inside.size:
                _cut(inside[t, n], error[t, n])


@apart
def _across(total, weight, x):
    """total (tall,) = weight (tall, columns) @ x (columns,): eight rows side by side."""
    tall = total.size
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


@apart
def turn_over(x, turned):
    """turned (columns, rows) = x (rows, columns)."""
    for j in range(x.shape[1]):
        for n in range(x.shape[0]):
            turned[j, n] = x[n, j]


@kernel
def _all_across(total, weight, x, turned, across):
    """total (vectors, tall) = x (vectors, columns) @ weight (tall, columns)^T; the last two are scratch."""
    vectors = x.shape[0]
    if vectors < SEVERAL:
        for n in range(vectors):
            _across(total[n], weight, x[n])
        return
    tall = total.shape[1]
    turn_over(x, turned)
    across[:tall] = 0
    add_product(across, weight, turned, tall, 0, x.shape[1])
    turn_over(across[:tall], total)


@kernel
def _largest(x):
    """The largest |x| of x (n,); not a number where one is none."""
    m = np.float32(0)
    for j in range(x.size):
        m = abs(x[j]) if not abs(x[j]) <= m else m
    return m


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
    tall, noisy, steps = weight.shape[1], variance.size > 0, encoder.ones.size
    most = np.float32(steps / (steps - 1)) if steps else np.float32(1)
    codes, lit = np.zeros(columns, np.uint32), np.zeros(columns, np.int32)
    scaled, seen = np.empty(columns, np.float32), np.empty((vectors, columns), np.float32)
    squares = np.empty((vectors if noisy else 0, columns), np.float32)
    sums = np.zeros((count, vectors, tall), np.float32)
    power = np.zeros((count if noisy else 0, vectors, tall), np.float32)
    turned = np.empty((columns, vectors), np.float32)
    across = np.empty((tall, vectors), np.float32)
    size, largest = np.zeros((count, vectors), np.float32), np.float32(0)
    draws, told = np.empty(tall, np.float32), np.empty(tall, np.float32)
    for t in range(count):
        rows = tiles[1, t]
        for n in range(vectors):
            m = _largest(error[t, n])
            size[t, n] = m
            whole = np.float32(1) if m == 0 else m
            for j in range(columns):
                scaled[j] = error[t, n, j] / whole
            encode_row(encoder, scaled, most, codes, seen[n])
            lit_row(encoder, codes, seen[n], lit)
            if noisy:
                squares_row(encoder, codes, seen[n], squares[n])
        _all_across(sums[t, :, :rows], weight[t], seen, turned, across)
        if noisy:
            _all_across(power[t, :, :rows], variance[t], squares, turned, across)
        for n in range(vectors):
            largest = max(largest, _largest(sums[t, n]))
    if reach[0] == 0:
        reach[0] = headroom * largest
    end = max(reach[0], np.float32(1e-30))
    floor, ones = np.float32(converter.thermal * end * end), np.ones(1, np.float32)
    for t in range(count):
        first = tiles[0, t]
        for n in range(vectors):
            if noisy:
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
