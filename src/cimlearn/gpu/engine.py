"""The learning loop of one chip, run by one block of lanes: that of chips/m2ru/kernels.py, in the same order."""

from __future__ import annotations

import numpy as np

from cimlearn.chips.m2ru.loop import (
    CENTRED,
    COPIES,
    LEARNED,
    NEW,
    REPLAYED,
    UPDATES,
    WAITING,
)
from cimlearn.compiled import kernel
from cimlearn.gpu.feedback import deltas_through, probe, probed_deltas, read_copies
from cimlearn.gpu.lanes import below_at, lane, lanes, sync, uniform_at
from cimlearn.gpu.layout import LIT, OFFSET, ON, RECALL, SEEN, SLOT, STORE, STORED, TALLIES, UNIFORM
from cimlearn.gpu.passing import answer, forward
from cimlearn.gpu.writing import write_changes
from cimlearn.quantize import STOCHASTIC, quantise


@kernel
def _begin(many, chip, room):
    """Every lane takes the counters; its own tallies are 0."""
    for n in range(UNIFORM):
        room.uniform[n] = many.counts[chip, n]
    for n in range(TALLIES):
        room.mine[n] = 0
    for n in range(3):
        room.on[n] = 0
    sync()


@kernel
def _add_up(room):
    """room.sums[:, 0] = sums over the lanes, whose number is a power of 2."""
    half = lanes() // 2
    while half > 0:
        sync()
        if lane() < half:
            for n in range(3):
                room.sums[n, lane()] += room.sums[n, lane() + half]
        half //= 2
    sync()


@kernel
def _count_on(many, chip, room, place):
    """Add what each lane saw switched on to the sums of the chip, once per example, so that chunks change no bit."""
    for n in range(3):
        room.sums[n, lane()] = room.on[n]
        room.on[n] = 0
    _add_up(room)
    if lane() == 0:
        for n in range(3 if place == ON else 2):
            many.sums[chip, place + n] += room.sums[n, 0]
    sync()


@kernel
def _end(many, chip, room, predicting):
    """Lane 0 keeps the counters; whole numbers of all lanes are added up through room.sums, exact below 2^53."""
    sync()
    if lane() == 0:
        for n in range(UNIFORM):
            many.counts[chip, n] = room.uniform[n]
    for start in range(0, TALLIES, 3):
        for n in range(3):
            room.sums[n, lane()] = np.float64(room.mine[start + n]) if start + n < TALLIES else 0.0
        _add_up(room)
        if lane() == 0:
            for n in range(min(3, TALLIES - start)):
                if not predicting:
                    many.tallies[chip, start + n] += np.int64(room.sums[n, 0])
                elif start + n < 2:
                    many.asked[chip, start + n] += np.int64(room.sums[n, 0])
        sync()


@kernel
def _centred(many, chip, x):
    """many.x[chip] = x (steps, features) less the input offset."""
    steps, features = x.shape
    offset = np.float32(many.sums[chip, OFFSET])
    for unit in range(lane(), steps * features, lanes()):
        t, i = unit // features, unit % features
        many.x[chip, t, i] = x[t, i] - offset
    sync()


