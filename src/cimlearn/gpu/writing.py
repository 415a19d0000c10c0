"""Writes of one chip's arrays, its cells shared out among lanes (arrays/schemes/cells.py), and the sparsifier."""

from __future__ import annotations

import numpy as np

from cimlearn.compiled import kernel
from cimlearn.devices.base import program
from cimlearn.gpu.lanes import lane, lanes, normal_at, sync, votes
from cimlearn.gpu.layout import PULSES, ROWS, WRITE


@kernel
def write_block(bar, chip, which, first, change, key, turn, room):
    """Ask the weights of the rows from `first` on for change (n, columns), which is spent: blind pulses, one cell each.

    `turn` numbers the writes of these rows. A worn cell sees its pulses and stays.
    """
    n, columns = change.shape
    cells, wear, all_rows = bar.cells[chip], bar.wear[chip], bar.row_on.shape[1]
    per_weight = np.float32(1.0 / bar.scale)
    scale, unit = np.float32(bar.scale), np.float32(bar.read_variance * bar.scale * bar.scale)
    for i in range(lane(), n, lanes()):
        room.touched[i] = 0
    sync()
    for place in range(lane(), n * columns, lanes()):
        i, j = place // columns, place % columns
        step = change[i, j]
        if step != 0:
            row = first + i
            now = cells[0, row, j]
            normal = normal_at(key, turn * all_rows + row, j, columns)
            reached, _, pulsed = program(
                bar.device,
                now,
                np.float32(0),
                cells[2, row, j],
                step * per_weight,
                normal,
                np.float32(0),
            )
            seen = wear[0, row, j] + np.int32(pulsed)
            reached = np.float32(reached) if seen <= wear[1, row, j] else now
            wear[0, row, j] = seen
            cells[0, row, j] = reached
            if not bar.loaded:
                cells[1, row, j] = (reached - cells[4, row, j]) * scale
                cells[3, row, j] = reached * reached * unit
            change[i, j] = reached - now
            room.mine[PULSES + which] += np.int64(pulsed)
            room.touched[i] = 1
    sync()
    for i in range(lane(), n, lanes()):
        if room.touched[i] > 0:
            total = 0.0
            for j in range(columns):
                total += change[i, j]
            bar.row_on[chip, first + i] += total
            room.mine[ROWS + which] += 1
    sync()
    if bar.loaded:
        _refresh(bar, chip, first, first + n, room)


