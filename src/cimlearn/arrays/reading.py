"""The product of a crossbar: one vector, several side by side, or one vector past one group of rows after the other.

    seen_i      effective input of row i, applied_i what the digital side knows of it (arrays/periphery.py)
    total_j   = sum_i seen_i w_ij + sqrt(sum_i seen2_i v_ij + thermal) n_j        per row tile
    out_j     = sum over tiles of the converter's code of gain_j total_j + offset_j

n is a standard normal that belongs to the key of a pass, the number of the vector in it, the tile and the column. So
vectors side by side may come in any order and number, and each has the same bits as alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import ACTIVE_BITS, VECTORS
from cimlearn.arrays.matmul import add_product
from cimlearn.compiled import apart, kernel
from cimlearn.noise import fill_normal_at, next_word

WIDTH = 32  # columns of scratch memory are a multiple of this, so that loops are whole vectors


class SideScratch(NamedTuple):
    """Memory of a product of several vectors that holds nothing between two of them, but `lit` of a pass."""

    seen: NDArray[np.float32]  # (vectors, rows) effective inputs
    squares: NDArray[np.float32]  # (vectors, rows) their sums of squared cycle weights
    total: NDArray[np.float32]  # (sums, wide)
    variance: NDArray[np.float32]  # (sums, wide)
    draws: NDArray[np.float32]  # (sums * wide,) normals
    codes: NDArray[np.uint32]  # (vectors * rows,)
    words: NDArray[np.uint64]  # (vectors * rows,)
    lit: NDArray[np.int32]  # (passes, rows) bits of this pass that were 1
    which: NDArray[np.int64]  # (1,) 0: the pass of a vector alone
    keys: NDArray[np.uint64]  # (1,) its key


def side_scratch(vectors: int, rows: int, columns: int, *, groups: int = 1) -> SideScratch:
    """Memory for products of up to `vectors` vectors, or of one with so many groups of an array of rows x columns."""
    wide, sums = WIDTH * -(-columns // WIDTH), max(vectors, groups)
    return SideScratch(
        np.zeros((vectors, rows), np.float32),
        np.zeros((vectors, rows), np.float32),
        np.zeros((sums, wide), np.float32),
        np.zeros((sums, wide), np.float32),
        np.zeros(sums * wide, np.float32),
        np.zeros(vectors * rows, np.uint32),
        np.zeros(vectors * rows, np.uint64),
        np.zeros((vectors, rows), np.int32),
        np.zeros(1, np.int64),
        np.zeros(1, np.uint64),
    )


@apart
def encode(steps, both, x, applied, seen, squares, codes, words):
    """seen and squares (n,): effective inputs of x (n,) and their noise weights; applied (n,) is what is known of them.

    codes and words (at least n,) are scratch; of exact inputs (`steps` 0) a code is 1 where an input isn't 0. Loops of
    which the compiler makes vectors.
    """
    n = x.size
    if steps == 0:
        for i in range(n):
            seen[i] = x[i]
        for i in range(n):
            squares[i] = x[i] * x[i]
        for i in range(n):
            applied[i] = x[i]
        for i in range(n):
            codes[i] = np.uint32(x[i] != 0)
        return
    many = np.float32(steps)
    most, unit = many - np.float32(1), np.float32(1) / many
    for i in range(n):
        codes[i] = np.uint32(np.int32(min(abs(x[i]) * many + np.float32(0.5), most)))
    for i in range(n):
        words[i] = both[codes[i]]
    for i in range(n):
        seen[i] = np.copysign(np.uint32(words[i]).view(np.float32), x[i])
    for i in range(n):
        squares[i] = np.uint32(words[i] >> np.uint64(32)).view(np.float32)
    for i in range(n):
        applied[i] = np.copysign(np.float32(np.int32(codes[i])) * unit, x[i])


@apart
def count_bits(codes, first, lit, top):
    """Add the bits that are 1 in codes[first:] (n,) to lit (n,) from `top` on: sums of 2, 4, 8 and 16 bits."""
    two, four = np.uint32(0x55555555), np.uint32(0x33333333)
    for i in range(lit.size - top):
        c = codes[first + i]
        c = c - ((c >> np.uint32(1)) & two)
        c = (c & four) + ((c >> np.uint32(2)) & four)
        c = (c + (c >> np.uint32(4))) & np.uint32(0x0F0F0F0F)
        lit[top + i] += np.int32((c + (c >> np.uint32(8))) & np.uint32(31))


@apart
def _switched_on(first, last, lit, row_on, counts, on):
    bits, sums = np.int64(0), 0.0
    for i in range(first, last):
        bits += np.int64(lit[i])
        sums += np.float64(lit[i]) * row_on[i]
        lit[i] = 0
    counts[ACTIVE_BITS] += bits
    on[0] += sums


@kernel
def switched_on(bar, first, last, lit):
    """Count the bits of lit (rows,) that were 1 in rows first .. last - 1, and what they switched on; forget them."""
    _switched_on(first, last, lit, bar.state.row_on, bar.state.counts, bar.state.on)


@apart
def _empty(total, variance, count, columns, thermal):
    """Sums of 0, and the integrators' own variance."""
    for v in range(count):
        for j in range(columns):
            total[v, j] = 0
        for j in range(columns):
            variance[v, j] = thermal


