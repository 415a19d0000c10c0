"""A stream that may be larger than memory: a folder of .npy files, read a block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.random import generator
from cimlearn.streams import cutting
from cimlearn.streams.base import Chunk, ClassCounts, StreamShape, TaskInfo
from cimlearn.streams.checking import (
    BLOCK,
    check_labels,
    check_shape,
    check_values,
    infer_scenario,
    scaled,
)
from cimlearn.streams.opened import Opened
from cimlearn.streams.sources import formats
from cimlearn.untrusted.arrays import open_npy


class FolderStream(Opened):
    """Tasks in a folder of x_train.npy, y_train.npy, x_test.npy, y_test.npy.

    Arrays are as in ArrayStream. With several tasks, task_train.npy and task_test.npy give the task of each
    example, from 0 on and in rising order: the examples of a task lie together.

    Order of the training examples (stream.order):
        stored    as in the file
        shuffled  the task is cut into blocks of stream.block neighbours; the blocks come in random order, and
                  the examples of a block in random order. Examples mix only within a block, so a file that is
                  sorted by class stays badly mixed: shuffle such a file before, or choose larger blocks.

    Memory: one chunk, the order of one block, and one number per block; only the latter grows with the number
    of examples. Opening reads everything once, to check it.
    """

    def __init__(self, folder: str | Path, settings: dict[str, Any], *, seed: int) -> None:
        self._folder, self._seed = Path(folder), seed
        self._name = str(self._folder)
        self._order, self._block = settings["order"], settings["block"]
        train, test = self._scan("train"), self._scan("test")
        if train.example != test.example:
            raise InputError(
                f"{folder}: training examples are {train.example}, test {test.example}; make them alike"
            )
        if len(train.counts) != len(test.counts):
            raise InputError(
                f"{folder} has {len(train.counts)} tasks for training, {len(test.counts)} for testing; "
                "each task needs both"
            )
        classes = max(train.present.shape[1], test.present.shape[1])
        sizes = check_shape(str(folder), train.example, settings["steps"])
        self._shape = StreamShape(*sizes, classes, min(train.lowest, test.lowest) < 0)
        self._first = {"train": _starts(train.counts), "test": _starts(test.counts)}
        self._available = {"train": train.counts, "test": test.counts}
        infos = []
        for k, (have, held) in enumerate(zip(train.counts, test.counts, strict=True)):
            examples = cutting.how_many(
                "stream.examples", settings["examples"], have, f"task {k} training set"
            )
            held_out = cutting.how_many("stream.held_out", settings["held_out"], held, f"task {k} test set")
            infos.append(TaskInfo(f"task {k + 1}", examples, held_out))
        self._infos = tuple(infos)
        self._scenario = infer_scenario(list(train.present))

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 of each file; the first call reads them all."""
        return dict(self._digests)

    @cached_property
    def _digests(self) -> dict[str, str]:
        """Digest of every file that is there."""
        names = [f"{kind}_{part}.npy" for kind in ("x", "y", "task") for part in ("train", "test")]
        paths = [self._folder / name for name in names]
        return {p.name: formats.file_digest(p, unpack=False) for p in paths if p.is_file()}

    def chunks(self, task: int, size: int, start: int = 0) -> Iterator[Chunk]:
        """Training examples of `task` from number `start` on."""
        cutting.check_request(self.name, self._infos, task, size, start)
        return self._read("train", self._train_numbers(task, start), size)

    def held_out(self, task: int, size: int) -> Iterator[Chunk]:
        """Test examples of `task` in stored order; if not all are asked for, evenly spaced ones."""
        cutting.check_request(self.name, self._infos, task, size)
        return self._read("test", self._test_numbers(task, size), size)

    def class_counts(self, task: int) -> ClassCounts:
        """Examples of each class in `task`; reads their labels, a block at a time."""
        cutting.check_request(self.name, self._infos, task, 1)
        classes = self._shape.classes
        numbers = {"train": self._train_numbers(task, 0), "test": self._test_numbers(task, self._block)}
        counts = {}
        for part, blocks in numbers.items():
            y = self._map("y", part)
            found = (np.bincount(np.asarray(y[rows]).astype(np.int64), minlength=classes) for rows in blocks)
            counts[part] = sum(found, np.zeros(classes, np.int64))
        return ClassCounts(counts["train"], counts["test"])

    def _test_numbers(self, task: int, size: int) -> Iterator[NDArray[np.int64]]:
        """Row numbers of the task's test examples, `size` at a time."""
        first, available = self._first["test"][task], self._available["test"][task]
        count = self._infos[task].held_out
        return (first + np.arange(s.start, s.stop) * available // count for s in cutting.spans(count, size))

    def _train_numbers(self, task: int, start: int) -> Iterator[NDArray[np.int64]]:
        """Row numbers of the task's training examples from position `start` on, one array per block."""
        first, available = self._first["train"][task], self._available["train"][task]
        left = self._infos[task].examples - start
        blocks = np.arange(-(-available // self._block))
        if self._order == "shuffled":
            blocks = generator(self._seed, "stream", "blocks", str(task)).permutation(blocks)
        for block in blocks.tolist():
            low, high = block * self._block, min((block + 1) * self._block, available)
            if start >= high - low:  # the whole block lies before the start
                start -= high - low
                continue
            rows = np.arange(low, high)
            if self._order == "shuffled":
                rows = generator(self._seed, "stream", "block", str(task), str(block)).permutation(rows)
            rows = rows[start : start + left]
            start, left = 0, left - len(rows)
            if len(rows):
                yield first + rows
            if left == 0:
                return

    def _read(self, part: str, blocks: Iterator[NDArray[np.int64]], size: int) -> Iterator[Chunk]:
        """Chunks of `size` examples with the row numbers that `blocks` yields."""
        waiting = np.empty(0, np.int64)
        for rows in blocks:
            waiting = np.concatenate((waiting, rows))
            while len(waiting) >= size:
                yield self._chunk(part, waiting[:size])
                waiting = waiting[size:]
        if len(waiting):
            yield self._chunk(part, waiting)

    def _chunk(self, part: str, rows: NDArray[np.int64]) -> Chunk:
        """The examples with these row numbers. Files are mapped anew, so that pages read before can go."""
        x, y = self._map("x", part), self._map("y", part)
        values = scaled(np.asarray(x[rows]))
        return Chunk(
            values if values.ndim == 3 else cutting.cut(values, self._shape.steps),
            np.asarray(y[rows]).astype(np.int64),
        )

    def _map(self, kind: str, part: str) -> NDArray[Any]:
        """A file of the folder, mapped read-only."""
        return _mapped(self._folder / f"{kind}_{part}.npy")

    def _scan(self, part: str) -> _Scan:
        """Checks a part of the folder block by block, and counts its tasks and classes."""
        x, y = self._map("x", part), self._map("y", part)
        where = f"{self._folder}: {part} set"
        has_tasks = (self._folder / "task_train.npy").is_file() or (self._folder / "task_test.npy").is_file()
        tasks = self._map("task", part) if has_tasks else None
        if x.ndim == 0 or y.ndim != 1 or len(x) != len(y) or (tasks is not None and tasks.shape != y.shape):
            task_shape = "" if tasks is None else f", tasks {tasks.shape}"
            raise InputError(
                f"{where} has x {x.shape}, labels {y.shape}{task_shape}; give one label per example"
            )
        check_values(x[:1], min(len(x), 1), where)
        scan = _Scan(where, x.shape[1:])
        rows = max(1, BLOCK // int(np.prod(x.shape[1:])))
        for span in cutting.spans(len(y), rows):
            values = self._map("x", part)[span]
            labels = check_labels(self._map("y", part)[span], where)
            numbers = np.zeros(len(labels), np.int64) if tasks is None else self._map("task", part)[span]
            scan.add(values, labels, check_labels(numbers, f"{where}, tasks"), span.start)
        return scan.finished()


class _Scan:
    """What one pass over a part finds out."""

    def __init__(self, where: str, example: tuple[int, ...]) -> None:
        self.where, self.example = where, example
        self.lowest = 0.0
        self.counts: list[int] = []  # examples per task
        self.present = np.zeros((0, 0), bool)  # (tasks, classes) whether a task has a class

    def add(self, x: NDArray[Any], y: NDArray[np.int64], tasks: NDArray[np.int64], first: int) -> None:
        """One block; `first` is the number of its first example."""
        self.lowest = min(self.lowest, check_values(x, len(y), self.where, first)[0])
        steps = np.diff(tasks, prepend=len(self.counts) - 1)  # from the last task seen; -1 at the start
        if (steps < 0).any() or (steps > 1).any():
            bad = first + int(np.flatnonzero((steps < 0) | (steps > 1))[0])
            raise InputError(
                f"{self.where}: tasks aren't in order at example {bad}; sort by task: 0, 0, ..., 1, 1, ..."
            )
        found = np.bincount(tasks)  # at least as long as the counts, as tasks rise
        found[: len(self.counts)] += np.array(self.counts, np.int64)
        self.counts = found.tolist()
        classes = max(self.present.shape[1], int(y.max()) + 1)
        grown = np.zeros((len(self.counts), classes), bool)
        grown[: self.present.shape[0], : self.present.shape[1]] = self.present
        grown[tasks, y] = True
        self.present = grown

    def finished(self) -> _Scan:
        """Itself, if there was anything."""
        if not self.counts:
            raise InputError(f"{self.where} is empty; give at least one example")
        return self


def _mapped(path: Path) -> NDArray[Any]:
    """An .npy file, mapped read-only; InputError if it is missing or damaged."""
    if not path.is_file():
        raise InputError(
            f"{path.parent} lacks {path.name}; needed: x_train.npy, y_train.npy, x_test.npy, y_test.npy, "
            "or tables, such as a .csv file per class"
        )
    return open_npy(path)


def _starts(counts: list[int]) -> list[int]:
    """Row number of each task's first example."""
    return [0, *np.cumsum(counts).tolist()][:-1]
