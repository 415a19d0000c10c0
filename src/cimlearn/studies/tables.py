"""The tables of a study file that say what varies: [grid], [zip], [random], [monte_carlo]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cimlearn.errors import InputError, nearest
from cimlearn.experiments.file import WORDS
from cimlearn.studies.axes import FORMS, Draws, Spread, spread_of
from cimlearn.untrusted import limits

AXES: Final = ("grid", "zip", "random", "monte_carlo")
TABLES: Final = (*AXES, "search")  # the last one belongs to `cimlearn search`
VARIED_WORDS: Final = ("chip", "stream", "on")  # of an experiment, that may vary like a parameter

Table = Mapping[str, Any]


def tables_only(tables: Mapping[str, Any]) -> None:
    """Raise InputError if one of them is something else than a table, or says nothing."""
    for key, table in tables.items():
        if table is None:
            continue
        if not isinstance(table, Mapping):
            raise InputError(f"{key} = {table!r} must be a table: [{key}]")
        if not table:
            raise InputError(f"[{key}] is empty; say what varies in it, or remove it")


def known_parts(content: Table) -> None:
    """Raise InputError for a key that belongs neither to the experiment nor to what varies."""
    words = (*WORDS, "seeds")
    for key, value in content.items():
        if not isinstance(value, Mapping) and key not in words:
            raise InputError(f"unknown key '{key}'; {nearest(key, [*words, 'name', *TABLES])}")


def flat(table: Table) -> dict[str, Any]:
    """{'cell': {'endurance': x}} or {'cell.endurance': x} as {'cell.endurance': x}; 'stream.name' is 'stream'."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping) and "." not in key:
            found |= {f"{key}.{inner}": item for inner, item in value.items()}
        else:
            found[key] = value
    return {"stream" if key == "stream.name" else key: value for key, value in found.items()}


def lists(table: Table | None, where: str) -> dict[str, tuple[Any, ...]]:
    """The lists of [grid] or [zip], by name."""
    found = {}
    for name, values in flat(table or {}).items():
        _check_axis(name, where)
        if not isinstance(values, list):
            raise InputError(f"[{where}] {name} = {values!r} is not a list; write {name} = [{values!r}]")
        if not values:
            raise InputError(f"[{where}] {name} is an empty list; give at least one value")
        again = next((value for i, value in enumerate(values) if value in values[:i]), None)
        if where == "grid" and again is not None:
            raise InputError(f"[{where}] {name} holds {again} twice; remove one")
        found[name] = tuple(values)
    return found


def zipped(table: Table | None) -> dict[str, tuple[Any, ...]]:
    """The lists of [zip], all of one length."""
    found = lists(table, "zip")
    lengths = {name: len(values) for name, values in found.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise InputError(f"[zip] needs lists of one length; {told}")
    return found


def _check_axis(name: str, where: str) -> None:
    """Raise InputError for a name that can't vary."""
    if name in ("seed", "seeds"):
        raise InputError(f"[{where}] {name}: seeds stand at the top of the file: seeds = 3, or [0, 3, 5]")
    if name not in VARIED_WORDS and "." not in name:
        raise InputError(
            f"[{where}] {name}: name what varies as part.key, such as network.hidden, "
            f"or as one of: {', '.join(VARIED_WORDS)}"
        )


def draws(table: Table | None) -> Draws | None:
    """The table [random]."""
    if table is None:
        return None
    spreads = _spreads(table, ("draws", "seed"), "random")
    if not spreads:
        raise InputError(f"[random] draws nothing; give at least one spread: part.key = {FORMS}")
    if "draws" not in table:
        raise InputError("[random] lacks how many: draws = 20")
    return Draws(whole(table, "draws", 1, limits.RUNS), whole({"seed": 0, **table}, "seed", 0), spreads)


def chip_spreads(table: Table | None) -> dict[str, Spread]:
    """What [monte_carlo] draws for each chip."""
    return _spreads(table or {}, ("chips", "first_seed"), "monte_carlo")


def _spreads(table: Table, own: Sequence[str], where: str) -> dict[str, Spread]:
    """The spreads of a table, by parameter; `own` are the table's other keys."""
    spreads = {}
    for name, given in flat({key: value for key, value in table.items() if key not in own}).items():
        if "." not in name and name not in VARIED_WORDS:
            raise InputError(f"[{where}] unknown key '{name}'; {nearest(name, own)}")
        try:
            spreads[name] = spread_of(name, given)
        except InputError as error:
            raise InputError(f"[{where}] {error}") from None
    return spreads


def whole(table: Table, key: str, least: int, most: int | None = None) -> int:
    """A whole number from `least` on, up to `most` runs."""
    value = table[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{key} = {value!r}: give a whole number from {least} on")
    if most is not None and value > most:
        raise InputError(f"{key} = {value:,} runs; the limit is {most:,}: give fewer")
    return value


def seeds(listed: tuple[int, ...] | None, monte_carlo: Table | None) -> tuple[int, ...]:
    """Those that the file lists, or one for each chip of a Monte Carlo."""
    if monte_carlo is None:
        return (0,) if listed is None else listed
    if listed is not None:
        raise InputError("both seeds and [monte_carlo]; a chip's number is its seed, so remove seeds")
    if "chips" not in monte_carlo:
        raise InputError("[monte_carlo] lacks how many: chips = 32")
    first = whole({"first_seed": 0, **monte_carlo}, "first_seed", 0)
    return tuple(range(first, first + whole(monte_carlo, "chips", 1, limits.RUNS)))
