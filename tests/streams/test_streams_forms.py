"""Closed forms of the image maps, the settings of streams, and arrays that must be refused."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streams_data as made
from hypothesis import given, settings
from hypothesis import strategies as st

from cimlearn.errors import InputError
from cimlearn.streams import ArrayStream, default_stream, describe, names, open_stream, parameters
from cimlearn.streams.cutting import cut
from cimlearn.streams.pixels import Plain, permutation, rotation
from cimlearn.streams.sources.known import SOURCES

# Bilinear weights are rounded to float32, so a value may be off by a few units in the last place.
ROUNDING = 1e-6


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        for name, source in made.make_data(folder).items():
            patch.setitem(SOURCES, name, source)
        yield folder


def _image(size: int = 28, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, size, size, channels), dtype=np.uint8)


def _turned(images: np.ndarray, angle: float) -> np.ndarray:
    turn = rotation(images.shape[1:], angle)
    return turn(images.reshape(len(images), -1), 255).reshape(images.shape)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 9, 28])
def test_quarter_turns_are_exact(size: int, channels: int) -> None:
    images = _image(size, channels)
    for turns in range(-4, 5):
        expected = np.rot90(images, turns, axes=(1, 2)) / np.float32(255)
        assert np.array_equal(_turned(images, 90 * turns), expected)


def test_rotation_agrees_with_scipy() -> None:
    from scipy import ndimage

    images = _image(16)
    for angle in (13.0, 45.0, -77.5, 200.0):
        expected = ndimage.rotate(
            np.pad(images[..., 0], ((0, 0), (1, 1), (1, 1))) / 255, angle, axes=(1, 2), reshape=False, order=1
        )[:, 1:-1, 1:-1]
        # scipy turns the padded image; the frame of zeros makes both black outside in the same way.
        assert np.allclose(_turned(images, angle)[..., 0], expected, atol=ROUNDING)


def test_a_pixel_turns_counterclockwise() -> None:
    image = np.zeros((1, 9, 9, 1), np.uint8)
    image[0, 4, 7] = 255  # right of the centre
    assert _turned(image, 90)[0, 1, 4, 0] == 1  # above it


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 3), st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_a_permutation_moves_pixels_and_keeps_channels_together(h: int, w: int, c: int, seed: int) -> None:
    moved = permutation((h, w, c), np.random.default_rng(seed)).source
    assert sorted(moved.tolist()) == list(range(h * w * c))
    groups = moved.reshape(-1, c)
    assert (groups % c == np.arange(c)).all() and (groups // c == groups[:, :1] // c).all()


def test_scaling_is_exact() -> None:
    values = np.arange(256, dtype=np.uint8)[None]
    assert np.array_equal(Plain()(values, 255)[0], (np.arange(256) / 255).astype(np.float32))


@given(st.integers(1, 5), st.integers(1, 40), st.integers(1, 45))
@settings(max_examples=50, deadline=None)
def test_cutting_only_adds_zeros(examples: int, values: int, steps: int) -> None:
    x = np.random.default_rng(1).random((examples, values), dtype=np.float32) + 1
    out = cut(x, steps)
    assert out.shape == (examples, steps, -(-values // steps))
    flat = out.reshape(examples, -1)
    assert np.array_equal(flat[:, :values], x) and not flat[:, values:].any()


def test_tasks_of_permuted_images_are_what_they_say(data: Path) -> None:
    changed = parameters("permuted-mnist").replace({"stream.first_identity": "true", "stream.tasks": "3"})
    stream = open_stream("permuted-mnist", seed=3, data=data, settings=changed)
    held = [next(stream.held_out(k, 60)).x.reshape(60, -1) for k in range(3)]
    x_test = made.images(60, (28, 28), 10, 2)[0].reshape(60, -1) / np.float32(255)
    assert np.array_equal(held[0], x_test)
    for other in held[1:]:
        assert not np.array_equal(other, x_test)
        assert np.array_equal(np.sort(other, axis=1), np.sort(x_test, axis=1))


def test_rows_and_flat_hold_the_same_values(data: Path) -> None:
    rows = open_stream("split-cifar10", seed=0, data=data)
    changed = parameters("split-cifar10").replace({"stream.form": "flat", "stream.steps": 100})
    flat = open_stream("split-cifar10", seed=0, data=data, settings=changed)
    assert rows.shape[:2] == (32, 96) and flat.shape[:2] == (100, 31)
    a, b = next(rows.chunks(2, 9)), next(flat.chunks(2, 9))
    assert np.array_equal(a.x.reshape(9, -1), b.x.reshape(9, -1)[:, :3072])


def test_split_labels(data: Path) -> None:
    for name, shift in (("split-mnist", 0), ("split-mnist-domain", 1)):
        stream = open_stream(name, seed=0, data=data)
        assert stream.shape.classes == (2 if shift else 10)
        for k in range(5):
            y = np.concatenate([c.y for c in stream.chunks(k, 50)])
            assert set(y.tolist()) == {2 * k * (1 - shift), 2 * k * (1 - shift) + 1}


def test_shared_heads_and_class_numbers_see_the_same_images(data: Path) -> None:
    a = open_stream("split-cifar100", seed=0, data=data)
    b = open_stream("split-cifar100-class", seed=0, data=data)
    one, other = next(a.chunks(3, 20)), next(b.chunks(3, 20))
    assert np.array_equal(one.x, other.x) and np.array_equal(one.y + 30, other.y)
    assert (a.shape.classes, b.shape.classes) == (10, 100)


def test_sensor_values_are_shares_of_full_scale(data: Path) -> None:
    stream = open_stream("hapt-people", seed=0, data=data)
    raw = np.load(data / "hapt-50hz.npz")
    x = next(stream.held_out(0, 1)).x[0]
    first = np.flatnonzero((raw["experiment"] == 1) & (raw["label"] > 0))[0]
    expected = np.clip(raw["signal"][first : first + 128] * raw["scale"] / [2, 2, 2, 10, 10, 10], -1, 1)
    assert np.allclose(x, expected, atol=ROUNDING)


def test_every_setting_of_every_stream_has_an_owner() -> None:
    for name in names():
        entries = parameters(name).entries()
        assert entries and all(
            key.startswith("stream.") and p.help and p.source for key, p in entries.items()
        )
        assert {"stream.examples", "stream.held_out"} <= set(entries)
        assert {"stream.tasks", "stream.taus"} & set(entries)
        assert describe(name).scenario in ("domain-incremental", "class-incremental")


def test_default_stream(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CIMLEARN_DATA", raising=False)
    assert default_stream(data) == "permuted-mnist"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert default_stream() == "permuted-digits"


def test_other_settings_are_left_alone(data: Path) -> None:
    """An experiment's settings hold those of the chip too."""
    chip = parameters("hapt-people").replace({"stream.tasks": 2})
    stream = open_stream("permuted-mnist", seed=0, data=data, settings=chip)
    assert len(stream.tasks) == 2


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("permuted-mnist", {"examples": 201}, "stream.examples = 201.*200"),
        ("permuted-mnist", {"held_out": 61}, "stream.held_out = 61.*60"),
        ("permuted-mnist", {"steps": 7}, "28 rows; set stream.form = flat"),
        ("permuted-mnist", {"form": "flat", "steps": 785}, "785.*784 values"),
        ("split-mnist", {"tasks": 6}, "10 classes.*5 or fewer"),
        ("split-mnist", {"classes_per_task": 11, "tasks": 1}, "more than the 10 classes"),
        ("hapt-people", {"samples_per_step": 3}, "doesn't divide"),
        ("hapt-people", {"window": 4000}, "4000"),
        ("hapt-activities", {"tasks": 4}, "6 activities"),
    ],
)
def test_settings_that_do_not_fit(name: str, changes: dict[str, Any], words: str, data: Path) -> None:
    changed = parameters(name).replace({f"stream.{key}": value for key, value in changes.items()})
    with pytest.raises(InputError, match=words):
        open_stream(name, seed=0, data=data, settings=changed)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"angel": 3}, "did you mean 'stream.angle'"),
        ({"tasks": 0}, "out of range"),
        ({"tasks": "many"}, "not a number"),
        ({"form": "columns"}, "rows, flat"),
        ({"tasks": "none"}, "can't be switched off"),
    ],
)
def test_settings_that_are_wrong(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        parameters("rotated-mnist").replace({f"stream.{key}": value for key, value in changes.items()})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("permuted-mnits", "did you mean 'permuted-mnist'"),
        ("no/such/file.npz", "doesn't exist"),
        ("no/such/folder", "neither"),
        ("", "unknown stream"),
    ],
)
def test_unknown_names(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        open_stream(name, seed=0)


def test_negative_seed(data: Path) -> None:
    with pytest.raises(InputError, match="seed"):
        open_stream("permuted-mnist", seed=-1, data=data)


# --- your own arrays ---------------------------------------------------------------------------------------


def _changed(**changes: Any) -> dict[str, Any]:
    arrays: dict[str, Any] = made.my_arrays()
    for key, change in changes.items():
        arrays[key] = change(arrays[key].copy())
    return {key: value for key, value in arrays.items() if value is not None}


def _put(index: Any, value: float) -> Any:
    def change(array: np.ndarray) -> np.ndarray:
        array = array.astype(np.float64) if not np.isfinite(value) or value % 1 else array
        array[index] = value
        return array

    return change


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "nan": ({"x_train": _put((7, 2, 1), np.nan)}, "example 7 holds NaN"),
    "infinity": ({"x_test": _put((3, 0, 0), np.inf)}, "example 3 holds NaN or infinity"),
    "too large": ({"x_train": lambda a: a * 255}, "outside \\[-1, 1\\]; divide them by 25"),
    "negative label": ({"y_train": _put(4, -1)}, "labels go from -1"),
    "fractional label": ({"y_test": _put(5, 1.5)}, "label 5 is 1.5"),
    "nan label": ({"y_test": _put(5, np.nan)}, "label 5 is nan"),
    "huge label": ({"y_test": _put(5, 10**9)}, "number them from 0"),
    "text label": ({"y_train": lambda a: a.astype(str)}, "of type <U"),
    "label per step": ({"y_train": lambda a: np.stack([a, a], 1)}, "needed: \\(examples,\\)|one label per"),
    "too few labels": (
        {"y_train": lambda a: a[:-1], "task_train": lambda a: a[:-1]},
        "one label per example",
    ),
    "images": ({"x_train": lambda a: a[:, :, None]}, "reshape it"),
    "no examples": (
        {"x_test": lambda a: a[:0], "y_test": lambda a: a[:0], "task_test": lambda a: a[:0]},
        "empty",
    ),
    "other shape": ({"x_test": lambda a: a[:, :4]}, "alike"),
    "missing key": ({"y_test": lambda a: None}, "lacks y_test"),
    "one-sided tasks": ({"task_test": lambda a: None}, "task_test"),
    "skipped task": (
        {"task_train": lambda a: a * 2, "task_test": lambda a: a * 2},
        "no examples|0, 1, 2|in order",
    ),
    "first task missing": (
        {"task_train": lambda a: a + 1, "task_test": lambda a: a + 1},
        "no examples|in order",
    ),
    "fewer test tasks": ({"task_test": lambda a: a * 0}, "each task needs both"),
    "task per step": ({"task_train": lambda a: a[:5]}, "one per example|one label per example"),
    "complex": ({"x_train": lambda a: a.astype(complex)}, "give floats"),
    "scalar": ({"x_train": lambda a: np.float32(0.5)}, "shape \\(\\)|x \\(\\)"),
}


