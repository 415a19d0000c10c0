"""A study that is still running, from its folder alone: how far it is, and its page with a bar on top.

Nothing is asked of the sweep or the search; both may run elsewhere, or have ended.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final, NamedTuple

from cimlearn.errors import InputError
from cimlearn.report.compare.page import page
from cimlearn.report.compare.read import find_runs, read_study
from cimlearn.report.html.markup import section
from cimlearn.report.html.shell import whole_page
from cimlearn.untrusted.text import read_json, read_toml

PROGRESS: Final = (
    '<p><progress id="done" max="1" value="0" aria-label="Runs that ended"></progress></p>'
    '<p id="said" role="status">Reading …</p><ul id="failures" class="small"></ul>'
)


class Progress(NamedTuple):
    """How far a study is."""

    total: int  # runs that there will be; of a search the most that there may be
    finished: int
    running: int  # begun, and not finished
    tasks: int  # learned, of all runs together
    failures: dict[str, str]  # run -> why
    stamp: str  # changes whenever the page would

    @property
    def ended(self) -> bool:
        """Whether nothing is left to be done."""
        return self.finished + len(self.failures) >= self.total


def progress(folder: Path) -> Progress:
    """How far the study in `folder` is.

    Raises
    ------
    InputError
        If the folder is neither a study's nor holds runs, or a file in it is damaged.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give the folder of a study that was started")
    listed = _listed(folder)
    places = find_runs(folder) if listed is None else [folder / str(place) for place in listed.values()]
    finished = running = tasks = 0
    hasher = hashlib.sha256()
    for place in places:
        if not (place / "run.json").is_file():
            continue
        config, records = read_json(place / "run.json"), place / "records.jsonl"
        learned = records.read_bytes().count(b"\n") if records.is_file() else 0
        whole = len(config["seeds"]) * len(config["tasks"])
        finished, running, tasks = finished + (learned >= whole), running + (learned < whole), tasks + learned
        hasher.update(f"{place.name} {learned};".encode())
    file = folder / "failures.json"
    failures = {str(k): str(v) for k, v in read_json(file).items()} if file.is_file() else {}
    hasher.update(repr(sorted(failures)).encode())
    total = max(_total(folder, listed), finished + len(failures))
    return Progress(total, finished, running, tasks, failures, hasher.hexdigest()[:16])


def _listed(folder: Path) -> dict[str, Any] | None:
    """The runs of a study; None where nobody wrote a list, as in a search's folder."""
    file = folder / "runs.json"
    return dict(read_json(file)) if file.is_file() else None


def _total(folder: Path, listed: dict[str, Any] | None) -> int:
    """How many runs there will be: those in the list; of a search its trials, each with all seeds."""
    if listed is not None:
        return len(listed)
    file = folder / "study.toml"
    described = read_toml(file) if file.is_file() else {}
    search = described.get("search")
    trials = search.get("trials", 0) if isinstance(search, dict) else 0
    seeds = described.get("seeds", 1)
    each = len(seeds) if isinstance(seeds, list) else seeds
    return trials * each if isinstance(trials, int) and isinstance(each, int) else 0


def state(folder: Path) -> dict[str, Any]:
    """What the page asks for again and again."""
    found = progress(folder)
    return {**found._asdict(), "ended": found.ended}


def live_page(folder: Path) -> str:
    """The page of the study as it stands, with its progress on top; before the first record the progress alone."""
    bar = section("progress", "Progress", PROGRESS)
    try:
        return page(read_study(folder), folder, live=bar)
    except InputError:
        return whole_page(
            title=f"Study ‘{folder.resolve().name}’",
            subtitle="Nothing is recorded yet.",
            body=[bar],
            scripts=("watch.js",),
            drawn_from="the study’s folder",
            asks=True,
        )
