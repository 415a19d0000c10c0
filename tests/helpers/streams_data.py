"""Small data sets in the real formats, and the registry that knows their checksums."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.streams.sources.formats import file_digest
from cimlearn.streams.sources.known import SOURCES, Source

IDX = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
RNG = np.random.default_rng


def images(
    count: int, shape: tuple[int, ...], classes: int, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Random images, all different, and labels that run through the classes."""
    x = RNG(seed).integers(0, 256, (count, *shape), dtype=np.uint8)
    return x, (np.arange(count) % classes).astype(np.uint8)


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder: Path, *, seed: int, train: int = 200, test: int = 60, pack: bool = True) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    arrays = (*images(train, (28, 28), 10, seed), *images(test, (28, 28), 10, seed + 1))
    for name, array in zip(IDX, arrays, strict=True):
        content = idx_bytes(array)
        path = folder / (f"{name}.gz" if pack else name)
        path.write_bytes(gzip.compress(content, mtime=0) if pack else content)


def write_npz(
    path: Path, shape: tuple[int, ...], classes: int, *, train: int, test: int, **changes: Any
) -> None:
    x_train, y_train = images(train, shape, classes, 3)
    x_test, y_test = images(test, shape, classes, 4)
    arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test} | changes
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})


def write_cifar_binary(path: Path, classes: int, label_bytes: int, names: tuple[str, ...]) -> dict[str, Any]:
    """An archive in the authors' layout; returns the arrays that a reader must find, in file order."""
    expected: dict[str, Any] = {}
    with tarfile.open(path, "w:gz") as archive:
        for number, name in enumerate(names):
            x, y = images(20, (32, 32, 3), classes, 10 + number)
            planes = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
            coarse = np.full((len(x), label_bytes - 1), 7, np.uint8)
            content = np.concatenate((coarse, y[:, None], planes), axis=1).tobytes()
            info = tarfile.TarInfo(f"batches/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
            part = "test" if name.startswith("test") else "train"
            for key, array in ((f"x_{part}", x), (f"y_{part}", y)):
                expected[key] = np.concatenate((expected[key], array)) if key in expected else array
    return expected


def write_hapt(path: Path, people: int = 30) -> None:
    """Two recordings per person; in each, the six activities of 200 to 230 samples with gaps between them."""
    rng = RNG(5)
    label, user, experiment = [], [], []
    for person in range(1, people + 1):
        for recording in (0, 1):
            for activity in (5, 4, 6, 1, 3, 2):
                for kind, length in ((-1, 20), (activity, int(rng.integers(200, 230)))):
                    label += [kind] * length
                    user += [person] * length
                    experiment += [recording] * length
    signal = rng.integers(-2000, 2000, (len(label), 6)).astype(np.int16)
    np.savez(
        path,
        signal=signal,
        scale=np.array([1 / 720] * 3 + [0.0003] * 3),
        label=np.array(label, np.int8),
        user=np.array(user, np.uint8),
        experiment=np.array(experiment, np.uint8),
        label_names=np.array(["none", "WALKING", "WALKING_UPSTAIRS", "SITTING", "D", "E", "F"]),
        rate=np.array([50]),
    )


def known(source: Source, folder: Path, mirrors: tuple[str, ...] | None = None) -> Source:
    """`source` with checksums and sizes of the files in `folder`, and other mirrors."""
    variants = []
    for variant in source.variants:
        files = []
        for file in variant.files:
            path = folder / file.name
            if path.is_file():
                file = file._replace(sha256=file_digest(path, unpack=file.unpack), bytes=path.stat().st_size)
            files.append(
                file._replace(mirrors=mirrors if mirrors is not None and file.mirrors else file.mirrors)
            )
        variants.append(variant._replace(files=tuple(files)))
    return source._replace(variants=tuple(variants))


def make_data(folder: Path) -> dict[str, Source]:
    """A data folder with small sets; the sources that describe it."""
    write_idx(folder / "mnist", seed=1)
    write_idx(folder / "fashion-mnist", seed=50)
    write_npz(folder / "cifar10-25k.npz", (32, 32, 3), 10, train=100, test=40)
    write_npz(folder / "cifar100-12k.npz", (32, 32, 3), 100, train=200, test=100)
    write_hapt(folder / "hapt-50hz.npz")
    places = {"mnist": folder / "mnist", "fashion-mnist": folder / "fashion-mnist"}
    return {name: known(source, places.get(name, folder)) for name, source in SOURCES.items()}


def my_arrays(*, tasks: int = 2, signed: bool = True) -> dict[str, NDArray[Any]]:
    """Arrays in the .npz layout: 60 training and 30 test sequences of 5 steps of 3 features per task."""
    rng = RNG(9)
    arrays: dict[str, NDArray[Any]] = {}
    for part, count in (("train", 60), ("test", 30)):
        arrays[f"x_{part}"] = rng.uniform(-1 if signed else 0, 1, (tasks * count, 5, 3)).astype(np.float32)
        arrays[f"y_{part}"] = rng.integers(0, 4, tasks * count)
        arrays[f"y_{part}"][:4] = [0, 1, 2, 3]
        arrays[f"task_{part}"] = np.repeat(np.arange(tasks), count)
    return arrays


def write_folder(folder: Path, arrays: dict[str, NDArray[Any]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for key, array in arrays.items():
        np.save(folder / f"{key}.npy", array)
    return folder


def write_table(path: Path) -> None:
    """Two people on two days, three activities in stretches of 60 readings of two sensors."""
    rng = RNG(11)
    lines = ["left,right,activity,person,day"]
    for k in range(1440):
        activity = ("rest", "walk", "run")[k // 60 % 3]
        left, right = rng.standard_normal(2).tolist()
        lines.append(f"{left:.6f},{right:.6f},{activity},p{k // 720},day {k // 360 % 2}")
    path.write_text("\n".join(lines) + "\n")


class Pairs:
    """A map-style data set: images (1, 6, 4) as floats, labels as scalars; nothing else."""

    def __init__(self, count: int, seed: int) -> None:
        self.x = RNG(seed).random((count, 1, 6, 4), np.float32)
        self.y = RNG(seed).integers(0, 3, count)

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, k: int) -> tuple[NDArray[np.float32], np.int64]:
        return self.x[k], self.y[k]


def my_datasets() -> list[tuple[Pairs, Pairs]]:
    """Two tasks."""
    return [(Pairs(30, 1), Pairs(9, 2)), (Pairs(25, 3), Pairs(12, 4))]
