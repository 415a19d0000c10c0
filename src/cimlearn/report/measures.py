"""What runs are judged by: one table behind results, goals of a search, pages, JSON rows and the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from cimlearn import metrics
from cimlearn.costs.base import Costs
from cimlearn.runfolder.records import Record


class Measure(NamedTuple):
    """One quantity of one seed, read either from the seed's records so far or from its costs."""

    key: str  # the name in every file and option; it ends in its SI unit where it has one
    name: str  # head of a column, label of an axis
    unit: str  # "share" (0 to 1) is shown in percent, "count" is a pure number, "year" may be infinite: never
    larger: bool  # is better
    help: str  # what it is, or of what
    of_records: Callable[[Sequence[Record]], float | None] | None = None  # None: there is no such value
    of_costs: Callable[[Costs], float | None] | None = None
    whole: bool = False  # a whole number, of one seed


def _accuracy(records: Sequence[Record]) -> float:
    """Mean over the tasks so far."""
    return metrics.average_accuracy([record.accuracy for record in records])


def _new(records: Sequence[Record]) -> float:
    """Accuracy on the task just learned."""
    return records[-1].accuracy[-1]


def _forgetting(records: Sequence[Record]) -> float | None:
    """None after the first task."""
    return metrics.forgetting([record.accuracy for record in records])


def _writes(records: Sequence[Record]) -> float | None:
    """Mean writes over all cells; None where there are no cells (a software twin)."""
    arrays = records[-1].writes.values()
    cells = sum(array.cells for array in arrays)
    return sum(array.total for array in arrays) / cells if cells else None


def _most(records: Sequence[Record]) -> float | None:
    """Writes of the most written cell."""
    return max((array.max for array in records[-1].writes.values() if array.cells), default=None)


def _worn(records: Sequence[Record]) -> float | None:
    """Cells that no longer change."""
    arrays = [array for array in records[-1].writes.values() if array.cells]
    return sum(array.worn for array in arrays) if arrays else None


def _learning(value: str) -> Callable[[Costs], float | None]:
    """A value of the learning phase; None where nothing was learned."""
    return lambda costs: getattr(costs.phases["learning"], value) if "learning" in costs.phases else None


def _inference(value: str) -> Callable[[Costs], float | None]:
    """A value of the inference phase."""
    return lambda costs: getattr(costs.phases["inference"], value)


def _area(costs: Costs) -> float:
    """All parts."""
    return math.fsum(costs.area.values())


def _lifetime(costs: Costs) -> float:
    """Years; infinity where no cell wears."""
    years = costs.lifetime["ten_percent"]
    return math.inf if years is None else years


MEASURES: Final = (
    Measure("accuracy", "Accuracy", "share", True, "mean over the tasks so far; of numbers R2", of_records=_accuracy),
    Measure("accuracy_new", "Accuracy on the last task", "share", True, "on the task just learned", of_records=_new),
    Measure("forgetting", "Forgetting", "share", False, "mean fall from the best", of_records=_forgetting),
    Measure("learning_J", "Learning energy", "J", False, "a new example, its replays", of_costs=_learning("joules")),
    Measure("inference_J", "Inference energy", "J", False, "one example", of_costs=_inference("joules")),
    Measure("learning_s", "Learning time", "s", False, "a new example, its replays", of_costs=_learning("seconds")),
    Measure("inference_s", "Inference time", "s", False, "one example", of_costs=_inference("seconds")),
    Measure("power_W", "Inference power", "W", False, "while it answers", of_costs=_inference("watts")),
    Measure("ops_per_J", "Operations per joule", "1/J", True, "of inference", of_costs=_inference("ops_per_J")),
    Measure("area_m2", "Area", "m2", False, "of the chip", of_costs=_area),
    Measure("lifetime_years", "Lifetime", "year", True, "until 10 % of the cells are stuck", of_costs=_lifetime),
    Measure("writes_per_cell", "Writes per cell", "count", False, "mean over all cells", of_records=_writes),
    Measure("writes_max", "Most writes", "count", False, "of the most written cell", of_records=_most, whole=True),
    Measure("worn_cells", "Worn cells", "count", False, "that no longer change", of_records=_worn, whole=True),
)  # fmt: skip
MEASURE: Final[Mapping[str, Measure]] = {measure.key: measure for measure in MEASURES}
LEARNED: Final = {key: m for key, m in MEASURE.items() if m.of_records}  # known after a run only
PRICED: Final = {key: m for key, m in MEASURE.items() if m.of_costs}  # known from a design alone
SHOWN: Final = tuple(
    MEASURE[key]
    for key in (
        "accuracy", "forgetting", "learning_J", "inference_J", "inference_s", "area_m2", "lifetime_years",
        "writes_per_cell",
    )
)  # columns and axes of the page of many runs  # fmt: skip
FRONT: Final = ("accuracy", "learning_J", "lifetime_years")  # a design on the front of these has a star


def larger(keys: Iterable[str]) -> dict[str, bool]:
    """Whether larger is better, for each measure."""
    return {key: MEASURE[key].larger for key in keys}


def of_records(records: Sequence[Record]) -> dict[str, float | None]:
    """What one seed measured up to the last of its `records` (one or more): each of LEARNED."""
    return {key: m.of_records(records) for key, m in LEARNED.items() if m.of_records}


def of_costs(costs: Costs) -> dict[str, float | None]:
    """What a design costs: each of PRICED; None for learning where nothing was learned."""
    return {key: m.of_costs(costs) for key, m in PRICED.items() if m.of_costs}


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON has it: a lifetime that never ends is null."""
    return {k: None if isinstance(v, float) and math.isinf(v) else v for k, v in row.items()}
