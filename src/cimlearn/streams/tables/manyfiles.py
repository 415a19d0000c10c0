"""A folder of tables as one table: a file per class, or a folder per class with a file per recording.

    fruit/apple.csv, fruit/banana.csv, ...            the file's name is the label
    moves/walk/1.csv, moves/walk/2.csv, moves/run/1.csv   the folder's name is the label
    recordings/1.csv, ... with a column of labels     the column is the label

Each file is a recording of its own, so no window spans two. Files come in the order of their names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cimlearn.errors import InputError
from cimlearn.streams.tables.table import Block

FILE: Final = "file"  # the column with the file's name
LABEL: Final = "label"  # the column that the names fill, as stream.label has it by default
_MOST: Final = 10_000  # files

Opened = tuple[list[str], Iterator[Block]]


def table_files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The tables in a folder, or, where it has none, in the folders in it; in the order of their names, 2 before 10."""
    here = _sorted(folder, suffixes)
    if here:
        return here
    inside = (sub for sub in sorted(folder.iterdir(), key=_natural) if sub.is_dir() and sub.name[:1] != ".")
    return [file for sub in inside for file in _sorted(sub, suffixes)]


def _sorted(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    files = [
        file
        for file in folder.iterdir()
        if file.suffix in suffixes and file.is_file() and file.name[:1] != "."
    ]
    if len(files) > _MOST:
        raise InputError(f"{folder} holds {len(files):,} tables; at most {_MOST:,} are read, so join some")
    return sorted(files, key=_natural)


def _natural(path: Path) -> list[tuple[int, int | str]]:
    """A name so that 2 comes before 10."""
    return [
        (0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", path.name) if part
    ]


def open_many(
    folder: Path, files: list[Path], settings: Mapping[str, Any], open_one: Callable[[Path], Opened]
) -> tuple[list[str], Iterator[Block], dict[str, Any]]:
    """Columns, rows, and the settings with what the files' names say.

    Raises
    ------
    InputError
        If files differ in their columns, or the label is neither a column nor said by the names.
    """
    names = open_one(files[0])[0]
    more = {FILE} if FILE not in names else set()
    chosen = dict(settings)
    if settings["label"] not in names and settings["label"] == LABEL and settings.get("target") is None:
        more.add(LABEL)
    if settings["group"] is None and FILE in more:
        chosen["group"] = FILE
    extra = sorted(more, reverse=True)  # label, file
    return [*names, *extra], _rows(folder, files, set(names), extra, open_one), chosen


def _rows(
    folder: Path, files: list[Path], names: set[str], extra: list[str], open_one: Callable[[Path], Opened]
) -> Iterator[Block]:
    """The rows of each file, with its name and label."""
    for file in files:
        columns, blocks = open_one(file)
        if set(columns) != names:
            other = sorted(set(columns) ^ names)
            raise InputError(
                f"{file} has other columns than {files[0]} ({', '.join(other)}); give all files the same columns"
            )
        inside = file.relative_to(folder)
        said = {FILE: str(inside), LABEL: file.stem if len(inside.parts) == 1 else inside.parts[0]}
        for block in blocks:
            rows = len(next(iter(block.values())))
            yield {**block, **{name: [said[name]] * rows for name in extra}}
