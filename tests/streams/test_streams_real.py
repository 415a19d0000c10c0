"""Named streams on the real data; skipped where it isn't there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cimlearn.streams import Chunk, describe, names, open_stream
from cimlearn.streams.sources.find import find, verify
from cimlearn.streams.sources.known import SOURCES

pytestmark = pytest.mark.data


def _x(chunks: Iterator[Chunk]) -> np.ndarray:
    return np.concatenate([chunk.x for chunk in chunks])


FROM_FILES = [
    name for name in names() if describe(name).source in SOURCES
]  # others are made from an equation


@pytest.mark.parametrize("name", sorted(FROM_FILES, key=lambda name: describe(name).source))
def test_real_data(name: str, data_folder: Path) -> None:
    source = describe(name).source
    if find(source, data_folder) is None:
        pytest.skip(f"{source} isn't in {data_folder}")
    stream = open_stream(name, seed=1, data=data_folder)
    task = len(stream.tasks) - 1
    chunk = next(stream.chunks(task, 300))
    held = next(stream.held_out(task, 300))
    for x, y in (chunk, held):
        assert x.shape[1:] == stream.shape[:2] and np.abs(x).max() <= 1 and x.std() > 0.05
        if source != "cifar100":
            assert len(set(y.tolist())) == min(
                stream.shape.classes, 2 if "split" in name or "act" in name else 10
            )
    start = stream.tasks[task].examples - 50
    assert np.array_equal(_x(stream.chunks(task, 7, start)), _x(stream.chunks(task, 50, start)))
    assert min(t.examples for t in stream.tasks) > 0


def test_real_data_sets_in_a_row(data_folder: Path) -> None:
    name = "mnist+cifar100:0-9+digits"
    for source in ("mnist", "cifar100"):
        if find(source, data_folder) is None:
            pytest.skip(f"{source} isn't in {data_folder}")
    stream = open_stream(name, seed=1, data=data_folder)
    assert stream.shape == (32, 96, 10, False)
    for k, task in enumerate(stream.tasks):
        held = next(stream.held_out(k, 200))
        assert set(held.y.tolist()) == set(range(10)) and held.x.std() > 0.1 and held.x.max() > 0.99
        counts = stream.class_counts(k)
        assert (counts.train.sum(), counts.held_out.sum()) == (task.examples, task.held_out)


def test_real_mnist_chunks_are_fast(data_folder: Path) -> None:
    """200,000 examples per second of processor time is asked for; half of that, as machines are busy."""
    if find("mnist", data_folder) is None:
        pytest.skip(f"mnist isn't in {data_folder}")
    stream = open_stream("permuted-mnist", seed=1, data=data_folder)
    begin = time.process_time()
    count = sum(len(chunk.y) for chunk in stream.chunks(0, 500))
    assert count == 60_000
    assert count / (time.process_time() - begin) > 100_000


@pytest.mark.parametrize("source", ["mnist", "fashion-mnist", "cifar100", "hapt"])
def test_real_files_have_the_published_checksums(source: str, data_folder: Path) -> None:
    if find(source, data_folder) is None:
        pytest.skip(f"{source} isn't in {data_folder}")
    assert [check.state for check in verify(source, data_folder)].count("ok") == len(
        verify(source, data_folder)
    )


def test_real_people_and_activities(data_folder: Path) -> None:
    if find("hapt", data_folder) is None:
        pytest.skip(f"hapt isn't in {data_folder}")
    people, activities = (
        open_stream(f"hapt-{by}", seed=0, data=data_folder) for by in ("people", "activities")
    )
    assert sum(t.examples for t in people.tasks) == sum(t.examples for t in activities.tasks) == 5296
    assert sum(t.held_out for t in people.tasks) == 5115
    assert activities.tasks[1].name == "walking downstairs, sitting"
    for k in range(len(people.tasks)):
        assert set(next(people.held_out(k, 10**4)).y.tolist()) == set(range(6))
