"""Opening a file: a real one, of a size that fits; every way in which it can be damaged is one error."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import stat
import tarfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from cimlearn.errors import InputError

DAMAGE: Final = (
    EOFError,
    KeyError,
    IndexError,
    NotImplementedError,
    OverflowError,
    RecursionError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    tarfile.TarError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def said(error: BaseException, most: int = 200) -> str:
    """What an error says, in one line of at most `most` characters."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:most]


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns every way in which a file can be damaged or unreadable into one InputError."""
    try:
        yield
    except InputError:
        raise
    except MemoryError:
        raise InputError(f"{path} doesn't fit into memory; use a folder of .npy files instead") from None
    except DAMAGE as error:
        raise InputError(f"{path} is damaged or truncated ({said(error)}); fetch or copy it again") from None
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror or said(error)}); check the file") from None


def check_file(path: Path) -> int:
    """The size of `path`; InputError unless it is a file: a pipe or a device may never end."""
    with reading(path):
        found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
        raise InputError(f"{path} is {kind}, not a file; give a file")
    return found.st_size


def open_file(path: Path) -> BinaryIO:
    """`path`, opened to be read."""
    check_file(path)
    return path.open("rb")


def read_bytes(path: Path, most: int) -> bytes:
    """The whole of `path`, if that is at most `most` bytes."""
    with reading(path), open_file(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise InputError(
            f"{path} has more than {most:,} bytes, the limit for a file of its kind; give a smaller one"
        )
    return content


def rest(file: BinaryIO) -> int:
    """Bytes from here to the end of an open file."""
    here = file.tell()
    end = file.seek(0, io.SEEK_END)
    file.seek(here, os.SEEK_SET)
    return end - here
