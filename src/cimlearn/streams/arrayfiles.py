"""A stream of your own arrays in an .npz file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.streams.arrays import ArrayStream, Part, checked
from cimlearn.streams.checking import MAX_CLASSES, check_labels
from cimlearn.streams.sources import formats

KEYS = ("x_train", "y_train", "x_test", "y_test")
TASK_KEYS = ("task_train", "task_test")


def open_arrays(path: str | Path, settings: dict[str, Any], *, seed: int) -> ArrayStream:
    """The stream in an .npz file.

    Keys: x_train, y_train, x_test, y_test; with several tasks also task_train and task_test (examples,), each
    example's task, counted from 0. Arrays are as in ArrayStream.
    """
    path = Path(path)
    arrays = formats.read_npz(path, KEYS, TASK_KEYS)
    members: dict[str, list[Part]] = {}
    for part in ("train", "test"):
        where = f"{path}: {part} set"
        x, y = checked(arrays.pop(f"x_{part}"), arrays.pop(f"y_{part}"), where)
        tasks = _task_numbers(arrays, part, len(y), path)
        members[part] = [
            Part(x, y, np.flatnonzero((tasks == k) & (y >= 0))) for k in range(int(tasks.max()) + 1)
        ]
    if len(members["train"]) != len(members["test"]):
        counts = f"{len(members['train'])} tasks for training, {len(members['test'])} for testing"
        raise InputError(f"{path} has {counts}; each task needs both")
    for label, parts in members.items():
        for k, one in enumerate(parts):
            if len(one.which) == 0:
                raise InputError(
                    f"{path}: task {k} has no examples in task_{label}; number tasks 0, 1, 2, ..."
                )
    return ArrayStream(
        list(zip(members["train"], members["test"], strict=True)),
        seed=seed,
        name=str(path),
        steps=settings["steps"],
        examples=settings["examples"],
        held_out=settings["held_out"],
        order=settings["order"],
        checksums={path.name: formats.file_digest(path, unpack=False)},
    )


def _task_numbers(arrays: formats.Arrays, part: str, count: int, path: Path) -> NDArray[np.int64]:
    """(count,) each example's task; all 0 if the file has no task_train and task_test."""
    present = [key for key in TASK_KEYS if key in arrays]
    if not present:
        return np.zeros(count, np.int64)
    key = f"task_{part}"
    if key not in arrays:
        raise InputError(f"{path} has {present[0]} but no {key}; add it, one task number per example")
    if arrays[key].shape != (count,):
        raise InputError(f"{path}: {key} has shape {arrays[key].shape}; needed: ({count},), one per example")
    return check_labels(arrays[key], f"{path}: {key}", most=MAX_CLASSES)
