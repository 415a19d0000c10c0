"""A stream of your own arrays: from an .npz file, NumPy arrays, tensors, or map-style datasets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.streams import cutting
from cimlearn.streams.base import Chunk, ClassCounts, StreamShape, TaskInfo
from cimlearn.streams.checking import (
    as_array,
    check_shape,
    check_values,
    infer_scenario,
    known_labels,
    scaled,
)
from cimlearn.streams.opened import Opened
from cimlearn.units import plural

TaskArrays = tuple[Any, Any, Any, Any]  # x_train, y_train, x_test, y_test
TaskDatasets = tuple[Any, Any]  # training and test dataset, each with len() and [i] -> (x, y)


class Part(NamedTuple):
    """The training or test examples of one task."""

    x: NDArray[
        Any
    ]  # (examples, steps, features) or (examples, values); shared by tasks that come from one file
    y: NDArray[np.int64]  # (all examples of x,), -1 where there is no label
    which: NDArray[np.int64]  # (examples of this task,) numbers in x and y


TaskParts = tuple[Part, Part]  # training and test part, checked


class ArrayStream(Opened):
    """Tasks given as arrays.

    Parameters
    ----------
    tasks
        One entry per task: (x_train, y_train, x_test, y_test), or (training dataset, test dataset).
        Examples whose label is None or NaN are skipped and counted (`facts`).
        x: (examples, steps, features), or (examples, values), which is cut into `steps` equal steps.
        Floats in [-1, 1], or uint8, of which 255 becomes 1.0. y: (examples,) whole numbers from 0.
        A dataset is anything with len() and [i] -> (x, y), such as a map-style PyTorch dataset; read once.
    name
        Name in records.
    steps
        Time steps for (examples, values) arrays; None: one step.
    classes
        Outputs; None: the largest label plus one.
    examples, held_out
        Training and test examples per task; None: all.
    order
        'shuffled' (a random order per task) or 'stored'.
    seed
        Seed of that order.
    checksums
        Digests of the files that the arrays come from; None: digests of the arrays.

    Raises
    ------
    InputError
        If an array is empty, has a wrong shape, a value that isn't finite or outside [-1, 1], or a bad label.
    """

    def __init__(
        self,
        tasks: Sequence[TaskArrays | TaskDatasets | TaskParts],
        *,
        seed: int = 0,
        name: str = "arrays",
        steps: int | None = None,
        classes: int | None = None,
        examples: int | None = None,
        held_out: int | None = None,
        order: str = "shuffled",
        checksums: dict[str, str] | None = None,
    ) -> None:
        if len(tasks) == 0:
            raise InputError(
                f"stream {name} has no task; give at least one (x_train, y_train, x_test, y_test)"
            )
        if order not in ("stored", "shuffled"):
            raise InputError(f"order = {order!r} is not one of: stored, shuffled")
        parts = [_task_parts(task, f"{name}, task {k}") for k, task in enumerate(tasks)]
        self._name, self._parts, self._order, self._seed = name, parts, order, seed
        self._given_checksums = checksums
        self._shape = _shape(name, parts, steps, classes)
        infos = []
        for k, (train, test) in enumerate(parts):
            count = cutting.how_many("stream.examples", examples, len(train.which), f"task {k} training set")
            held = cutting.how_many("stream.held_out", held_out, len(test.which), f"task {k} test set")
            infos.append(TaskInfo(f"task {k + 1}", count, held))
        self._infos = tuple(infos)
        self._scenario = infer_scenario([np.bincount(train.y[train.which]) > 0 for train, _ in parts])

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 of the file, or of each array's type, shape and bytes."""
        return dict(self._array_checksums if self._given_checksums is None else self._given_checksums)

    @cached_property
    def _array_checksums(self) -> dict[str, str]:
        """Digest of every array."""
        digests = {}
        for k, pair in enumerate(self._parts):
            for part, label in zip(pair, ("train", "test"), strict=True):
                digests[f"task {k}/x_{label}"] = _array_digest(part.x)
                digests[f"task {k}/y_{label}"] = _array_digest(part.y)
        return digests

    @property
    def facts(self) -> dict[str, Any]:
        """How many examples have no label, where some haven't."""
        arrays = {
            id(part.y): part.y for pair in self._parts for part in pair
        }  # tasks of one file share theirs
        return skipped(sum(int((y < 0).sum()) for y in arrays.values()))

    def chunks(self, task: int, size: int, start: int = 0) -> Iterator[Chunk]:
        """Training examples of `task` from number `start` on."""
        cutting.check_request(self._name, self._infos, task, size, start)
        return self._yield(self._parts[task][0], self._train(task), size, start)

    def held_out(self, task: int, size: int) -> Iterator[Chunk]:
        """Test examples of `task`, in stored order."""
        cutting.check_request(self._name, self._infos, task, size)
        return self._yield(self._parts[task][1], self._test(task), size, 0)

    def class_counts(self, task: int) -> ClassCounts:
        """Examples of each class in `task`."""
        cutting.check_request(self._name, self._infos, task, 1)
        train, test = self._parts[task]
        return cutting.class_counts(train.y[self._train(task)], test.y[self._test(task)], self._shape.classes)

    def _train(self, task: int) -> NDArray[np.int64]:
        """Numbers of the training examples of `task`, in the order in which they are shown."""
        which, count = self._parts[task][0].which, self._infos[task].examples
        return (
            which[:count]
            if self._order == "stored"
            else cutting.train_order(which, count, task, seed=self._seed)
        )

    def _test(self, task: int) -> NDArray[np.int64]:
        """Numbers of the test examples of `task`."""
        which, count = self._parts[task][1].which, self._infos[task].held_out
        return cutting.held_out_draw(which, count, task, seed=self._seed)

    def _yield(self, part: Part, order: NDArray[np.int64], size: int, start: int) -> Iterator[Chunk]:
        """Chunks of the examples `order`."""
        for span in cutting.spans(len(order), size, start):
            which = order[span]
            x = scaled(part.x[which])
            yield Chunk(x if x.ndim == 3 else cutting.cut(x, self._shape.steps), part.y[which])