@pytest.mark.parametrize("how", ["file", "folder"])
@pytest.mark.parametrize("bad", BAD)
def test_bad_arrays_are_refused(bad: str, how: str, tmp_path: Path) -> None:
    if bad == "nan label" and how == "file":
        pytest.skip("in a file, an example without a label is skipped: test_missing_and_unequal.py")
    changes, words = BAD[bad]
    arrays = _changed(**changes)
    path = tmp_path / "mine.npz"
    if how == "file":
        np.savez(path, **arrays)
    else:
        path = made.write_folder(tmp_path / "mine", arrays)
    with pytest.raises(InputError, match=words) as error:
        open_stream(path, seed=0)
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    trap = np.array([Trap()] * 4, dtype=object)
    np.savez(tmp_path / "trap.npz", **{**made.my_arrays(), "x_train": trap}, allow_pickle=True)
    folder = made.write_folder(tmp_path / "trap", made.my_arrays())
    np.save(folder / "y_train.npy", trap, allow_pickle=True)
    (tmp_path / "plain.npz").write_bytes(pickle.dumps([1, 2, 3]))
    for path in (tmp_path / "trap.npz", folder, tmp_path / "plain.npz"):
        with pytest.raises(InputError):
            open_stream(path, seed=0)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x93NUMPY", b"hello"])
