"""The results of a study: every number against the run folders, and readers that people use."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cimlearn import cli
from cimlearn.errors import InputError
from cimlearn.report.costs import run_costs
from cimlearn.runfolder.records import read_run
from cimlearn.studies.query import query
from cimlearn.studies.results import column_types, write_results
from cimlearn.studies.run import Studied, run_study
from cimlearn.studies.study import load
from cimlearn.studies.workers.here import Here

pytest.importorskip("pyarrow", reason="results need pyarrow (the extra 'study')")
TEXT = """
name = "small"
chip = "m2ru"
[stream]
name = "permuted-digits"
tasks = 2
examples = 40
held_out = 50
[network]
hidden = 12
[grid]
on = ["chip", "float"]
cell.endurance = [1000000, "none"]
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Studied:
    folder = tmp_path_factory.mktemp("study")
    (folder / "s.toml").write_text(TEXT)
    return run_study(load(folder / "s.toml"), folder / "out", on=Here())


@pytest.fixture(scope="module")
def rows(done: Studied) -> list[dict[str, Any]]:
    import pyarrow.parquet

    return pyarrow.parquet.read_table(done.results).to_pylist()


def test_a_row_per_run_and_task_in_the_order_of_the_study(done: Studied, rows: list[dict[str, Any]]) -> None:
    names = [f"m2ru/on={on}/endurance={e}/seed=0" for on in ("chip", "float") for e in ("1e6", "none")]
    assert [(row["run"], row["task"]) for row in rows] == [(name, task) for name in names for task in (0, 1)]
    assert {row["study"] for row in rows} == {"small"}
    assert [row["cell_endurance"] for row in rows[::2]] == [1000000, None, 1000000, None]
    assert [row["on"] for row in rows[::2]] == ["chip", "chip", "float", "float"]
    assert all((done.folder / row["folder"] / "run.json").exists() for row in rows)


def test_accuracy_forgetting_and_writes_are_those_of_the_records(
    done: Studied, rows: list[dict[str, Any]]
) -> None:
    for k, folder in enumerate(done.outcome.folders.values()):
        records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
        first, last = rows[2 * k : 2 * k + 2]
        r00, (r10, r11) = records[0]["accuracy"][0], records[1]["accuracy"]
        assert (first["accuracy"], first["forgetting"], first["final"]) == (r00, None, False)
        assert last["accuracy"] == pytest.approx((r10 + r11) / 2, abs=1e-15)
        assert last["accuracy_by_task"] == [r10, r11] and last["accuracy_new"] == r11
        assert last["forgetting"] == pytest.approx(max(r00 - r10, 0), abs=1e-15)
        assert (first["examples"], last["examples"], last["final"]) == (40, 80, True)
        writes = records[1]["writes"].values()
        if writes:
            assert last["writes_per_cell"] == sum(w["total"] for w in writes) / sum(
                w["cells"] for w in writes
            )
            assert last["writes_max"] == max(w["max"] for w in writes)
        else:
            assert last["writes_per_cell"] is last["writes_max"] is None


COSTS = (
    "inference_J",
    "learning_J",
    "inference_s",
    "learning_s",
    "power_W",
    "ops_per_J",
    "area_m2",
    "lifetime_years",
)


def test_costs_stand_in_the_final_row_of_a_chip_and_nowhere_else(
    done: Studied, rows: list[dict[str, Any]]
) -> None:
    for row in rows:
        costs = run_costs(read_run(done.folder / row["folder"])) if row["final"] else None
        if costs is None:
            assert all(row[name] is None for name in COSTS)
            continue
        plain = costs.as_dict()
        assert row["on"] == "chip"
        assert row["inference_J"] == plain["energy"]["inference_J"] > 0
        assert row["learning_J"] == plain["energy"]["learning_J"] > row["inference_J"]
        assert row["inference_s"] == plain["latency"]["per_example_s"]
        assert row["area_m2"] == plain["area_m2"] and row["power_W"] == plain["power_W"]
        ten = plain["lifetime_years"]["ten_percent"]
        assert row["lifetime_years"] == (math.inf if ten is None else ten)
    assert [math.isinf(row["lifetime_years"]) for row in rows[1:4:2]] == [False, True]


