"""Data sets in a row: sizes, colours and labels, against PyTorch's way of resizing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streams_data as made

from cimlearn.errors import InputError
from cimlearn.streams import Stream, describe, open_stream, parameters
from cimlearn.streams.pixels import resized
from cimlearn.streams.sources.known import SOURCES

ROUNDING = 1e-6  # float32 weights and values


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        for name, source in made.make_data(folder).items():
            patch.setitem(SOURCES, name, source)
        yield folder


def _open(name: str, data: Path, seed: int = 0, **settings: Any) -> Stream:
    chosen = parameters(name).replace({f"stream.{key}": value for key, value in settings.items()})
    return open_stream(name, seed=seed, data=data, settings=chosen)


def _held(stream: Stream, task: int) -> np.ndarray:
    x = next(stream.held_out(task, 5)).x
    return x.reshape(5, stream.shape.steps, stream.shape.steps, -1)


@pytest.mark.parametrize(("before", "after"), [(28, 32), (8, 28), (32, 28), (28, 8), (32, 7), (9, 9)])
def test_sizes_change_as_in_pytorch(before: int, after: int) -> None:
    torch = pytest.importorskip("torch")
    images = np.random.default_rng(0).integers(0, 256, (4, before, before, 3), dtype=np.uint8)
    mine = resized((before, before, 3), (after, after, 3), pad=False)(images.reshape(4, -1), 255)
    stored = torch.from_numpy(images.transpose(0, 3, 1, 2) / np.float32(255))
    theirs = torch.nn.functional.interpolate(
        stored, (after, after), mode="bilinear", antialias=True, align_corners=False
    )
    expected = theirs.numpy().transpose(0, 2, 3, 1).reshape(4, -1)
    assert np.allclose(mine, expected, atol=ROUNDING)


def test_a_frame_leaves_the_pixels_alone() -> None:
    images = np.random.default_rng(0).integers(1, 256, (3, 28, 28, 1), dtype=np.uint8)
    framed = resized((28, 28, 1), (33, 32, 3), pad=True)(images.reshape(3, -1), 255).reshape(3, 33, 32, 3)
    for channel in range(3):  # gray, repeated
        assert np.array_equal(framed[:, 2:30, 2:30, channel], images[..., 0] / np.float32(255))
    assert np.count_nonzero(framed) == images.size * 3


def test_colour_becomes_luma() -> None:
    pixels = np.eye(3, dtype=np.uint8) * 255  # a red, a green and a blue pixel
    luma = resized((1, 1, 3), (1, 1, 1), pad=False)(pixels, 255)
    assert np.allclose(luma[:, 0], [0.299, 0.587, 0.114], atol=ROUNDING)


@pytest.mark.parametrize("channels", ["grey", "colour"])
def test_white_stays_white_and_black_black(channels: str) -> None:
    end = (32, 32, 1 if channels == "grey" else 3)
    for start in ((28, 28, 1), (32, 32, 3), (40, 40, 3)):
        values = np.prod(start)
        change = resized(start, end, pad=False)
        assert np.allclose(change(np.full((1, values), 16, np.uint8), 16), 1, atol=ROUNDING)
        assert not change(np.zeros((1, values), np.uint8), 16).any()


def test_every_task_is_its_data_set(data: Path) -> None:
    stream = _open("mnist+cifar10+cifar100:0-9", data)
    assert stream.shape == (32, 96, 10, False) and stream.scenario == "domain-incremental"
    assert [task.name for task in stream.tasks] == ["mnist", "cifar10", "cifar100 classes 0 to 9"]
    stored = np.load(data / "cifar10-25k.npz")
    assert np.array_equal(_held(stream, 1), stored["x_test"][:5] / np.float32(255))
    digits = _held(stream, 0)  # gray, repeated, and larger
    assert np.array_equal(digits[..., 0], digits[..., 1]) and np.array_equal(digits[..., 0], digits[..., 2])
    padded = _held(_open("mnist+cifar10", data, fit="pad"), 0)
    x_test = made.images(60, (28, 28), 10, 2)[0][:5] / np.float32(255)
    assert np.array_equal(padded[:, 2:30, 2:30, 1], x_test)


def test_own_and_disjoint_labels(data: Path) -> None:
    name = "cifar100:10-14+mnist:7+cifar100:40-42"
    own, apart = _open(name, data), _open(name, data, labels="disjoint")
    assert (own.shape.classes, apart.shape.classes) == (5, 9)
    assert apart.scenario == "class-incremental"
    expected = [(0, [10, 11, 12, 13, 14]), (5, [7]), (6, [40, 41, 42])]
    for task, (first, kept) in enumerate(expected):
        a, b = next(own.chunks(task, 500)), next(apart.chunks(task, 500))
        assert np.array_equal(a.x, b.x) and np.array_equal(a.y + first, b.y)
        assert sorted(set(a.y.tolist())) == list(range(len(kept)))


def test_a_data_set_may_come_twice(data: Path) -> None:
    stream = _open("digits+digits", data)
    first, second = next(stream.chunks(0, 50)), next(stream.chunks(1, 50))
    assert not np.array_equal(first.x, second.x)  # each task has its own order
    assert sorted(stream.checksums) == ["digits/digits.csv"]
    assert np.array_equal(_held(stream, 0), _held(stream, 1))


def test_checksums_of_all_sources(data: Path) -> None:
    sums = _open("mnist+fashion-mnist", data).checksums
    assert len(sums) == 8  # both call their files alike
    file = "train-images-idx3-ubyte"
    assert sums[f"mnist/{file}"] != sums[f"fashion-mnist/{file}"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mnist+fashon-mnist", "did you mean 'fashion-mnist'"),
        ("mnist+hapt", "'hapt' is no image set"),
        ("mnist+", "'' is no image set"),
        ("mnist:8-12+digits", "0 to 9"),
        ("mnist:3-1+digits", "0 to 9"),
        ("mnist:two+digits", "mnist:0-4"),
    ],
)
def test_names_that_mean_nothing(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        describe(name)


def test_settings_that_do_not_fit(data: Path) -> None:
    with pytest.raises(InputError, match=r"task 1 \(mnist classes 0 to 1\) training set has 40; ask for 40"):
        _open("digits+mnist:0-1", data, examples=41)
    with pytest.raises(InputError, match=r"stream\.form = flat"):
        _open("mnist+digits", data, steps=3)
    with pytest.raises(InputError, match="not one of: scale, pad"):
        _open("mnist+digits", data, fit="stretch")


def test_a_chip_learns_a_sequence(tmp_path: Path) -> None:
    """Digits at two sizes, then their first half again: well above the chance of 10 and 20 %."""
    import cimlearn

    settings = {"stream.examples": 600, "stream.held_out": 150, "network.hidden": 64}
    result = cimlearn.run("m2ru", stream="digits+digits:0-4", settings=settings, out=tmp_path / "run")
    assert result.data.config["scenario"] == "domain-incremental"
    assert result.records[0].accuracy[0] > 0.4 and result.records[1].accuracy[1] > 0.6
