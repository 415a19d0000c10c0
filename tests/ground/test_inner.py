"""Kernels that only kernels call give what Python gives, however their variables come to be set."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from cimlearn.compiled import entry, kernel


class Pair(NamedTuple):
    values: Any  # (n,)
    factor: float


@kernel
def used_in_every_branch(pair, way):
    """An argument that several blocks use, and a variable that is set once before them."""
    half = pair.factor / 2
    if way == 0:
        return half
    total = 0.0
    for i in range(pair.values.size):
        term = pair.values[i] * half
        if term > 1:
            total += term
        else:
            total -= pair.factor
    return total + half


@kernel
def set_in_a_loop(values):
    """The last term lives on after the loop that sets it; `before` is that of the round before."""
    before, last = 0.0, 0.0
    for i in range(values.size):
        term = values[i] * 2.0
        last = term - before
        before = term
    return last


@kernel
def set_in_one_branch(values, way):
    """A variable that only one way sets, and only that way uses."""
    if way > 0:
        chosen = values[way]
    total = 0.0
    for i in range(values.size):
        total += values[i]
    if way > 0:
        total += 10.0 * chosen
    return total


@kernel
def swapped(first, second, times):
    """Two variables that change places."""
    for _ in range(times):
        first, second = second, first + second
    return first


@entry
def every(values, factor, way, out):
    pair = Pair(values, factor)
    out[0] = used_in_every_branch(pair, way)
    out[1] = set_in_a_loop(values)
    out[2] = set_in_one_branch(values, way)
    out[3] = swapped(values[0], values[1], way)


@pytest.mark.parametrize("way", [0, 1, 3])
def test_kernels_give_what_python_gives(way: int) -> None:
    values, out = np.array([0.3, 2.5, -1.25, 4.0]), np.zeros(4)
    every(values, 1.5, way, out)
    half = 0.75
    branches = half + sum(t if (t := v * half) > 1 else -1.5 for v in values)
    pair = (0.3, 2.5)
    for _ in range(way):
        pair = (pair[1], sum(pair))
    once = values.sum() + (10 * values[way] if way else 0)
    np.testing.assert_allclose(out, [branches if way else half, 8.0 + 2.5, once, pair[0]], rtol=1e-12)