def test_damaged_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"mine.npz"):
        open_stream(path, seed=0)
    folder = made.write_folder(tmp_path / "mine", made.my_arrays())
    (folder / "x_test.npy").write_bytes(content)
    with pytest.raises(InputError, match=r"x_test.npy"):
        open_stream(folder, seed=0)
    (folder / "x_test.npy").unlink()
    with pytest.raises(InputError, match=r"lacks x_test.npy"):
        open_stream(folder, seed=0)


def test_truncated_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, **made.my_arrays())
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(InputError, match="damaged"):
        open_stream(path, seed=0)


def test_file_and_folder_hold_the_same_stream(tmp_path: Path) -> None:
    arrays = made.my_arrays()
    np.savez(tmp_path / "mine.npz", **arrays)
    made.write_folder(tmp_path / "mine", arrays)
    file, folder = (open_stream(tmp_path / name, seed=0) for name in ("mine.npz", "mine"))
    assert file.shape == folder.shape and file.tasks == folder.tasks and file.scenario == folder.scenario
    assert file.shape == (5, 3, 4, True)
    for k in range(2):
        assert np.array_equal(next(file.held_out(k, 30)).x, next(folder.held_out(k, 30)).x)


def test_scenario_follows_the_classes() -> None:
    x = np.zeros((4, 2, 2))
    own = [(x, np.array([0, 1, 0, 1]), x, np.zeros(4, int)), (x, np.array([2, 3, 3, 2]), x, np.full(4, 2))]
    assert ArrayStream(own, seed=0).scenario == "class-incremental"
    assert ArrayStream([own[0], own[0]], seed=0).scenario == "domain-incremental"
    assert ArrayStream(own[:1], seed=0).scenario == "domain-incremental"


