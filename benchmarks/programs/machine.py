"""What this machine can do at most on one core, measured in the same run: multiply-adds and normals a second.

A bound for learning: the multiply-adds and random numbers that a chip counted, each at the best rate found here. No
program for the chip can be faster on this core; encoding, conversion, tanh, cells and counting come on top.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from cimlearn.compiled import entry
from cimlearn.noise import fill_normal_at

SIDE, NUMBERS, TURNS = 768, 100_000, 7


@entry
def normals_at(key, out):
    fill_normal_at(key, 0, out)


def _least(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(TURNS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def multiply_adds() -> float:
    """Float32 multiply-adds a second of a matrix product in this machine's BLAS."""
    a, b = (np.random.default_rng(n).random((SIDE, SIDE), np.float32) for n in (0, 1))
    with threadpool_limits(1):
        return SIDE**3 / _least(lambda: a @ b)


def normals() -> float:
    """Float32 standard normals a second: the faster of the package's and NumPy's."""
    out, draw, key = np.empty(NUMBERS, np.float32), np.random.default_rng(0), np.uint64(1)
    ours = _least(lambda: normals_at(key, out))
    return NUMBERS / min(ours, _least(lambda: draw.standard_normal(out=out, dtype=np.float32)))


def work(counts: Mapping[str, Mapping[str, int]]) -> tuple[int, int]:
    """(multiply-adds, normals) of what a ledger counted while learning.

    A product is one for the mean and one for the variance of its reads. Each conversion and each written cell takes a
    normal.
    """
    arrays: list[Mapping[str, Any]] = [
        counts[name] for name in ("hidden", "output", "feedback") if name in counts
    ]
    products = sum(int(one["products"]) for one in arrays)
    drawn = sum(int(one["conversions"]) + int(one["writes"]) for one in arrays)
    return 2 * products + int(counts["digital"]["gradient"]), drawn
