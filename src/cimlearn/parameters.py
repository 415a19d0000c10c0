"""Parameters with an owner: value, unit, origin, source and valid range, read from preset files.

A preset is one TOML file per publication. Each entry is a table `[part.key]`:

    value = 100            the default; a number, a string, true/false or a list of numbers; "none" = switched off
    unit = "1"             SI; "1" for a pure number; "text" for words that "none" may switch off
    origin = "assumed"     paper | authors | literature | derived | assumed | measured here (a user's own file)
    source = "..."         where the value comes from, or why it was chosen
    help = "..."           what it is, in one sentence
    range = [1, 4096]      numbers only: smallest and largest allowed
    choices = ["a", "b"]   strings only
    elsewhere = "group"    a choice may also be an object outside this package (extensions.py)
    optional = true        "none" is allowed
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from cimlearn import extensions, quantities
from cimlearn.errors import InputError, nearest
from cimlearn.units import PREFIXABLE, value_text
from cimlearn.untrusted import text

Origin = Literal["paper", "authors", "literature", "derived", "assumed", "measured here"]
Scalar = bool | int | float | str
Value = Scalar | tuple[float, ...] | None
_SHOWN = 60  # characters of a wrong value
_OFF = ("none", "off")  # both switch a parameter off: a file says none, `show` prints off


class Parameter(BaseModel):
    """One number (or word) of a preset, with its owner."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    value: Any
    unit: str
    origin: Origin
    source: str
    help: str
    range: tuple[float, float] | None = None
    choices: tuple[str, ...] | None = None
    elsewhere: str | None = (
        None  # group of objects outside this package that may be named too (extensions.py)
    )
    optional: bool = False
    changed: bool = False  # set by the user, so origin and source are the user's

    @model_validator(mode="before")
    @classmethod
    def _from_toml(cls, data: dict[str, Any]) -> dict[str, Any]:
        """TOML has no tuples and no null: lists become tuples, "none" becomes None where it is allowed."""
        data = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        if "range" in data and data["range"] is not None:
            data["range"] = tuple(float(v) for v in data["range"])
        if data.get("optional") and data.get("value") == "none":
            data["value"] = None
        return data


def _convert(name: str, parameter: Parameter, given: Any) -> Value:
    """`given` (text from the command line, or a Python value) as a value that `parameter` allows."""
    sample = parameter.value
    if parameter.choices is not None and given in parameter.choices:
        return str(given)  # 'none' may be a choice of its own
    if given is None or (isinstance(given, str) and given.strip().lower() in _OFF):
        if parameter.optional:
            return None
        if isinstance(sample, bool) and given is not None and given.strip().lower() == "off":
            return False
        raise InputError(f"{name} can't be switched off (none); it takes a value like {sample!r}")
    if parameter.choices is not None:
        if parameter.elsewhere and extensions.is_outside(str(given), parameter.elsewhere):
            return str(given)
        more = ", file.py:NAME" if parameter.elsewhere else ""
        raise InputError(f"{name} = {given!r} is not one of: {', '.join(parameter.choices)}{more}")
    if isinstance(sample, bool):
        word = str(given).lower()
        if word in ("true", "1", "yes", "on"):
            return True
        if word in ("false", "0", "no", "off"):
            return False
        raise InputError(f"{name} = {given!r} is neither true nor false")
    if isinstance(sample, tuple):
        several = given.strip("[] ").split(",") if isinstance(given, str) else given
        items = several if isinstance(several, Iterable) else [several]
        return tuple(float(_number(name, parameter, item, whole=False)) for item in items)
    if isinstance(sample, str) or parameter.unit == "text":
        words = given if isinstance(given, list | tuple) else [given]
        if any(isinstance(word, bool) or not isinstance(word, str | int | float) for word in words):
            raise InputError(f"{name} = {given!r} is not a text; write it in quotes")
        return ",".join(map(str, words))
    return _number(name, parameter, given, whole=is_whole(parameter))


def is_whole(parameter: Parameter) -> bool:
    """Whether a parameter takes whole numbers only."""
    return not isinstance(parameter.value, bool) and (
        isinstance(parameter.value, int) or parameter.unit in ("bit", "count")
    )


