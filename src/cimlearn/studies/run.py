"""Run a study: what is not finished yet, then its results as one data set.

STUDY/study.toml        the description
STUDY/runs.json         the runs that belong to it now: name -> folder
STUDY/runs/...          a run folder for each run
STUDY/results.parquet   a row per run and task (studies/results.py)
STUDY/failures.json     why the other runs failed
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cimlearn.errors import InputError
from cimlearn.experiments.experiment import all_parameters
from cimlearn.runfolder.files import make, write_atomic, write_json
from cimlearn.studies.results import need_arrow, write_results
from cimlearn.studies.study import Study, load
from cimlearn.studies.sweep import Outcome, Point, Retried, Tell, run_points
from cimlearn.studies.workers.base import Workers
from cimlearn.untrusted.text import read_toml


@dataclass(frozen=True)
class Studied:
    """What a study came to."""

    folder: Path
    results: Path | None  # results.parquet; None where it was not wanted
    outcome: Outcome


def run_study(
    study: Study,
    folder: Path | None = None,
    *,
    workers: int | None = None,
    on: Workers | None = None,
    results: bool = True,
    tell: Tell | None = None,
    retried: Retried | None = None,
) -> Studied:
    """Run a study in `folder` (default: `study.folder`); parameters and errors are those of `run_points`.

    `results` says whether results.parquet is written, which needs pyarrow.

    Raises
    ------
    InputError
        Also if pyarrow is missing, or the folder holds another study.
    """
    if results:
        need_arrow()
    folder = folder or study.folder
    _check_base(study, folder)
    claim(study, folder)
    points = study.points()
    root = folder / "runs"
    write_json(folder / "runs.json", {p.name: p.folder(root).relative_to(folder).as_posix() for p in points})
    failures: dict[str, str] = {}
    write_json(folder / "failures.json", failures)  # those of an earlier call are tried again

    def note(point: Point, reason: str | None, ended: int, total: int) -> None:
        """Whoever watches the folder sees a failure when it happens."""
        if reason is not None:
            failures[point.name] = reason
            write_json(folder / "failures.json", failures)
        if tell is not None:
            tell(point, reason, ended, total)

    outcome = run_points(points, root, workers=workers, on=on, tell=note, retried=retried)
    write_json(folder / "failures.json", dict(outcome.failures))
    return Studied(folder, write_results(study, folder, outcome.folders) if results else None, outcome)


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


def _check_base(study: Study, folder: Path) -> None:
    """Raise InputError if the folder's study of this name varies another experiment; it may have other values."""
    file = folder / "study.toml"
    if not file.exists() or read_toml(file).get("name") != study.name:
        return
    before, now = _facts(load(file)), _facts(study)
    for key in (*now, *before):
        if before.get(key) != now.get(key):
            old, new = (facts.get(key, "as the preset has it") for facts in (before, now))
            raise InputError(
                f"{folder} holds the study {study.name} with {key} = {old}, now it is {new}; "
                "name another folder with --out"
            )


def _facts(study: Study) -> dict[str, object]:
    """What all runs of a study share, without what varies: a list may become longer, the rest may not change."""
    base, entries = study.base, all_parameters(study.base)
    words = {word: getattr(base, word) for word in ("chip", "stream", "on")}
    settings = {name: entries[name] for name in base.settings}
    return {key: value for key, value in {**words, **settings}.items() if key not in study.varied}
