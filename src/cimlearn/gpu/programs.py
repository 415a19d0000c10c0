"""The programs that a GPU runs: one block per chip, a whole chunk of examples in one launch."""

from __future__ import annotations

from functools import cache
from typing import Any, Final, NamedTuple

import numba
import numpy as np
from numba import cuda, float32, float64, int32, int64

from cimlearn.compiled import OPTIONS
from cimlearn.gpu.engine import learn_chip, predict_chip
from cimlearn.gpu.kept import kept
from cimlearn.gpu.lanes import SIMULATED
from cimlearn.gpu.layout import TALLIES, UNIFORM, Room

REGISTERS: Final = 65536  # of a multiprocessor, on every card since 2012


class Programs(NamedTuple):
    """`learn(many, which, x, y, counts)` and `predict(many, which, x, classes, counts)`, launched with `lanes` threads.

    which (blocks,) is the chip of each block, counts (blocks,) how many of its x (blocks, examples, steps, features)
    it takes.
    """

    lanes: int
    learn: Any
    predict: Any


@cache
def programs(lanes: int, longest: int, hidden: int, classes: int) -> Programs:
    """Programs for blocks of `lanes` (a power of 2) and arrays of at most `longest` rows that are driven at once."""
    widest = max(hidden, classes)
    parts = max(lanes, widest)
    readout = hidden + 1
    uniform, tallies = UNIFORM, TALLIES
    # A multiprocessor has 65,536 registers; more lanes than they are shared out to could not start.
    options: Any = {} if SIMULATED else {"max_registers": min(255, REGISTERS // lanes)}

    @cuda.jit(**options)
    def learn(many, which, x, y, counts):
        room = Room(
            cuda.shared.array((2, longest), float32),
            cuda.shared.array((2, parts), float32),
            cuda.shared.array((3, lanes), float64),
            cuda.shared.array(longest, int32),
            cuda.shared.array(hidden, float32),
            cuda.shared.array(readout, float32),
            cuda.shared.array(widest, float32),
            cuda.shared.array(classes, float32),
            cuda.shared.array(classes, float32),
            cuda.shared.array(classes, float32),
            cuda.shared.array((2, classes), float32),
            cuda.shared.array(widest, int32),
            cuda.shared.array(4, float32),
            cuda.local.array(uniform, int64),
            cuda.local.array(tallies, int64),
            cuda.local.array(3, float64),
        )
        block = cuda.blockIdx.x
        learn_chip(many, which[block], room, x[block], y[block], counts[block])

    @cuda.jit(**options)
    def predict(many, which, x, classes_of, counts):
        room = Room(
            cuda.shared.array((2, longest), float32),
            cuda.shared.array((2, parts), float32),
            cuda.shared.array((3, lanes), float64),
            cuda.shared.array(longest, int32),
            cuda.shared.array(hidden, float32),
            cuda.shared.array(readout, float32),
            cuda.shared.array(widest, float32),
            cuda.shared.array(classes, float32),
            cuda.shared.array(classes, float32),
            cuda.shared.array(classes, float32),
            cuda.shared.array((2, classes), float32),
            cuda.shared.array(widest, int32),
            cuda.shared.array(4, float32),
            cuda.local.array(uniform, int64),
            cuda.local.array(tallies, int64),
            cuda.local.array(3, float64),
        )
        block = cuda.blockIdx.x
        predict_chip(many, which[block], room, x[block], classes_of[block], counts[block])

    return Programs(lanes, kept(learn), kept(predict))


_njit: Any = numba.njit
_alone: Any = _njit(**OPTIONS)  # not kept on disk: its digest would not see the engine's files


def one_lane(longest: int, hidden: int, classes: int) -> Room:
    """Memory of a block of one lane, for `learn_alone` and `predict_alone`."""
    widest = max(hidden, classes)
    return Room(
        np.zeros((2, longest), np.float32),
        np.zeros((2, widest), np.float32),
        np.zeros((3, 1)),
        np.zeros(longest, np.int32),
        np.zeros(hidden, np.float32),
        np.zeros(hidden + 1, np.float32),
        np.zeros(widest, np.float32),
        np.zeros(classes, np.float32),
        np.zeros(classes, np.float32),
        np.zeros(classes, np.float32),
        np.zeros((2, classes), np.float32),
        np.zeros(widest, np.int32),
        np.zeros(4, np.float32),
        np.zeros(UNIFORM, np.int64),
        np.zeros(TALLIES, np.int64),
        np.zeros(3),
    )


@_alone
def learn_alone(many, which, room, x, y, counts):
    """The same as a launch of `learn`, on the CPU with one lane: the engine's logic, at a speed that tests bear."""
    for block in range(which.size):
        learn_chip(many, which[block], room, x[block], y[block], counts[block])


@_alone
def predict_alone(many, which, room, x, classes, counts):
    """The same as a launch of `predict`, on the CPU with one lane."""
    for block in range(which.size):
        predict_chip(many, which[block], room, x[block], classes[block], counts[block])