def _number(name: str, parameter: Parameter, given: Any, *, whole: bool) -> int | float:
    """`given`, a number in SI or a text with a prefix and unit, as a finite number inside the parameter's range."""
    shown = repr(given) if len(repr(given)) <= _SHOWN else f"{repr(given)[:_SHOWN]}..."
    try:
        number = quantities.read(given, parameter.unit) if isinstance(given, str) else text.number(given)
    except quantities.WrongUnit as wrong:
        raise InputError(
            f"{name} = {shown} is not a number{_unit(parameter, 'in')}: {str(wrong)!r} is another unit; "
            f"it takes {_example(parameter)}"
        ) from None
    except (TypeError, ValueError):
        raise InputError(f"{name} = {shown} is not a number; it takes {_example(parameter)}") from None
    if whole and not number.is_integer():
        raise InputError(f"{name} = {given} is not a whole number")
    low, high = parameter.range or (float("-inf"), float("inf"))
    if not low <= number <= high:
        near = parameter.value if isinstance(parameter.value, int | float) else None
        meant = quantities.like(number, parameter.unit, near, low, high)
        raise InputError(
            f"{name} = {given} is out of range; allowed: {low:g} to {high:g}{_unit(parameter)}"
            + (f"; with a prefix: {meant}" if meant else "")
        )
    return int(number) if whole else number


def _example(parameter: Parameter) -> str:
    """What a number may look like: 'a value like 2e-05 in S, or with a prefix: 20 µS'."""
    unit = _unit(parameter, "in")
    if parameter.value is None:
        return f"a number{unit}, or none"
    prefixed = parameter.unit in PREFIXABLE and isinstance(parameter.value, int | float)
    more = f", or with a prefix: {value_text(parameter.value, parameter.unit)}" if prefixed else ""
    return f"a value like {parameter.value!r}{unit}{more}"


def _unit(parameter: Parameter, word: str = "") -> str:
    """' V', or ' in V', for a message; nothing for plain numbers."""
    return "" if parameter.unit in ("1", "count") else f" {word} {parameter.unit}".replace("  ", " ")


class ParameterSet(Mapping[str, Value]):
    """Read-only mapping 'part.key' -> value; `replace` gives a changed copy."""

    def __init__(self, entries: Mapping[str, Parameter]) -> None:
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> Any:
        return self.entry(name).value

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, name: str) -> Parameter:
        """The parameter called `name` ('part.key'). Raises InputError with the nearest name if unknown."""
        try:
            return self._entries[name]
        except KeyError:
            raise InputError(f"unknown parameter '{name}'; {nearest(name, self._entries)}") from None

    def get(self, name: str, default: Any = None) -> Any:
        """The value called `name`, or `default` if there is none."""
        entry = self._entries.get(name)
        return default if entry is None else entry.value

    def entries(self) -> dict[str, Parameter]:
        """All parameters by name."""
        return dict(self._entries)

    def part(self, part: str) -> dict[str, Any]:
        """The values of one part, by key: part('rule') -> {'rate': 0.1, ...}."""
        start = part + "."
        return {name[len(start) :]: p.value for name, p in self._entries.items() if name.startswith(start)}

    def replace(self, changes: Mapping[str, Any]) -> ParameterSet:
        """A copy with `changes` ('part.key' -> text or value), each checked for type, choice and range."""
        entries = dict(self._entries)
        for name, given in changes.items():
            old = self.entry(name)
            value = _convert(name, old, given)
            entries[name] = old.model_copy(
                update={"value": value, "changed": value != old.value or old.changed}
            )
        return ParameterSet(entries)

    def merged(self, other: ParameterSet) -> ParameterSet:
        """A copy that also holds (and prefers) the parameters of `other`."""
        return ParameterSet({**self._entries, **other._entries})


@cache
def load(preset: str) -> ParameterSet:
    """The parameters of the preset file `presets/{preset}.toml`, read once per process.

    Raises
    ------
    InputError
        If there is no such preset or an entry lacks value, unit, origin, source or help.
    """
    file = resources.files("cimlearn.presets") / f"{preset}.toml"
    if not file.is_file():
        raise InputError(f"unknown preset '{preset}'; {nearest(preset, available())}")
    entries: dict[str, Parameter] = {}
    for part, keys in tomllib.loads(file.read_text("utf-8")).items():
        if part == "publication":
            continue
        for key, fields in keys.items():
            try:
                entries[f"{part}.{key}"] = Parameter.model_validate(fields)
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(x) for x in first["loc"])
                raise InputError(f"preset '{preset}', {part}.{key}: {where} {first['msg']}") from None
    return ParameterSet(entries)


def available() -> list[str]:
    """The names of all presets."""
    folder = resources.files("cimlearn.presets")
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml"))