def _shape(name: str, parts: Sequence[TaskParts], steps: int | None, classes: int | None) -> StreamShape:
    """Sizes common to all parts; InputError if they differ."""
    everything = [part for pair in parts for part in pair]
    shapes = {part.x.shape[1:] for part in everything}
    if len(shapes) > 1:
        raise InputError(f"stream {name} has examples of shapes {sorted(shapes)}; make them all alike")
    top = 1 + max(int(part.y[part.which].max()) for part in everything)
    if classes is not None and top > classes:
        raise InputError(f"stream {name} has label {top - 1}, but classes = {classes}; labels count from 0")
    signed = any(bool(part.x.min() < 0) for part in everything)
    return StreamShape(*check_shape(name, shapes.pop(), steps), classes or top, signed)


def _task_parts(task: TaskArrays | TaskDatasets | TaskParts, where: str) -> TaskParts:
    """Training and test part of one task, from arrays or datasets."""
    if len(task) == 2 and isinstance(task[0], Part):
        return task
    if len(task) == 2:
        (x_train, y_train), (x_test, y_test) = (_read_dataset(d, where) for d in task)
    elif len(task) == 4:
        x_train, y_train, x_test, y_test = (as_array(a, where) for a in task)
    else:
        raise InputError(
            f"{where} has {len(task)} members; needed: (x_train, y_train, x_test, y_test) or two datasets"
        )
    parts = []
    for x, y, label in ((x_train, y_train, "training"), (x_test, y_test, "test")):
        x, y = checked(x, y, f"{where}, {label} set")
        parts.append(Part(x, y, np.flatnonzero(y >= 0)))
    return parts[0], parts[1]


def _read_dataset(dataset: Any, where: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """All examples of a map-style dataset as x and y; a leading axis of one (gray images) is dropped."""
    if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
        kind = type(dataset).__name__
        raise InputError(f"{where}: {kind} has no len() and [i]; give a map-style dataset or four arrays")
    count = len(dataset)
    labels = []
    x: NDArray[Any] | None = None
    for k in range(count):
        item = dataset[k]
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise InputError(f"{where}: example {k} is a {type(item).__name__}; needed: a pair (x, y)")
        one = as_array(item[0], where)
        one = one[0] if one.ndim == 3 and one.shape[0] == 1 else one
        if x is None:
            x = np.empty((count, *one.shape), one.dtype)
        if one.shape != x.shape[1:]:
            raise InputError(
                f"{where}: example {k} has shape {one.shape}, the first {x.shape[1:]}; make them alike"
            )
        x[k] = one
        labels.append(as_array(item[1], where))
    if x is None:
        raise InputError(f"{where}: the dataset is empty; give at least one example")
    return x, np.array(labels)


def skipped(unlabelled: int) -> dict[str, Any]:
    """Facts of a stream some of whose examples have no label; nothing otherwise."""
    if not unlabelled:
        return {}
    said = f"{plural(unlabelled, 'example')} without a label: neither learned nor tested."
    return {"unlabelled": unlabelled, "warnings": [said]}


def checked(x: NDArray[Any], y: NDArray[Any], where: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """X as it is and y as int64, after all checks; -1 where a label is missing."""
    labels = known_labels(y, where)
    check_values(x, len(labels), where)
    return x, labels


def _array_digest(array: NDArray[Any]) -> str:
    """SHA-256 of type, shape and bytes, without a second copy of the array."""
    hasher = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    for block in range(0, len(array), 4096):
        hasher.update(np.ascontiguousarray(array[block : block + 4096]).data)
    return hasher.hexdigest()
