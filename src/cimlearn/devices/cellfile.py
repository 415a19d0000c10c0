"""A user's own cell: a TOML file of parameters, as `cimlearn device fit` writes it or by hand.

    [device]                          [device.step]
    kind = "pulsed"        or         value = 0.012
    step = 0.012                      source = "chip 7, 30 cells"

`kind` is a kind of this package or a published cell (pulsed without). `cell.*` and `periphery.*` may stand beside
`device.*`; of what the file leaves out, the kind's preset holds. Where it leaves out the integrators' capacitors, they
follow from the window (the same range of weights).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from cimlearn.devices.kind import DeviceKind
from cimlearn.errors import InputError, nearest
from cimlearn.parameters import Parameter, ParameterSet, load
from cimlearn.places import expanded
from cimlearn.untrusted.text import read_toml

ORIGIN: Final = "measured here"
OTHERS: Final = ("cell", "periphery")  # parts that a file may name beside `device`
_FIELDS: Final = ("value", "unit", "origin", "source", "help", "range", "choices", "optional")


def read(
    name: str, kind: Callable[[str], DeviceKind], parameters: Callable[[str], ParameterSet]
) -> DeviceKind:
    """The kind of device that the file `name` describes; `kind` and `parameters` are the catalogue's.

    Raises
    ------
    InputError
        If the file can't be read, or names an unknown parameter or a value out of range.
    """
    content = _content(name)
    given = {
        f"{part}.{key}": value
        for part, table in content.items()
        if part != "publication"
        for key, value in table.items()
    }
    based = _value(name, "device.kind", given.pop("device.kind", "pulsed"))[0]
    if str(based).endswith(".toml"):
        raise InputError(f"{name}: device.kind = '{based}' is a file too; name a kind or a published cell")
    own = parameters(str(based))
    chip = load("m2ru")
    known = ParameterSet({n: e for n, e in chip.entries().items() if n.split(".")[0] in OTHERS}).merged(own)
    made = dict(own.entries())
    for key, fields in given.items():
        made[key] = _entry(name, key, fields, known)
    made |= _capacitors(name, made, chip, kind(str(based)))
    return replace(kind(str(based)), parameters=ParameterSet(made))


def _content(name: str) -> dict[str, dict[str, Any]]:
    """The tables of a file."""
    content = read_toml(expanded(name))
    wrong = next((part for part, table in content.items() if not isinstance(table, Mapping)), None)
    if wrong is not None:
        raise InputError(f"{name}: {wrong} stands outside a table; write it below [device]")
    if "device" not in content:
        raise InputError(f"{name} has no table [device]; `cimlearn device fit` writes such a file")
    return content


def _value(name: str, key: str, fields: Any) -> tuple[Any, str, str]:
    """(value, origin, source) of one key."""
    if not isinstance(fields, Mapping):
        return fields, ORIGIN, name
    if "value" not in fields:
        raise InputError(f"{name}: {key} lacks a value")
    wrong = next((field for field in fields if field not in _FIELDS), None)
    if wrong is not None:
        raise InputError(f"{name}: {key}.{wrong}: unknown; {nearest(wrong, _FIELDS)}")
    return fields["value"], str(fields.get("origin", ORIGIN)), str(fields.get("source", name))


def _entry(name: str, key: str, fields: Any, known: ParameterSet) -> Parameter:
    """The parameter `key` of a file, checked as one that is set."""
    value, origin, source = _value(name, key, fields)
    if isinstance(value, bool) and not isinstance(known.entry(key).value, bool):
        raise InputError(f"{name}: {key} = {value} is not a value like {known.entry(key).value!r}")
    try:
        old = known.replace({key: value}).entry(key)
        fresh = Parameter.model_validate(
            {"value": 0, "unit": "1", "origin": origin, "source": "", "help": ""}
        )
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    except ValueError:
        raise InputError(f"{name}: {key}.origin = '{origin}' is unknown; leave it out") from None
    return old.model_copy(update={"origin": fresh.origin, "source": source, "changed": False})


def _capacitors(
    name: str, made: Mapping[str, Parameter], chip: ParameterSet, kind: DeviceKind
) -> dict[str, Parameter]:
    """Integrators' capacitors in proportion to the window, where the file names none."""
    if kind.window is None:
        return {}
    part = {key.removeprefix("device."): e.value for key, e in made.items() if key.startswith("device.")}
    usual = load("continuous")
    (low, high), span = kind.window(part), usual["device.high"] - usual["device.low"]
    found = {}
    for side in ("hidden", "output", "feedback"):
        key = f"periphery.{side}_capacitance"
        old = chip.entry(key)
        source = f"m2ru.toml, {old.value:g} F for {1e6 * span:.0f} uS, in proportion to the window of {name}"
        if key in made and made[key].origin == ORIGIN:
            continue
        value = max(old.value * (high - low) / span, (old.range or (0.0, 0.0))[0])
        found[key] = old.model_copy(update={"value": value, "origin": "derived", "source": source})
    return found
