"""Tables in files: CSV, Parquet, and NumPy columns in an .npz. Each is read block by block."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final

from cimlearn.errors import InputError
from cimlearn.streams.sources import formats
from cimlearn.streams.tables.table import Block, Table, make_table
from cimlearn.untrusted.arrays import npz_names
from cimlearn.untrusted.tables import csv_rows, open_parquet, parquet_blocks

ROWS: Final = 1 << 16  # rows of a block
SUFFIXES: Final = (".csv", ".tsv", ".txt", ".parquet", ".pq")
_PURPOSES = ("label", "task", "group", "part", "time", "features", "delimiter")
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
        status = path.stat()
    with _lock:
        return _load(path, purposes, (status.st_mtime_ns, status.st_size))


@functools.lru_cache(maxsize=1)
def _load(path: Path, purposes: tuple[tuple[str, Any], ...], stamp: tuple[int, int]) -> Table:
    """Reads the file; `stamp` (time, size) makes a changed file a different one."""
    settings = dict(purposes)
    with formats.reading(path):
        columns, blocks = _open(path, settings)
        table = make_table(str(path), columns, blocks, settings)
        return table._replace(checksums={path.name: formats.file_digest(path, unpack=False)})


def _open(path: Path, settings: Mapping[str, Any]) -> tuple[list[str], Iterator[Block]]:
    """Column names, and the rows."""
    if path.suffix in (".parquet", ".pq"):
        return _parquet(path)
    if path.suffix == ".npz":
        return _columns(path)
    rows = csv_rows(path, "\t" if settings["delimiter"] == "tab" else settings["delimiter"])
    header = next(rows, [])
    names = [name.strip() for name in header]
    if not any(names):
        raise InputError(f"{path} is empty; its first line must name the columns")
    return names, _blocks(rows, names, path)


def _blocks(rows: Iterator[list[str]], names: list[str], path: Path) -> Iterator[Block]:
    """Blocks of a CSV file."""
    done = 0
    while block := list(islice(rows, ROWS)):
        for k, row in enumerate(block):
            if len(row) != len(names):
                raise InputError(
                    f"{path}: row {done + k + 1} has {len(row)} cells, the header {len(names)}; "
                    "mend it, or set stream.delimiter"
                )
        yield dict(zip(names, zip(*block, strict=True), strict=True))
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
    """Whether a file is read as a table: by its ending, or an .npz without any of x_train, y_train, x_test, y_test."""
    if path.suffix in SUFFIXES:
        return True
    if path.suffix != ".npz":
        return False
    with suppress(InputError):
        names = npz_names(path)
        return bool(names) and not set(names) & {"x_train", "y_train", "x_test", "y_test"}
    return False
