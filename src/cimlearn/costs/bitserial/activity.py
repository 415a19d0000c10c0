"""How often the adders of a popcount tree switch, from the shares of ones in the operands.

A published addition is one of random numbers: a bit of its result changes with probability 1/2. The AND of a driven and
a stored bit is 1 with q = s_driven s_stored, so a sum of n of them is binomial, and its bit b changes from one cycle to
the next with probability 2 P_b (1 - P_b), P_b = P(bit b is 1). Cycles are taken as independent.
"""

from __future__ import annotations

import math
from functools import lru_cache


def tree_bits(inputs: int, ones: float) -> float:
    """Bits of random additions that a tree of popcounts of `inputs` is worth; `ones` is q.

    At q = 1/2 the lowest bit of every sum counts in full; the highest rarely changes even then.
    """
    return _tree_bits(inputs, round(ones, 14))


@lru_cache(maxsize=1024)
def _tree_bits(inputs: int, ones: float) -> float:
    total, width, below = 0.0, 1, 1
    while inputs > 1:
        below *= 2  # inputs of the tree below an adder of this level
        adders = inputs // 2
        chance = [math.comb(below, k) * ones**k * (1 - ones) ** (below - k) for k in range(below + 1)]
        share = [math.fsum(c for k, c in enumerate(chance) if k >> bit & 1) for bit in range(width)]
        total += adders * sum(4 * p * (1 - p) for p in share)
        inputs -= adders
        width += 1
    return total


def merge_bits(inputs: int) -> int:
    """Bits of the additions that put the 8 popcounts of a word together, shifted by 1, 2 and 4 places.

    A popcount has b bits; four sums of b + 2, two of b + 4, one of b + 8.
    """
    wide = inputs.bit_length()
    return 7 * wide + 24
