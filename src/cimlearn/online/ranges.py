"""From values in any unit to what an input line can carry: the range that each line has seen so far.

    v = (x - low) / (high - low), cut at 0 and 1

low and high are the smallest and largest value of the line among the examples learned so far, this one included, as
a converter with automatic range would have them. They depend on the order of the examples, never on how these were
cut into calls. Asking changes nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


class Ranges:
    """low and high (features,) of each input line; a line that has seen nothing has low = inf, high = -inf."""

    def __init__(self, features: int) -> None:
        self.low = np.full(features, np.inf)
        self.high = np.full(features, -np.inf)

    def widen(self, x: Values) -> None:
        """Take in all values of x (examples, steps, features); NaN is a value that is missing."""
        self.low = np.fmin(self.low, np.fmin.reduce(x, axis=(0, 1)))
        self.high = np.fmax(self.high, np.fmax.reduce(x, axis=(0, 1)))

    def running(self, x: Values) -> tuple[Values, Values]:
        """(examples, 1, features) low and high as they stand with each example of x (examples, steps, features)."""
        low = np.fmin.accumulate(np.vstack([self.low, np.fmin.reduce(x, axis=1)]))
        high = np.fmax.accumulate(np.vstack([self.high, np.fmax.reduce(x, axis=1)]))
        return low[1:, None], high[1:, None]


def scaled(x: Values, low: Values, high: Values) -> NDArray[np.float32]:
    """x (examples, steps, features) inside its ranges as values in [0, 1].

    A value that is missing (NaN) counts as 0 in its own unit, as in sparse data, and a line that has seen fewer than
    two values is not driven: 0. Nor is one whose two values are so near to each other that half of it is no float.
    """
    width = 0.5 * high - 0.5 * low  # halves, so that the largest floats don't overflow
    known = width > 0
    low, width = np.where(known, low, 0.0), np.where(known, width, 1.0)
    value = (0.5 * np.where(np.isnan(x), 0.0, x) - 0.5 * low) / width
    return (np.clip(value, 0.0, 1.0) * known).astype(np.float32, order="C")
