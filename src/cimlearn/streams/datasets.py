"""A stream of map-style data sets, one pair per task, read as it is learned: PyTorch's, Avalanche's, Continuum's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.streams import cutting
from cimlearn.streams.arrays import skipped
from cimlearn.streams.base import Chunk, ClassCounts, StreamShape, TaskInfo
from cimlearn.streams.checking import check_shape, infer_scenario
from cimlearn.streams.mapstyle import Part, Range, looked_at, make_part, read_example, read_examples
from cimlearn.streams.opened import Opened


class DatasetStream(Opened):
    """Tasks given as map-style data sets, whose examples are read when they are needed.

    Memory: one label per example, one chunk, and what the data sets themselves hold.

    Parameters
    ----------
    tasks
        One (training set, test set) per task. A set is anything with len() and [i] -> (x, y) or (x, y, more), such as
        a PyTorch Dataset; it must give the same example for the same i each time. x: a vector, (steps, features), a
        gray image (height, width), or an image with 1 or 3 channels first or last, which becomes a sequence of its
        rows. Floats, or uint8, of which 255 becomes 1.0. y: a whole number from 0; None or NaN: the example is
        skipped and counted (`facts`).
    full_scale
        The float that becomes 1.0, such as 3.0 for values of mean 0 and standard deviation 1. Values beyond it are an
        error, unless `clip`.
    clip
        Whether values beyond full scale are cut off.
    signed
        Whether values may be negative; None: whether one of the examples looked at is.
    labels
        One (training labels, test labels) per task, where they are known; None: from the attribute `targets`,
        else every example is read once.
    task_names
        Names of the tasks; None: task 1, task 2, ...
    steps, classes, examples, held_out, order, seed, name
        As in ArrayStream.

    Raises
    ------
    InputError
        If a set is empty, its examples differ in shape or each time they are read, or a label is bad. A value that
        isn't finite or beyond full scale is found when its example is read.
    """

    def __init__(
        self,
        tasks: Sequence[tuple[Any, Any]],
        *,
        seed: int = 0,
        name: str = "datasets",
        full_scale: float = 1.0,
        clip: bool = False,
        signed: bool | None = None,
        labels: Sequence[tuple[Any, Any]] | None = None,
        task_names: Sequence[str] | None = None,
        steps: int | None = None,
        classes: int | None = None,
        examples: int | None = None,
        held_out: int | None = None,
        order: str = "shuffled",
    ) -> None:
        if len(tasks) == 0:
            raise InputError(f"stream {name} has no task; give at least one (training set, test set)")
        if order not in ("stored", "shuffled"):
            raise InputError(f"order = {order!r} is not one of: stored, shuffled")
        if not full_scale > 0:
            raise InputError(f"full_scale = {full_scale} of stream {name} is not above 0")
        self._name, self._seed, self._order = name, seed, order
        known = labels or [(None, None)] * len(tasks)
        self._parts = [
            (
                make_part(train, y[0], f"{name}, task {k}, training set"),
                make_part(test, y[1], f"{name}, task {k}, test set"),
            )
            for k, ((train, test), y) in enumerate(zip(tasks, known, strict=True))
        ]
        self._infos = self._count(examples, held_out, task_names)
        self._shape = self._measure(steps, classes, signed)
        self._range = Range(full_scale, clip, self._shape.signed)
        self._scenario = infer_scenario([np.bincount(train.y[train.which]) > 0 for train, _ in self._parts])

    def _count(
        self, examples: int | None, held_out: int | None, names: Sequence[str] | None
    ) -> tuple[TaskInfo, ...]:
        """What is said of each task."""
        infos = []
        for k, (train, test) in enumerate(self._parts):
            count = cutting.how_many("stream.examples", examples, len(train.which), f"task {k} training set")
            held = cutting.how_many("stream.held_out", held_out, len(test.which), f"task {k} test set")
            infos.append(TaskInfo(names[k] if names else f"task {k + 1}", count, held))
        return tuple(infos)

    def _measure(self, steps: int | None, classes: int | None, signed: bool | None) -> StreamShape:
        """Sizes, from a few examples of each set."""
        samples = [
            read_example(part, k) for pair in self._parts for part in pair for k in looked_at(len(part.y))
        ]
        shapes = {x.shape for x in samples}
        if len(shapes) > 1:
            raise InputError(
                f"stream {self._name} has examples of shapes {sorted(shapes)}; make them all alike"
            )
        top = 1 + max(int(part.y.max()) for pair in self._parts for part in pair)
        if classes is not None and top > classes:
            raise InputError(
                f"stream {self._name} has label {top - 1}, but classes = {classes}; labels count from 0"
            )
        if signed is None:
            signed = any(x.min() < 0 for x in samples)
        return StreamShape(*check_shape(self._name, shapes.pop(), steps), classes or top, signed)

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 of each set's labels and of the examples that were looked at (all would mean reading everything)."""
        return dict(self._digests)

    @cached_property
    def _digests(self) -> dict[str, str]:
        """Digest of every set."""
        digests = {}
        for k, pair in enumerate(self._parts):
            for part, label in zip(pair, ("train", "test"), strict=True):
                hasher = hashlib.sha256(part.y.tobytes())
                for number in looked_at(len(part.y)):
                    hasher.update(read_example(part, number).tobytes())
                digests[f"task {k}/{label} (labels and {len(looked_at(len(part.y)))} examples)"] = (
                    hasher.hexdigest()
                )
        return digests

    @property
    def facts(self) -> dict[str, Any]:
        """How many examples have no label, where some haven't."""
        return skipped(sum(int((part.y < 0).sum()) for pair in self._parts for part in pair))

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
        which = self._parts[task][1].which
        return cutting.held_out_draw(which, self._infos[task].held_out, task, seed=self._seed)

    def _yield(self, part: Part, order: NDArray[np.int64], size: int, start: int) -> Iterator[Chunk]:
        """Chunks of the examples `order`."""
        for span in cutting.spans(len(order), size, start):
            which = order[span]
            x = read_examples(part, which, self._range)
            yield Chunk(x if x.ndim == 3 else cutting.cut(x, self._shape.steps), part.y[which])