def test_bytes_become_shares_of_255() -> None:
    x = np.array([[0, 51], [255, 102]], np.uint8)
    stream = ArrayStream([(x, np.array([0, 1]), x, np.array([0, 1]))], seed=0, order="stored", steps=2)
    assert stream.shape == (2, 1, 2, False)
    assert np.allclose(next(stream.chunks(0, 2)).x[..., 0], x / 255)


class _Dataset:
    """Like a map-style PyTorch dataset: gray images with a leading axis, labels as scalars."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, k: int) -> tuple[np.ndarray, int]:
        if not 0 <= k < self.count:
            raise IndexError(k)
        return np.full((1, 4, 6), k / self.count, np.float32), k % 3


def test_datasets_are_read() -> None:
    stream = ArrayStream([(_Dataset(30), _Dataset(9)), (_Dataset(12), _Dataset(3))], seed=0, order="stored")
    assert stream.shape == (4, 6, 3, False) and [t.examples for t in stream.tasks] == [30, 12]
    chunk = next(stream.chunks(1, 12))
    assert np.allclose(chunk.x[:, 0, 0], np.arange(12) / 12) and chunk.y.tolist() == [
        k % 3 for k in range(12)
    ]


def test_torch_datasets_are_read() -> None:
    torch = pytest.importorskip("torch")
    pairs = torch.utils.data.TensorDataset(torch.rand(20, 3, 5), torch.arange(20) % 2)
    x, y = pairs.tensors
    for task in ((pairs, pairs), (x, y, x, y)):
        stream = ArrayStream([task], seed=0, order="stored")
        chunk = next(stream.chunks(0, 20))
        assert np.array_equal(chunk.x, x.numpy()) and np.array_equal(chunk.y, y.numpy())
    with pytest.raises(InputError, match="detached"):
        ArrayStream([(x.requires_grad_(), y, x, y)], seed=0)


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([], "no task"),
        ([(1, 2, 3)], "3 members"),
        ([(_Dataset(0), _Dataset(3))], "empty"),
        ([(iter([]), iter([]))], "map-style"),
        ([([[0.0]], [0, 1], [[0.0]], [0])], "one label per example"),
        ([([[0.0], [1.0, 2.0]], [0, 1], [[0.0]], [0])], "can't be made"),
    ],
)
def test_bad_tasks_are_refused(tasks: list[Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ArrayStream(tasks, seed=0)


def test_labels_beyond_the_classes_are_refused() -> None:
    x, y = np.zeros((3, 2, 2)), np.array([0, 1, 2])
    with pytest.raises(InputError, match="label 2, but classes = 2"):
        ArrayStream([(x, y, x, y)], seed=0, classes=2)
    assert ArrayStream([(x, y, x, y)], seed=0, classes=7).shape.classes == 7
    with pytest.raises(InputError, match="stored, shuffled"):
        ArrayStream([(x, y, x, y)], seed=0, order="random")


_MEASURE = """
import resource, sys
from cimlearn.streams import open_stream
stream = open_stream(sys.argv[1], seed=0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
stream = open_stream(sys.argv[2], seed=0)
count = sum(len(chunk.y) for chunk in stream.chunks(0, 500))
assert count == stream.tasks[0].examples
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux only")
def test_a_folder_is_read_in_constant_memory(tmp_path: Path) -> None:
    """A file of 160 MB, sparse on the disk, needs no more than 60 MB over a small one."""
    for name, count in (("small", 5_000), ("large", 200_000)):
        folder = tmp_path / name
        folder.mkdir()
        np.lib.format.open_memmap(folder / "x_train.npy", "w+", np.float32, (count, 20, 10))
        np.save(folder / "y_train.npy", np.arange(count, dtype=np.uint8) % 4)
        np.save(folder / "x_test.npy", np.zeros((8, 20, 10), np.float32))
        np.save(folder / "y_test.npy", np.arange(8) % 4)
    gc.collect()
    paths = [str(tmp_path / "small"), str(tmp_path / "large")]
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, *paths], capture_output=True, text=True, check=True
    )
    count, kib = map(int, done.stdout.split())
    assert count == 200_000 and kib < 60_000
