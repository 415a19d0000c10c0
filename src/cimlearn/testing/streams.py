"""Checks of a stream: the same name, settings and seed give the same examples, wherever chunks begin."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cimlearn.streams.base import Chunk, Stream, StreamKind
from cimlearn.testing.base import Check, bound


def opened(
    kind: StreamKind, settings: Mapping[str, Any] | None, data: str | Path | None, seed: int = 0
) -> Stream:
    """The stream of a kind, with `settings` 'stream.key' -> value."""
    return kind.open(kind.parameters.replace(dict(settings or {})).part("stream"), seed=seed, data=data)


def _all(chunks: Iterable[Chunk]) -> tuple[np.ndarray, np.ndarray]:
    parts = list(chunks)
    return np.concatenate([c.x for c in parts]), np.concatenate([c.y for c in parts])


def examples_fit_the_shape(kind: StreamKind, settings: Any, data: Any) -> None:
    """Sizes, types and ranges are those that `shape` and `tasks` promise."""
    stream = opened(kind, settings, data)
    steps, features, classes, signed = stream.shape
    assert stream.name and stream.tasks, "a stream has a name and tasks"
    assert stream.scenario in ("domain-incremental", "class-incremental"), f"scenario = {stream.scenario!r}"
    for k, task in enumerate(stream.tasks):
        held = (stream.held_out(k, 16), task.held_out, "held out")
        for chunks, count, what in ((stream.chunks(k, 64), task.examples, "training"), held):
            x, y = _all(chunks)
            where = f"task {k}, {what}"
            assert x.shape == (count, steps, features), f"{where}: x has the shape {x.shape}"
            assert x.dtype == np.float32 and y.dtype == np.int64, f"{where}: types {x.dtype}, {y.dtype}"
            assert y.shape == (count,), f"{where}: y has the shape {y.shape}"
            assert x.min() >= (-1 if signed else 0) and x.max() <= 1, f"{where}: values outside the range"
            assert y.min() >= 0 and y.max() < classes, f"{where}: a class outside 0 ... {classes - 1}"


def chunk_borders_change_nothing(kind: StreamKind, settings: Any, data: Any) -> None:
    """chunks(k, 10, 20) begins with the 21st example of chunks(k, 500)."""
    stream = opened(kind, settings, data)
    for k, task in enumerate(stream.tasks):
        x, y = _all(stream.chunks(k, 64))
        for size, start in itertools.product((1, 7), (0, task.examples // 2)):
            part = next(iter(stream.chunks(k, size, start)))
            assert np.array_equal(part.x, x[start : start + size]), f"task {k}: examples {start}... differ"
            assert np.array_equal(part.y, y[start : start + size]), f"task {k}: classes {start}... differ"


def same_seed_same_examples(kind: StreamKind, settings: Any, data: Any) -> None:
    """Opened twice, it is the same stream."""
    one, two = (opened(kind, settings, data, seed=5) for _ in range(2))
    assert one.tasks == two.tasks and one.checksums == two.checksums, "tasks or checksums differ"
    for k in range(len(one.tasks)):
        for a, b in zip(_all(one.chunks(k, 50)), _all(two.chunks(k, 50)), strict=True):
            assert np.array_equal(a, b), f"task {k} differs"


def answers_are_copies(kind: StreamKind, settings: Any, data: Any) -> None:
    """What a caller does with a chunk never reaches the stream."""
    stream = opened(kind, settings, data)
    first = next(iter(stream.chunks(0, 5)))
    before = first.x.copy()
    if first.x.flags.writeable:
        first.x[...] = -7
    assert np.array_equal(next(iter(stream.chunks(0, 5))).x, before), "a chunk is a window into the stream"


def its_shape_needs_no_data(kind: StreamKind, settings: Any, data: Any) -> None:
    """Where the kind tells the shape from settings alone, it is the opened stream's."""
    if kind.shape is not None:
        told = kind.shape(kind.parameters.replace(dict(settings or {})).part("stream"))
        assert told == opened(kind, settings, data).shape, f"{told} is not the shape of the opened stream"


def checks(
    kind: StreamKind, settings: Mapping[str, Any] | None = None, data: str | Path | None = None
) -> list[Check]:
    """The checks of a stream."""
    functions = (
        examples_fit_the_shape,
        chunk_borders_change_nothing,
        same_seed_same_examples,
        answers_are_copies,
        its_shape_needs_no_data,
    )
    return bound(functions, kind, settings, data)
