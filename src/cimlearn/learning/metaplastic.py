"""Metaplastic weights: each has an importance of a few bits that lowers the chance of its next write.

    m_ij in 0 .. M, M = 2^bits - 1                   importance, in static memory beside the array
    chance of a write            2^-m_ij             m_ij random bits that are all 0; with `never`, none at M
    after a write, m_ij < M      m_ij += 1           with the array's chance of a rise, q

m is a Morris counter (Morris, CACM 1978) of the changes asked of the weight, so the chance of a write falls as about
1 / (1 + q x changes asked), until M: a rate that falls for each weight with its own use. Nothing is told of tasks.

That the chance of a write, not its size, falls with importance is probabilistic metaplasticity (Zohora, Karia, Soures
and Kudithipudi, Scientific Reports 2024, s41598-024-78290-w, arXiv 2403.08718; arXiv 2306.12142). There p = exp(-|m w|)
and m rises with the activity of both neurons; importance of few bits beside the weights: Genesis, arXiv 2509.05858;
activity-dependent metaplasticity: TACOS, arXiv 2409.00021. Powers of 2 and the counter are this project's choice: they
need shift registers alone.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.compiled import kernel
from cimlearn.noise import next_word

ASKED: Final = 0  # changes asked of weights that have an importance
RISEN: Final = 1  # times that an importance rose
COUNTED: Final = 2


class ImportanceState(NamedTuple):
    """What is held of the weights; every field is saved with a run."""

    hidden: NDArray[np.uint8]  # (rows, hidden) m of the hidden array's weights, or (0, 0)
    output: NDArray[np.uint8]  # (hidden + 1, classes) the same of the output array's
    words: NDArray[np.uint64]  # (4,) generator
    counts: NDArray[np.int64]  # (COUNTED,)


class Metaplastic(NamedTuple):
    """The rule: how far importance goes and how it rises, and its state."""

    top: int  # M
    never: bool  # a weight of importance M is not written any more
    hidden_rise: float  # q of the hidden array, in units of 2^-32; 0 = its weights have no importance
    output_rise: float  # the same of the output array
    state: ImportanceState


@kernel
def gate(rule, importance, rise, change):
    """Make each change (rows, columns) 0 that chance refuses; importance (rows, columns) of the others may rise.

    One word of 64 random bits per change that isn't 0: the low bits decide whether it is written, the upper half
    whether its importance rises.
    """
    one, half = np.uint64(1), np.uint64(32)
    asked, risen = 0, 0
    for i in range(change.shape[0]):
        for j in range(change.shape[1]):
            if change[i, j] != 0:
                asked += 1
                word, now = next_word(rule.state.words), importance[i, j]
                refused = word & ((one << np.uint64(now)) - one)
                if refused != 0 or (rule.never and now == rule.top):
                    change[i, j] = np.float32(0)
                elif now < rule.top and np.float64(word >> half) < rise:
                    importance[i, j] = now + 1
                    risen += 1
    rule.state.counts[ASKED] += asked
    rule.state.counts[RISEN] += risen
