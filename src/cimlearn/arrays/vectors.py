"""The product of a crossbar for many vectors at once, around a matrix product that a library makes.

The equations are those of arrays/crossbar.py: `encode` makes the effective inputs of weighted-bit streaming, the
library multiplies, `convert` adds one normal number per column for the noise of all cells and cycles, scales by the
integrators, cuts to their range and rounds to the converter's code. Values are in units of an array whose weights,
inputs and range are 1 (torch/crossbar.py); a value that is not a number stays none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.compiled import apart, entry, kernel
from cimlearn.noise import fill_normal_at, mixed, pairs


class Encoder(NamedTuple):
    """What turns inputs into what the rows are driven with."""

    code: NDArray[
        np.float32
    ]  # (2, steps) effective input of each code; sum of its squared cycle weights; (2, 0): exact
    ones: NDArray[np.int64]  # (steps,) bits that are 1


class Converter(NamedTuple):
    """The integrators and converters of all tiles."""

    gain: NDArray[np.float32]  # (tiles, columns)
    offset: NDArray[np.float32]  # (tiles, columns) in units of the range
    ranged: bool  # integrators have a range
    half: float  # 2^(bits - 1), half the codes of a converter; 0: no conversion
    thermal: float  # variance of the integrators' own noise, in units of the range squared


@apart
def encode_row(encoder, x, unit, codes, seen):
    """seen (inputs,) of x (inputs,) / unit; codes (inputs,) are those of the table.

    Three loops, each of which the compiler makes vectors of.
    """
    steps = np.float32(encoder.ones.size)
    most = steps - np.float32(1)
    if steps == 0:
        for i in range(x.size):
            seen[i] = x[i] / unit
        return
    for i in range(x.size):
        scaled = min(abs(x[i] / unit) * steps + np.float32(0.5), most)
        codes[i] = np.uint32(np.int32(scaled if scaled >= 0 else np.float32(0)))  # not a number: 0
    for i in range(x.size):
        seen[i] = encoder.code[0, codes[i]]
    for i in range(x.size):
        value = x[i]
        known = -seen[i] if value < 0 else seen[i]
        seen[i] = known if value == value else value  # not a number stays none


@apart
def squares_row(encoder, codes, seen, squares):
    """squares (inputs,), the sums of squared cycle weights."""
    if encoder.ones.size:
        for i in range(codes.size):
            squares[i] = encoder.code[1, codes[i]]
    else:
        for i in range(codes.size):
            squares[i] = seen[i] * seen[i]


@apart
def lit_row(encoder, codes, seen, lit):
    """Add the bits that are 1 to lit (inputs,)."""
    if encoder.ones.size:
        for i in range(codes.size):
            lit[i] += encoder.ones[codes[i]]
    else:
        for i in range(codes.size):
            lit[i] += np.int32(seen[i] != 0)


@kernel
def counted(lit, row_on):
    """The bits of lit (inputs,) and the conductance that they switched on [S]."""
    bits, on = np.int64(0), 0.0
    for i in range(lit.size):
        bits += np.int64(lit[i])
        on += np.float64(lit[i]) * np.float64(row_on[i])
    return bits, on


@kernel
def encode_all(encoder, x, unit, codes, seen, squares, inside, lit):
    """What `encode` does to x (vectors, inputs); bits that were 1 are added to lit (inputs,), or (0,); codes (inputs,)
    is scratch, of zeros.
    """
    inputs, steps = x.shape[1], np.float32(encoder.ones.size)
    for n in range(x.shape[0]):
        encode_row(encoder, x[n], unit, codes, seen[n])
        if squares.size:
            squares_row(encoder, codes, seen[n], squares[n])
        if lit.size:
            lit_row(encoder, codes, seen[n], lit)
        if inside.size:
            for i in range(inputs):
                inside[n, i] = abs(x[n, i] / unit) * steps < steps - np.float32(0.5)


@entry
def encode(encoder, x, unit, row_on, seen, squares, inside):
    """Effective inputs of x (vectors, inputs) / unit; gives the bits that were 1, and what they switched on [S].

    row_on
        (inputs,) conductance of all cells of a row [S]; (0,): nothing is counted
    seen
        (vectors, inputs) what drives the rows
    squares
        (vectors, inputs) the sum of squared cycle weights, for the noise of reads; (0, 0): not asked for
    inside
        (vectors, inputs) whether an input lies below the largest code, for gradients; (0, 0): not asked for
    """
    codes, lit = np.zeros(x.shape[1], np.uint32), np.zeros(row_on.size, np.int32)
    encode_all(encoder, x, unit, codes, seen, squares, inside, lit)
    return counted(lit, row_on)


@apart
def disturb(key, place, total, power, floor, draws):
    """Add to total (columns,) normal noise of variance power (columns,) + floor; power (0,): floor alone.

    `place` numbers the sums of one call: each has normals of its own.
    """
    fill_normal_at(key, place * pairs(draws.size), draws)
    if power.size:
        for j in range(total.size):
            total[j] += np.sqrt(power[j] + floor) * draws[j]
    else:
        spread = np.sqrt(floor)
        for j in range(total.size):
            total[j] += spread * draws[j]


@entry
def convert(converter, key, groups, total, power, reach, unit, scale, inside, out):
    """What the converters tell of sums, tiles added up.

    key
        of the noise (uint64); the same key gives the same noise
    groups
        of tiles side by side; a group has `tiles / groups` tiles, one above the other
    total
        (tiles, vectors, columns) exact sums; overwritten
    power
        (tiles, vectors, columns) variance of the noise of reads; (0, 0, 0): none
    reach
        the integrators' range
    unit, scale
        the range of the inputs and (outputs,) or (1,) that of the weights: what the result is multiplied with
    inside
        (tiles, vectors, columns) whether a sum lies within the range, for gradients; (0, 0, 0): not asked for
    out
        (vectors, outputs)
    """
    key = mixed(key)
    tiles, vectors, columns = total.shape
    draws = np.empty(columns, np.float32)
    floor = np.float32(converter.thermal * reach * reach)
    above = tiles // groups
    for tile in range(tiles):
        start = (tile // above) * columns
        for n in range(vectors):
            sums, told = total[tile, n], out[n, start : start + columns]
            if power.size or floor > 0:
                disturb(
                    key, tile * vectors + n, sums, power[tile, n] if power.size else draws[:0], floor, draws
                )
            if inside.size:
                for j in range(columns):
                    v = sums[j] * (converter.gain[tile, j] / reach) + converter.offset[tile, j]
                    inside[tile, n, j] = abs(v) <= 1
            if tile % above == 0:
                told[:] = 0
            convert_row(converter, tile, sums, reach, told)
    for n in range(vectors):
        scale_row(converter, reach, unit, scale, out[n])


@apart
def convert_row(converter, tile, sums, reach, told):
    """Add to told (columns,) what the converters of a tile tell of sums (columns,), in units of the range."""
    gain, offset, half = converter.gain[tile], converter.offset[tile], np.float32(converter.half)
    one = np.float32(1)
    if not converter.ranged:
        for j in range(sums.size):
            told[j] += sums[j] * gain[j]
        return
    most = half - one if half > 0 else one
    least = -half if half > 0 else -one
    unit = one / half if half > 0 else one
    scale = half if half > 0 else one
    for j in range(sums.size):
        v = sums[j] * (gain[j] / reach) + offset[j]
        v = v * scale
        v = np.rint(v) if half > 0 else v
        # Comparisons with what is not a number are false, so it goes through.
        v = most if v > most else v
        v = least if v < least else v
        told[j] += v * unit


@apart
def scale_row(converter, reach, unit, scale, told):
    """told (outputs,) in units of the range becomes what the layer answers."""
    last = reach * unit if converter.ranged else unit
    if scale.size == 1:
        for j in range(told.size):
            told[j] *= last * scale[0]
    else:
        for j in range(told.size):
            told[j] *= last * scale[j]


@apart
def _add_rows(total, weight, x):
    """total (columns,) += x (rows,) @ weight (rows, columns): eight rows at a time, each a fused multiply-add."""
    rows = x.size
    for i in range(0, rows - 7, 8):
        a, b, c, d = x[i], x[i + 1], x[i + 2], x[i + 3]
        e, f, g, h = x[i + 4], x[i + 5], x[i + 6], x[i + 7]
        for j in range(total.size):
            s = total[j] + a * weight[i, j]
            s = s + b * weight[i + 1, j]
            s = s + c * weight[i + 2, j]
            s = s + d * weight[i + 3, j]
            s = s + e * weight[i + 4, j]
            s = s + f * weight[i + 5, j]
            s = s + g * weight[i + 6, j]
            total[j] = s + h * weight[i + 7, j]
    for i in range(rows - rows % 8, rows):
        a = x[i]
        for j in range(total.size):
            total[j] += a * weight[i, j]


@entry
def multiply(encoder, converter, tiles, x, unit, row_on, weight, variance, key, reach, scale, bias, out):
    """The whole product of few vectors in one call: `encode`, the sums, `convert`. Gives what `encode` gives.

    tiles
        (3, tiles) first input of each tile, its rows, its first output
    weight, variance
        (tiles, tall, columns) and the variance of its reads; (0, 0, 0): without noise of reads
    bias
        (outputs,) added at the end; (0,): none
    """
    key = mixed(key)
    inputs, columns = x.shape[1], weight.shape[2]
    codes, lit = np.zeros(inputs, np.uint32), np.zeros(inputs, np.int32)
    seen, squares = np.empty(inputs, np.float32), np.empty(inputs, np.float32)
    sums, power, draws = (
        np.empty(columns, np.float32),
        np.empty(columns, np.float32),
        np.empty(columns, np.float32),
    )
    floor = np.float32(converter.thermal * reach * reach)
    for n in range(x.shape[0]):
        encode_row(encoder, x[n], unit, codes, seen)
        lit_row(encoder, codes, seen, lit)
        if variance.size:
            squares_row(encoder, codes, seen, squares)
        out[n, :] = 0
        for t in range(tiles.shape[1]):
            first, tall, start = tiles[0, t], tiles[1, t], tiles[2, t]
            sums[:] = 0
            _add_rows(sums, weight[t], seen[first : first + tall])
            if variance.size:
                power[:] = 0
                _add_rows(power, variance[t], squares[first : first + tall])
                disturb(key, t * x.shape[0] + n, sums, power, floor, draws)
            elif floor > 0:
                disturb(key, t * x.shape[0] + n, sums, power[:0], floor, draws)
            convert_row(converter, t, sums, reach, out[n, start : start + columns])
        scale_row(converter, reach, unit, scale, out[n])
        for j in range(bias.size):
            out[n, j] += bias[j]
    return counted(lit, row_on)
