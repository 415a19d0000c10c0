"""Small files that lie about themselves, made in code: what the gate has to refuse."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np


def npy(header: str, data: bytes = b"", version: int = 1) -> bytes:
    """An .npy file with any header."""
    text = header.encode() + b"\n"
    return (
        b"\x93NUMPY"
        + bytes((version, 0))
        + len(text).to_bytes(2 if version == 1 else 4, "little")
        + text
        + data
    )


def header(shape: object, descr: str = "<f4", order: object = False) -> str:
    return repr({"descr": descr, "fortran_order": order, "shape": shape})


def good_arrays() -> dict[str, np.ndarray]:
    x = np.linspace(0, 1, 40 * 6, dtype=np.float32).reshape(40, 6)
    y = np.arange(40) % 2
    return {"x_train": x, "y_train": y, "x_test": x[:10], "y_test": y[:10]}


def npz(members: dict[str, bytes | np.ndarray], packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An .npz of arrays, or of bytes that say that they are arrays."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packed) as archive:
        for name, content in members.items():
            if isinstance(content, np.ndarray):
                buffer = io.BytesIO()
                np.save(buffer, content)
                content = buffer.getvalue()
            archive.writestr(f"{name}.npy", content)
    return out.getvalue()


def good_npz(**changed: bytes | np.ndarray) -> bytes:
    return npz({**good_arrays(), **changed})


def encrypted_npz() -> bytes:
    """The flag of encryption is set in both of the archive's headers of each member."""
    content = bytearray(good_npz())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.find(mark)
        while start >= 0:
            content[start + at] |= 1
            start = content.find(mark, start + 4)
    return bytes(content)


def bomb(claimed: int = 1 << 32) -> bytes:
    """A member that says it unpacks to `claimed` bytes; it is refused before that could be found out."""
    content = bytearray(good_npz())
    at = content.find(b"PK\x01\x02")
    content[at + 24 : at + 28] = (claimed - 1 & 0xFFFFFFFF).to_bytes(4, "little")
    return bytes(content)


NPZ: dict[str, Callable[[], bytes]] = {
    "header is no dictionary": lambda: good_npz(x_train=npy("[1, 2")),
    "header is a call": lambda: good_npz(x_train=npy("__import__('os').getpid()")),
    "header nests": lambda: good_npz(x_train=npy("(" * 9000)),
    "shape is text": lambda: good_npz(x_train=npy(header("ab"))),
    "shape is negative": lambda: good_npz(x_train=npy(header((-1, 4)))),
    "shape is true": lambda: good_npz(x_train=npy(header((True, 4)))),
    "shape is huge": lambda: good_npz(x_train=npy(header((10**12, 10**12)))),
    "shape is larger than the data": lambda: good_npz(x_train=npy(header((10**6, 10)), b"1234")),
    "objects": lambda: good_npz(x_train=npy(header((4,), "|O"), b"1" * 32)),
    "records": lambda: good_npz(
        x_train=npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", b"1234")
    ),
    "type is unknown": lambda: good_npz(x_train=npy(header((4,), "<q99"), b"1" * 16)),
    "encrypted": encrypted_npz,
    "bomb": bomb,
    "twice": lambda: _twice(),
    "names of many lines and colours": lambda: npz({"x\ny\x1b[31m\u202e": np.ones(3)}),
    "empty": lambda: b"",
    "half": lambda: good_npz()[:700],
    "one array": lambda: npy(header((1,)), b"1234"),
    "no zip": lambda: b"PK\x03\x04" + b"\0" * 300,
}


def _twice() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, array in good_arrays().items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            archive.writestr(f"{name}.npy", buffer.getvalue())
        archive.writestr("x_train", b"other")
    return out.getvalue()


TOML: dict[str, bytes] = {
    "deep": b'chip = "m2ru"\ndeep = ' + b"[" * 3000 + b"]" * 3000,
    "deep tables": b"a" + b".a" * 40 + b" = 1",
    "huge whole number": b'chip = "m2ru"\n[cell]\nendurance = ' + b"9" * 400,
    "whole number of 65 bits": b'chip = "m2ru"\n[cell]\nendurance = 18446744073709551616',
    "NUL": b'chip = "m2ru"\nout = "a\\u0000b"',
    "latin-1": b'chip = "m2r\xfc"',
    "UTF-16": 'chip = "m2ru"'.encode("utf-16"),
    "not finite": b'chip = "m2ru"\n[cell]\nendurance = nan',
    "true for a number": b'chip = "m2ru"\n[network]\nhidden = true',
    "true for a number of the stream": b'chip = "m2ru"\n[stream]\nname = "permuted-digits"\ntasks = true',
    "true for a text": b'chip = "m2ru"\n[stream]\nname = true',
    "an empty unknown table": b'chip = "m2ru"\n[netwrok]\n',
    "a list for a number": b'chip = "m2ru"\n[network]\nhidden = [1, 2]',
    "a date for a number": b'chip = "m2ru"\n[network]\nhidden = 2026-01-01',
    "a table for a text": b'chip = "m2ru"\n[device]\nkind = {a = 1}',
    "no user": b'chip = "m2ru"\nstream = "~nobody-of-this-name/x.csv"',
}
JSON: dict[str, bytes] = {
    "deep": b"[" * 100_000,
    "deep and closed": b"[" * 200 + b"]" * 200,
    "a number without end": b"1" * 5000,
    "41 digits": b"1" * 41,
    "NaN": b"[NaN]",
    "infinity": b"[1e999]",
    "a key twice": b'{"a": 1, "a": 2}',
    "latin-1": b'["\xfc"]',
    "UTF-16": "[1]".encode("utf-16"),
    "NUL": b'["a\\u0000b"]',
    "half a character": b'["\\ud800"]',
    "empty": b"",
    "more after the end": b"{} {}",
}


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
