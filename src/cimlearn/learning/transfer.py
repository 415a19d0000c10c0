"""Tiki-Taka: changes go to a fast array, whose rows are read one after the other and moved to the slow one.

    A <- A + gain z_i change                       z_i = +1 or -1: the chopper of row i; pulses are blind
    every `every` updates, `rows` rows in turn:    C_i <- C_i + rate z_i A_i,   then z_i <- -z_i with chance `chop`

A is never reset. Asymmetric cells pull A back to where steps up and down are equal, its zero; with a chopper what A has
beside the changes (an offset of that zero, say) is averaged out in C. C alone is the weight. A is read through its own
converters and noise; each read is driven with a random sign, so that offsets of integrators average out too. C is
written as `write.least` and `write.tries` say: with accumulators these are the buffer of Gokmen 2021.

Sources: Gokmen and Haensch, Front. Neurosci. 14 (2020), 103; Gokmen, Front. Artif. Intell. 4 (2021), 699148; chopper:
Rasch, Carta, Fagbohungbe and Gokmen, Nature Communications 15 (2024), 7133.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import freeze, product_rows, write, write_rows
from cimlearn.compiled import dispatched, kernel
from cimlearn.noise import uniform

HIDDEN: Final = 0
OUTPUT: Final = 1


class TransferState(NamedTuple):
    """What transfer keeps between updates; every field is saved with a run."""

    updates: NDArray[np.int64]  # (1,) updates so far
    turn: NDArray[np.int64]  # (2,) next row of each array
    hidden_signs: NDArray[np.float32]  # (rows,) z
    output_signs: NDArray[np.float32]  # (hidden + 1,)
    words: NDArray[np.uint64]  # (4,) generator of signs


class TransferScratch(NamedTuple):
    """Memory that holds nothing between two updates."""

    drive: NDArray[np.float32]  # (2, 1) what drives a row; what it knows it applied
    hidden: NDArray[np.float32]  # (2, 1, hidden) what the array answers; the change
    output: NDArray[np.float32]  # (2, 1, classes)


class Direct(NamedTuple):
    """Changes go to the weights themselves."""

    used: bool = False


class Transfer(NamedTuple):
    """Changes go to fast arrays, and from there to the weights."""

    every: int  # updates between two transfers
    rows: int  # of each array that a transfer moves
    rate: float
    gain: float
    chop: float  # chance that a row's sign turns after it was moved
    hidden: Any  # fast array of the hidden one
    output: Any
    state: TransferState
    scratch: TransferScratch


@dispatched
def put(transfer: Any, place: Any, slow: Any, change: Any) -> Any:
    """Write change (rows, columns) of the array `place`, which is spent: to `slow`, or to its fast array."""


@dispatched
def settle(transfer: Any, hidden: Any, output: Any) -> Any:
    """After an update: move rows of the fast arrays to the slow ones where it is time."""


@kernel
def _put(transfer, place, slow, change):
    write(slow, change)


@kernel
def _settle(transfer, hidden, output):
    pass


@kernel
def _put_fast(transfer, place, slow, change):
    fast = transfer.hidden if place == HIDDEN else transfer.output
    signs = transfer.state.hidden_signs if place == HIDDEN else transfer.state.output_signs
    for i in range(change.shape[0]):
        factor = np.float32(transfer.gain) * signs[i]
        for j in range(change.shape[1]):
            change[i, j] *= factor
    write(fast, change)


@kernel
def move_row(transfer, fast, slow, signs, place, rows):
    """Read the next row of `fast` and ask `slow` for its part; rows (2, 1, columns) is scratch."""
    state, scratch = transfer.state, transfer.scratch
    i = state.turn[place]
    freeze(fast)
    sign = np.float32(1) if uniform(state.words) < 0.5 else np.float32(-1)
    scratch.drive[0, 0] = sign
    back, change = rows[0, 0], rows[1]
    product_rows(fast, i, scratch.drive[0], scratch.drive[1], back)
    part = np.float32(transfer.rate) * sign * signs[i]
    for j in range(back.size):
        change[0, j] = part * back[j]
    write_rows(slow, i, change)
    if transfer.chop > 0 and uniform(state.words) < transfer.chop:
        signs[i] = -signs[i]
    state.turn[place] = 0 if i + 1 == signs.size else i + 1


@kernel
def _settle_fast(transfer, hidden, output):
    state, scratch = transfer.state, transfer.scratch
    state.updates[0] += 1
    if state.updates[0] % transfer.every > 0:
        return
    for _ in range(transfer.rows):
        move_row(transfer, transfer.hidden, hidden, state.hidden_signs, HIDDEN, scratch.hidden)
        move_row(transfer, transfer.output, output, state.output_signs, OUTPUT, scratch.output)


put.register(Direct, _put)
put.register(Transfer, _put_fast)
settle.register(Direct, _settle)
settle.register(Transfer, _settle_fast)
