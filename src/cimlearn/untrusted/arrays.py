"""NPY, NPZ and IDX: what a header claims is compared with the bytes that are there, before memory is taken."""

from __future__ import annotations

import ast
import hashlib
import zipfile
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.untrusted import limits
from cimlearn.untrusted.files import check_file, open_file, reading, rest, said
from cimlearn.untrusted.packed import open_plain

Arrays = dict[str, NDArray[Any]]
_MAGIC: Final = b"\x93NUMPY"
_KINDS: Final = "biufcSUmM"  # of numbers, texts and times; 'O' would be Python objects
_BLOCK: Final = 1 << 20  # bytes read at a time
_PACKED: Final = 1032  # deflate packs at most this many times


class Header(NamedTuple):
    """What an .npy file says of its array."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool

    @property
    def bytes(self) -> int:
        """Size of the data."""
        return prod(self.shape) * self.dtype.itemsize


def open_npy(path: Path) -> NDArray[Any]:
    """An .npy file, mapped read-only. Raises InputError if it is damaged or holds Python objects."""
    with reading(path), open_file(path) as file:
        header = _header(file, str(path))
        if rest(file) < header.bytes:
            raise InputError(
                f"{path} is truncated: {rest(file):,} of {header.bytes:,} bytes of data; copy it again"
            )
        order: Any = "F" if header.fortran else "C"
        if header.bytes == 0:
            return np.empty(header.shape, header.dtype, order)
        return np.memmap(path, header.dtype, "r", file.tell(), header.shape, order)


def read_npz(path: Path, keys: tuple[str, ...], optional: tuple[str, ...] = ()) -> Arrays:
    """The arrays `keys` (and those of `optional` that are there) of an .npz file.

    Raises
    ------
    InputError
        If one of `keys` is missing, the file is damaged or encrypted, holds Python objects or one name twice, or
        takes more memory than one file may (limits.most_bytes).
    """
    with reading(path), open_file(path) as raw:
        if raw.read(len(_MAGIC)) == _MAGIC:
            raise InputError(f"{path} is a single .npy array; needed: an .npz with {', '.join(keys)}")
        with zipfile.ZipFile(raw) as archive:
            members = _members(archive, path)
            missing = [key for key in keys if key not in members]
            if missing:
                held = ", ".join(name[:40] for name in list(members)[:9]) or "nothing"
                raise InputError(f"{path} lacks {', '.join(missing)}; it holds {held}")
            wanted = {key: members[key] for key in (*keys, *optional) if key in members}
            limits.check_bytes(str(path), sum(info.file_size for info in wanted.values()))
            return {key: _read(archive, info, f"{path}: {key}") for key, info in wanted.items()}


def npz_names(path: Path) -> list[str]:
    """Names of the arrays in an .npz file, in order; none are read."""
    with reading(path), open_file(path) as raw, zipfile.ZipFile(raw) as archive:
        return list(_members(archive, path))


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """The archive's arrays by name."""
    found: dict[str, zipfile.ZipInfo] = {}
    if len(archive.infolist()) > limits.MEMBERS:
        raise InputError(f"{path} holds {len(archive.infolist())} files; the limit is {limits.MEMBERS}")
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name in found:
            raise InputError(f"{path} holds two arrays called {name!a}; write it again with np.savez")
        if info.flag_bits & 1:
            raise InputError(f"{path} is encrypted; write it again with np.savez, which doesn't encrypt")
        found[name] = info
    return found


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> NDArray[Any]:
    """One array of an archive, whose data must be as long as its header says."""
    with archive.open(info) as packed:
        file = cast(BinaryIO, packed)
        header = _header(file, where)
        data = info.file_size - file.tell()
        if data != header.bytes:
            raise InputError(
                f"{where}: its header says {header.bytes:,} bytes of data, the archive {data:,}; write it again"
            )
        array = np.empty(prod(header.shape), header.dtype)
        fill(file, array.view(np.uint8) if header.bytes else np.empty(0, np.uint8), where)
        if file.read(1):
            raise InputError(f"{where} holds more than its header says; write it again with np.savez")
    return array.reshape(header.shape, order="F" if header.fortran else "C")


