"""Readers of data files. Each returns arrays and the SHA-256 of what it read; none ever unpickles."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError

BLOCK = 1 << 20  # bytes read at a time
LARGEST = 1 << 31  # bytes; an IDX header that asks for more is wrong
DAMAGE = (
    EOFError,
    KeyError,
    NotImplementedError,
    ValueError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)

Arrays = dict[str, NDArray[Any]]


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns every way in which a file can be damaged or unreadable into one InputError."""
    try:
        yield
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(f"{path} is damaged or truncated ({error}); fetch or copy it again") from None
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror or error}); check the file") from None
    except MemoryError:
        raise InputError(f"{path} doesn't fit into memory; use a folder of .npy files instead") from None


def check_digest(path: Path, expected: str, found: str) -> None:
    """Raises InputError unless both SHA-256 are equal."""
    if expected != found:
        raise InputError(
            f"{path} has the wrong checksum: expected sha256 {expected[:12]}, found {found[:12]}; "
            "delete it and fetch it again (cimlearn data get)"
        )


def open_plain(path: Path) -> BinaryIO:
    """`path`, unpacked on the way if it is gzip'ed."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path, "rb")) if packed else path.open("rb")


def file_digest(path: Path, *, unpack: bool) -> str:
    """SHA-256 (hex) of a file, or of its unpacked content."""
    with reading(path), open_plain(path) if unpack else path.open("rb") as file:
        return hashlib.file_digest(cast(Any, file), "sha256").hexdigest()


def digest_or_blank(path: Path, *, unpack: bool) -> str:
    """Like `file_digest`, but '' if the file can't be unpacked or read."""
    try:
        return file_digest(path, unpack=unpack)
    except InputError:
        return ""


def _fill(file: BinaryIO, array: NDArray[np.uint8], hasher: Any, path: Path) -> None:
    """Reads exactly `array` from `file`, hashing on the way."""
    view = memoryview(cast(Any, array.reshape(-1)))
    done = 0
    while done < len(view):
        count = cast(io.RawIOBase, file).readinto(view[done : done + BLOCK])
        if not count:
            raise InputError(f"{path} ends after {done} of {len(view)} bytes of data; fetch or copy it again")
        hasher.update(view[done : done + count])
        done += count


def read_idx(path: Path, axes: int) -> tuple[NDArray[np.uint8], str]:
    """An IDX file of unsigned bytes with `axes` dimensions, and the SHA-256 of its unpacked content.

    Header: two zero bytes, type 0x08 (uint8), number of dimensions, then each size as 4 bytes, big-endian.
    """
    with reading(path), open_plain(path) as file:
        header = file.read(4 + 4 * axes)
        if header[:4] != bytes((0, 0, 8, axes)) or len(header) < 4 + 4 * axes:
            raise InputError(
                f"{path} is not an IDX file of bytes with {axes} dimensions "
                f"(it starts with {header[:4].hex() or 'nothing'}); fetch or copy it again"
            )
        shape = tuple(int(n) for n in np.frombuffer(header[4:], ">u4"))
        size = int(np.prod(shape, dtype=object))
        if size > LARGEST:
            raise InputError(f"{path} claims a shape of {shape}, more than 2 GiB; fetch or copy it again")
        array = np.empty(shape, np.uint8)
        hasher = hashlib.sha256(header)
        _fill(file, array, hasher, path)
        if file.read(1):
            raise InputError(
                f"{path} holds more than the {shape} bytes of its header; fetch or copy it again"
            )
    return array, hasher.hexdigest()


def read_npz(path: Path, keys: tuple[str, ...], optional: tuple[str, ...] = ()) -> Arrays:
    """The arrays `keys` (and those of `optional` that are there) of an .npz file."""
    with reading(path), path.open("rb") as raw:
        file = np.load(raw, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise InputError(f"{path} is a single .npy array; needed: an .npz with {', '.join(keys)}")
        missing = [key for key in keys if key not in file]
        if missing:
            raise InputError(f"{path} lacks {', '.join(missing)}; it holds {', '.join(file) or 'nothing'}")
        return {key: file[key] for key in (*keys, *optional) if key in file}


def read_cifar_binary(path: Path, label_bytes: int) -> Arrays:
    """Training and test set of the authors' binary archive, images (n, 32, 32, 3) uint8.

    Each record: label_bytes labels (CIFAR-100: coarse, then fine; the last is used), then 3072 bytes:
    red, green and blue planes, row by row. https://www.cs.toronto.edu/~kriz/cifar.html
    """
    record = label_bytes + 3072
    arrays: Arrays = {}
    with reading(path), tarfile.open(path, "r:gz") as archive:
        members = [m for m in archive if m.isfile() and m.name.endswith(".bin")]
        for part in ("train", "test"):
            mine = sorted((m for m in members if _part(m.name) == part), key=lambda m: m.name)
            total = sum(m.size for m in mine)
            if total == 0 or any(m.size % record for m in mine) or total > LARGEST:
                raise InputError(f"{path}: the {part} files aren't a whole number of {record}-byte records")
            arrays[f"x_{part}"] = np.empty((total // record, 32, 32, 3), np.uint8)
            arrays[f"y_{part}"] = np.empty(total // record, np.uint8)
            first = 0
            for member in mine:
                file = archive.extractfile(member)
                rows = np.frombuffer(file.read() if file else b"", np.uint8).reshape(-1, record)
                here = slice(first, first + len(rows))
                arrays[f"x_{part}"][here] = rows[:, label_bytes:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
                arrays[f"y_{part}"][here] = rows[:, label_bytes - 1]
                first = here.stop
    return arrays


def _part(name: str) -> str:
    """'test' for test_batch.bin and test.bin, 'train' for the others."""
    return "test" if Path(name).name.startswith("test") else "train"


def read_digits(path: Path) -> NDArray[np.uint8]:
    """(1797, 65) scikit-learn's digits: 64 pixels of 0..16, then the label."""
    with reading(path), open_plain(path) as file:
        table = np.loadtxt(io.TextIOWrapper(file, "ascii"), delimiter=",", dtype=np.float64, ndmin=2)
    if table.shape[1] != 65 or table.min() < 0 or table.max() > 16:
        raise InputError(f"{path} is not the digits table: {table.shape[1]} columns instead of 65")
    return table.astype(np.uint8)
