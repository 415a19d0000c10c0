"""Tables in files: CSV, Parquet, and NumPy columns in an .npz. Each is read block by block."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain, islice
from math import isfinite
from pathlib import Path
from typing import Any, Final

from cimlearn.errors import InputError
from cimlearn.streams.sources import formats
from cimlearn.streams.tables.cells import as_number
from cimlearn.streams.tables.manyfiles import open_many, table_files
from cimlearn.streams.tables.table import Block, Table, make_table
from cimlearn.untrusted.arrays import npz_names
from cimlearn.untrusted.dialect import Dialect, dialect, pointed
from cimlearn.untrusted.tables import csv_rows, open_parquet, parquet_blocks

_REMARK: Final = "#"  # begins a line that is no row
_SHOWN: Final = 4  # cells of a line in a message
ROWS: Final = 1 << 16  # rows of a block
PARQUET: Final = (".parquet", ".pq")
BINARY: Final = (*PARQUET, ".npz")
SUFFIXES: Final = (".csv", ".tsv", ".txt", *PARQUET)
_PURPOSES = (
    "label", "target", "ahead", "task", "group", "part", "time", "features", "delimiter", "decimal", "dates", "header",
)  # fmt: skip
_lock = threading.Lock()  # so that the threads of a sweep read a table once


def load_table(path: Path, settings: Mapping[str, Any]) -> Table:
    """The table in a file. A process keeps the last that it has read.

    Memory: 4 bytes per input value, 8 per row for each other column, and one block of the file.

    Raises
    ------
    InputError
        If the file is damaged, or `make_table` refuses it.
    """
    purposes = tuple((key, settings[key]) for key in _PURPOSES)
    with formats.reading(path):
        files = table_files(path, SUFFIXES) if path.is_dir() else [path]
        states = tuple(
            (str(file), status.st_mtime_ns, status.st_size) for file in files for status in [file.stat()]
        )
    with _lock:
        return _load(path, purposes, states)


@functools.lru_cache(maxsize=1)
def _load(
    path: Path, purposes: tuple[tuple[str, Any], ...], stamp: tuple[tuple[str, int, int], ...]
) -> Table:
    """Reads the file, or the folder of files; `stamp` (path, time, size) makes a changed file a different one."""
    settings = dict(purposes)
    with formats.reading(path):
        files = [Path(file) for file, _, _ in stamp]
        how = _dialect(files[0], settings)
        if path.is_dir():
            columns, blocks, settings = open_many(path, files, settings, lambda file: _open(file, settings))
        else:
            columns, blocks = _open(path, settings, how)
        table = make_table(str(path), columns, blocks, settings)
        names = [str(file.relative_to(path)) if path.is_dir() else file.name for file in files]
        sums = (formats.file_digest(file, unpack=False) for file in files)
        return table._replace(checksums=dict(zip(names, sums, strict=True)), comma=how.comma)


def _dialect(path: Path, settings: Mapping[str, Any]) -> Dialect:
    """How a file writes its table, if it is text."""
    if path.suffix in BINARY:
        return Dialect("", comma=False)
    return dialect(path, settings["delimiter"], settings["decimal"])


def _open(
    path: Path, settings: Mapping[str, Any], how: Dialect | None = None
) -> tuple[list[str], Iterator[Block]]:
    """Column names, and the rows; `how` is found where nobody says it."""
    if path.suffix in PARQUET:
        return _parquet(path)
    if path.suffix == ".npz":
        return _columns(path)
    how = how or _dialect(path, settings)
    rows = csv_rows(path, how.delimiter)
    first, remark = next(rows, []), []
    while first and first[0].lstrip().startswith(_REMARK):
        first, remark = next(rows, []), first
    if settings["header"] == "none":
        if not first:
            raise InputError(f"{path} is empty; give at least two classes of rows")
        names = [str(k + 1) for k in range(len(first))]
        return names, _blocks(chain([first], rows), names, path, how)
    names = [name.strip() for name in (pointed(first) if how.comma else first)]
    if not any(names):
        raise InputError(f"{path} is empty; its first line must name the columns")
    named = len(remark) == len(first)  # in a remark, as NumPy's savetxt does
    if named and any(isfinite(as_number(name)) for name in names):
        names = [name.lstrip().removeprefix(_REMARK).strip() for name in remark]
        return names, _blocks(chain([first], rows), names, path, how)
    if _are_readings(names):
        shown = ", ".join([*names[:_SHOWN], *(["..."] if len(names) > _SHOWN else [])])
        raise InputError(
            f"{path}: its first line holds readings ({shown}), where names of columns are needed; set stream.header = "
            f"none: columns are then called 1, 2, ..., and the label is for example stream.label = {len(names)}"
        )
    return names, _blocks(rows, names, path, how)


def _are_readings(names: list[str]) -> bool:
    """Whether a first line holds numbers: one that isn't whole, or nothing but numbers that don't count columns."""
    numbers = [as_number(name) for name in names]
    if any(isfinite(n) and not n.is_integer() for n in numbers):
        return True
    counted = (list(range(len(names))), list(range(1, len(names) + 1)))
    return all(isfinite(n) for n in numbers) and numbers not in counted


def _blocks(rows: Iterator[list[str]], names: list[str], path: Path, how: Dialect) -> Iterator[Block]:
    """Blocks of a CSV file."""
    done = 0
    while block := list(islice(rows, ROWS)):
        for k, row in enumerate(block):
            if len(row) != len(names):
                raise InputError(
                    f"{path}: row {done + k + 1} has {len(row)} cells, the header {len(names)}; "
                    "mend it, or set stream.delimiter"
                )
        columns = zip(*block, strict=True)
        yield dict(zip(names, map(pointed, columns) if how.comma else columns, strict=True))
        done += len(block)


def _parquet(path: Path) -> tuple[list[str], Iterator[Block]]:
    """A Parquet file."""
    file = open_parquet(path)
    return list(file.schema_arrow.names), parquet_blocks(file, ROWS, path)


def _columns(path: Path) -> tuple[list[str], Iterator[Block]]:
    """An .npz file whose arrays are columns (rows,), or several of them (rows, k): called name.0, name.1, ..."""
    arrays = formats.read_npz(path, (), tuple(npz_names(path)))
    block: dict[str, Any] = {}
    for name, array in arrays.items():
        if array.ndim == 1:
            block[name] = array
        elif array.ndim == 2:
            block |= {f"{name}.{k}": array[:, k] for k in range(array.shape[1])}
        else:
            raise InputError(
                f"{path}: {name} has shape {array.shape}; columns are (rows,) or (rows, columns)"
            )
    rows = {name: len(column) for name, column in block.items()}
    if len(set(rows.values())) > 1:
        raise InputError(f"{path} has columns of {sorted(set(rows.values()))} rows; make them equally long")
    return list(block), iter([block])


def is_table(path: Path) -> bool:
    """Whether a file is read as a table: by its ending, or an .npz without any of x_train, y_train, x_test, y_test.

    A folder is one if it holds tables, or folders of tables, and no x_train.npy.
    """
    if path.is_dir():
        return not (path / "x_train.npy").exists() and bool(table_files(path, SUFFIXES))
    if path.suffix in SUFFIXES:
        return True
    if path.suffix != ".npz":
        return False
    with suppress(InputError):
        names = npz_names(path)
        return bool(names) and not set(names) & {"x_train", "y_train", "x_test", "y_test"}
    return False
