"""What becomes of changes that are not written: forgotten, or kept in the memory of changes (error feedback).

    s = r + change                       r: what was left before; s is rounded to the word of the memory
    the largest s of each column that reach `least` are written, their r <- 0;  of all others r <- s
    write.missed = kept: r <- what a read after a verified write finds missing

The memory of changes is there anyway, for the passes of a batch and for the sparsifier: so this takes no bit more,
but a write of what is left and one more read per update. What importance holds back (learning/metaplastic.py) is
forgotten. Error feedback: Seide et al., Interspeech 2014; for sparsified changes: Stich, Cordonnier and Jaggi,
NeurIPS 2018.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.compiled import kernel


class RemainderScratch(NamedTuple):
    """Memory that holds nothing between two writes; (0, 0) where nothing is kept."""

    hidden: NDArray[np.float32]  # (rows, hidden) what is left
    output: NDArray[np.float32]  # (hidden + 1, classes)


class Remainder(NamedTuple):
    """Whether changes that are not written are kept, and how."""

    kept: bool
    returned: bool  # what a verified write missed is kept as well
    least: float  # smallest change that is written; 0 = any
    hidden_unit: float  # smallest step of the memory, a weight of the hidden array; 0 = exact
    output_unit: float  # the same of the output array
    scratch: RemainderScratch


@kernel
def set_aside(change, unit, rest):
    """Round change (rows, columns) to the memory's word, and let rest be the same."""
    for i in range(change.shape[0]):
        for j in range(change.shape[1]):
            step = change[i, j]
            if unit > 0:
                step = np.float32(np.rint(step / np.float32(unit)) * np.float32(unit))
            change[i, j] = step
            rest[i, j] = step


@kernel
def leave(change, least, rest):
    """Leave in change (rows, columns) what reaches `least`; what is written is not left in rest."""
    limit, zero = np.float32(least), np.float32(0)
    for i in range(change.shape[0]):
        for j in range(change.shape[1]):
            written = change[i, j] != 0 and abs(change[i, j]) >= limit
            change[i, j] = change[i, j] if written else zero
            rest[i, j] = zero if written else rest[i, j]


@kernel
def take_back(missed, rest):
    """Let rest (rows, columns) have what writes missed."""
    for i in range(missed.shape[0]):
        for j in range(missed.shape[1]):
            rest[i, j] += missed[i, j]


@kernel
def bring_back(change, rate, scale, rest):
    """change (rows, columns), before its scaling by -rate (rows,) * scale, = what is left."""
    for i in range(change.shape[0]):
        factor = -rate[i] * np.float32(scale)
        back = np.float32(1) / factor if factor != 0 else np.float32(0)
        for j in range(change.shape[1]):
            change[i, j] = rest[i, j] * back
