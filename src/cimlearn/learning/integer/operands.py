"""How many bits of a product's operands are 1, in two's complement: the energy of bit-serial products hangs on it."""

from __future__ import annotations

from collections import Counter

import numpy as np

from cimlearn.learning.integer.tensor import Tensor, torch


class Operands:
    """Counts by product ('forward', 'error', 'gradient'): bits and ones of what drives rows and of what is stored.

    Layers count by their work: a layer of many multiply-adds weighs as much more, and each of its values the same.
    """

    def __init__(self) -> None:
        """Nothing was seen."""
        self.counts: Counter[str] = Counter()

    def note(self, product: str, driven: Tensor, stored: Tensor, work: int) -> None:
        """Operands of one product of `work` multiply-adds, whole numbers from -128 to 127 of any shape."""
        for side, values in (("driven", driven), ("stored", stored)):
            bits = 8 * values.numel()
            self.counts[f"{product}_{side}_bits"] += 8 * work
            self.counts[f"{product}_{side}_ones"] += (8 * work * ones(values) + bits // 2) // max(bits, 1)


def ones(values: Tensor) -> int:
    """Bits that are 1 in values, whole numbers from -128 to 127 of any shape."""
    return int(np.bitwise_count(values.to(torch.int8).cpu().numpy().view(np.uint8)).sum(dtype=np.int64))
