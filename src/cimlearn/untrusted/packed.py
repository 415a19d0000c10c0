"""Files that may be packed with gzip, and digests of their content."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any, BinaryIO, cast

from cimlearn.errors import InputError
from cimlearn.untrusted.files import check_file, open_file, reading


def open_plain(path: Path) -> BinaryIO:
    """`path`, unpacked on the way if it is gzip'ed."""
    check_file(path)
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path, "rb")) if packed else path.open("rb")


def file_digest(path: Path, *, unpack: bool) -> str:
    """SHA-256 (hex) of a file, or of its unpacked content."""
    with reading(path), open_plain(path) if unpack else open_file(path) as file:
        return hashlib.file_digest(cast(Any, file), "sha256").hexdigest()


def digest_or_blank(path: Path, *, unpack: bool) -> str:
    """Like `file_digest`, but '' if the file can't be unpacked or read."""
    try:
        return file_digest(path, unpack=unpack)
    except InputError:
        return ""
