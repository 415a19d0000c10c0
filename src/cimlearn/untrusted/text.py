"""TOML, JSON and numbers written as text."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping
from numbers import Complex, Real
from pathlib import Path
from typing import Any, Final

from cimlearn.errors import InputError
from cimlearn.untrusted import limits
from cimlearn.untrusted.files import read_bytes, said

# Python also reads 1_234, full-width digits and numbers of other scripts; a file that holds them is a mistake.
_NUMBER: Final = re.compile(
    r"\s*[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf(inity)?|nan)\s*", re.A | re.I
)


def number(given: Any) -> float:
    """A text or number as a number.

    Raises
    ------
    TypeError
        For true, false and complex numbers, whose imaginary part would be lost.
    ValueError
        For a text that isn't written in plain digits.
    """
    if isinstance(given, bool):
        raise TypeError("true and false are not numbers")
    if isinstance(given, str | bytes):
        text = given if isinstance(given, str) else given.decode("ascii")
        if not _NUMBER.fullmatch(text):
            raise ValueError(f"{text!r} is not a number")
        return float(text)
    if isinstance(given, Complex) and not isinstance(given, Real):
        raise TypeError("a complex number is not one number")
    try:
        return float(given)
    except OverflowError:
        raise ValueError("a whole number beyond 1e308") from None


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file. Raises InputError, one line, if it can't be read or holds what nothing takes."""
    return parse_toml(read_bytes(path, limits.TOML), str(path))


def parse_toml(content: bytes, where: str) -> dict[str, Any]:
    """TOML as Python values; whole numbers have 64 bits, other numbers are finite, texts hold no NUL."""
    text = _decoded(content, where)
    try:
        found = tomllib.loads(text)
    except RecursionError:
        raise _too_deep(where) from None
    except ValueError as error:
        raise InputError(f"{where} is not a TOML file: {said(error)}") from None
    check_values(found, where, whole=limits.WHOLE)
    return found


def read_json(path: Path) -> Any:
    """The value of a JSON file. Raises InputError, one line, if it can't be read."""
    return parse_json(read_bytes(path, limits.JSON), str(path))


def parse_json(content: bytes | str, where: str) -> Any:
    """JSON as Python values. NaN, infinity, keys given twice and numbers of more than 40 digits are refused."""
    text = content if isinstance(content, str) else _decoded(content, where)
    try:
        found = json.loads(text, parse_int=_whole, parse_constant=_refused, object_pairs_hook=_once)
    except RecursionError:
        raise _too_deep(where) from None
    except ValueError as error:
        raise InputError(f"{where} is damaged (not JSON: {said(error)}); restore the file") from None
    check_values(found, where)
    return found


def check_values(value: Any, where: str, *, whole: int | None = None) -> None:
    """Raise InputError for values that are nested too deeply, too long, not finite, or hold a NUL or half a character.

    Looks at everything without recursion; `whole` is the limit of whole numbers.
    """
    level: list[Any] = [value]
    for _ in range(limits.DEPTH):
        below: list[Any] = []
        for one in level:
            items = one
            if isinstance(one, Mapping):
                items = one.values()
                for key in one:
                    _check_text(key, where)
            elif not isinstance(one, list):
                items = (one,)
            for item in items:
                if isinstance(item, float):
                    if not math.isfinite(item):
                        raise InputError(
                            f'{where} holds {item}, which is not finite; write a number, or "none"'
                        )
                elif isinstance(item, list | Mapping):
                    below.append(item)
                elif isinstance(item, str):
                    _check_text(item, where)
                elif whole is not None and isinstance(item, int) and not -whole <= item < whole:
                    raise InputError(
                        f"{where} holds a whole number of more than 64 bits; write it as 1e30, or smaller"
                    )
        if not below:
            return
        level = below
    raise _too_deep(where)


def check_argument(text: str) -> None:
    """Raise InputError for a word of the command line that isn't text in UTF-8."""
    _check_text(text, "the command line")


def _check_text(text: str, where: str) -> None:
    if text.isascii() and "\0" not in text:
        return
    shown = ascii(text[:40])
    if "\0" in text:
        raise InputError(f"{where} holds the text {shown} with a NUL in it; remove it")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"{where} holds {shown}, which is not text in UTF-8; write or rename it in UTF-8"
        ) from None


def _decoded(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{where} is not text in UTF-8; save it in UTF-8") from None


def _too_deep(where: str) -> InputError:
    return InputError(f"{where} is nested more than {limits.DEPTH} deep; nothing here is")


def _whole(digits: str) -> int:
    if len(digits) > limits.DIGITS:
        raise ValueError(f"a whole number of {len(digits)} digits")
    return int(digits)


def _refused(word: str) -> float:
    raise ValueError(f"{word} is not finite")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found
