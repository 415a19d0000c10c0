"""Digests by which damage is found: of run.json, of each line of records, of a state.

    run.json          "digest": SHA-256 of the rest, as JSON with sorted keys and no spaces
    records.jsonl     "check", the last key of a line: 16 hex digits of the SHA-256 of the line's bytes before it
    state             "digest" in its header: SHA-256 of header and tensors

A run whose run.json has a digest has all three; folders from before have none and are read as they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from cimlearn.untrusted.text import parse_json

DIGEST: Final = "digest"
CHECK: Final = "check"
_MARK: Final = b', "check": "'
_DIGITS: Final = 16  # of a line's SHA-256: 64 bits


def of_values(values: Mapping[str, Any]) -> str:
    """SHA-256 of plain values, whatever their order; the key `digest` itself is left out."""
    kept = {key: value for key, value in values.items() if key != DIGEST}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def of_state(header: Mapping[str, Any], tensors: Mapping[str, Any]) -> str:
    """SHA-256 of a state: its header, then name, type, shape and bytes of each array."""
    found = hashlib.sha256(of_values(header).encode())
    for name, tensor in sorted(tensors.items()):
        found.update(f"\n{name} {tensor.dtype.str} {list(tensor.shape)}\n".encode())
        found.update(tensor.reshape(-1).view("u1").data)
    return found.hexdigest()


def sealed_line(json_line: str) -> bytes:
    """A line of records.jsonl, of a JSON object that isn't empty: the object with its check at the end."""
    body = json_line.removesuffix("}").encode()
    return body + _MARK + _check(body) + b'"}\n'


def opened_line(line: bytes, where: str, *, must: bool) -> Any:
    """The JSON value of a line without its check; `must`: it has to have one.

    Raises
    ------
    ValueError
        If it isn't JSON (InputError), or isn't what was written.
    """
    value = parse_json(line, where)
    body, mark, rest = line.rstrip(b"\n").rpartition(_MARK)
    if isinstance(value, dict) and (mark or must or CHECK in value):
        if rest != _check(body) + b'"}':
            raise ValueError("its checksum is wrong" if mark else "it lacks its checksum")
        value.pop(CHECK, None)
    return value


def _check(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:_DIGITS].encode()
