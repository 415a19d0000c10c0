"""Stored bits that are wrong: failed writes, lost retention, misread bits, on the real bit planes of int8 weights.

A write or retention failure stays until the weight is written again; a read failure lasts one read. Each bit
fails on its own with the given probability, which may differ for 0 -> 1 and 1 -> 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.parameters import ParameterSet

Weights = NDArray[np.int8]


class ErrorRates(NamedTuple):
    """Probabilities that one bit fails."""

    up: float = 0.0  # of a 0 that becomes (or is to become) a 1
    down: float = 0.0  # of a 1 that becomes (or is to become) a 0


class Flips(NamedTuple):
    """Bits that changed, whole numbers."""

    up: int  # 0 -> 1
    down: int  # 1 -> 0


def flips(old: Weights, new: Weights) -> Flips:
    """The bits that differ between old (...) and new (...)."""
    before, after = old.view(np.uint8), new.view(np.uint8)
    return Flips(int(np.bitwise_count(~before & after).sum()), int(np.bitwise_count(before & ~after).sum()))


def upset(values: Weights, rates: ErrorRates, *, generator: np.random.Generator) -> Weights:
    """A copy of values (...) in which each 0 became 1 with probability `up`, each 1 became 0 with `down`.

    The number of candidates is binomial at the larger rate, their places distinct; each is kept with rate /
    larger rate. So bits fail independently at exactly these rates, and rare failures cost little to draw.
    """
    return values ^ _failing(values, rates, generator)


def misread(
    sizes: Mapping[str, int],
    read: Callable[[str], Weights],
    rates: ErrorRates,
    *,
    generator: np.random.Generator,
) -> dict[str, Weights]:
    """What one read gives of many tensors, for those only in which a bit fails: name -> values, as `upset` draws them.

    sizes
        weights of each tensor, by name
    read
        what a tensor holds; called only where a bit may fail, so rare failures cost little
    """
    _checked(rates)
    highest = max(rates)
    ends = np.cumsum([8 * size for size in sizes.values()], dtype=np.int64)
    bits = int(ends[-1]) if len(ends) else 0
    count = generator.binomial(bits, highest) if highest > 0 else 0
    if count == 0:
        return {}
    places = np.sort(generator.choice(bits, count, replace=False, shuffle=False))
    parts = np.split(places, np.searchsorted(places, ends[:-1]))
    found = {}
    for name, end, part in zip(sizes, ends, parts, strict=True):
        if len(part):
            values = read(name)
            mask = _masked(values, part - (end - 8 * sizes[name]), rates, generator)
            found[name] = values ^ mask
    return found


def written(old: Weights, new: Weights, rates: ErrorRates, *, generator: np.random.Generator) -> Weights:
    """What is stored after new (...) was written over old (...): only bits that differ are written.

    A 0 -> 1 write fails with probability `up`, 1 -> 0 with `down`; a failed bit keeps its old value.
    """
    return new ^ (_failing(old, rates, generator) & (old ^ new))


class StoredBits:
    """int8 weights as a memory holds them: `stored` is what is really there."""

    def __init__(
        self, values: Weights, *, write: ErrorRates, read: ErrorRates, generator: np.random.Generator
    ) -> None:
        """Hold values (...), written without error; later writes and reads fail at their rates."""
        _checked(write)
        _checked(read)
        self.stored = np.array(values, np.int8)
        self._write, self._read, self._generator = write, read, generator

    def write(self, new: Weights) -> Flips:
        """Write new (...) where it differs; the bits that were to change."""
        if new.shape != self.stored.shape:
            raise InputError(f"weights of shape {new.shape} do not fit in a memory of {self.stored.shape}")
        asked = flips(self.stored, new)
        self.stored = written(self.stored, new, self._write, generator=self._generator)
        return asked

    def rest(self, rates: ErrorRates) -> Flips:
        """Let retention fail at `rates`; the bits that were lost, until they are written again."""
        before = self.stored
        self.stored = upset(before, rates, generator=self._generator)
        return flips(before, self.stored)

    def read(self) -> Weights:
        """A copy of what is stored, with the failures of this read."""
        return upset(self.stored, self._read, generator=self._generator)


def _failing(values: Weights, rates: ErrorRates, generator: np.random.Generator) -> Weights:
    """int8 masks (...) of the bits of values (...) that fail."""
    _checked(rates)
    highest = max(rates)
    bits = values.size * 8
    count = generator.binomial(bits, highest) if highest > 0 and bits else 0
    places = generator.choice(bits, count, replace=False, shuffle=False) if count else np.zeros(0, np.int64)
    return _masked(values, places, rates, generator)


def _masked(
    values: Weights, places: NDArray[np.int64], rates: ErrorRates, generator: np.random.Generator
) -> Weights:
    """int8 masks (...) of the bits of values (...) at `places`, drawn at the larger rate, that really fail."""
    mask = np.zeros(values.size, np.uint8)
    if not len(places):
        return mask.view(np.int8).reshape(values.shape)
    word, bit = places // 8, (places % 8).astype(np.uint8)
    ones = (values.reshape(-1).view(np.uint8)[word] >> bit) & 1
    chance = np.where(ones == 1, rates.down, rates.up) / max(rates)
    kept = generator.random(len(places)) < chance
    np.bitwise_or.at(mask, word[kept], np.uint8(1) << bit[kept])
    return mask.view(np.int8).reshape(values.shape)


def _checked(rates: ErrorRates) -> None:
    if not all(0 <= rate <= 1 for rate in rates):
        raise InputError(f"{rates} is no pair of probabilities; give numbers from 0 to 1")


def error_rate(p: ParameterSet, name: str, of_device: float) -> float:
    """The probability that `name` ('faults.write_error', ...) asks for: the device's, or a number from 0 to 1."""
    given = p[name]
    if given == "device":
        return of_device
    try:
        rate = float(given)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise InputError(f"{name} = {given!r} is no probability; give device, or a number from 0 to 1")
    return rate
