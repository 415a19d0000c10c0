"""Readers of the data sets' own formats, on top of the gate (`cimlearn.untrusted`)."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.untrusted import limits
from cimlearn.untrusted.arrays import Arrays, read_idx, read_npz
from cimlearn.untrusted.files import reading
from cimlearn.untrusted.packed import digest_or_blank, file_digest, open_plain

__all__ = [
    "Arrays",
    "check_digest",
    "digest_or_blank",
    "file_digest",
    "read_cifar_binary",
    "read_digits",
    "read_idx",
    "read_npz",
    "reading",
]

BLOCK = 1 << 20  # bytes read at a time


def check_digest(path: Path, expected: str, found: str) -> None:
    """Raises InputError unless both SHA-256 are equal."""
    if expected != found:
        raise InputError(
            f"{path} has the wrong checksum: expected sha256 {expected[:12]}, found {found[:12]}; "
            "delete it and fetch it again (cimlearn data get)"
        )


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
            if total == 0 or any(m.size % record for m in mine) or total > limits.most_bytes():
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
