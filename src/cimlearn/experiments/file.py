"""An experiment as a TOML file: words and seeds at the top, then a table of parameters per part.

A stream with settings is a table whose key `name` says which: [stream] name = "permuted-mnist".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from cimlearn import chips, streams
from cimlearn.costs import prices
from cimlearn.errors import InputError, nearest

WORDS: Final = (
    "chip",
    "stream",
    "on",
    "data",
    "out",
)  # plain texts; a path is relative to the current folder
_MOST_SEEDS = 10_000


def described(content: Mapping[str, Any], file: Path, others: Iterable[str] = ()) -> dict[str, Any]:
    """What `content`, read from `file`, gives of an experiment: words, 'seeds', and always 'settings'.

    `others` are names of tables that a user may have meant.

    Raises
    ------
    InputError
        For an unknown key, a wrong value, or where no chip is named.
    """
    given: dict[str, Any] = {"settings": {}}
    known_tables(content, file, others)
    for key, value in content.items():
        if isinstance(value, Mapping):
            given["settings"] |= {f"{key}.{name}": setting for name, setting in value.items()}
            if key == "stream" and "name" in value:
                given["stream"] = given["settings"].pop("stream.name")
                if not isinstance(given["stream"], str):
                    raise InputError(f"{file}: stream.name = {given['stream']!r} must be a text")
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


def known_tables(content: Mapping[str, Any], file: Path, others: Iterable[str] = ()) -> None:
    """Raise InputError for a table that is no part of the chip, its prices or the stream, even an empty one."""
    chip = content.get("chip")
    if not isinstance(chip, str) or not chips.is_known(chip):
        return  # whoever builds the experiment says that better
    kind = chips.kind(chip)
    part, _, key = (kind.device or ".").partition(".")
    table = content.get(part)
    cell = {kind.device: table[key]} if kind.device and isinstance(table, Mapping) and key in table else {}
    names = (*chips.parameters(chip, cell), *prices.parameters(model=kind.costs, own=kind.prices))
    parts = {"stream"} | {name.split(".")[0] for name in names}
    for key, value in content.items():
        if isinstance(value, Mapping) and key not in parts:
            raise InputError(f"{file}: unknown table [{key}]; {nearest(key, [*parts, *others])}")


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
    stream = streams.default_stream(data, kind.first_streams)
    return stream, {**kind.first_settings.get(stream, {}), **settings}
