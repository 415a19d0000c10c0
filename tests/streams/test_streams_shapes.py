"""The shape of a stream from its name and settings is the one that its data has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cimlearn import streams
from cimlearn.errors import InputError
from cimlearn.streams.base import StreamShape
from cimlearn.streams.catalog import describe
from cimlearn.streams.shapes import known_shape
from cimlearn.streams.sources.find import find


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("permuted-digits", {}),
        ("permuted-digits", {"stream.form": "flat", "stream.steps": 5}),
        ("rotated-digits", {"stream.form": "flat"}),
        ("split-digits", {}),
        ("split-digits", {"stream.tasks": 2, "stream.classes_per_task": 3}),
        ("split-digits-domain", {"stream.classes_per_task": 1}),
        ("digits+digits:2-3", {}),
        (
            "digits:4+digits:2-3",
            {"stream.labels": "disjoint", "stream.side": 12, "stream.channels": "colour"},
        ),
    ],
)
def test_known_shape_is_the_opened_one(name: str, settings: dict[str, Any]) -> None:
    chosen = streams.parameters(name).replace(settings)
    assert known_shape(name, chosen) == streams.open_stream(name, seed=0, settings=chosen).shape


@pytest.mark.data
@pytest.mark.parametrize("name", streams.names())
def test_known_shape_of_every_named_stream(name: str, data_folder: Path) -> None:
    if describe(name).family != "series" and find(describe(name).source, data_folder) is None:
        pytest.skip(f"{describe(name).source} isn't in {data_folder}")
    chosen = streams.parameters(name)
    assert known_shape(name, chosen) == streams.open_stream(name, seed=0, data=data_folder).shape


@pytest.mark.parametrize(
    ("name", "settings", "shape"),
    [
        ("split-cifar10", {}, StreamShape(32, 96, 2, False)),
        ("split-cifar100-class", {}, StreamShape(32, 96, 100, False)),
        ("mnist+cifar100:0-19", {}, StreamShape(32, 96, 20, False)),
        ("mnist+digits", {"stream.labels": "disjoint"}, StreamShape(28, 28, 20, False)),
        ("hapt-people", {}, StreamShape(128, 6, 6, True)),
        ("hapt-activities", {"stream.samples_per_step": 4}, StreamShape(32, 24, 6, True)),
        ("hapt-activities-domain", {}, StreamShape(128, 6, 2, True)),
    ],
)
def test_known_shapes(name: str, settings: dict[str, Any], shape: StreamShape) -> None:
    assert known_shape(name, streams.parameters(name).replace(settings)) == shape


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("split-mnist", {"stream.tasks": 6}, r"stream\.tasks = 6 times stream\.classes_per_task = 2 is more"),
        ("hapt-activities", {"stream.tasks": 4}, r"is more than the 6 activities"),
        ("hapt-people", {"stream.samples_per_step": 3}, r"doesn't divide stream\.window = 128"),
    ],
)
def test_shapes_that_no_stream_has(name: str, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        known_shape(name, streams.parameters(name).replace(settings))
