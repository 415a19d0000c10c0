"""Softmax, and a sparsifier of changes."""

from __future__ import annotations

import numpy as np

from cimlearn.compiled import apart, kernel

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


@apart
def _largest(magnitude, top):
    """top (columns,) = the largest of each column of magnitude (rows, columns), bits of floats without their sign."""
    for j in range(top.size):
        top[j] = 0
    for i in range(magnitude.shape[0]):
        for j in range(top.size):
            top[j] = max(top[j], magnitude[i, j] & _SIZE)


@apart
def _reach(magnitude, probe, count):
    """count (columns,) = bits in each column of magnitude (rows, columns) that reach probe (columns,)."""
    rows, columns = magnitude.shape
    one, zero = np.int32(1), np.int32(0)
    for j in range(columns):
        count[j] = zero
    for i in range(0, rows - 3, 4):
        for j in range(columns):
            limit = probe[j]
            a = one if magnitude[i, j] & _SIZE >= limit else zero
            b = one if magnitude[i + 1, j] & _SIZE >= limit else zero
            c = one if magnitude[i + 2, j] & _SIZE >= limit else zero
            d = one if magnitude[i + 3, j] & _SIZE >= limit else zero
            count[j] += (a + b) + (c + d)
    for i in range(rows - rows % 4, rows):
        for j in range(columns):
            count[j] += one if magnitude[i, j] & _SIZE >= probe[j] else zero


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
def _cut(change, magnitude, threshold):
    """Changes (rows, columns) below threshold (columns,) become 0."""
    zero = np.float32(0)
    for i in range(change.shape[0]):
        for j in range(change.shape[1]):
            change[i, j] = change[i, j] if magnitude[i, j] & _SIZE >= threshold[j] else zero


@kernel
def keep_largest(change, keep, work):
    """In each column of change (rows, columns) only the `keep` largest magnitudes stay; the others become 0.

    Of equal magnitudes the first rows stay. Each column has a lower bound that at least `keep` magnitudes reach and an
    upper one that fewer reach; a probe between them, all columns side by side, becomes one of the two, until exactly
    `keep` reach the lower one or no float lies between. Bounds are bits: those of positive floats are in the order of
    the floats. work (6, at least columns) float32 is scratch.
    """
    rows, columns = change.shape
    if keep >= rows:
        return
    magnitude, bounds, limit = change.view(np.int32), work.view(np.int32), np.int32(keep)
    low, high, probe = bounds[0, :columns], bounds[1, :columns], bounds[2, :columns]
    above, beyond, count = bounds[3, :columns], bounds[4, :columns], bounds[5, :columns]
    _largest(magnitude, high)
    for j in range(columns):
        low[j], above[j], beyond[j] = 0, rows, 0
        high[j] += np.int32(1)
    turn, unsure = 0, np.int64(1)
    while unsure > 0:
        _next_probe(limit, turn % 4 == 3, probe, low, high, above, beyond)
        _reach(magnitude, probe, count)
        unsure = _narrow(limit, probe, count, low, high, above, beyond)
        turn += 1
    _cut(change, magnitude, low)
    for j in range(columns):
        surplus = above[j] - limit  # equal magnitudes at the threshold
        for i in range(rows - 1, -1, -1):
            if surplus <= 0:
                break
            if magnitude[i, j] & _SIZE == low[j]:
                change[i, j] = np.float32(0)
                surplus -= 1