def test_the_same_runs_give_the_same_bytes_and_unfinished_ones_are_left_out(
    done: Studied, tmp_path: Path
) -> None:
    study = load(done.folder / "study.toml")
    assert study.name == "small"
    again = write_results(study, tmp_path, done.outcome.folders)
    parts = dict(list(done.outcome.folders.items())[1:])
    assert again.read_bytes() != done.results.read_bytes()  # another folder, so other paths
    assert write_results(study, done.folder, done.outcome.folders).read_bytes() == done.results.read_bytes()
    write_results(study, tmp_path, parts)
    assert query(tmp_path, "select count(distinct run) from results")[1] == [(3,)]


def test_pandas_polars_and_duckdb_open_it(done: Studied, rows: list[dict[str, Any]]) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    polars = pytest.importorskip("polars", reason="polars is not installed")
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    wanted = [row["accuracy"] for row in rows]
    frame = pandas.read_parquet(done.results)
    assert list(frame["accuracy"]) == wanted and str(frame["task"].dtype) == "int64"
    assert frame["lifetime_years"].isna().sum() == 6
    assert polars.read_parquet(done.results).to_dicts() == rows
    with duckdb.connect() as connection:
        found = connection.execute(f"select accuracy from '{done.results}'").fetchall()
    assert [row[0] for row in found] == wanted


def test_every_column_has_its_type_even_where_nothing_is_known(done: Studied, tmp_path: Path) -> None:
    import pyarrow.parquet

    study = load(done.folder / "study.toml")
    schema = pyarrow.parquet.read_schema(write_results(study, tmp_path, {}))
    assert schema.equals(pyarrow.parquet.read_schema(done.results))
    assert schema.names == list(column_types(study))
    assert json.loads(schema.metadata[b"cimlearn"]) == {
        "study": "small", "varied": {"on": "on", "cell_endurance": "cell.endurance"},
    }  # fmt: skip


def test_query_on_the_command_line(done: Studied, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("duckdb", reason="DuckDB is not installed")
    sql = (
        'select "on", max(lifetime_years) as years, list(task) as tasks from results '
        "where cell_endurance is null group by 1 order by 1"
    )
    assert cli.main(["query", str(done.folder), sql, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"on": "chip", "years": "inf", "tasks": [0, 1]}, {"on": "float", "years": None, "tasks": [0, 1]},
    ]  # fmt: skip
    assert cli.main(["query", str(done.results), "select task, run from results limit 2", "--csv"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "task,run",
        *[f"{t},m2ru/on=chip/endurance=1e6/seed=0" for t in (0, 1)],
    ]
    assert cli.main(["query", str(done.folder), "select run, accuracy from results where final"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["run", "accuracy"] and len({len(line.rstrip()) for line in lines[1:]}) <= 3


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select acuracy from results", "query: Binder Error"),
        ("select", "query: Parser Error"),
        ("copy results to 'x.csv'", "query: Permission Error"),
        ("select * from read_csv('/etc/hostname')", "query: Permission Error"),
        ("attach 'x.db'", "query: Permission Error"),
        ("set enable_external_access = true", "query: Invalid Input Error|query: .*Cannot"),
    ],
)
def test_a_query_can_neither_fail_loudly_nor_leave_the_results(done: Studied, sql: str, message: str) -> None:
    pytest.importorskip("duckdb", reason="DuckDB is not installed")
    with pytest.raises(InputError, match=message) as caught:
        query(done.folder, sql)
    assert "\n" not in str(caught.value)


def test_no_results(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no results\.parquet; run the study first"):
        query(tmp_path, "select 1")


def test_a_folder_of_another_study_is_refused(done: Studied, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(TEXT.replace('"small"', '"other"'))
    with pytest.raises(InputError, match="holds the study small; name another folder with --out"):
        run_study(load(tmp_path / "s.toml"), done.folder, on=Here())
    assert np.unique([f.name for f in done.folder.iterdir()]).tolist() == [
        "failures.json", "results.parquet", "runs", "runs.json", "study.toml",
    ]  # fmt: skip
