"""safetensors: a header that says where each tensor lies, looked at before any is read.

8 bytes: length of the header, little-endian; the header, JSON: name -> dtype, shape, data_offsets; the data
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

import safetensors

from cimlearn.errors import InputError
from cimlearn.untrusted import limits
from cimlearn.untrusted.files import DAMAGE, open_file, reading, rest, said
from cimlearn.untrusted.text import parse_json

_SIZES: Final = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "F8_E5M2": 1,
    "F8_E4M3": 1,
    "I16": 2,
    "U16": 2,
    "F16": 2,
    "BF16": 2,
}
_SIZES_ALL: Final = {**_SIZES, "I32": 4, "U32": 4, "F32": 4, "F64": 8, "I64": 8, "U64": 8}
_HEADER: Final = 1 << 26  # bytes
T = TypeVar("T")


def open_tensors(path: Path, read: Callable[[Any], T], framework: str = "numpy") -> T:
    """What `read` makes of the open file: `keys()`, `get_tensor(name)`, `metadata()`.

    Raises
    ------
    InputError
        If the file is damaged: a tensor is of an unknown type, out of place or of another size than its shape.
    """
    with reading(path), open_file(path) as file:
        _check(file, path)
    try:
        with safetensors.safe_open(path, framework) as opened:
            return read(opened)
    except InputError:
        raise
    except (safetensors.SafetensorError, OSError, AttributeError, *DAMAGE) as error:
        raise InputError(f"{path} is damaged ({said(error, 120)}); restore or fetch it again") from None


def _check(file: BinaryIO, path: Path) -> None:
    """Raise InputError unless the tensors of the header cover the data exactly."""
    length = int.from_bytes(file.read(8), "little")
    if length > min(_HEADER, rest(file)):
        raise InputError(f"{path} is damaged (its header has {length:,} bytes); restore or fetch it again")
    header = parse_json(file.read(length), f"{path}, header")
    size = rest(file)
    limits.check_bytes(str(path), size)
    if not isinstance(header, dict) or not isinstance(header.pop("__metadata__", {}), dict):
        raise InputError(f"{path} is damaged (its header is no table); restore or fetch it again")
    places = []
    for name, entry in header.items():
        try:
            begin, end = (_whole(n) for n in entry["data_offsets"])
            wanted = prod(_whole(n) for n in entry["shape"]) * _SIZES_ALL[entry["dtype"]]
        except (KeyError, TypeError, ValueError):
            raise InputError(
                f"{path} is damaged (tensor {ascii(name)[:60]}); restore or fetch it again"
            ) from None
        if end - begin != wanted:
            raise InputError(
                f"{path} is damaged ({ascii(name)[:60]} is not of its size); restore or fetch it again"
            )
        places.append((begin, end))
    places.sort()
    if [0, *(end for _, end in places)] != [*(begin for begin, _ in places), size]:
        raise InputError(
            f"{path} is truncated or damaged (tensors don't cover it); restore or fetch it again"
        )


def _whole(n: Any) -> int:
    if type(n) is not int or not 0 <= n < limits.WHOLE:
        raise ValueError(n)
    return n
