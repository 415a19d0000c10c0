"""What the user wants, from a TOML file and the command line; the command line wins."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cimlearn.errors import InputError
from cimlearn.experiments.file import WORDS, described, seeds_of
from cimlearn.untrusted.text import number, read_toml


def wanted(arguments: Namespace) -> dict[str, Any]:
    """Only what was given: 'chip', 'stream', 'on', 'seeds', 'data', 'out', and always 'settings'."""
    chip = arguments.chip
    given: dict[str, Any] = {"settings": {}}
    if chip is not None and chip.endswith(".toml"):
        given = described(read_toml(Path(chip)), Path(chip))
        chip = None
    words = {word: getattr(arguments, word) for word in WORDS} | {"chip": chip}
    given |= {word: value for word, value in words.items() if value is not None}
    if arguments.seeds is not None:
        given["seeds"] = seeds_of_text(arguments.seeds)
    given["settings"] |= settings_of(arguments.set)
    return given


def settings_of(pairs: Sequence[str]) -> dict[str, Any]:
    """['part.key=value', ...] as a mapping; `device=` is `device.kind=`, `write=` stands for all of a named scheme.

    What is set by its own name wins over the scheme's, in whatever order.
    """
    settings: dict[str, Any] = {}
    named: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = (part.strip() for part in pair.partition("="))
        if name == "write" and equals:
            named |= _scheme(value)
            continue
        name = "device.kind" if name == "device" else name
        if not equals or "." not in name:
            raise InputError(f"--set {pair}: write it as part.key=value, for example network.hidden=256")
        settings[name] = value
    return named | settings


def _scheme(name: str) -> dict[str, Any]:
    """What a named write scheme sets (docs/panel.md)."""
    from cimlearn.studies.panel.schemes import schemes

    return dict(schemes((name,))[0].settings)


def seeds_of_text(text: str) -> tuple[int, ...]:
    """'3' as (0, 1, 2), '0,3,5' as (0, 3, 5)."""
    try:
        parts = [number(part) for part in text.split(",") if part.strip()]
        numbers = [int(part) for part in parts if part.is_integer()]
    except (ValueError, OverflowError):
        parts, numbers = [], []
    if not numbers or len(numbers) < len(parts):
        raise InputError(f"--seeds {text}: give how many (3) or which (0,3,5)")
    return seeds_of(numbers if "," in text else numbers[0])