@kernel
def _refresh(bar, chip, first, last, room):
    """Weights and variances of all rows that load a column together with rows first .. last - 1 (arrays/refresh.py)."""
    cells, columns = bar.cells[chip], bar.cells.shape[3]
    held, share = np.float32(bar.transconductance), max(1, lanes() // columns)
    scale, unit = np.float32(bar.scale), np.float32(bar.read_variance * bar.scale * bar.scale)
    zero, one = np.float32(0), np.float32(1)
    tile = 0
    for n in range(bar.hanging.size - 1):
        top, bottom = bar.hanging[n], bar.hanging[n + 1]
        tile += 1 if top >= bar.tiles[tile + 1] else 0
        if bottom <= first or top >= last:
            continue
        for unit_of in range(lane(), share * columns, lanes()):
            j, s = unit_of % columns, unit_of // columns
            load, span = zero, bottom - top
            for i in range(top + span * s // share, top + span * (s + 1) // share):
                load += cells[4, i, j] if bar.beside else zero
                load += cells[0, i, j]
            room.part[0, unit_of] = load
        sync()
        for j in range(lane(), columns, lanes()):
            load = zero
            for s in range(share):
                load += room.part[0, s * columns + j]
            room.part[1, j] = held / (held + load) if held > 0 else one
        sync()
        mean = zero
        for j in range(columns):
            mean += room.part[1, j] / np.float32(columns)
        for place in range(lane(), (bottom - top) * columns, lanes()):
            i, j = top + place // columns, place % columns
            gain = room.part[1, j]
            if bar.calibration == 1:
                gain /= mean
            elif bar.calibration == 2:
                gain = one
            gain *= bar.trim[chip, tile, j]
            g, reference = cells[0, i, j], cells[4, i, j]
            square = reference * reference if bar.noisy else zero
            cells[1, i, j] = (g - reference) * (scale * gain)
            cells[3, i, j] = (square + g * g) * (unit * gain * gain)
        sync()


@kernel
def keep_largest_block(change, keep, room):
    """In each column of change (rows, columns) only the `keep` largest magnitudes stay; of equal ones the first rows.

    The binary search on the bits of a float of learning/sparsify.py, every lane a part of a column.
    """
    rows, columns = change.shape
    if keep <= 0 or keep >= rows:
        return
    for j in range(lane(), columns, lanes()):
        room.bits[j] = 0
    sync()
    for place in range(30, -1, -1):
        bit = np.int32(1 << place)
        _count(change, bit, room)
        unsure = 0
        for j in range(lane(), columns, lanes()):
            count = _counted(columns, j, room)
            if count >= keep:
                room.bits[j] |= bit
            unsure += 1 if count != keep else 0
        if votes(1 if unsure > 0 else 0) == 0:
            break
    _count(change, np.int32(0), room)
    for unit in range(lane(), rows * columns, lanes()):
        i, j = unit // columns, unit % columns
        if _magnitude(change[i, j]) < room.bits[j]:
            change[i, j] = 0
    sync()
    for j in range(lane(), columns, lanes()):
        surplus = _counted(columns, j, room) - keep  # equal magnitudes at the threshold
        for i in range(rows - 1, -1, -1):
            if surplus <= 0:
                break
            if _magnitude(change[i, j]) == room.bits[j]:
                change[i, j] = 0
                surplus -= 1
    sync()


@kernel
def _magnitude(value):
    """The bits (int32) of |value|, in the order of the magnitudes."""
    return np.float32(value).view(np.int32) & np.int32(0x7FFFFFFF)


@kernel
def _count(change, bit, room):
    """room.part = how many of each part of a column reach its threshold with `bit` added."""
    rows, columns = change.shape
    share = max(1, lanes() // columns)
    for unit in range(lane(), share * columns, lanes()):
        j, s = unit % columns, unit // columns
        limit, count, column = room.bits[j] | bit, 0, np.uint64(j)
        i, end = np.uint64(rows * s // share), np.uint64(rows * (s + 1) // share)
        while i < end:
            count += 1 if _magnitude(change[i, column]) >= limit else 0
            i += np.uint64(1)
        room.part[0, unit] = np.float32(count)
    sync()


@kernel
def _counted(columns, j, room):
    total = np.float32(0)
    for s in range(max(1, lanes() // columns)):
        total += room.part[0, s * columns + j]
    return np.int64(total)


@kernel
def _scaled(change, rate, scale):
    """Change (rows, columns) times -rate (rows,) * scale."""
    rows, columns = change.shape
    for unit in range(lane(), rows * columns, lanes()):
        i = unit // columns
        change[i, unit % columns] *= -rate[i] * np.float32(scale)
    sync()


@kernel
def _forget(change):
    rows, columns = change.shape
    for unit in range(lane(), rows * columns, lanes()):
        change[unit // columns, unit % columns] = 0
    sync()


@kernel
def write_changes(many, chip, room, updates):
    """Scale, sparsify and write what waits, then forget it; `updates` numbers the write."""
    plan = many.plan
    scale = 1.0 / (plan.batch * (1 + plan.ratio))
    change = many.hidden_change[chip]
    _scaled(change, plan.hidden_rate, scale)
    keep_largest_block(change, plan.keep_hidden, room)
    write_block(many.hidden, chip, 0, 0, change, many.keys[chip, WRITE], updates, room)
    _forget(change)
    change = many.output_change[chip]
    _scaled(change, plan.output_rate, scale)
    keep_largest_block(change, plan.keep_output, room)
    write_block(many.output, chip, 1, 0, change, many.keys[chip, WRITE + 1], updates, room)
    _forget(change)
