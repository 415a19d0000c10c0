"""SQL over a study's results, by DuckDB in memory: nothing is written and no other file can be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cimlearn.errors import InputError
from cimlearn.install import install
from cimlearn.studies.results import FILE

TABLE = "results"


def query(where: Path, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The columns and rows that `sql` selects from the table `results`.

    Parameters
    ----------
    where
        folder of a study, or a Parquet file
    sql
        one SELECT of DuckDB's dialect

    Raises
    ------
    InputError
        If DuckDB is missing, there are no results, or the query is wrong.
    """
    try:
        import duckdb
    except ImportError:
        raise InputError(f"cimlearn query needs duckdb; install it: {install('study')}") from None
    file = where / FILE if where.is_dir() else where
    if not file.is_file():
        raise InputError(f"{where} has no {FILE}; run the study first: cimlearn sweep FILE.toml")
    with duckdb.connect(":memory:") as connection:
        try:
            connection.read_parquet(str(file)).create(TABLE)
            for setting in ("enable_external_access = false", "lock_configuration = true"):
                connection.execute(f"set {setting}")
            found = connection.sql(sql)
            if found is None:
                raise InputError(f'that selects nothing; write a query such as "select * from {TABLE}"')
            return list(found.columns), found.fetchall()
        except duckdb.Error as error:
            raise InputError(f"query: {' '.join(str(error).split())}") from None
