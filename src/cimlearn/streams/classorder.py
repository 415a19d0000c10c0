"""The order in which a split stream shows its classes: as the user says, or drawn from the seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.random import generator

RANDOM = "random"


def class_order(asked: str, available: int, used: int, *, seed: int) -> NDArray[np.int64]:
    """(available,) the classes in the order in which they are shown; the first `used` are, the others never.

    Parameters
    ----------
    asked
        'random', or class numbers with commas between them, each once; at least the `used` first
    available, used
        classes of the data set, and how many of them are shown
    seed
        that of the stream

    Raises
    ------
    InputError
        If it is neither, names a class that isn't there, or one twice, or too few.
    """
    if asked.strip().lower() == RANDOM:
        return generator(seed, "stream", "class order").permutation(available)
    words = [word.strip() for word in asked.strip("[] ").split(",")]
    if not all(word.isascii() and word.isdecimal() for word in words):
        raise InputError(f"stream.order = {asked}: give class numbers, such as 3,1,0,2, or random")
    named = [int(word) for word in words]
    wrong = [c for c in named if c >= available or named.count(c) > 1]
    if wrong:
        why = "is there twice" if wrong[0] < available else f"isn't one of 0 to {available - 1}"
        raise InputError(f"stream.order = {asked}: class {wrong[0]} {why}; give each class once")
    if len(named) < used:
        raise InputError(
            f"stream.order = {asked} names {len(named)} classes, but tasks show {used} (stream.tasks times "
            "stream.classes_per_task); name them all"
        )
    rest = [c for c in range(available) if c not in named]
    return np.array([*named, *rest], np.int64)
