"""Rank-one changes of a layer of a user's own model, written by random pulses that coincide (learning/parallel.py).

    dW_ij = -rate / b_j^2 sum_n x_ni e_nj       each vector n has trains of its own on the rows and columns of each tile

Tiles write side by side: a vector takes as many slots as its longest tile. No product is formed and no change is kept.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.lines import follow
from cimlearn.arrays.pulses import write_pulses
from cimlearn.compiled import entry
from cimlearn.learning.insitu import units
from cimlearn.learning.parallel import COUNTED, SLOTS, Parallel, PulseScratch, PulseState, coincide
from cimlearn.random import kernel_state


class Trains(NamedTuple):
    """What the pulses of one layer are drawn with; `scheme` and `counts` are saved with a model."""

    scheme: Parallel
    counts: NDArray[np.int64]  # (COUNTED,) slots that took time, rows and columns on, numbers drawn, terms
    step: float  # change of a weight by one pulse
    pulses: NDArray[np.int32]  # (2, inputs, columns) up, down
    delta: NDArray[np.float32]  # (columns,)
    ones: NDArray[np.float32]  # (inputs,)
    rows: NDArray[np.int64]  # (inputs,)


def trains(inputs: int, columns: int, *, step: float, longest: int, seed: int, name: str) -> Trains:
    """For an array of inputs x columns weights in -1 .. 1, of whose window a pulse is the part `step`."""
    none, counted = np.zeros((2, 0, 0), np.int32), np.zeros(0, np.int64)
    words = kernel_state(seed, f"{name}.pulses")
    return Trains(
        Parallel(
            longest=longest, hidden=0.0, output=0.0, feedback=0.0, probe_rate=np.zeros(0, np.float32),
            state=PulseState(words, counted, counted, counted),
            scratch=PulseScratch(none, none, none, np.zeros(columns, np.int32)),
        ),
        np.zeros(COUNTED, np.int64),
        2.0 * step,
        np.zeros((2, inputs, columns), np.int32),
        np.zeros(columns, np.float32),
        np.ones(inputs, np.float32),
        np.arange(inputs),
    )  # fmt: skip


@entry
def pulse(bar, train, tiles, x, error, rate, bound, parameter):
    """Give the cells of `bar` the pulses of all vectors; the layer's parameter follows.

    tiles
        (3, tiles) first input of each tile, its rows, its first output
    x, error, rate
        (vectors, inputs) in -1 .. 1 and (tiles, vectors, columns) the factors, and the learning rate
    bound, parameter
        (outputs,) or (1,) the weight that 1 stands for; (outputs, rows) the layer's weight
    """
    counts, delta = train.counts, train.delta
    before = counts[SLOTS]
    taken = np.int64(0)
    for n in range(x.shape[0]):
        longest = np.int64(0)
        for t in range(tiles.shape[1]):
            first, tall, start = tiles[0, t], tiles[1, t], tiles[2, t]
            for j in range(delta.size):
                b = bound[start + j if bound.size > 1 else 0]
                delta[j] = error[t, n, j] / (b * b)
            own = counts[SLOTS]
            coincide(
                train.scheme, x[n, first : first + tall], train.ones[:tall], delta, rate, train.step,
                train.pulses[:, first : first + tall], counts,
            )  # fmt: skip
            longest = max(longest, counts[SLOTS] - own)
        taken += longest
    counts[SLOTS] = before + taken
    write_pulses(bar, 0, train.pulses[0], train.pulses[1], train.step)
    for t in range(tiles.shape[1]):
        first, tall, start = tiles[0, t], tiles[1, t], tiles[2, t]
        begin = first // parameter.shape[1] * parameter.shape[1]
        units(bound, start, delta)
        follow(bar.state.weight, train.rows[first : first + tall], delta, start, begin, parameter)
