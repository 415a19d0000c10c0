"""A product of one chip's array, its rows shared out among lanes (arrays/crossbar.py, arrays/periphery.py)."""

from __future__ import annotations

import math

import numpy as np

from cimlearn.compiled import kernel
from cimlearn.gpu.lanes import lane, lanes, normal_at, rint


@kernel
def encoded(bar, chip, value):
    """(effective input, its noise weight, what the digital side knows, bits that are 1) of an input."""
    size = abs(value)
    sign = np.float32(-1) if value < 0 else np.float32(1)
    if bar.steps > 0:
        steps = np.float32(bar.steps)
        code = np.int64(min(size * steps + np.float32(0.5), steps - np.float32(1)))
        known = np.float32(code) / steps
        return sign * bar.code[chip, 0, code], bar.code[chip, 1, code], sign * known, bar.ones[code]
    return sign * size, size * size, sign * size, np.int64(1 if size > 0 else 0)


@kernel
def drive(bar, chip, which, row, value, room):
    """Put an input on `row`; counts what it switches on. Answers what the digital side knows that it applied."""
    effective, weight, known, ones = encoded(bar, chip, value)
    room.drive[0, row] = effective
    room.drive[1, row] = weight
    room.mine[which] += ones
    room.on[which] += np.float64(ones) * bar.row_on[chip, row]
    return known


@kernel
def parts(bar, chip, first, last, n, room):
    """room.part (2, ...) = sums and variances of the rows first .. last - 1, every lane a part of a column."""
    weight, noise = bar.cells[chip, 1], bar.cells[chip, 3]
    share, span = max(1, lanes() // n), last - first
    for unit in range(lane(), share * n, lanes()):
        column, s = np.uint64(unit % n), unit // n  # unsigned: no index is looked at twice for its sign
        i, end = np.uint64(first + span * s // share), np.uint64(first + span * (s + 1) // share)
        total, variance = np.float32(0), np.float32(0)
        while i < end:
            total += room.drive[0, i] * weight[i, column]
            variance += room.drive[1, i] * noise[i, column]
            i += np.uint64(1)
        room.part[0, unit] = total
        room.part[1, unit] = variance


@kernel
def reported(bar, chip, tile, j, n, room, key, place):
    """What the periphery of column j of a tile reports of the `parts`; `place` numbers the vector."""
    total, variance = np.float32(0), np.float32(0)
    for s in range(max(1, lanes() // n)):
        total += room.part[0, s * n + j]
        variance += room.part[1, s * n + j]
    return converted(bar, chip, tile, j, n, total, variance, key, place)


@kernel
def converted(bar, chip, tile, j, n, total, variance, key, place):
    """What the periphery of column j of a tile reports of a sum whose reads have this variance."""
    tiles = bar.tiles.size - 1
    if bar.read_variance > 0 or bar.thermal > 0:
        spread = math.sqrt(variance + np.float32(bar.thermal))
        total += np.float32(spread) * normal_at(key, place * tiles + tile, j, n)
    reach, step = np.float32(bar.reach), np.float32(bar.step)
    seen = total * bar.column[chip, 0, tile, j] + bar.column[chip, 1, tile, j]
    seen = min(max(seen, -reach), reach)
    if step > 0:
        seen = step * min(max(rint(seen / step), np.float32(-bar.top - 1)), np.float32(bar.top))
    return seen


@kernel
def tile_of(bar, row):
    """The row tile that `row` lies in."""
    tile = 0
    while bar.tiles[tile + 1] <= row:
        tile += 1
    return tile


@kernel
def read_row(bar, chip, row, j, n, value, key, place):
    """What column j reports of a read of one row that is driven with `value`."""
    effective, weight, _, _ = encoded(bar, chip, value)
    w, v = bar.cells[chip, 1, row, j], bar.cells[chip, 3, row, j]
    return converted(bar, chip, tile_of(bar, row), j, n, effective * w, weight * v, key, place)
