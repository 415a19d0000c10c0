"""What all streams share: checked slices of a task, draws without replacement, vectors cut into steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.random import generator
from cimlearn.streams.base import ClassCounts, TaskInfo


def spans(total: int, size: int, start: int = 0) -> Iterator[slice]:
    """Slices [start, start + size), ... that cover [start, total)."""
    return (slice(first, min(first + size, total)) for first in range(start, total, size))


def check_request(stream: str, tasks: Sequence[TaskInfo], task: int, size: int, start: int = 0) -> None:
    """Raises InputError unless `task`, `size` and `start` can be served."""
    if not 0 <= task < len(tasks):
        raise InputError(f"{stream} has no task {task}; its tasks are 0 to {len(tasks) - 1}")
    if size < 1:
        raise InputError(f"a chunk of {size} examples can't be made; ask {stream} for at least 1")
    if not 0 <= start <= tasks[task].examples:
        raise InputError(
            f"task {task} of {stream} can't start at example {start}; it has {tasks[task].examples} examples"
        )


def how_many(setting: str, asked: int | None, available: int, what: str) -> int:
    """`asked`, or all that are `available`; InputError if there are fewer."""
    if available == 0:
        raise InputError(f"{what} is empty; choose other tasks")
    if asked is None:
        return available
    if asked > available:
        raise InputError(
            f"{setting} = {asked}, but {what} has {available}; ask for {available} or fewer, or none"
        )
    return asked


def train_order(
    which: NDArray[np.int64], count: int, task: int, *, seed: int, passes: int = 1
) -> NDArray[np.int64]:
    """(passes x count,) `count` members of `which` in a random order that belongs to `task`, anew in each pass."""
    first = generator(seed, "stream", "order", str(task)).permutation(which)[:count]
    later = [
        generator(seed, "stream", "order", str(task), str(k)).permutation(first) for k in range(1, passes)
    ]
    return np.concatenate([first, *later]) if later else first


def held_out_draw(which: NDArray[np.int64], count: int, task: int, *, seed: int) -> NDArray[np.int64]:
    """(count,) members of `which` drawn without replacement, in stored order; all of them if count allows."""
    if count == len(which):
        return which
    return np.sort(generator(seed, "stream", "held-out", str(task)).permutation(which)[:count])


def class_counts(train: NDArray[np.int64], held_out: NDArray[np.int64], classes: int) -> ClassCounts:
    """Counts of `classes` classes among the labels of a task."""
    return ClassCounts(np.bincount(train, minlength=classes), np.bincount(held_out, minlength=classes))


def cut(x: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
    """(examples, values) vectors as (examples, steps, features), features = ceil(values / steps).

    The end of the last step is filled with zeros where `steps` doesn't divide `values`.
    """
    examples, values = x.shape
    features = -(-values // steps)
    if features * steps == values:
        return np.ascontiguousarray(x).reshape(examples, steps, features)
    padded = np.zeros((examples, steps * features), np.float32)
    padded[:, :values] = x
    return padded.reshape(examples, steps, features)
