"""What the user wants, from a TOML file and the command line; the command line wins."""

from __future__ import annotations

import tomllib
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cimlearn.errors import InputError, nearest

_WORDS = ("chip", "stream", "on", "data", "out")  # plain texts; a path is relative to the current folder
_PLACES = ("chip", "float", "adam")
_MOST_SEEDS = 10_000


def wanted(arguments: Namespace) -> dict[str, Any]:
    """Only what was given: 'chip', 'stream', 'on', 'seeds', 'data', 'out', and always 'settings'."""
    chip = arguments.chip
    given: dict[str, Any] = {"settings": {}}
    if chip is not None and chip.endswith(".toml"):
        given = _from_toml(Path(chip))
        chip = None
    words = {word: getattr(arguments, word) for word in _WORDS} | {"chip": chip}
    given |= {word: value for word, value in words.items() if value is not None}
    if arguments.seeds is not None:
        given["seeds"] = _seeds_of_text(arguments.seeds)
    given["settings"] |= settings_of(arguments.set)
    return given


def settings_of(pairs: Sequence[str]) -> dict[str, str]:
    """['part.key=value', ...] as a mapping."""
    settings = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or "." not in name:
            raise InputError(f"--set {pair}: write it as part.key=value, for example network.hidden=256")
        settings[name.strip()] = value.strip()
    return settings


def _seeds_of_text(text: str) -> tuple[int, ...]:
    """'3' as (0, 1, 2), '0,3,5' as (0, 3, 5)."""
    try:
        numbers = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        numbers = []
    if not numbers:
        raise InputError(f"--seeds {text}: give how many (3) or which (0,3,5)")
    return seeds_of(numbers if "," in text else numbers[0])


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


def _from_toml(file: Path) -> dict[str, Any]:
    """The experiment in a TOML file: words and seeds at the top, then a table of parameters per part.

    A stream with settings is a table whose key `name` says which: [stream] name = "permuted-mnist".
    """
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"can't read {file}: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{file} is not a TOML file: {error}") from None
    given: dict[str, Any] = {"settings": {}}
    for key, value in content.items():
        if isinstance(value, Mapping):
            given["settings"] |= {f"{key}.{name}": setting for name, setting in value.items()}
            if key == "stream" and "name" in value:
                given["stream"] = str(given["settings"].pop("stream.name"))
        elif key == "seeds":
            given["seeds"] = seeds_of(value)
        elif key not in _WORDS:
            raise InputError(f"{file}: unknown key '{key}'; {nearest(key, (*_WORDS, 'seeds'))}")
        elif not isinstance(value, str):
            raise InputError(f"{file}: {key} = {value!r} must be a text")
        else:
            given[key] = value
    if given.get("on", "chip") not in _PLACES:
        raise InputError(f"{file}: on = '{given['on']}' is not one of: {', '.join(_PLACES)}")
    if "chip" not in given:
        raise InputError(f"{file}: the key 'chip' is missing; for example chip = \"m2ru\"")
    return given
