"""A reservoir of whole images: every example offered so far is equally likely to be in it (Vitter's algorithm R)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def expected_stored(offered: int, slots: int) -> int:
    """Of `offered` examples, how many are stored on average: all of the first `slots`, then the n-th with slots / n."""
    late = slots * math.log(offered / slots) if 0 < slots < offered else 0.0
    return min(offered, slots) + round(late)


class Reservoir:
    """`slots` images of 8 bits with their labels. `offered` counts examples offered and stored."""

    def __init__(self, slots: int, size: tuple[int, ...]) -> None:
        self.images = np.zeros((slots, *size), np.uint8)
        self.labels = np.zeros(slots, np.int64)
        self.offered = np.zeros(2, np.int64)  # offered, stored

    @property
    def filled(self) -> int:
        """Slots that hold an example."""
        return min(int(self.offered[0]), len(self.labels))

    def offer(self, x: NDArray[np.uint8], y: NDArray[np.int64], draw: np.random.Generator) -> None:
        """Offer x (examples, ...), y (examples,) in order: the n-th takes slot j ~ U{0..n-1} if there is one."""
        slots = len(self.labels)
        for image, label in zip(x, y, strict=True) if slots else ():
            seen = int(self.offered[0])
            slot = seen if seen < slots else int(draw.integers(0, seen + 1))
            self.offered[0] += 1
            if slot < slots:
                self.images[slot], self.labels[slot] = image, label
                self.offered[1] += 1

    def recall(self, count: int, draw: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """`count` stored examples, drawn with replacement; none while nothing is stored."""
        chosen = draw.integers(0, self.filled, count) if self.filled else np.zeros(0, np.int64)
        return self.images[chosen], self.labels[chosen]
