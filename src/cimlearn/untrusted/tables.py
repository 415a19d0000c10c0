"""CSV and Parquet: lines of a bounded length, sizes from the footer."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from cimlearn.errors import InputError
from cimlearn.install import install
from cimlearn.untrusted import limits
from cimlearn.untrusted.files import check_file, said


def csv_rows(path: Path, delimiter: str) -> Iterator[list[str]]:
    """The lines of a CSV file that aren't blank; quoted cells may hold anything but NUL.

    Raises
    ------
    InputError
        If it isn't text in UTF-8, quotes don't close, or a line is longer than limits.LINE.
    """
    check_file(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(_lines(file, path), delimiter=delimiter, strict=True)
        try:
            yield from (line for line in lines if line)
        except csv.Error as error:
            raise InputError(f"{path}, line {lines.line_num}: {error}; mend the quotes there") from None
        except UnicodeDecodeError:
            raise InputError(f"{path} is not text in UTF-8; save it as CSV in UTF-8") from None


def _lines(file: IO[str], path: Path) -> Iterator[str]:
    """Each line, if it has an end and no NUL."""
    number = 0
    while line := file.readline(limits.LINE):
        number += 1
        if len(line) == limits.LINE:
            raise InputError(
                f"{path}, line {number} has more than {limits.LINE:,} characters; is this a table?"
            )
        if "\0" in line:
            raise InputError(f"{path}, line {number} holds a NUL; save it as CSV in UTF-8")
        yield line


def open_parquet(path: Path) -> Any:
    """A Parquet file, open, whose footer says sizes that fit.

    Raises
    ------
    InputError
        If PyArrow is missing, the file is no Parquet file, or it takes more memory than one file may.
    """
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise InputError(
            f"reading {path.name} needs PyArrow: {install('study')}, or save the table as CSV"
        ) from None
    check_file(path)
    try:
        file = parquet.ParquetFile(path)
        about = file.metadata
        groups = sum(about.row_group(k).total_byte_size for k in range(about.num_row_groups))
    except (ArrowException, OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} is no Parquet file ({said(error)}); write it again") from None
    if about.num_columns > limits.MEMBERS:
        raise InputError(f"{path} has {about.num_columns:,} columns; the limit is {limits.MEMBERS:,}")
    limits.check_bytes(str(path), max(groups, about.num_rows * about.num_columns * 4))  # 4: float32
    return file


def parquet_blocks(file: Any, rows: int, path: Path) -> Iterator[dict[str, Any]]:
    """Blocks of `rows` rows of an open Parquet file, which is closed at its end."""
    from pyarrow import ArrowException

    with file:
        try:
            for batch in file.iter_batches(rows):
                yield {
                    name: column.to_numpy(zero_copy_only=False)
                    for name, column in zip(batch.schema.names, batch.columns, strict=True)
                }
        except (ArrowException, OSError) as error:
            raise InputError(f"{path} is damaged ({said(error)}); write it again") from None
