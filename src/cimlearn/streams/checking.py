"""Checks of arrays that a user brings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn import labels
from cimlearn.errors import InputError
from cimlearn.streams import cutting

MAX_CLASSES = 10_000  # a larger label is a mistake: it would make an output layer of that size
BLOCK = 1 << 22  # values looked at in one go, so that checks need little memory


def as_array(given: Any, where: str) -> NDArray[Any]:
    """An array or tensor as a NumPy array."""
    try:
        array = np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{where}: can't be made a NumPy array ({error}); give detached CPU arrays"
        ) from None
    return array


def scaled(x: NDArray[Any]) -> NDArray[np.float32]:
    """Values as float32: uint8 divided by 255, others as they are."""
    if x.dtype == np.uint8:
        return x.astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(x, np.float32)


def check_labels(y: NDArray[Any], where: str, most: int = MAX_CLASSES) -> NDArray[np.int64]:
    """(examples,) labels as int64; InputError unless they are whole numbers in 0 .. most - 1."""
    if y.ndim != 1:
        raise InputError(f"{where}: labels have shape {y.shape}; needed: (examples,)")
    if len(y) == 0:
        raise InputError(f"{where} is empty; give at least one example")
    if y.dtype.kind not in "iufb":
        raise InputError(f"{where}: labels are of type {y.dtype}; give whole numbers from 0")
    if y.dtype.kind == "f" and not (np.isfinite(y).all() and (y == np.floor(y)).all()):
        bad = int(np.flatnonzero(~(np.isfinite(y) & (y == np.floor(y))))[0])
        raise InputError(f"{where}: label {bad} is {y[bad]}; give whole numbers from 0")
    low, high = y.min(), y.max()
    if low < 0 or high >= most:
        raise InputError(
            f"{where}: labels go from {low:g} to {high:g}; number them from 0 to at most {most - 1}"
        )
    return y.astype(np.int64)


def known_labels(y: NDArray[Any], where: str) -> NDArray[np.int64]:
    """(examples,) labels as int64, -1 where there is none (labels.py); InputError as `check_labels`, or if all lack."""
    if y.ndim != 1 or y.dtype.kind not in "fO" or len(y) == 0:
        return check_labels(y, where)
    known = labels.known(y)
    if known.all() and y.dtype.kind == "f":
        return check_labels(y, where)
    if not known.any():
        raise InputError(f"{where}: none of {len(y)} examples has a label; give at least one")
    found = np.full(len(y), -1, np.int64)
    found[known] = check_labels(np.asarray(y[known].tolist()), where)
    return found


def check_values(x: NDArray[Any], examples: int, where: str, first: int = 0) -> tuple[float, float]:
    """Smallest and largest value of x; InputError unless x suits a stream. `first` is x's first number."""
    if x.ndim not in (2, 3):
        raise InputError(
            f"{where}: x has shape {x.shape}; needed: (examples, steps, features) or (examples, values); "
            "reshape it, e.g. x.reshape(len(x), rows, -1)"
        )
    if len(x) != examples:
        raise InputError(f"{where}: {len(x)} examples but {examples} labels; give one label per example")
    if 0 in x.shape:
        raise InputError(f"{where}: x has shape {x.shape}, so it is empty; give at least one value")
    if x.dtype == np.uint8:
        return 0.0, 1.0
    if x.dtype.kind not in "iufb":
        raise InputError(f"{where}: x is of type {x.dtype}; give floats in [-1, 1], or uint8")
    low, high = np.inf, -np.inf
    rows = max(1, BLOCK // int(np.prod(x.shape[1:])))
    for span in cutting.spans(len(x), rows):
        block = x[span]
        least, most = float(block.min()), float(block.max())  # NaN if the block has one
        if not (np.isfinite(least) and np.isfinite(most)):
            flat = block.reshape(len(block), -1)
            bad = first + span.start + int(np.flatnonzero(~np.isfinite(flat).all(axis=1))[0])
            raise InputError(f"{where}: example {bad} holds NaN or infinity; remove or replace it")
        low, high = min(low, least), max(high, most)
    if low < -1 or high > 1:
        raise InputError(
            f"{where}: values go from {low:g} to {high:g}, outside [-1, 1]; "
            f"divide them by {max(-low, high):g}"
        )
    return low, high


def check_shape(name: str, example: tuple[int, ...], steps: int | None) -> tuple[int, int]:
    """(steps, features) of examples of shape (steps, features) or (values,)."""
    if len(example) == 2:
        if steps not in (None, example[0]):
            raise InputError(
                f"stream.steps = {steps}, but examples of {name} have {example[0]} steps; set it to none"
            )
        return example[0], example[1]
    if steps is not None and not 1 <= steps <= example[0]:
        raise InputError(
            f"stream.steps = {steps}, but examples of {name} have {example[0]} values; ask for fewer"
        )
    return steps or 1, -(-example[0] // (steps or 1))


def infer_scenario(present: list[NDArray[np.bool_]]) -> str:
    """'class-incremental' if no two of several tasks share a class; present[k][c]: task k has class c."""
    width = max(len(p) for p in present)
    total = sum(np.pad(p, (0, width - len(p))).astype(int) for p in present)
    return "class-incremental" if len(present) > 1 and np.max(total) <= 1 else "domain-incremental"
