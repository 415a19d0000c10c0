"""Recursive least squares for the output weights: consolidation of directions instead of weights.

    P      <- P - k k^T,  k = P a / sqrt(1 / w + a^T P a)      for each example: a = (h_T, 1), w its weight
    W_o    <- W_o - P sum a e^T,  e = w (o - target)           at a write: the sum over the examples that waited

P starts as identity / ridge. After any examples W_o is the exact least-squares fit of all of them, in any order (ridge
regression towards the first W_o), as long as the states h come from the same hidden weights: so these are held by
importance (learning/metaplastic.py). P shrinks in the directions that states have filled; a new task moves W_o in the
others. Nothing is told of tasks and no example is kept. P (hidden + 1)^2 is symmetric and lies in a digital memory.

Sources: Plackett, Biometrika 1950; Haykin, Adaptive Filter Theory (recursive least squares). As continual learning:
Zeng, Chen, Cui and Yu, Nature Machine Intelligence 2019 (orthogonal weights modification: the same P, a gradient for
the rest); Zhuang et al., NeurIPS 2022 (analytic class-incremental learning: the same fit behind a frozen network).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.compiled import kernel


class RecursiveScratch(NamedTuple):
    """Memory that holds nothing between two calls."""

    gain: NDArray[np.float32]  # (hidden + 1,) k
    mixed: NDArray[np.float32]  # (hidden + 1, classes)


class Recursive(NamedTuple):
    """P, which is saved with a run, and scratch."""

    inverse: NDArray[np.float32]  # (hidden + 1, hidden + 1) P, or (0, 0) where the rule is not used
    scratch: RecursiveScratch


@kernel
def observe(rule, state, weight):
    """Let P take in state (hidden + 1,) of an example of this weight."""
    if weight <= 0:
        return
    inverse, gain, size = rule.inverse, rule.scratch.gain, state.size
    for j in range(size):
        gain[j] = 0
    for i in range(size):
        a = state[i]
        for j in range(size):
            gain[j] += a * inverse[i, j]
    total = np.float32(1.0 / weight)
    for j in range(size):
        total += state[j] * gain[j]
    root = np.float32(1) / np.sqrt(total)
    for j in range(size):
        gain[j] *= root
    for i in range(size):
        k = gain[i]
        for j in range(size):
            inverse[i, j] -= k * gain[j]


@kernel
def solve_change(rule, change):
    """change (hidden + 1, classes) becomes -P change."""
    inverse, mixed = rule.inverse, rule.scratch.mixed
    rows, columns = change.shape
    for i in range(rows):
        for k in range(columns):
            mixed[i, k] = 0
        for n in range(rows):
            p = inverse[i, n]
            for k in range(columns):
                mixed[i, k] += p * change[n, k]
    for i in range(rows):
        for k in range(columns):
            change[i, k] = -mixed[i, k]


@kernel
def linear_share(out, share):
    """share (classes,) = outputs cut to 0 .. 1, over their sum; all alike where none is above 0."""
    total = np.float32(0)
    for k in range(out.size):
        share[k] = min(max(out[k], np.float32(0)), np.float32(1))
        total += share[k]
    for k in range(out.size):
        share[k] = share[k] / total if total > 0 else np.float32(1.0 / out.size)
