"""Run a study: what is not finished yet, then its results as one data set.

STUDY/study.toml        the description
STUDY/runs/...          a run folder for each run
STUDY/results.parquet   a row per run and task (studies/results.py)
STUDY/failures.json     why the other runs failed
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cimlearn.errors import InputError
from cimlearn.runfolder.files import make, write_atomic, write_json
from cimlearn.studies.results import need_arrow, write_results
from cimlearn.studies.study import Study
from cimlearn.studies.sweep import Outcome, Retried, Tell, run_points
from cimlearn.studies.workers.base import Workers
from cimlearn.untrusted.text import read_toml


@dataclass(frozen=True)
class Studied:
    """What a study came to."""

    folder: Path
    results: Path  # results.parquet
    outcome: Outcome


def run_study(
    study: Study,
    folder: Path | None = None,
    *,
    workers: int | None = None,
    on: Workers | None = None,
    tell: Tell | None = None,
    retried: Retried | None = None,
) -> Studied:
    """Run a study in `folder` (default: `study.folder`); parameters and errors are those of `run_points`.

    Raises
    ------
    InputError
        Also if pyarrow is missing, or the folder holds another study.
    """
    need_arrow()
    folder = folder or study.folder
    claim(study, folder)
    outcome = run_points(study.points(), folder / "runs", workers=workers, on=on, tell=tell, retried=retried)
    write_json(folder / "failures.json", dict(outcome.failures))
    return Studied(folder, write_results(study, folder, outcome.folders), outcome)


def claim(study: Study, folder: Path) -> None:
    """Write the description into the folder. Raises InputError if it belongs to another study."""
    make(folder, exist_ok=True)
    file = folder / "study.toml"
    if file.exists():
        there = read_toml(file).get("name")
        if there != study.name:
            raise InputError(f"{folder} holds the study {there}; name another folder with --out")
    if study.text is not None:
        write_atomic(file, study.text.encode())
