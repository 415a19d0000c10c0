"""An experiment as a TOML file: words and seeds at the top, then a table of parameters per part.

A stream with settings is a table whose key `name` says which: [stream] name = "permuted-mnist".
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cimlearn import chips, streams
from cimlearn.errors import InputError, nearest

WORDS: Final = (
    "chip",
    "stream",
    "on",
    "data",
    "out",
)  # plain texts; a path is relative to the current folder
_MOST_SEEDS = 10_000


def read_toml(file: Path) -> dict[str, Any]:
    """The content of a TOML file. Raises InputError if it can't be read."""
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"can't read {file}: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{file} is not a TOML file: {error}") from None


def described(content: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """What `content`, read from `file`, gives of an experiment: words, 'seeds', and always 'settings'.

    Raises
    ------
    InputError
        For an unknown key, a wrong value, or where no chip is named.
    """
    given: dict[str, Any] = {"settings": {}}
    for key, value in content.items():
        if isinstance(value, Mapping):
            given["settings"] |= {f"{key}.{name}": setting for name, setting in value.items()}
            if key == "stream" and "name" in value:
                given["stream"] = str(given["settings"].pop("stream.name"))
        elif key == "seeds":
            given["seeds"] = seeds_of(value)
        elif key not in WORDS:
            raise InputError(f"{file}: unknown key '{key}'; {nearest(key, (*WORDS, 'seeds'))}")
        elif not isinstance(value, str):
            raise InputError(f"{file}: {key} = {value!r} must be a text")
        else:
            given[key] = value
    if "chip" not in given:
        raise InputError(f"{file}: the key 'chip' is missing; for example chip = \"m2ru\"")
    try:
        chips.check_placement(given["chip"], given.get("on", "chip"))
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    return given


def seeds_of(given: Any) -> tuple[int, ...]:
    """How many seeds, or a list of them, as a tuple of different seeds."""
    numbers = given if isinstance(given, list | tuple) else [given]
    if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in numbers):
        raise InputError(
            f"seeds = {given}: give how many (3) or which ([0, 3, 5]), as whole numbers from 0 on"
        )
    if numbers is given:
        return tuple(numbers)
    if not 1 <= given <= _MOST_SEEDS:
        raise InputError(f"seeds = {given} is out of range; allowed: 1 to {_MOST_SEEDS}")
    return tuple(range(given))


def first_stream(
    chip: str, settings: Mapping[str, Any], data: str | Path | None
) -> tuple[str, dict[str, Any]]:
    """The stream of a run that names none, and the settings with those that keep it short."""
    kind = chips.kind(chip)
    return streams.default_stream(data, kind.first_streams), {**kind.first_settings, **settings}
