"""K winners take all: an approximation of softmax, and a sparsifier of changes."""

from __future__ import annotations

import numpy as np

from cimlearn.compiled import kernel


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
def kwta(out, share, winners, gain):
    """share (classes,): the `winners` largest outputs in proportion to their lead, the others nothing.

    share_k = max(0, out_k - theta) / sum, with theta so that just `winners` outputs lie above it: the largest
    loser, but no further below the largest winner than 1 / gain. A circuit settles on it by inhibition;
    the more a winner leads, the closer its share is to 1, as with softmax.
    """
    count = min(winners, out.size)
    top = out[0]
    for k in range(1, out.size):
        top = max(top, out[k])
    theta = top
    above = 0
    while above < count:  # walk down to the largest loser; equal outputs win together
        below = np.float32(-np.inf)
        above = 0
        for k in range(out.size):
            if out[k] < theta and out[k] > below:
                below = out[k]
            above += 1 if out[k] >= theta else 0
        if below == np.float32(-np.inf):
            break
        theta = below
    if gain > 0:
        theta = max(theta, top - np.float32(1.0 / gain))
    total = np.float32(0)
    for k in range(out.size):
        share[k] = max(out[k] - theta, np.float32(0))
        total += share[k]
    for k in range(out.size):
        share[k] = share[k] / total if total > 0 else np.float32(1.0) / out.size


@kernel
def _at_least(change, threshold, count):
    """count (columns,) = magnitudes in each column of change (rows, columns) that reach threshold (columns,)."""
    rows, columns = change.shape
    one, zero = np.float32(1), np.float32(0)
    for j in range(columns):
        count[j] = zero
    for i in range(0, rows - 3, 4):
        for j in range(columns):
            limit = threshold[j]
            a = one if abs(change[i, j]) >= limit else zero
            b = one if abs(change[i + 1, j]) >= limit else zero
            c = one if abs(change[i + 2, j]) >= limit else zero
            d = one if abs(change[i + 3, j]) >= limit else zero
            count[j] += (a + b) + (c + d)
    for i in range(rows - rows % 4, rows):
        for j in range(columns):
            count[j] += one if abs(change[i, j]) >= threshold[j] else zero


@kernel
def keep_largest(change, keep, threshold, count):
    """In each column of change (rows, columns) only the `keep` largest magnitudes stay; the others become 0.

    Of equal magnitudes the first rows stay. The threshold of each column is found by a binary search on the bits of
    a float, all columns side by side: the bits of positive floats are in the order of the floats.
    threshold and count (columns,) float32 are scratch.
    """
    rows, columns = change.shape
    if keep >= rows:
        return
    zero, limit = np.float32(0), np.float32(keep)
    bits = threshold.view(np.int32)
    for j in range(columns):
        bits[j] = 0
    for place in range(30, -1, -1):
        for j in range(columns):
            bits[j] |= np.int32(1 << place)
        _at_least(change, threshold, count)
        unsure = 0
        for j in range(columns):
            if not count[j] >= limit:
                bits[j] ^= np.int32(1 << place)
            unsure += count[j] != limit
        if unsure == 0:
            break
    _at_least(change, threshold, count)
    for i in range(rows):
        for j in range(columns):
            change[i, j] = change[i, j] if abs(change[i, j]) >= threshold[j] else zero
    for j in range(columns):
        surplus = count[j] - limit  # equal magnitudes at the threshold
        for i in range(rows - 1, -1, -1):
            if surplus <= zero:
                break
            if abs(change[i, j]) == threshold[j]:
                change[i, j] = zero
                surplus -= np.float32(1)
