"""Softmax, and a sparsifier of changes."""

from __future__ import annotations

import numpy as np

from cimlearn.compiled import apart, kernel

TILE = 16  # rows that are looked at together, at most
ROOM = 5 + 2 * TILE  # rows of scratch memory
_SIZE = np.int32(0x7FFFFFFF)  # the bits of a float32 without its sign


@kernel
def softmax(out, share):
    """share (classes,) = exp(out) / sum exp(out)."""
    top = out[0]
    for k in range(1, out.size):
        top = max(top, out[k])
    total = np.float32(0)
    for k in range(out.size):
        share[k] = np.exp(out[k] - top)
        total += share[k]
    for k in range(out.size):
        share[k] /= total


@kernel
def _tile(columns):
    """Rows that are looked at as one vector: whole vectors of 16 where so few rows can be."""
    rows = 1
    while rows < TILE and (rows * columns) % 16 != 0:
        rows *= 2
    return rows


@apart
def _spread(values, tile):
    """tile (rows * columns,) = values (columns,), for each row; the rows are a power of 2."""
    for j in range(values.size):
        tile[j] = values[j]
    done = values.size
    while done < tile.size:
        other = tile[done : 2 * done]
        for j in range(done):
            other[j] = tile[j]
        done *= 2


@apart
def _largest(magnitude, top, columns):
    """top[:columns] = the largest of each column of magnitude (cells,), bits of floats; top (rows * columns,)."""
    size, end = top.size, magnitude.size - magnitude.size % top.size
    for j in range(size):
        top[j] = 0
    for first in range(0, end, size):
        part = magnitude[first : first + size]
        for j in range(size):
            top[j] = max(top[j], part[j] & _SIZE)
    rest = magnitude[end:]
    for j in range(rest.size):
        top[j] = max(top[j], rest[j] & _SIZE)
    half = size
    while half > columns:
        half //= 2
        other = top[half:]
        for j in range(half):
            top[j] = max(top[j], other[j])


@apart
def _reach(magnitude, probe, count, columns):
    """count[:columns] = bits in each column of magnitude (cells,) that reach probe; both (rows * columns,)."""
    size, one, zero = probe.size, np.int32(1), np.int32(0)
    fours = magnitude.size - magnitude.size % (4 * size)
    end = magnitude.size - magnitude.size % size
    for j in range(size):
        count[j] = zero
    for first in range(0, fours, 4 * size):
        p, q = magnitude[first : first + size], magnitude[first + size : first + 2 * size]
        r = magnitude[first + 2 * size : first + 3 * size]
        s = magnitude[first + 3 * size : first + 4 * size]
        for j in range(size):
            limit = probe[j]
            a = one if p[j] & _SIZE >= limit else zero
            b = one if q[j] & _SIZE >= limit else zero
            c = one if r[j] & _SIZE >= limit else zero
            d = one if s[j] & _SIZE >= limit else zero
            count[j] += (a + b) + (c + d)
    for first in range(fours, end, size):
        part = magnitude[first : first + size]
        for j in range(size):
            count[j] += one if part[j] & _SIZE >= probe[j] else zero
    rest = magnitude[end:]
    for j in range(rest.size):
        count[j] += one if rest[j] & _SIZE >= probe[j] else zero
    half = size
    while half > columns:
        half //= 2
        other = count[half:]
        for j in range(half):
            count[j] += other[j]


@apart
def _narrow(keep, probe, count, low, high, above, beyond):
    """Take what a probe counted into the bounds of each column; answers how many columns are still open."""
    for j in range(probe.size):
        more = count[j] >= keep
        low[j], above[j] = (probe[j], count[j]) if more else (low[j], above[j])
        high[j], beyond[j] = (high[j], beyond[j]) if more else (probe[j], count[j])
    unsure = np.int64(0)
    for j in range(probe.size):
        unsure += np.int64((above[j] != keep) & (high[j] - low[j] > 1))
    return unsure


@apart
def _next_probe(keep, halve, probe, low, high, above, beyond):
    """Where a line between the bounds' counts is between `keep` and one more; now and then in the middle of bits."""
    one = np.int32(1)
    for j in range(probe.size):
        lowest, highest = np.int32(low[j]).view(np.float32), np.int32(high[j]).view(np.float32)
        part = (np.float32(above[j] - keep) + np.float32(0.5)) / np.float32(above[j] - beyond[j] + one)
        guess = np.int64(np.float32(lowest + (highest - lowest) * part).view(np.int32))
        middle = np.int64(low[j]) + ((np.int64(high[j]) - np.int64(low[j])) >> 1)
        guess = middle if halve else guess
        probe[j] = np.int32(max(min(guess, np.int64(high[j]) - 1), np.int64(low[j]) + 1))
    for j in range(probe.size):
        probe[j] = low[j] if above[j] == keep else probe[j]


@apart
def _cut(change, threshold):
    """Changes (cells,) below threshold (rows * columns,) become 0."""
    size, end, zero = threshold.size, change.size - change.size % threshold.size, np.float32(0)
    for first in range(0, end, size):
        part = change[first : first + size]
        for j in range(size):
            part[j] = part[j] if np.float32(part[j]).view(np.int32) & _SIZE >= threshold[j] else zero
    rest = change[end:]
    for j in range(rest.size):
        rest[j] = rest[j] if np.float32(rest[j]).view(np.int32) & _SIZE >= threshold[j] else zero


@kernel
def keep_largest(change, keep, work):
    """In each column of change (rows, columns) only the `keep` largest magnitudes stay; the others become 0.

    Of equal magnitudes the first rows stay. Each column has a lower bound that at least `keep` magnitudes reach and an
    upper one that fewer reach; a probe between them, all columns side by side, becomes one of the two, until exactly
    `keep` reach the lower one or no float lies between. Bounds are bits: those of positive floats are in the order of
    the floats. work (ROOM, at least columns) float32 is scratch.
    """
    rows, columns = change.shape
    if keep >= rows:
        return
    magnitude, bounds, limit = change.view(np.int32), work.view(np.int32), np.int32(keep)
    low, high, probe = bounds[0, :columns], bounds[1, :columns], bounds[2, :columns]
    above, beyond = bounds[3, :columns], bounds[4, :columns]
    size, tiles = _tile(columns) * columns, bounds[5:].reshape(-1)
    tile, count, cells = tiles[:size], tiles[size : 2 * size], magnitude.reshape(-1)
    _largest(cells, count, columns)
    for j in range(columns):
        low[j], above[j], beyond[j] = 0, rows, 0
        high[j] = count[j] + np.int32(1)
    turn, unsure = 0, np.int64(1)
    while unsure > 0:
        _next_probe(limit, turn % 4 == 3, probe, low, high, above, beyond)
        _spread(probe, tile)
        _reach(cells, tile, count, columns)
        unsure = _narrow(limit, probe, count, low, high, above, beyond)
        turn += 1
    _spread(low, tile)
    _cut(change.reshape(-1), tile)
    for j in range(columns):
        surplus = above[j] - limit  # equal magnitudes at the threshold
        for i in range(rows - 1, -1, -1):
            if surplus <= 0:
                break
            if magnitude[i, j] & _SIZE == low[j]:
                change[i, j] = np.float32(0)
                surplus -= 1
