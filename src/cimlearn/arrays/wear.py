"""One-bit cells on lines: what each line was written, and which bits are stuck.

A weight (output o, input i) has its bit b in row i, column 8 o + b of a sub-array. N neighbouring columns of a row
share a line, which is written whole where one of its bits changes. A cell that saw as many writes as it lasts keeps
its bit from then on; further writes are seen and have no effect.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.devices.wear import endurances
from cimlearn.random import generator

BITS: Final = 8  # of a weight
LUCK: Final = 10.0  # no normal number lies so far below 0: fewer than one in 10^23
Bytes = NDArray[np.uint8]


class Law(NamedTuple):
    """How cells stick."""

    endurance: float = math.inf  # median writes; infinite: never
    spread: float = 0.0  # standard deviation of ln(endurance) between cells
    stuck: float = 0.0  # share of cells that are stuck from the start, at a random bit


class Lines:
    """The cells of one tensor of int8 weights (outputs, ...)."""

    def __init__(
        self, weights: NDArray[np.int8], together: int, law: Law, *, seed: int, names: tuple[str, ...]
    ) -> None:
        """Lines of `together` cells; `seed` and `names` decide which cells stick, and when."""
        outputs, inputs = _matrix(weights).shape
        self.together, self._law, self._seed, self._names = together, law, seed, names
        self.writes = np.zeros((-(-outputs * BITS // together), inputs), np.int64)  # (lines, inputs) seen
        self._shape, self._most = (outputs, inputs), 0  # no line has seen more than `most`
        self._limits: NDArray[np.float64] | None = None
        self._stuck = self._from_the_start()

    def born(self, weights: NDArray[np.int8]) -> NDArray[np.int8]:
        """Weights (outputs, ...) as fresh cells hold them: those stuck from the start have bits of their own."""
        if self._stuck is None:
            return weights
        drawn = generator(self._seed, "stuck", "bits", *self._names).integers(256, size=self._shape)
        kept = self._stuck & drawn.astype(np.uint8)
        return _like((_matrix(weights).view(np.uint8) & ~self._stuck) | kept, weights)

    def write(self, old: NDArray[np.int8], new: NDArray[np.int8]) -> NDArray[np.int8]:
        """Write new over old (outputs, ...), both as before: what the cells hold then, if no write fails."""
        before, after = _matrix(old).view(np.uint8), _matrix(new).view(np.uint8)
        changed = before ^ after
        held = new
        if self._stuck is not None:
            held = _like((after & ~self._stuck) | (before & self._stuck), new)
        self.writes += self._touched(changed)
        self._most += 1
        self._wear()
        return held

    def open(self, old: NDArray[np.int8], new: NDArray[np.int8]) -> Bytes:
        """(outputs, inputs) the bits that a write of new over old (outputs, ...) can change: those of driven lines.

        Cells that are stuck are not among them.
        """
        touched = self._touched(_matrix(old).view(np.uint8) ^ _matrix(new).view(np.uint8))
        bits = np.repeat(touched, self.together, axis=0)[: self._shape[0] * BITS]
        driven = np.packbits(bits.reshape(self._shape[0], BITS, -1), axis=1, bitorder="little")[:, 0]
        return driven if self._stuck is None else driven & ~self._stuck

    def load(self, writes: NDArray[np.int64]) -> None:
        """Go on with writes (lines, inputs) seen before; ValueError where they have another shape."""
        if writes.shape != self.writes.shape:
            raise ValueError(f"writes of shape {self.writes.shape}")
        self.writes = np.array(writes, np.int64)
        self._most = int(writes.max(initial=0))
        self._stuck = self._from_the_start()
        self._wear()

    def seen(self) -> NDArray[np.int64]:
        """(8, outputs, inputs) writes that each cell saw."""
        outputs, inputs = self._shape
        cells = np.repeat(self.writes, self.together, axis=0)[: outputs * BITS]
        return cells.reshape(outputs, BITS, inputs).transpose(1, 0, 2)

    def driven(self) -> int:
        """Writes that all cells saw together."""
        widths = np.full(len(self.writes), self.together)
        widths[-1] = self._shape[0] * BITS - self.together * (len(self.writes) - 1)
        return int(self.writes.sum(axis=1) @ widths)

    def worn(self) -> int:
        """Cells that no longer change."""
        return 0 if self._stuck is None else int(np.bitwise_count(self._stuck).sum())

    def _touched(self, changed: Bytes) -> NDArray[np.bool_]:
        """(lines, inputs): which lines have a bit that is 1 in changed (outputs, inputs)."""
        lines = np.zeros(self.writes.shape, np.bool_)
        each, rest = divmod(BITS, self.together)
        if not rest:  # lines within a weight
            for line in range(each):
                bits = ((1 << self.together) - 1) << (line * self.together)
                lines[line::each] = changed & bits != 0
            return lines
        output, at = np.nonzero(changed)
        words = changed[output, at]
        for bit in range(BITS):
            one = (words >> bit) & 1 == 1
            lines[(output[one] * BITS + bit) // self.together, at[one]] = True
        return lines

    def _wear(self) -> None:
        """Mark the cells that have seen as many writes as they last; nothing to do before any can have."""
        law = self._law
        if self._most < max(1.0, law.endurance * math.exp(-LUCK * law.spread)):
            return
        over = np.repeat(self.writes, self.together, axis=0)[: self._shape[0] * BITS] >= self._last()
        bits = over.reshape(self._shape[0], BITS, -1)
        worn = np.packbits(bits, axis=1, bitorder="little")[:, 0]
        self._stuck = worn if self._stuck is None else self._stuck | worn

    def _last(self) -> Any:
        """Writes that each cell lasts (8 outputs, inputs), or one number where all last the same."""
        law = self._law
        if law.spread == 0:
            return max(np.rint(law.endurance), 1.0)
        if self._limits is None:
            shape = (self._shape[0] * BITS, self._shape[1])
            draw = generator(self._seed, "endurance", *self._names)
            self._limits = endurances(law.endurance, law.spread, shape, draw)
        return self._limits

    def _from_the_start(self) -> Bytes | None:
        """(outputs, inputs) bits that never change; None where there are none."""
        if self._law.stuck == 0:
            return None
        draw = generator(self._seed, "stuck", *self._names)
        bits = draw.random((self._shape[0], BITS, self._shape[1])) < self._law.stuck
        return np.packbits(bits, axis=1, bitorder="little")[:, 0]


def _matrix(weights: NDArray[np.int8]) -> NDArray[np.int8]:
    """(outputs, inputs) of weights (outputs, ...)."""
    return weights.reshape(len(weights), -1)


def _like(values: Bytes, weights: NDArray[np.int8]) -> NDArray[np.int8]:
    """values (outputs, inputs) in the form of weights."""
    return values.view(np.int8).reshape(weights.shape)
