"""How the error reaches every step: through a probed array (learning/probe.py), or through time (learning/dfa.py)."""

from __future__ import annotations

import math

import numpy as np

from cimlearn.compiled import kernel
from cimlearn.gpu.lanes import lane, lanes, sync
from cimlearn.gpu.layout import AGAIN, BITS, DRIVEN, DRIVES, PROBES, READ, REGISTER, TURN, WRITE
from cimlearn.gpu.passing import onward
from cimlearn.gpu.reading import converted, encoded, read_row, tile_of
from cimlearn.gpu.writing import write_block
from cimlearn.learning.probe import group
from cimlearn.learning.replay import lfsr_step


@kernel
def next_sign(room):
    """A random sign, alike for all lanes."""
    register = lfsr_step(room.uniform[REGISTER])
    room.uniform[REGISTER] = register
    return np.float32(1) if register & 1 else np.float32(-1)


@kernel
def probed_deltas(many, chip, room):
    """many.delta[chip] (steps, hidden) of room.error (classes,): every group of rows is driven with the error."""
    plan, bar, delta = many.plan, many.feedback, many.delta[chip]
    candidate = many.candidate[chip]
    steps, hidden = delta.shape
    classes = room.error.size
    largest = np.float32(0)
    for k in range(classes):
        largest = max(largest, abs(room.error[k]))
    if largest == 0:  # nothing to drive
        for unit in range(lane(), steps * hidden, lanes()):
            delta[unit // hidden, unit % hidden] = 0
        sync()
        return
    power = np.int32(math.ceil(math.log2(largest))) + np.int32(127)
    down = np.int32(power << np.int32(23)).view(np.float32) * next_sign(room)  # 2^ceil(log2 largest)
    for k in range(lane(), classes, lanes()):
        effective, weight, _, _ = encoded(bar, chip, room.error[k] / down)
        room.drive[0, k], room.drive[1, k] = effective, weight
    for row in range(lane(), plan.groups * classes, lanes()):
        ones = encoded(bar, chip, room.error[row % classes] / down)[3]
        room.mine[BITS + 2] += ones
        room.on[2] += np.float64(ones) * bar.row_on[chip, row]
    sync()
    scale = down * (np.float32(1) - np.float32(plan.keep))
    base, key = room.uniform[DRIVES + 2], many.keys[chip, READ + 2]
    for unit in range(lane(), plan.groups * hidden, lanes()):
        g, j = unit // hidden, unit % hidden
        back = _read_group(bar, chip, g * classes, j, hidden, classes, room, key, base + g)
        first = steps - plan.sharing * (plan.groups - g)
        for t in range(max(first, 0), first + plan.sharing):
            c = candidate[t, j]
            delta[t, j] = back * scale * (np.float32(1) - c * c)
    room.uniform[DRIVES + 2] += plan.groups
    room.uniform[DRIVEN] += plan.groups
    sync()


@kernel
def _read_group(bar, chip, first, j, n, count, room, key, place):
    """What column j reports of `count` rows from `first` on, which lie in one tile, driven with room.drive."""
    total, variance = np.float32(0), np.float32(0)
    weight, noise = bar.cells[chip, 1], bar.cells[chip, 3]
    row, column, k = np.uint64(first), np.uint64(j), np.uint64(0)
    while k < np.uint64(count):
        total += room.drive[0, k] * weight[row + k, column]
        variance += room.drive[1, k] * noise[row + k, column]
        k += np.uint64(1)
    return converted(bar, chip, tile_of(bar, first), j, n, total, variance, key, place)


@kernel
def probe(many, chip, room):
    """One probe with many.x[chip], whose first pass has just been learned from; the trace is spent."""
    plan, bar = many.plan, many.feedback
    steps, hidden, classes = many.x.shape[1], room.state.size, room.error.size
    first = room.uniform[TURN] * plan.together
    last = min(first + plan.together, steps)
    room.uniform[TURN] = 0 if last == steps else room.uniform[TURN] + 1
    room.uniform[PROBES] += 1
    register = room.uniform[REGISTER]
    for place in range(plan.together * hidden):  # all lanes alike, so that all know the register
        register = lfsr_step(register)
        if place % lanes() == lane():
            many.signs[chip, place // hidden, place % hidden] = (
                np.float32(1) if register & 1 else np.float32(-1)
            )
    room.uniform[REGISTER] = register
    for k in range(lane(), classes, lanes()):
        room.before[k] = room.out[k]
    sync()
    for j in range(lane(), hidden, lanes()):
        room.state[j] = many.states[chip, first, j] + np.float32(plan.sigma) * many.signs[chip, 0, j]
    sync()
    onward(many, chip, room, first + 1, last - first - 1, False)
    room.uniform[AGAIN] += steps - 1 - first
    _predict_change(many, chip, room, first, last)
    for t in range(first, last):
        for unit in range(lane(), classes * hidden, lanes()):
            k, j = unit // hidden, unit % hidden
            change = np.float32(plan.rate) * room.before[k]
            many.ask[chip, k, j] = change * many.signs[chip, t - first, j]
        sync()
        turn = (room.uniform[PROBES] - 1) * plan.together + t - first
        row = group(plan, steps, t) * classes
        write_block(bar, chip, 2, row, many.ask[chip], many.keys[chip, WRITE + 2], turn, room)


@kernel
def _predict_change(many, chip, room, first, last):
    """room.before (classes,) = (o' - o) / sigma - sum_t Psi_t xi_t, each row read alone and summed with the signs."""
    plan, bar = many.plan, many.feedback
    steps, hidden, classes = many.x.shape[1], room.state.size, room.error.size
    one, share = next_sign(room), max(1, lanes() // classes)
    ones = encoded(bar, chip, one)[3]
    base, key = room.uniform[DRIVES + 2], many.keys[chip, READ + 2]
    for unit in range(lane(), share * classes, lanes()):
        k, s = unit % classes, unit // classes
        total = np.float32(0)
        for t in range(first, last):
            row = group(plan, steps, t) * classes + k
            place = base + (t - first) * classes + k
            for j in range(hidden * s // share, hidden * (s + 1) // share):
                back = read_row(bar, chip, row, j, hidden, one, key, place)
                total += many.signs[chip, t - first, j] * back
            if s == 0:
                room.mine[BITS + 2] += ones
                room.on[2] += np.float64(ones) * bar.row_on[chip, row]
        room.part[0, unit] = total * one
    room.uniform[DRIVES + 2] += (last - first) * classes
    sync()
    for k in range(lane(), classes, lanes()):
        predicted = np.float32(0)
        for s in range(share):
            predicted += room.part[0, s * classes + k]
        room.before[k] = (room.out[k] - room.before[k]) / np.float32(plan.sigma) - predicted
    sync()


@kernel
def deltas_through(many, chip, room):
    """many.delta[chip] (steps, hidden) of room.error (classes,) by feedback through time."""
    plan, delta, candidate = many.plan, many.delta[chip], many.candidate[chip]
    steps, hidden = delta.shape
    keep, feed = np.float32(plan.keep), np.float32(plan.feed)
    new, share = np.float32(1) - keep, max(1, lanes() // hidden)
    copies = many.recurrent_copy[chip]
    for i in range(lane(), hidden, lanes()):
        back = np.float32(0)
        for k in range(room.error.size):
            back += room.error[k] * many.output_copy[chip, k, i]
        room.state[i] = back
    for t in range(steps - 1, -1, -1):
        for i in range(lane(), hidden, lanes()):
            c = candidate[t, i]
            delta[t, i] = room.state[i] * (np.float32(1) - c * c) * new
            room.drive[0, i] = feed * delta[t, i]
        sync()
        if t == 0:  # all lanes have met
            break
        for unit in range(lane(), share * hidden, lanes()):
            i, s = unit % hidden, unit // hidden
            total = np.float32(0)
            for j in range(hidden * s // share, hidden * (s + 1) // share):
                total += room.drive[0, j] * copies[j, i]
            room.part[0, unit] = total
        sync()
        for i in range(lane(), hidden, lanes()):
            total = keep * room.state[i]
            for s in range(share):
                total += room.part[0, s * hidden + i]
            room.state[i] = total


@kernel
def read_copies(many, chip, room):
    """Renew the digital copies of output and recurrent weights by reading the arrays row by row."""
    hidden, classes, features = room.state.size, room.error.size, many.x.shape[2]
    first, second, one = many.hidden, many.output, np.float32(1)
    base, key = room.uniform[DRIVES], many.keys[chip, READ]
    for unit in range(lane(), hidden * hidden, lanes()):
        i, j = unit // hidden, unit % hidden
        many.recurrent_copy[chip, j, i] = _read_alone(
            first, chip, features + i, j, hidden, one, key, base + i
        )
    base, key = room.uniform[DRIVES + 1], many.keys[chip, READ + 1]
    for unit in range(lane(), hidden * classes, lanes()):
        i, k = unit // classes, unit % classes
        many.output_copy[chip, k, i] = _read_alone(second, chip, i, k, classes, one, key, base + i)
    for i in range(lane(), hidden, lanes()):
        ones = encoded(first, chip, one)[3]
        room.mine[BITS] += ones
        room.on[0] += np.float64(ones) * first.row_on[chip, features + i]
        ones = encoded(second, chip, one)[3]
        room.mine[BITS + 1] += ones
        room.on[1] += np.float64(ones) * second.row_on[chip, i]
    room.uniform[DRIVES] += hidden
    room.uniform[DRIVES + 1] += hidden
    sync()


@kernel
def _read_alone(bar, chip, row, j, n, value, key, place):
    """What column j reports where `row` alone is driven, yet every tile is read and reports its offset and noise."""
    seen, own, zero = np.float32(0), tile_of(bar, row), np.float32(0)
    effective, weight, _, _ = encoded(bar, chip, value)
    w, v = bar.cells[chip, 1, row, j], bar.cells[chip, 3, row, j]
    for tile in range(bar.tiles.size - 1):
        total = effective * w if tile == own else zero
        variance = weight * v if tile == own else zero
        seen += converted(bar, chip, tile, j, n, total, variance, key, place)
    return seen
