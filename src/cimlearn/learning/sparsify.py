"""Softmax, and a sparsifier of changes."""

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
