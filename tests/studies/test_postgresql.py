"""Searches whose trials are in a real PostgreSQL: two at once of which one is killed, and a server that goes away."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers

from cimlearn import cli
from cimlearn.errors import InputError
from cimlearn.studies.search.table import search_of
from cimlearn.studies.study import load
from cimlearn.studies.workers.here import Here

pytest.importorskip("optuna", reason="a search needs optuna (the extra 'study')")
pytest.importorskip("pyarrow", reason="results need pyarrow (the extra 'study')")
TOY = str(Path(__file__).parents[1] / "helpers" / "toy.py")
SEARCH = """
name = "toys"
chip = "toy"
[stream]
name = "blobs"
examples = 1600
[search]
trials = 6
objectives = ["accuracy", "writes_max"]
margin = "none"
mean.step = {low = 0.001, high = 0.5, log = true}
"""
SLOW = 120.0  # seconds


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    """The URL of a database."""
    with servers.postgresql() as url:
        yield url


def start(folder: Path, url: str, pause: str) -> subprocess.Popen[str]:
    words = [
        "search",
        str(folder / "s.toml"),
        "--out",
        str(folder / "out"),
        "--storage",
        url,
        "--workers",
        "1",
    ]
    return subprocess.Popen(
        [sys.executable, TOY, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TOY_PAUSE": pause, "TOY_CHECKPOINT": "0"},
    )


def test_two_searches_at_once_of_which_one_is_killed(storage: str, tmp_path: Path) -> None:
    import optuna

    (tmp_path / "s.toml").write_text(SEARCH)
    doomed, other = (start(tmp_path, storage, pause) for pause in ("0.2", "0.1"))
    with doomed, other:
        assert other.stderr is not None and doomed.stderr is not None
        end = time.monotonic() + SLOW
        # Both have a trial, and that of the first has saved something.
        while len(list(tmp_path.glob("out/runs/*/seed-0/state.safetensors"))) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        doomed.kill()
        told = doomed.stderr.read()
        printed, said = other.communicate(timeout=SLOW)
    assert other.returncode == 0, said
    assert printed.startswith("6 trials: 6 finished\n")
    ended = [int(number) for number in re.findall(r"of 6  trial=(\d)  ", told + said)]
    assert sorted(ended) == list(range(6))  # each once, that of the dead one too
    assert len(re.findall(r"of 6  trial=\d  ", said)) > len(re.findall(r"of 6  trial=\d  ", told))
    opened = optuna.storages.RDBStorage(storage)
    trials = optuna.load_study(study_name="toys", storage=opened).trials
    opened.remove_session()
    opened.engine.dispose()
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 6
    assert len(list((tmp_path / "out" / "runs").glob("toy*"))) == 6


@pytest.mark.usefixtures("toys")
def test_a_server_that_goes_away_and_a_password_that_is_not_shown(
    storage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import sqlalchemy

    from cimlearn.studies.search.run import run_search

    file = tmp_path / "s.toml"
    file.write_text(SEARCH.replace('"toys"', '"gone"').replace("1600", "100") + f'storage = "{storage}"\n')
    folder = Path(storage.partition("host=")[2])

    def leave(trial: int, *_: object) -> None:
        engine = sqlalchemy.create_engine(storage)
        with engine.connect() as told:
            (folder / ".s.PGSQL.5432").rename(folder / "away")
            told.execute(sqlalchemy.text(
                "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
            ))  # fmt: skip
        engine.dispose()

    try:
        with pytest.raises(
            InputError, match=r"^the storage postgresql.* failed \(.*\); the same command goes on$"
        ):
            run_search(search_of(load(file)), tmp_path / "out", Here(), 1, leave)
    finally:
        (folder / "away").rename(folder / ".s.PGSQL.5432")
    assert run_search(search_of(load(file)), tmp_path / "out", Here(), 1).count("finished") == 6
    url = "postgresql+psycopg://me:secret@/none?host=/nowhere"
    assert cli.main(["search", str(file), "--out", str(tmp_path / "b"), "--storage", url]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "can't open the storage" in said and "secret" not in said
