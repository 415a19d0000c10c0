"""Failed writes of whole lines: all bits of a driven line are at risk, changed or not.

`devices/risks.py` has the probability that a bit is wrong by what it was and is to be: after a reset that worked, a
failed 1 ends as 0, whatever it was before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.wear import Lines
from cimlearn.devices.risks import Risks

Weights = NDArray[np.int8]


def written(
    old: Weights, new: Weights, lines: Lines, risks: Risks, *, generator: np.random.Generator
) -> Weights:
    """What is stored after new (outputs, ...) was written over old, in those of `lines` in which a bit changes.

    `new` is what the cells hold if nothing fails (`Lines.write`). Candidates are drawn at the largest risk and kept
    with risk / largest, so bits fail independently and rare failures cost little. Stuck cells stay as they are.
    """
    most = risks.worst()
    bits = 8 * new.size
    count = int(generator.binomial(bits, most)) if most > 0 else 0
    if count == 0:
        return new
    place = generator.choice(bits, count, replace=False, shuffle=False)
    kept = generator.random(count)
    word, bit = place // 8, (place % 8).astype(np.uint8)
    before, after = (v.reshape(-1).view(np.uint8) for v in (old, new))
    was, is_now = (before[word] >> bit) & 1, (after[word] >> bit) & 1
    chance = np.array(risks)[_class(was, is_now)] / most
    fails = (kept < chance) & ((lines.open(old, new).reshape(-1)[word] >> bit) & 1 == 1)
    wrong = after.copy()
    np.bitwise_xor.at(wrong, word[fails], np.uint8(1) << bit[fails])
    return wrong.view(np.int8).reshape(new.shape)


def _class(was: NDArray[np.integer], is_now: NDArray[np.integer]) -> NDArray[np.int64]:
    """The place in `Risks` of bits that were `was` and are to be `is_now`."""
    return 2 * was.astype(np.int64) + is_now.astype(np.int64)
