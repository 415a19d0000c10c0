"""Wrong bits of what only learning needs, where it is kept in a memory that errs (`cell.learning`).

A bit is written once and read once, and is wrong afterwards with probability w + r - w r, on its own. SRAM's errors
are below 1e-11 and are left out. Places of the largest values that a pooling keeps don't fail.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cimlearn.learning.integer.tensor import Int8, Tensor, torch


class WrongBits(NamedTuple):
    """How often a bit is wrong, and the chance by which."""

    rate: float
    draw: np.random.Generator

    def words(self, values: Tensor, bits: int) -> Tensor:
        """values (any shape), whole numbers of `bits` bits in two's complement; a copy where a bit is wrong."""
        place = self._places(values.numel() * bits)
        if not len(place):
            return values
        found = values.clone()
        flat, top = found.view(-1), 1 << (bits - 1)
        for word, bit in zip((place // bits).tolist(), (place % bits).tolist(), strict=True):
            unsigned = (int(flat[word]) + 2 * top) % (2 * top) ^ (1 << bit)
            flat[word] = unsigned - 2 * top if unsigned >= top else unsigned
        return found

    def int8(self, values: Int8) -> Int8:
        """The same of an int8 tensor."""
        return Int8(self.words(values.mantissa, 8), values.exponent)

    def mask(self, error: Tensor, passed: Tensor) -> Tensor:
        """What `passed` (any shape) of `error` is where bits of the mask, 1 where an error passes, are wrong.

        The mask is 0 where `passed` is 0 and `error` isn't.
        """
        place = self._places(error.numel())
        if not len(place):
            return passed
        found, all_of = passed.clone(), error.reshape(-1)
        flat, where = found.view(-1), torch.from_numpy(place)
        flat[where] = torch.where(flat[where] == 0, all_of[where], torch.zeros_like(all_of[where]))
        return found

    def _places(self, bits: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Distinct places of the bits that are wrong."""
        count = int(self.draw.binomial(bits, self.rate)) if self.rate > 0 else 0
        if not count:
            return np.zeros(0, np.int64)
        return np.asarray(self.draw.choice(bits, count, replace=False, shuffle=False), np.int64)
