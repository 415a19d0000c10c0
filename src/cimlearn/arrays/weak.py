"""Weak cells: their spreads are fixed when they are made, so they are misread again and again; all others never are.

`devices/sensing.py` says what share of cells has less than a given margin in each state. Cells with a margin below six
times the noise are drawn once, with their margins; at each read such a cell, while it holds that state, is misread with
probability Phi(-margin / noise). A bit 1 is the parallel state, which conducts. A cell is weak in one state only: what
makes its current small in one makes it small in the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from cimlearn.devices.sensing import Margins
from cimlearn.random import generator

Weights = NDArray[np.int8]
STATES = ("antiparallel", "parallel")  # of bits 0 and 1


class Weak(NamedTuple):
    """The weak cells of one tensor of int8 weights."""

    place: NDArray[np.int64]  # (cells,) 8 word + bit
    state: NDArray[np.uint8]  # (cells,) the bit that is misread
    chance: NDArray[np.float64]  # (cells,) of a read of that bit


def drawn(words: int, margins: Margins, *, seed: int, names: tuple[str, ...]) -> Weak:
    """The weak ones among the cells of `words` weights; `seed` and `names` decide which."""
    draw = generator(seed, "weak", *names)
    found: list[tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.float64]]] = []
    for bit, state in enumerate(STATES):
        shares = np.array(getattr(margins, state))
        count = int(draw.binomial(8 * words, shares[-1]))
        place = np.sort(draw.choice(8 * words, count, replace=False, shuffle=False))
        level = np.log(np.maximum(shares, 1e-300))
        margin = np.interp(np.log(np.maximum(draw.random(count), 1e-300)) + level[-1], level, margins.margin)
        chance = ndtr(-margin / margins.noise) if margins.noise > 0 else (margin < 0).astype(float)
        fresh = ~np.isin(place, found[0][0]) if found else np.ones(count, np.bool_)
        found.append((place[fresh], np.full(int(fresh.sum()), bit, np.uint8), chance[fresh]))
    return Weak(*(np.concatenate(part) for part in zip(*found, strict=True)))


def misread(
    cells: Mapping[str, Weak], read: Callable[[str], Weights], *, draw: np.random.Generator
) -> dict[str, Weights]:
    """What one read gives of the tensors in which a weak cell fails: name -> values (...), as `read` has them else."""
    found = {}
    for name, weak in cells.items():
        fails = draw.random(len(weak.place)) < weak.chance
        if not fails.any():
            continue
        values = read(name)
        flat = values.reshape(-1).view(np.uint8).copy()
        word, bit = weak.place[fails] // 8, (weak.place[fails] % 8).astype(np.uint8)
        holds = (flat[word] >> bit) & 1 == weak.state[fails]
        np.bitwise_xor.at(flat, word[holds], np.uint8(1) << bit[holds])
        found[name] = flat.view(np.int8).reshape(values.shape)
    return found