@kernel
def _measure_offset(many, chip, x, room):
    """The offset is the mean of all inputs of the first examples; counts those that are not 0 too."""
    steps, features = x.shape
    total, lit = 0.0, 0
    for unit in range(lane(), steps * features, lanes()):
        value = x[unit // features, unit % features]
        total += value
        lit += 1 if value != 0 else 0
    room.mine[LIT] += lit
    seen = room.uniform[CENTRED]
    if seen >= many.plan.centre_over:
        return
    for n in range(3):
        room.sums[n, lane()] = total
    _add_up(room)
    if lane() == 0:
        mean = many.sums[chip, OFFSET]
        many.sums[chip, OFFSET] = mean + (room.sums[0, 0] / (steps * features) - mean) / (seen + 1)
    room.uniform[CENTRED] = seen + 1
    sync()


@kernel
def _propose(many, chip, room):
    """Add the changes that room.error asks for to those that wait."""
    if many.plan.groups > 0:
        probed_deltas(many, chip, room)
    else:
        deltas_through(many, chip, room)
    change, rows, delta = many.hidden_change[chip], many.rows[chip], many.delta[chip]
    count, hidden = change.shape
    steps = delta.shape[0]
    zero = np.float32(0)
    for unit in range(lane(), (count + 3) // 4 * hidden, lanes()):
        i, j = unit // hidden * 4, unit % hidden
        a, b, c, d = zero, zero, zero, zero
        if i + 4 <= count:
            row, column, t = np.uint64(i), np.uint64(j), np.uint64(0)
            while t < np.uint64(steps):
                e = delta[t, column]
                a += rows[t, row] * e
                b += rows[t, row + np.uint64(1)] * e
                c += rows[t, row + np.uint64(2)] * e
                d += rows[t, row + np.uint64(3)] * e
                t += np.uint64(1)
            change[i, j] += a
            change[i + 1, j] += b
            change[i + 2, j] += c
            change[i + 3, j] += d
        else:
            for r in range(i, count):
                a = zero
                for step in range(steps):
                    a += rows[step, r] * delta[step, j]
                change[r, j] += a
    classes = room.error.size
    for unit in range(lane(), room.readout.size * classes, lanes()):
        i, k = unit // classes, unit % classes
        many.output_change[chip, i, k] += room.readout[i] * room.error[k]
    room.uniform[LEARNED] += 1
    sync()


@kernel
def _store(many, chip, x, label, room):
    """Offer x (steps, features), label and room.share to the reservoir."""
    plan, slots = many.plan, many.labels.shape[1]
    room.uniform[SEEN] += 1
    seen = room.uniform[SEEN]
    slot = seen - 1
    if slot >= slots:
        slot = below_at(many.keys[chip, SLOT], seen, seen)
        if slot >= slots:
            return
    room.uniform[STORED] += 1
    if lane() == 0:
        many.labels[chip, slot] = label
    for k in range(lane(), room.share.size, lanes()):
        level = room.share[k] * np.float32(plan.share_steps) + np.float32(0.5)
        many.share[chip, slot, k] = np.float32(np.int64(level))
    steps, features = x.shape
    key, size = many.keys[chip, STORE], steps * features
    for unit in range(lane(), size, lanes()):
        t, i = unit // features, unit % features
        draw = np.float32(0)
        if plan.quantiser == STOCHASTIC:
            draw = uniform_at(key, seen * size + unit)
        many.codes[chip, slot, t, i] = quantise(x[t, i], plan.code_steps, plan.quantiser, draw)
    sync()


@kernel
def _recall(many, chip, room):
    """many.x[chip] = a random stored example less the offset; answers its slot."""
    slots = min(room.uniform[SEEN], many.labels.shape[1])
    slot = below_at(many.keys[chip, RECALL], room.uniform[REPLAYED], slots)
    scale, offset = np.float32(1.0 / many.plan.code_steps), np.float32(many.sums[chip, OFFSET])
    steps, features = many.x.shape[1], many.x.shape[2]
    lit = 0
    for unit in range(lane(), steps * features, lanes()):
        t, i = unit // features, unit % features
        value = many.codes[chip, slot, t, i] * scale
        lit += 1 if value != 0 else 0
        many.x[chip, t, i] = value - offset
    room.mine[LIT] += lit
    sync()
    return slot


@kernel
def _new_error(label, room):
    """room.error of a new example: the answer less the label."""
    for k in range(lane(), room.error.size, lanes()):
        room.error[k] = room.share[k] - (np.float32(1) if k == label else np.float32(0))
    sync()


@kernel
def _old_error(many, chip, slot, room):
    """room.error of a replayed example: its target is in part the answer of when it was stored."""
    plan = many.plan
    hard, weight = np.float32(1.0 - plan.soft), np.float32(plan.replay_weight)
    for k in range(lane(), room.error.size, lanes()):
        target = hard if k == many.labels[chip, slot] else np.float32(0)
        if plan.soft > 0:
            target += np.float32(plan.soft) * many.share[chip, slot, k] / np.float32(plan.share_steps)
        room.error[k] = weight * (room.share[k] - target)
    sync()


@kernel
def _learn_one(many, chip, room, x, label):
    """Learn x (steps, features), then as many old examples as the plan says: one loop, so that code is there once."""
    plan = many.plan
    old = plan.ratio if many.labels.shape[1] > 0 else 0
    for turn in range(1 + old):
        slot = np.int64(0)
        if turn == 0:
            _measure_offset(many, chip, x, room)
            _centred(many, chip, x)
        else:
            slot = _recall(many, chip, room)
        answer(many, chip, room)
        if turn == 0:
            _new_error(label, room)
        else:
            _old_error(many, chip, slot, room)
        _propose(many, chip, room)
        if turn > 0:
            room.uniform[REPLAYED] += 1
            continue
        if plan.together > 0 and room.uniform[NEW] % plan.every == 0:
            probe(many, chip, room)
        if many.labels.shape[1] > 0:
            _store(many, chip, x, label, room)
            sync()


@kernel
def learn_chip(many, chip, room, x, y, count):
    """Learn the first `count` of x (examples, steps, features), y (examples,) in order."""
    plan = many.plan
    _begin(many, chip, room)
    for n in range(count):
        if plan.refresh > 0 and room.uniform[NEW] % plan.refresh == 0:
            read_copies(many, chip, room)
            room.uniform[COPIES] += 1
        room.uniform[NEW] += 1
        _learn_one(many, chip, room, x[n], y[n])
        room.uniform[WAITING] += 1
        if room.uniform[WAITING] == plan.batch:
            room.uniform[WAITING] = 0
            room.uniform[UPDATES] += 1
            write_changes(many, chip, room, room.uniform[UPDATES])
        _count_on(many, chip, room, ON)
    _end(many, chip, room, False)


@kernel
def predict_chip(many, chip, room, x, classes, count):
    """classes (examples,) = the largest output for each of the first `count` of x (examples, steps, features)."""
    _begin(many, chip, room)
    for n in range(count):
        _centred(many, chip, x[n])
        forward(many, chip, room, True)
        if lane() == 0:
            best = 0
            for k in range(room.share.size):
                if room.out[k] > room.out[best]:
                    best = k
            classes[n] = best
        _count_on(many, chip, room, ON + 3)
    _end(many, chip, room, True)
