"""One example through the network of a chip (networks/miru.py), and its answer."""

from __future__ import annotations

import math

import numpy as np

from cimlearn.compiled import kernel
from cimlearn.gpu.lanes import lane, lanes, rint, sync
from cimlearn.gpu.layout import DRIVES, READ
from cimlearn.gpu.reading import drive, parts, reported
from cimlearn.learning.kwta import Kwta, SettlingScratch, kwta
from cimlearn.networks.miru import tanh


@kernel
def forward(many, chip, room, predicting):
    """Run many.x[chip] through the network from a state of 0; counted as predictions or as learning."""
    for j in range(lane(), room.state.size, lanes()):
        room.state[j] = 0
    sync()
    onward(many, chip, room, 0, 0, predicting)


@kernel
def _features(many, chip, room, t):
    """Drive the rows of inputs and bias with step t; the last lanes do it, for the first are busy with states."""
    features, rows = many.x.shape[2], many.rows[chip, t]
    hidden = room.state.size
    for i in range(lanes() - 1 - lane(), features + 1, lanes()):
        row = i if i < features else features + hidden
        value = many.x[chip, t, i] if i < features else np.float32(1)
        rows[row] = drive(many.hidden, chip, 0, row, value, room)


@kernel
def onward(many, chip, room, first, disturbed, predicting):
    """Run steps first, first + 1, ... on from room.state; signs are added to the first `disturbed` new states.

    The signs of step `first` are many.signs[chip, 1]. Two meetings of all lanes a step and row tile.
    """
    plan, bar = many.plan, many.hidden
    steps, features, hidden = many.x.shape[1], many.x.shape[2], room.state.size
    feed, last_tile = np.float32(plan.feed), bar.tiles.size - 2
    slot = DRIVES + 3 if predicting else DRIVES
    key = many.keys[chip, READ + 3] if predicting else many.keys[chip, READ]
    if first < steps:
        _features(many, chip, room, first)
        for j in range(lane(), hidden, lanes()):
            many.rows[chip, first, features + j] = drive(
                bar, chip, 0, features + j, feed * room.state[j], room
            )
    else:
        for j in range(lane(), hidden, lanes()):
            room.readout[j] = drive(many.output, chip, 1, j, room.state[j], room)
    sync()
    for t in range(first, steps):
        for tile in range(last_tile + 1):
            parts(bar, chip, bar.tiles[tile], bar.tiles[tile + 1], hidden, room)
            sync()
            for j in range(lane(), hidden, lanes()):
                seen = reported(bar, chip, tile, j, hidden, room, key, room.uniform[slot])
                room.out[j] = seen if tile == 0 else room.out[j] + seen
                if tile == last_tile:
                    _step(many, chip, room, t, j, t - first < disturbed, t - first + 1)
            if tile == last_tile and t + 1 < steps:
                _features(many, chip, room, t + 1)
            sync()
        room.uniform[slot] += 1
    _readout(many, chip, room, predicting)


@kernel
def _step(many, chip, room, t, j, disturb, place):
    """The new state of unit j in step t, and what it drives next: a recurrent row, at the end the output array."""
    plan, steps, features = many.plan, many.x.shape[1], many.x.shape[2]
    keep, grid = np.float32(plan.keep), np.float32(plan.state_steps)
    candidate = many.candidate[chip, t, j : j + 1]
    candidate[0] = room.out[j]
    tanh(candidate)
    state = keep * room.state[j] + (np.float32(1) - keep) * candidate[0]
    if grid > 0:
        state = rint(state * grid) / grid
    if disturb:
        state += np.float32(plan.sigma) * many.signs[chip, place, j]
    room.state[j] = state
    many.states[chip, t, j] = state
    if t + 1 < steps:
        row = features + j
        many.rows[chip, t + 1, row] = drive(many.hidden, chip, 0, row, np.float32(plan.feed) * state, room)
    else:
        room.readout[j] = drive(many.output, chip, 1, j, state, room)


@kernel
def _readout(many, chip, room, predicting):
    """room.out (classes,) = outputs; the states drive their rows already."""
    bar = many.output
    hidden, classes = room.state.size, room.share.size
    slot = DRIVES + 4 if predicting else DRIVES + 1
    key = many.keys[chip, READ + 4] if predicting else many.keys[chip, READ + 1]
    if lane() == 0:
        room.readout[hidden] = drive(bar, chip, 1, hidden, np.float32(1), room)
    sync()
    for tile in range(bar.tiles.size - 1):
        parts(bar, chip, bar.tiles[tile], bar.tiles[tile + 1], classes, room)
        sync()
        for k in range(lane(), classes, lanes()):
            seen = reported(bar, chip, tile, k, classes, room, key, room.uniform[slot])
            room.out[k] = seen if tile == 0 else room.out[k] + seen
        sync()
    room.uniform[slot] += 1


@kernel
def answer(many, chip, room):
    """Run many.x[chip] through the network; room.share becomes its answer."""
    forward(many, chip, room, False)
    if lane() == 0:
        _decide(many, chip, room)
    sync()


@kernel
def _decide(many, chip, room):
    """room.share = the answer to room.out, by one lane.

    Not in `answer`: Python copies a short end of a function, here a `sync`, to branches that jump to it, and lane 0
    would wait at a barrier of its own for ever (tests/gpu/test_barriers.py).
    """
    plan, classes = many.plan, room.share.size
    if plan.winners > 0:
        circuit = Kwta(
            plan.winners,
            plan.winner_gain,
            plan.winner_settling,
            plan.winner_noise,
            many.winner_offset[chip],
            many.words[chip],
            SettlingScratch(room.scratch[0], room.scratch[1]),
        )
        kwta(circuit, room.out[:classes], room.share)
    else:
        _softmax(room.out, room.share)


@kernel
def _softmax(out, share):
    """Share (classes,) = exp(out) / sum exp(out), as in learning/sparsify.py."""
    top, total = out[0], np.float32(0)
    for k in range(share.size):
        top = max(top, out[k])
    for k in range(share.size):
        share[k] = math.exp(out[k] - top)
        total += share[k]
    for k in range(share.size):
        share[k] /= total
