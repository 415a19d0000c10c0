"""Recordings of unequal length as examples of one length, so that the chip's answer falls on each one's end.

A chip runs a fixed number of steps and answers after the last. A shorter recording begins later: until then its first
reading stands at the inputs, as a sensor's does before somebody starts to record. These steps are work like others and
are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError

Values = NDArray[np.float64]


def are_recordings(x: Any) -> bool:
    """Whether x is a list of arrays (steps, features), rather than an array or a list of rows."""
    if isinstance(x, np.ndarray) and x.dtype.kind == "O" and x.ndim == 1:
        x = list(x)
    return isinstance(x, list | tuple) and len(x) > 0 and all(np.ndim(one) == 2 for one in x)


def parted(x: Any, lengths: Sequence[int] | NDArray[Any]) -> list[NDArray[Any]]:
    """x (all steps, features) as recordings of these lengths, one after another.

    Raises
    ------
    InputError
        If x has other dimensions, or the lengths are not whole numbers from 1 whose sum is its steps.
    """
    values, ends = np.asarray(x), np.asarray(lengths)
    if values.ndim != 2:
        raise InputError(f"X has shape {values.shape}; with lengths= it must be (all steps, features)")
    if ends.ndim != 1 or ends.dtype.kind not in "iu" or (ends < 1).any() or int(ends.sum()) != len(values):
        raise InputError(f"lengths must be whole numbers from 1 whose sum is the {len(values)} rows of X")
    return np.split(values, np.cumsum(ends)[:-1])


def aligned(recordings: Sequence[Any], steps: int | None) -> Values:
    """(examples, steps, features) recordings that all end at the last step; steps None: those of the longest.

    Raises
    ------
    InputError
        If a recording is empty, longer than `steps`, or has other features than the first.
    """
    arrays = [np.asarray(one, np.float64) for one in recordings]
    features = arrays[0].shape[1]
    longest = max(len(one) for one in arrays)
    steps = longest if steps is None else steps
    whole = np.empty((len(arrays), steps, features))
    for k, one in enumerate(arrays):
        if one.shape[1] != features or len(one) == 0:
            raise InputError(
                f"recording {k} has shape {one.shape}; all must be (steps, {features}), with a step at least"
            )
        if len(one) > steps:
            raise InputError(
                f"recording {k} has {len(one)} steps, but the chip was made for {steps}; make it with steps={longest}"
            )
        whole[k, : steps - len(one)] = one[0]
        whole[k, steps - len(one) :] = one
    return whole
