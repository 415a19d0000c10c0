"""What run.json and timing.json must look like, as pydantic models: parsed is not yet understood."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from cimlearn.errors import InputError

Scalar = bool | int | float | str | None


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", frozen=True)


class Task(_Strict):
    """One task of a stream."""

    name: str
    examples: int = Field(ge=0)
    held_out: int = Field(0, ge=0)


class Shape(_Strict):
    """Sizes of a stream's examples."""

    steps: int = Field(ge=1)
    features: int = Field(ge=1)
    classes: int = Field(ge=1)
    signed: bool


class Entry(_Strict):
    """A parameter or price."""

    value: Scalar | list[Scalar]
    unit: str
    origin: str
    source: str
    help: str = ""
    changed: bool = False


class Counts(_Strict):
    """(tasks, classes) examples."""

    train: list[list[int]]
    held_out: list[list[int]]


class Targets(_Strict):
    """What the numbers of a regression stand for."""

    names: list[str] = Field(min_length=1)
    offset: list[float]
    unit: list[float]


class Configuration(_Strict):
    """run.json. What folders from before lack has a default."""

    format: int
    cimlearn: str = ""
    chip: str
    on: str
    on_device: str | None = None
    costs: str | None = None
    stream: str
    opened: str | None = None
    scenario: str
    seeds: list[int] = Field(min_length=1)
    shape: Shape | None = None
    tasks: list[Task] = Field(min_length=1)
    class_counts: Counts | None = None
    targets: Targets | None = None
    stream_facts: dict[str, Any] = {}
    label_delay: int | None = None
    never_learned: Any = None
    parameters: dict[str, Entry]
    prices: dict[str, Entry] = {}
    inventory: dict[str, dict[str, Any]] = {}
    cell: dict[str, Any] = {}
    settings: dict[str, Scalar | list[Scalar]] = {}
    data: dict[str, str] = {}
    outside: dict[str, str] = {}
    data_from: list[str] = []
    data_folder: str | None = None
    command: list[str] = []
    compiled: dict[str, Any] = {}
    versions: dict[str, Any] = {}
    digest: str | None = None


class Timing(_Strict):
    """One task of one seed on this machine."""

    seconds: float = Field(ge=0)
    examples: int = Field(ge=0)


_TIMINGS: TypeAdapter[dict[str, dict[str, Timing]]] = TypeAdapter(dict[str, dict[str, Timing]])


def check_configuration(value: Mapping[str, Any], file: Path) -> None:
    """Raise InputError, one line, unless `value` is a run.json; a run without a digest holds no unknown key."""
    try:
        Configuration.model_validate(value)
    except ValidationError as error:
        place = error.errors()[0]
        if (
            place["type"] == "missing"
            and place["loc"][0] in ("parameters", "prices")
            and len(place["loc"]) == 3
        ):
            raise InputError(
                f"{file}: parameter {place['loc'][1]} lacks {place['loc'][2]}; run it again"
            ) from None
        raise InputError(f"{file} is damaged: {first(error)}; restore it, or start a new run") from None
    seeds = value["seeds"]
    if len(set(seeds)) != len(seeds) or min(seeds) < 0:
        raise InputError(f"{file} is damaged: seeds {seeds}; restore it, or start a new run")
    if value.get("digest") is None:
        unknown = sorted(value.keys() - Configuration.model_fields.keys())
        if unknown or "digest" in value:
            raise InputError(
                f"{file} is damaged: unknown key {(unknown or ['digest'])[0]!a}; restore it, or start a new run"
            )


def check_timing(value: Any, file: Path) -> dict[str, dict[str, dict[str, float]]]:
    """`value` itself, if it is a timing.json."""
    try:
        _TIMINGS.validate_python(value)
    except ValidationError as error:
        raise InputError(f"{file} is damaged: {first(error)}; remove it: no result depends on it") from None
    found: dict[str, dict[str, dict[str, float]]] = value
    return found


def first(error: ValidationError) -> str:
    """Where and what the first thing is that is wrong, in one line."""
    found = error.errors()[0]
    where = ".".join(str(part) for part in found["loc"])[:100]
    return " ".join(f"{where} {found['msg']}".split())