@apart
def _disturb(key, place, total, variance, draws):
    """total (wide,) += sqrt(variance) times normals of key, block `place`."""
    fill_normal_at(key, place * (draws.size // 2), draws)
    for j in range(total.size):
        total[j] += np.sqrt(variance[j]) * draws[j]


@apart
def _convert(total, gain, offset, reach, step, top, fresh, out):
    """Add to out (columns,) the codes of total; `fresh`: out was nothing."""
    low = -top - np.float32(1)
    for j in range(out.size):
        total[j] = min(max(total[j] * gain[j] + offset[j], -reach), reach)
    if step > 0:
        for j in range(out.size):
            total[j] = step * min(max(np.rint(total[j] / step), low), top)
    if fresh:
        for j in range(out.size):
            out[j] = total[j]
    else:
        for j in range(out.size):
            out[j] += total[j]


@kernel
def _correct(correction, tile, applied, lo, hi, fresh, out, told):
    """Add to out (columns,) what a digital correction makes of the codes told (columns,) (arrays/calibrate.py)."""
    inputs = np.float32(0)
    for i in range(lo, hi):
        inputs += applied[i]
    for j in range(out.size):
        seen = correction[0, tile, j] * told[j] + correction[1, tile, j] + correction[2, tile, j] * inputs
        out[j] = seen if fresh else out[j] + seen


@kernel
def _report(bar, tile, applied, lo, hi, fresh, room, v, out):
    """What the tile's converters tell of sum v; applied[lo:hi] drove its rows."""
    p, correction = bar.periphery, bar.state.correction
    gain, offset = p.column[0, tile], p.column[1, tile]
    reach, step, top = np.float32(p.reach), np.float32(p.step), np.float32(p.top)
    if correction.shape[1] == 0:
        _convert(room.total[v], gain, offset, reach, step, top, fresh, out)
    else:
        _convert(room.total[v], gain, offset, reach, step, top, True, room.draws[: out.size])
        _correct(correction, tile, applied, lo, hi, fresh, out, room.draws)


@kernel
def _add_sums(bar, room, v, count, first, last):
    """Sums and variances of the rows first .. last - 1, of vectors 0 .. count - 1, to those from v on."""
    total, variance = room.total[v : v + count], room.variance[v : v + count]
    if bar.ageing.trap.size > 0:
        add_product(total, room.seen, bar.scratch.frozen, count, first, last)
    else:
        add_product(total, room.seen, bar.state.weight, count, first, last)
    if bar.read_variance > 0:
        add_product(variance, room.squares, bar.state.variance, count, first, last)


@kernel
def _read(bar, tile, which, keys, place, applied, lo, hi, top, fresh, room, count, out):
    """What a tile tells of `count` vectors that drive its rows lo .. hi - 1; `top` is the row of applied[0]."""
    _empty(room.total, room.variance, count, out.shape[1], np.float32(bar.periphery.thermal))
    _add_sums(bar, room, 0, count, lo, hi)
    wide = room.total.shape[1]
    for v in range(count):
        if bar.read_variance > 0 or bar.periphery.thermal > 0:
            number = place * (bar.tiles.size - 1) + tile
            _disturb(keys[which[v]], number, room.total[v], room.variance[v], room.draws[:wide])
        _report(bar, tile, applied[v], lo - top, hi - top, fresh, room, v, out[v])


@kernel
def key_of_pass(bar):
    """The key of the noise of the next pass, or of a vector that belongs to none."""
    return next_word(bar.state.read_words)


@kernel
def _drive(p, x, applied, room, size):
    """What x (size,) drives the rows with: `size` values of room.seen and room.squares, vector after vector."""
    seen, squares = room.seen.reshape(room.seen.size), room.squares.reshape(room.squares.size)
    encode(np.int64(p.steps), p.both, x, applied, seen[:size], squares[:size], room.codes, room.words)


@kernel
def products_of(bar, which, count, x, keys, place, applied, out, room):
    """out[v] = what the periphery tells of x[v], v = 0 .. count - 1, side by side; which[v] is the pass of vector v."""
    rows = x.shape[1]
    _drive(
        bar.periphery,
        x[:count].reshape(count * rows),
        applied[:count].reshape(count * rows),
        room,
        count * rows,
    )
    for v in range(count):
        count_bits(room.codes, v * rows, room.lit[which[v]], 0)
    bar.state.counts[VECTORS] += count
    for tile in range(bar.tiles.size - 1):
        lo, hi = bar.tiles[tile], bar.tiles[tile + 1]
        _read(bar, tile, which, keys, place, applied, lo, hi, 0, tile == 0, room, count, out)


@kernel
def product_rows_of(bar, top, x, applied, out):
    """out (columns,) of x (n,), which drives rows top .. top + n - 1 alone."""
    room, p, end = bar.scratch.side, bar.periphery, top + x.size
    seen, squares = room.seen[0], room.squares[0]
    encode(np.int64(p.steps), p.both, x, applied, seen[top:end], squares[top:end], room.codes, room.words)
    count_bits(room.codes, 0, room.lit[0, :end], top)
    bar.state.counts[VECTORS] += 1
    switched_on(bar, top, end, room.lit[0])
    room.keys[0], fresh = key_of_pass(bar), True
    known, told = applied.reshape(1, applied.size), out.reshape(1, out.size)
    for tile in range(bar.tiles.size - 1):
        lo, hi = max(bar.tiles[tile], top), min(bar.tiles[tile + 1], end)
        if lo < hi:  # a tile without a driven row is not read
            _read(bar, tile, room.which, room.keys, 0, known, lo, hi, top, fresh, room, 1, told)
            fresh = False


@kernel
def product_whole(bar, x, applied, out):
    """out (columns,) of x (rows,)."""
    product_rows_of(bar, np.int64(0), x, applied, out)


@kernel
def groups_of(bar, x, applied, outs):
    """outs (groups, columns): x (n,) drives rows 0 .. n - 1, then rows n .. 2 n - 1, ...; a group lies in one tile."""
    room, p, (groups, columns), n = bar.scratch.side, bar.periphery, outs.shape, x.size
    seen, squares, lit = room.seen[0], room.squares[0], room.lit[0]
    encode(np.int64(p.steps), p.both, x, applied, seen[:n], squares[:n], room.codes, room.words)
    count_bits(room.codes, 0, lit[:n], 0)
    for i in range(n, groups * n):
        seen[i] = seen[i - n]
    for i in range(n, groups * n):
        squares[i] = squares[i - n]
    for i in range(n, groups * n):
        lit[i] = lit[i - n]
    bar.state.counts[VECTORS] += groups
    switched_on(bar, 0, groups * n, room.lit[0])
    total, variance, size = room.total, room.variance, groups * room.total.shape[1]
    _empty(total, variance, groups, columns, np.float32(p.thermal))
    for g in range(groups):
        _add_sums(bar, room, g, 1, g * n, g * n + n)
    key = key_of_pass(bar)
    if bar.read_variance > 0 or p.thermal > 0:
        _disturb(
            key, 0, total.reshape(total.size)[:size], variance.reshape(total.size)[:size], room.draws[:size]
        )
    tile = 0
    for g in range(groups):
        tile += 1 if g * n >= bar.tiles[tile + 1] else 0
        _report(bar, tile, applied, 0, n, True, room, g, outs[g])
