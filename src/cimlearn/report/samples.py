"""What each seed of a run measured, and means over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from cimlearn import metrics
from cimlearn.errors import InputError
from cimlearn.report.costs import run_costs
from cimlearn.report.measures import of_costs, of_records
from cimlearn.runfolder.records import Record, Run

_OF_A_COURSE: Final = ("accuracy", "accuracy_new", "forgetting")  # of all records so far, not of one task


@dataclass(frozen=True)
class Sample:
    """One seed of one run, as far as it got. `values` lacks what the run doesn't have: a software twin's costs."""

    seed: int
    learned: int  # tasks
    values: dict[str, float] = field(default_factory=dict)  # by key of a measure; infinity: never
    curve: tuple[float, ...] = ()  # (learned,) average accuracy over the tasks so far


def samples(run: Run) -> tuple[tuple[Sample, ...], str | None]:
    """One sample per seed that has a record, and why the run could not be priced, if it couldn't."""
    found, why_not = [], None
    for seed in run.seeds:
        records = run.of_seed(seed)
        if not records:
            continue
        costs, why = seed_costs(run, records[-1])
        why_not = why or why_not
        values = {k: v for k, v in (of_records(records) | costs).items() if v is not None}
        curve = metrics.after_each_task([record.accuracy for record in records])
        found.append(Sample(seed, len(records), values, tuple(curve)))
    return tuple(found), why_not


def frame_rows(run: Run) -> list[dict[str, Any]]:
    """A row per seed, task learned and task tested: accuracy beside what the seed had measured by then."""
    rows = []
    for record in run.records:
        costs, _ = seed_costs(run, record)
        shared = {k: v for k, v in {**of_records([record]), **costs}.items() if k not in _OF_A_COURSE}
        rows += [
            {
                "seed": record.seed,
                "learned": record.task + 1,
                "tested": tested + 1,
                "task": run.task_names[tested],
                "accuracy": accuracy,
                "examples": record.examples,
                **shared,
            }
            for tested, accuracy in enumerate(record.accuracy)
        ]
    return rows


def seed_costs(run: Run, record: Record) -> tuple[dict[str, float | None], str | None]:
    """The costs of a seed up to `record` by key of a measure, and why there are none where a price is missing.

    Both are empty for a software twin, which nobody can price.
    """
    try:
        costs = run_costs(run, record=record)
    except InputError as error:
        return {}, str(error)
    return ({} if costs is None else of_costs(costs)), None


def furthest(found: Iterable[Sample]) -> tuple[Sample, ...]:
    """The samples that learned the most tasks: the others can't be averaged with them."""
    every = tuple(found)
    most = max((sample.learned for sample in every), default=0)
    return tuple(sample for sample in every if sample.learned == most)


def average(found: Iterable[Sample]) -> dict[str, float]:
    """Mean over the samples of every measure that they have."""
    return {key: metrics.mean(values) for key, values in _columns(found).items()}


def spread(found: Iterable[Sample]) -> dict[str, float]:
    """Sample standard deviation of every measure with two or more finite values."""
    spreads = {k: metrics.std(v) for k, v in _columns(found).items() if all(map(math.isfinite, v))}
    return {key: value for key, value in spreads.items() if value is not None}


def _columns(found: Iterable[Sample]) -> dict[str, list[float]]:
    """The values of each measure."""
    columns: dict[str, list[float]] = {}
    for sample in found:
        for key, value in sample.values.items():
            columns.setdefault(key, []).append(value)
    return columns
