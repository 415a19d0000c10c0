"""Many run folders at once: those of a study's folder, or those that somebody names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cimlearn.errors import InputError
from cimlearn.report.samples import Sample, samples
from cimlearn.runfolder.records import Run, read_run
from cimlearn.units import plural
from cimlearn.untrusted import limits
from cimlearn.untrusted.text import read_json, read_toml

_NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)")


@dataclass(frozen=True)
class Entry:
    """One run among others: a name that no other has, what it measured, and why it has no costs, if it hasn't."""

    name: str
    run: Run
    samples: tuple[Sample, ...]
    not_priced: str | None = None

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that have a record."""
        return tuple(sample.seed for sample in self.samples)


@dataclass(frozen=True)
class Compared:
    """The runs that one page shows."""

    title: str
    entries: tuple[Entry, ...]
    unreadable: dict[str, str] = field(default_factory=dict)  # folder -> why
    drawn: tuple[str, ...] = ()  # parameters that a Monte Carlo study draws for each seed
    failures: dict[str, str] = field(default_factory=dict)  # runs of the study that could not be run -> why
    others: int = 0  # runs in the folder that don't belong to the study (any more), and are left out


def find_runs(folder: Path) -> list[Path]:
    """All run folders in `folder` (or itself), in the order of their names, 50 before 100."""
    found: list[Path] = []
    if folder.resolve() == Path(folder.anchor or "/").resolve():
        raise InputError(f"{folder} is the root of all folders; name the folder that a study or a run wrote")
    for number, (parent, inner, files) in enumerate(os.walk(folder)):
        if number > limits.FOLDERS or len(found) > limits.PAGE:
            raise InputError(
                f"{folder} has more than {limits.FOLDERS:,} folders or {limits.PAGE:,} runs, the limit of a page; "
                "name the study's own folder"
            )
        if "run.json" in files:
            found.append(Path(parent))
            inner.clear()  # a run holds no other runs
    return sorted(found, key=lambda path: _natural(str(path)))


def _natural(text: str) -> list[tuple[int, float, str]]:
    """A key that sorts numbers in a text by their value."""
    return [
        (0, float(part), "") if _NUMBER.fullmatch(part) else (1, 0.0, part)
        for part in _NUMBER.split(text)
        if part
    ]


def read_study(folder: Path | str) -> Compared:
    """Every run in `folder`; those that can't be read are named.

    Where the folder has a study's description (study.toml), the parameters in its [monte_carlo] are `drawn`; where it
    has runs.json, only the runs that stand there are read, in that order; where it has failures.json, what stands there
    did not run.

    Raises
    ------
    InputError
        If there is no run in it, or none can be read.
    """
    folder = Path(folder)
    runs, unreadable = [], {}
    there, own = _own_runs(folder)
    for found in own:
        try:
            runs.append(read_run(found))
        except InputError as error:
            unreadable[os.path.relpath(found, folder)] = str(error)
    if not runs:
        why = next(iter(unreadable.values()), "it has no run.json, nor has any folder in it")
        raise InputError(
            f"{folder} is not a run folder and holds none: {why}; give what a run or study wrote"
        )
    name = Path(os.path.abspath(folder)).name
    entries = _entries(runs, [_name(run.folder, folder) for run in runs])
    return Compared(
        f"Study ‘{name}’", entries, unreadable, _drawn(folder), _failures(folder), there - len(own)
    )


def _drawn(folder: Path) -> tuple[str, ...]:
    """The parameters that the study in `folder` draws for each chip; none without a description."""
    file = folder / "study.toml"
    content = read_toml(file) if file.is_file() else {}
    names = []
    for part, keys in _table(content.get("monte_carlo")).items():
        names += [f"{part}.{key}" for key in keys] if isinstance(keys, dict) and "." not in part else [part]
    return tuple(name for name in names if "." in name)


def _own_runs(folder: Path) -> tuple[int, list[Path]]:
    """How many run folders there are, and those of the study in its order; all where no runs.json says which."""
    found, file = find_runs(folder), folder / "runs.json"
    if not file.is_file():
        return len(found), found
    listed = read_json(file)
    if not isinstance(listed, dict):
        raise InputError(f"{file} is damaged (no table of runs); remove it to read every run in the folder")
    places = {folder / str(path): k for k, path in enumerate(listed.values())}
    return len(found), sorted((path for path in found if path in places), key=places.__getitem__)


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _failures(folder: Path) -> dict[str, str]:
    """Why runs of the study in `folder` are missing, by name."""
    file = folder / "failures.json"
    found = read_json(file) if file.is_file() else {}
    return {str(name): str(why) for name, why in found.items()} if isinstance(found, dict) else {}


def read_runs(folders: Sequence[Path | str]) -> Compared:
    """The named run folders, in that order; a folder of runs stands for all runs in it.

    Raises
    ------
    InputError
        If one is no run folder or broken, or there are fewer than two runs.
    """
    runs: dict[Path, Run] = {}
    for folder in map(Path, folders):
        for found in find_runs(folder) or [folder]:
            runs.setdefault(found.resolve(), read_run(found))
    if len(runs) < 2:
        raise InputError(
            f"nothing to compare with: {folders[0]} is the only run; name two or more, or use cimlearn report"
        )
    root = Path(os.path.commonpath([path.parent for path in runs]))
    names = [_name(path, root) for path in runs]
    return Compared(f"{plural(len(runs), 'run')} compared", _entries(runs.values(), names))


def _name(path: Path, root: Path) -> str:
    """The path of a run below `root`, without the folder 'runs' that studies put all of them in."""
    return os.path.relpath(path, root).replace(os.sep, "/").removeprefix("runs/")


def _entries(runs: Iterable[Run], names: Sequence[str]) -> tuple[Entry, ...]:
    """Each run with its name and what it measured."""
    return tuple(Entry(name, run, *samples(run)) for name, run in zip(names, runs, strict=True))
