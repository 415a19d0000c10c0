"""The results of a study as one Parquet data set: a row per run and task, with what the run was.

`STUDY/results.parquet` opens as it is in pandas, polars and DuckDB. It is made from finished runs alone, in the order
of the study; the same runs give the same bytes. docs/studies.md lists the columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from cimlearn.errors import InputError
from cimlearn.experiments.experiment import all_parameters
from cimlearn.install import install
from cimlearn.parameters import Parameter, is_whole
from cimlearn.report.measures import LEARNED, PRICED, of_records
from cimlearn.report.samples import seed_costs
from cimlearn.runfolder.files import to_json, write_atomic
from cimlearn.runfolder.records import Record, Run, read_run
from cimlearn.studies.sweep import Point

FILE: Final = "results.parquet"
Row = dict[str, Any]


class Described(Protocol):
    """What has results: a study, or the trials of a search."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def varied(self) -> tuple[str, ...]:
        """What differs between its runs, besides the seed."""

    def points(self) -> Sequence[Point]:
        """Its runs."""


# column -> type; those of what varies come after 'seed'
_FIRST: Final = {
    "study": "text",
    "run": "text",
    "chip": "text",
    "stream": "text",
    "on": "text",
    "seed": "whole",
}
_MEASURED: Final = {
    **{key: "whole" if m.whole else "number" for key, m in LEARNED.items()},
    **dict.fromkeys(PRICED, "number"),  # final row only, null for a twin
}
_REST: Final = {
    "task": "whole",  # counts from 0
    "task_name": "text",
    "final": "bool",  # the row of the run's last task
    "examples": "whole",  # new examples learned so far
    "accuracy_by_task": "numbers",  # (task + 1,) on each task so far
    **_MEASURED,
    "not_priced": "text",  # why there are no costs, in the final row of a chip that has none
    "folder": "text",  # of the run, inside the study's
}


def column(name: str) -> str:
    """The column of a parameter: 'cell.endurance' is cell_endurance, so that SQL needs no quotes."""
    return name.replace(".", "_")


def write_results(study: Described, folder: Path, finished: Mapping[str, Path]) -> Path:
    """Write results.parquet of a study into `folder` from the `finished` runs (name -> run folder); its path.

    Raises
    ------
    InputError
        If pyarrow is missing, the disk is full, or a run folder is damaged.
    """
    arrow, parquet = _arrow()
    types = column_types(study)
    rows = list(rows_of(study, folder, finished))
    kinds = {
        "text": arrow.string(), "whole": arrow.int64(), "number": arrow.float64(), "bool": arrow.bool_(),
        "numbers": arrow.list_(arrow.float64()),
    }  # fmt: skip
    about = {"study": study.name, "varied": {column(name): name for name in study.varied}}
    schema = arrow.schema(
        [arrow.field(name, kinds[kind]) for name, kind in types.items()],
        metadata={"cimlearn": to_json(about)},
    )
    table = arrow.Table.from_pylist(rows, schema=schema)
    buffer = arrow.BufferOutputStream()
    parquet.write_table(table, buffer, compression="zstd")
    path = folder / FILE
    write_atomic(path, buffer.getvalue().to_pybytes())
    return path


def has_arrow() -> bool:
    """Whether results can be written."""
    try:
        _arrow()
    except InputError:
        return False
    return True


def need_arrow() -> None:
    """Raise InputError if results could not be written, before hours of runs."""
    _arrow()


def _arrow() -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.parquet."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError(f"a study's results need pyarrow; install it: {install('study')}") from None
    return pyarrow, pyarrow.parquet


def column_types(study: Described) -> dict[str, str]:
    """Every column with its type: text, whole, number, bool or numbers."""
    mine = {column(name): kind for name, kind in _kinds(study).items()}
    clash = next((name for name in mine if name in _REST), None)
    if clash is not None:
        raise InputError(f"study {study.name}: a parameter would hide the column {clash}")
    return {**_FIRST, **mine, **_REST}


def _kinds(study: Described) -> dict[str, str]:
    """The type of each parameter that varies."""
    kinds: dict[str, str] = {}
    names = [name for name in study.varied if "." in name]
    for point in study.points():
        if len(kinds) == len(names):
            break
        entries = all_parameters(point.experiment)
        kinds |= {n: _kind(entries.entry(n)) for n in names if n not in kinds and n in entries}
    return {name: kinds[name] for name in names}


def _kind(parameter: Parameter) -> str:
    """The type of a parameter's column."""
    value = parameter.value
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, tuple):
        return "numbers"
    if isinstance(value, str):
        return "text"
    return "whole" if is_whole(parameter) else "number"


def rows_of(study: Described, folder: Path, finished: Mapping[str, Path]) -> Iterator[Row]:
    """The rows of all finished runs, in the order of the study, then by task."""
    for point in study.points():
        if point.name not in finished:
            continue
        run = read_run(finished[point.name])
        entries = all_parameters(point.experiment)
        first = {
            "study": study.name,
            "run": point.name,
            "chip": point.experiment.chip,
            "stream": point.experiment.stream,
            "on": point.experiment.on,
            **{column(name): _value(entries[name]) for name in study.varied if name in entries},
        }
        where = _inside(run.folder, folder)
        yield from ({**first, **row, "folder": where} for row in run_rows(run))


def _value(value: Any) -> Any:
    """A parameter's value as a column holds it."""
    return list(value) if isinstance(value, tuple) else value


def _inside(path: Path, folder: Path) -> str:
    """`path` relative to `folder`, so that a study may move."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def run_rows(run: Run) -> Iterator[Row]:
    """One row per seed and task of a run: accuracy, forgetting, writes; at the end of a seed also what it costs."""
    for seed in run.seeds:
        records = run.of_seed(seed)
        for record in records:
            final = record.task + 1 == len(run.task_names)
            costs, why_not = seed_costs(run, record) if final else ({}, None)
            yield {
                "seed": seed,
                "final": final,
                **_so_far(records[: record.task + 1]),
                **costs,
                "not_priced": why_not,
            }


def _so_far(records: Sequence[Record]) -> Row:
    """Where a seed stands after the last of `records`."""
    last = records[-1]
    return {
        "task": last.task,
        "task_name": last.task_name,
        "examples": sum(record.examples for record in records),
        "accuracy_by_task": list(last.accuracy),
        **of_records(records),
    }
