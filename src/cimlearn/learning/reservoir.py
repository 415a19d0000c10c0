"""A reservoir of whole images: every example offered so far is equally likely to be in it (Vitter's algorithm R)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


def expected_stored(offered: int, slots: int) -> int:
    """Of `offered` examples, how many are stored on average: all of the first `slots`, then the n-th with slots / n."""
    late = slots * math.log(offered / slots) if 0 < slots < offered else 0.0
    return min(offered, slots) + round(late)


class ReservoirState(NamedTuple):
    """All of the memory that changes; every field is saved with a run."""

    x: NDArray[np.uint8]  # (slots, ...) images
    y: NDArray[np.int64]  # (slots,) labels
    offered: NDArray[np.int64]  # (2,) examples offered; of these, stored


class Reservoir:
    """`slots` images of 8 bits with their labels."""

    def __init__(self, slots: int, size: tuple[int, ...]) -> None:
        images, labels = np.zeros((slots, *size), np.uint8), np.zeros(slots, np.int64)
        self.state = ReservoirState(images, labels, np.zeros(2, np.int64))

    @property
    def filled(self) -> int:
        """Slots that hold an example."""
        return min(int(self.state.offered[0]), len(self.state.y))

    def offer(self, x: NDArray[np.uint8], y: NDArray[np.int64], draw: np.random.Generator) -> None:
        """Offer x (examples, ...), y (examples,) in order: the n-th takes slot j ~ U{0..n-1} if there is one."""
        state = self.state
        slots = len(state.y)
        for image, label in zip(x, y, strict=True) if slots else ():
            seen = int(state.offered[0])
            slot = seen if seen < slots else int(draw.integers(0, seen + 1))
            state.offered[0] += 1
            if slot < slots:
                state.x[slot], state.y[slot] = image, label
                state.offered[1] += 1

    def recall(self, count: int, draw: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """`count` stored examples, drawn with replacement; none while nothing is stored."""
        chosen = draw.integers(0, self.filled, count) if self.filled else np.zeros(0, np.int64)
        return self.state.x[chosen], self.state.y[chosen]
