"""Rank-one changes written by random pulses that coincide: no product is formed, no change waits in a memory.

    wanted          dW_ij = -s r_i a_i d_j           a (rows,) drives the array, d (columns,) are the deltas, r rates
    slots           n = floor(v) or one more, by chance so that its mean is v = s max(r) D / step, at most `longest`
    in each slot    row i is on with p_i = r_i |a_i| / max(r), column j with q_j = |d_j| / D, D = max |d_j| rounded up
                    to a power of 2
    where both are  the cell sees one pulse of `step`, up or down by the signs: v p_i q_j = s r_i |a_i d_j| / step of
                    them in the mean

A slot has two phases, rows of positive and of negative inputs in turn, the columns' polarity by the sign of delta; a
row's transistors are on or off, so a cell whose row or column is off sees nothing (1T1R). A slot in which no row or no
column is on takes no time. Small terms are drawn, not lost: a step of the sequence whose deltas are small has a slot
now and then.

Sources: Gokmen and Vlasov, Frontiers in Neuroscience 10 (2016), 333 (coincidence of stochastic pulse trains, 1,200
steps in a window); lengths by the largest delta: Gokmen, Onen and Haensch, same journal 11 (2017), 538.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.compiled import kernel
from cimlearn.noise import next_word, uniform

SLOTS: Final = 0  # that took time
ROWS: Final = 1  # rows that were on, over slots
COLUMNS: Final = 2  # columns that were on
DRAWN: Final = 3  # random numbers compared
STEPS: Final = 4  # terms (steps of a sequence) with at least one slot
COUNTED: Final = 5
LINE_BITS: Final = 16  # of the random number that a line is compared with


class PulseState(NamedTuple):
    """What pulses leave behind; every field is saved with a run."""

    words: NDArray[np.uint64]  # (4,) generator of the pulses
    hidden: NDArray[np.int64]  # (COUNTED,) of each array
    output: NDArray[np.int64]
    feedback: NDArray[np.int64]


class PulseScratch(NamedTuple):
    """Pulses of the examples of one write; forgotten when they are given."""

    hidden: NDArray[np.int32]  # (2, rows, columns) up, down
    output: NDArray[np.int32]
    feedback: NDArray[np.int32]  # (2, classes, hidden)
    lit: NDArray[np.int32]  # (widest,) columns that are on in a slot


class Parallel(NamedTuple):
    """The scheme of parallel writes: its description, its state, and scratch."""

    longest: int  # slots of one term; 0 = changes are written row by row
    hidden: float  # change of a weight by one pulse
    output: float
    feedback: float
    probe_rate: NDArray[np.float32]  # (classes,) rate of the rows that a probe changes
    state: PulseState
    scratch: PulseScratch


@kernel
def _on(words, chance):
    """Whether a line of this chance is on: its 16 bits against as many random ones."""
    return np.float32(next_word(words) >> np.uint64(48)) < chance * np.float32(2.0**LINE_BITS)


@kernel
def _slot(words, a, rate, highest, d, unit, pulses, lit, counts):
    """One slot: a (rows,), rate (rows,), d (columns,), unit = D; pulses (2, rows, columns) gets its coincidences."""
    on = 0
    for j in range(d.size):
        if d[j] != 0 and _on(words, abs(d[j]) / unit):
            lit[on] = j
            on += 1
    if on == 0:
        return
    rows = 0
    for i in range(a.size):
        if a[i] != 0 and _on(words, rate[i] * abs(a[i]) / highest):
            rows += 1
            for n in range(on):
                j = lit[n]
                pulses[0 if (a[i] > 0) != (d[j] > 0) else 1, i, j] += 1
    if rows > 0:
        counts[SLOTS] += 1
        counts[ROWS] += rows
        counts[COLUMNS] += on


@kernel
def coincide(parallel, a, rate, d, scale, step, pulses, counts):
    """Draw the pulses of one term -scale * rate * a (rows,) x d (columns,) into pulses (2, rows, columns)."""
    largest, highest = np.float32(0), np.float32(0)
    for j in range(d.size):
        largest = max(largest, abs(d[j]))
    for i in range(rate.size):
        highest = max(highest, rate[i])
    if largest == 0 or highest == 0:
        return
    unit = np.float32(2.0) ** np.ceil(np.log2(largest))
    wanted = min(float(scale) * highest * unit / step, float(parallel.longest))
    slots = int(wanted + uniform(parallel.state.words))
    counts[DRAWN] += 1 + slots * (a.size + d.size)
    counts[STEPS] += 1 if slots > 0 else 0
    for _ in range(slots):
        _slot(parallel.state.words, a, rate, highest, d, unit, pulses, parallel.scratch.lit, counts)
