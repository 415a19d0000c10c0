"""What is logged, and when. Everything comes from the records, so a log that stopped can be caught up with.

A step is the number of tasks learned. A seed is a run of its own in the log. A point that is there already is not
written again, so a run that goes on after a kill adds what is missing, and the same run logged twice adds nothing.

| name | step | is |
|---|---|---|
| accuracy/task-J | i | share right on the held-out set of task J (from 1) after i tasks |
| accuracy/average | i | mean over the tasks learned so far |
| accuracy/forgetting | i, from 2 | fall from the best (metrics.py) |
| r2/..., smape/task-J | i | of a regression in place of accuracy: variance explained (0 to 1), sMAPE [%] |
| writes/per_cell_mean, writes/per_cell_max | i | writes of all cells so far; not for software |
| speed/examples_per_second | i | new examples of that task, on this machine; not part of the result |
| energy/learning_J, energy/inference_J, power_W, area_m2 | last | costs of the seed |
| lifetime/first_cell_years, lifetime/ten_percent_years | last | where cells wear out |
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from cimlearn import metrics
from cimlearn.experiments.loop import Learned
from cimlearn.experiments.scheduler import Progress, Started
from cimlearn.report.costs import priced
from cimlearn.runfolder.records import Record, Run, read_run

_OF_THIS_PLACE = (
    "command",
    "data_folder",
    "data_from",
    "digest",
    "opened",
)  # in run.json, and no description


class Point(NamedTuple):
    """One value."""

    name: str
    step: int
    value: float


class Logger(Protocol):
    """Where points go."""

    def write(self, run: Run, seed: int, points: Sequence[Point]) -> None:
        """Add those of `points` that the log of `seed` doesn't hold yet; first its parameters and run folder."""

    def close(self) -> None:
        """Flush and let go."""


def points(run: Run, seed: int) -> Iterator[Point]:
    """Everything that the records of `seed` say so far."""
    records = run.of_seed(seed)
    rows = [record.accuracy for record in records]
    for record in records:
        step = record.task + 1
        what = "r2" if record.errors else "accuracy"
        for j, accuracy in enumerate(record.accuracy, start=1):
            yield Point(f"{what}/task-{j}", step, accuracy)
        yield Point(f"{what}/average", step, metrics.mean(record.accuracy))
        for j, one in enumerate(record.errors, start=1):
            yield Point(f"smape/task-{j}", step, one["smape"])
        lost = metrics.forgetting(rows[:step])
        if lost is not None:
            yield Point(f"{what}/forgetting", step, lost)
        yield from _writes(record, step)
        timing = run.timing.get(str(seed), {}).get(str(record.task), {})
        if timing.get("seconds", 0) > 0:
            yield Point("speed/examples_per_second", step, timing["examples"] / timing["seconds"])


def _writes(record: Record, step: int) -> Iterator[Point]:
    arrays = record.writes.values()
    cells = sum(array.cells for array in arrays)
    if cells:
        yield Point("writes/per_cell_mean", step, sum(array.total for array in arrays) / cells)
        yield Point("writes/per_cell_max", step, max(array.max for array in arrays))


def totals(run: Run, seed: int) -> Iterator[Point]:
    """Costs of `seed`, once it has learned every task."""
    records = run.of_seed(seed)
    if len(records) < len(run.task_names):
        return
    alone = replace(run, config={**run.config, "seeds": [seed]}, records=tuple(records))
    costs, _ = priced(alone)
    if costs is None:
        return
    found: dict[str, Any] = costs.as_dict()
    years = found["lifetime_years"]
    values = {
        "energy/learning_J": found["energy"]["learning_J"],
        "energy/inference_J": found["energy"]["inference_J"],
        "power_W": found["power_W"],
        "area_m2": found["area_m2"],
        "lifetime/first_cell_years": years and years["first_cell"],
        "lifetime/ten_percent_years": years and years["ten_percent"],
    }
    for name, value in values.items():
        if value is not None:
            yield Point(name, len(records), value)


def settings(run: Run) -> dict[str, bool | int | float | str]:
    """What the run is, and every parameter and price by name; lists and 'none' as text."""
    told = {key: str(run.config[key]) for key in ("chip", "on", "stream", "scenario")}
    return told | {name: plain(entry["value"]) for name, entry in owned(run).items()}


def owned(run: Run) -> dict[str, dict[str, Any]]:
    """Every parameter and price of run.json, with its owner."""
    return {**run.config["parameters"], **run.config.get("prices", {})}


def plain(value: Any) -> bool | int | float | str:
    """A parameter's value as every tool takes it."""
    if isinstance(value, list | tuple):
        return ",".join(str(item) for item in value)
    return "none" if value is None else value


def identity(run: Run) -> str:
    """Sixteen digits that only runs of the same description share: such runs have the same points."""
    kept = {key: value for key, value in run.config.items() if key not in _OF_THIS_PLACE}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


class Following:
    """Follows a run: called with each event, it logs what the run folder says, then tells `also`."""

    def __init__(self, loggers: Sequence[Logger], also: Callable[[Progress], None] | None = None) -> None:
        self._loggers, self._also = loggers, also
        self._folder: Path | None = None

    def __call__(self, event: Progress) -> None:
        """Log at the start, which catches up with a run that goes on, and after each task."""
        if self._also is not None:
            self._also(event)
        if isinstance(event, Started):
            self._folder = event.folder
        if self._folder is not None and not isinstance(event, Learned):
            self._log(self._folder)

    def finish(self, folder: Path) -> None:
        """Log what is missing of the run in `folder`, which came to its end, and close the loggers."""
        self._log(folder)
        for logger in self._loggers:
            logger.close()

    def _log(self, folder: Path) -> None:
        if not self._loggers:
            return
        run = read_run(folder)
        for seed in run.seeds:
            known = [*points(run, seed), *totals(run, seed)]
            for logger in self._loggers:
                logger.write(run, seed, known)