def _header(file: BinaryIO, where: str) -> Header:
    """The header of an .npy file: a magic word, a version, the length of a Python dictionary, that dictionary.

    numpy.lib.format describes it; values are read as literals, never run.
    """
    start = file.read(8)
    if len(start) < 8 or start[:6] != _MAGIC or start[6] not in (1, 2, 3):
        raise InputError(f"{where} is not an .npy array (it starts with {start[:6].hex() or 'nothing'})")
    length = int.from_bytes(file.read(2 if start[6] == 1 else 4), "little")
    if length > limits.HEADER:
        raise InputError(f"{where} has a header of {length:,} bytes; the limit is {limits.HEADER:,}")
    text = file.read(length)
    try:
        found = ast.literal_eval(text.decode("utf-8" if start[6] == 3 else "latin-1").strip())
        if (
            not isinstance(found, dict)
            or set(found) != {"descr", "fortran_order", "shape"}
            or len(text) < length
        ):
            raise ValueError("it lacks descr, fortran_order or shape")
        shape, named = found["shape"], found["descr"]
        if not isinstance(named, str):
            raise ValueError("its type is not one number or text")
        dtype = np.dtype(named)
        if not isinstance(shape, tuple) or any(
            type(n) is not int or not 0 <= n < limits.WHOLE for n in shape
        ):
            raise ValueError(f"its shape is {ascii(shape)[:80]}")
        if type(found["fortran_order"]) is not bool or len(shape) > 32:
            raise ValueError("its order or shape is none")
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise InputError(
            f"{where} has a damaged header ({said(error, 120)}); write it again with np.save"
        ) from None
    if dtype.kind not in _KINDS or dtype.itemsize == 0:
        raise InputError(f"{where} is of type {named[:40]}; give an array of numbers, not of Python objects")
    header = Header(dtype, shape, found["fortran_order"])
    if header.bytes >= limits.WHOLE:
        raise InputError(f"{where} claims a shape of {shape}, more than any memory; write it again")
    return header


def fill(file: BinaryIO, array: NDArray[np.uint8], where: str, hasher: Any = None) -> None:
    """Reads exactly `array` from `file`, hashing on the way if asked to."""
    view = memoryview(cast(Any, array.reshape(-1)))
    done = 0
    while done < len(view):
        block = file.read(min(_BLOCK, len(view) - done))
        if not block:
            raise InputError(
                f"{where} ends after {done} of {len(view)} bytes of data; fetch or copy it again"
            )
        view[done : done + len(block)] = block
        if hasher is not None:
            hasher.update(block)
        done += len(block)


def read_idx(path: Path, axes: int) -> tuple[NDArray[np.uint8], str]:
    """An IDX file of unsigned bytes with `axes` dimensions, and the SHA-256 of its unpacked content.

    Header: two zero bytes, type 0x08 (uint8), number of dimensions, then each size as 4 bytes, big-endian.
    """
    size = check_file(path)
    with reading(path), open_plain(path) as file:
        header = file.read(4 + 4 * axes)
        if header[:4] != bytes((0, 0, 8, axes)) or len(header) < 4 + 4 * axes:
            raise InputError(
                f"{path} is not an IDX file of bytes with {axes} dimensions "
                f"(it starts with {header[:4].hex() or 'nothing'}); fetch or copy it again"
            )
        shape = tuple(int(n) for n in np.frombuffer(header[4:], ">u4"))
        claimed = prod(shape)
        if claimed > size * _PACKED:
            raise InputError(f"{path} claims a shape of {shape}, more than {size} bytes hold; fetch it again")
        limits.check_bytes(f"{path} of shape {shape}", claimed)
        array = np.empty(shape, np.uint8)
        hasher = hashlib.sha256(header)
        fill(file, array, str(path), hasher)
        if file.read(1):
            raise InputError(
                f"{path} holds more than the {shape} bytes of its header; fetch or copy it again"
            )
    return array, hasher.hexdigest()
