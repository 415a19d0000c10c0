"""Published accelerators and macros, from the TOML files beside this one."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Final

from cimlearn.papers.base import Row

COLUMNS: Final = (
    "name",
    "node",
    "precision",
    "memory",
    "learns",
    "level",
    "power_W",
    "ops_per_s",
    "ops_per_J",
    "source",
)


def published(file: str, key: str) -> list[Row]:
    """The entries `[[key]]` of a file, every column; None where nothing is published."""
    text = (resources.files("cimlearn.papers") / file).read_text("utf-8")
    return [{column: entry.get(column) for column in COLUMNS} for entry in tomllib.loads(text)[key]]
