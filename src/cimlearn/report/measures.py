"""What runs are compared by: accuracy, forgetting, energy, time, area, lifetime, writes; one value per seed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cimlearn import metrics
from cimlearn.errors import InputError
from cimlearn.report.costs import run_costs
from cimlearn.runfolder.records import Record, Run


class Measure(NamedTuple):
    """One column: its key in rows, what a reader calls it, its SI unit, and which way is better."""

    key: str
    name: str
    unit: str  # "share" is shown in percent
    larger: bool  # is better


MEASURES: Final = (
    Measure("accuracy", "Accuracy", "share", True),
    Measure("forgetting", "Forgetting", "share", False),
    Measure("learning_J", "Learning energy", "J", False),
    Measure("inference_J", "Inference energy", "J", False),
    Measure("latency_s", "Inference time", "s", False),
    Measure("area_m2", "Area", "m2", False),
    Measure("lifetime_years", "Life", "year", True),
    Measure("writes_per_cell", "Writes per cell", "count", False),
)
OTHERS: Final = ("ops_per_J",)  # in rows, not in the page


@dataclass(frozen=True)
class Sample:
    """One seed of one run, as far as it got. `values` lacks what the run doesn't have: a software twin's costs."""

    seed: int
    learned: int  # tasks
    values: dict[str, float] = field(default_factory=dict)  # by key; infinity: never
    curve: tuple[float, ...] = ()  # (learned,) average accuracy over the tasks so far


def samples(run: Run) -> tuple[tuple[Sample, ...], str | None]:
    """One sample per seed that has a record, and why the run could not be priced, if it couldn't."""
    found, why_not = [], None
    for seed in run.seeds:
        records = run.of_seed(seed)
        if not records:
            continue
        matrix = [record.accuracy for record in records]
        values = {"accuracy": metrics.average_accuracy(matrix)}
        if len(matrix) > 1:
            values["forgetting"] = metrics.forgetting(matrix) or 0.0
        try:
            values |= _costs(run, records[-1])
        except InputError as error:
            why_not = str(error)
        found.append(Sample(seed, len(records), values, tuple(metrics.after_each_task(matrix))))
    return tuple(found), why_not


def _costs(run: Run, record: Record) -> dict[str, float]:
    """What one seed wrote and cost up to `record`; empty for a software twin."""
    cells = sum(array.cells for array in record.writes.values())
    values = {}
    if cells:
        values["writes_per_cell"] = sum(array.total for array in record.writes.values()) / cells
    costs = run_costs(run, record=record)
    if costs is None:
        return values
    now, learning = costs.phases["inference"], costs.phases.get("learning")
    ten = costs.lifetime["ten_percent"]
    if learning is not None:
        values["learning_J"] = learning.joules
    return values | {
        "inference_J": now.joules,
        "latency_s": now.seconds,
        "area_m2": math.fsum(costs.area.values()),
        "lifetime_years": math.inf if ten is None else ten,
        "ops_per_J": now.ops_per_J,
    }


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
