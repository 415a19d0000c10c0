"""Designs and runs as flat rows of plain values: what `--json` prints and designs.csv holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cimlearn.report.compare.grouping import Benchmark, ComparedDesign
from cimlearn.report.compare.read import Entry
from cimlearn.report.measures import MEASURE, plain
from cimlearn.report.samples import average, furthest, spread


def measured(values: Mapping[str, float], spreads: Mapping[str, float]) -> dict[str, float | None]:
    """Each measure and its spread as `key` and `key_std` (null for one seed); a twin's row has no costs."""
    row: dict[str, float | None] = {}
    for key in MEASURE:
        if key in values:
            row |= {key: values[key], f"{key}_std": spreads.get(key)}
    return row


def design_row(design: ComparedDesign, label: str, benchmark: Benchmark, best: bool) -> dict[str, Any]:
    """One design: means over its seeds."""
    own = {**design.run.parameters, **design.run.prices}
    return {
        "design": design.number,
        "label": label,
        "benchmark": benchmark.title,
        "chip": design.chip,
        "on": design.on,
        "tasks_learned": design.learned,
        "finished": design.finished,
        "seeds": len(design.samples),
        "runs": [entry.name for entry in design.entries],
        "parameters": {name: own[name].value for name in benchmark.varied if name in own},
        **measured(design.values, design.spreads),
        "best": best,
    }


def run_row(entry: Entry, design: ComparedDesign, benchmark: Benchmark) -> dict[str, Any]:
    """One run: means over its own seeds."""
    found = furthest(entry.samples)
    return {
        "run": entry.name,
        "design": design.number,
        "benchmark": benchmark.title,
        "chip": design.chip,
        "on": design.on,
        "seeds": list(entry.run.seeds),
        "tasks_learned": entry.run.learned,
        "finished": entry.run.complete,
        **measured(average(found), spread(found)),
        **({"not_priced": entry.not_priced} if entry.not_priced else {}),
        "run_folder": str(entry.run.folder),
    }


def all_rows(made: Sequence[Benchmark], labels: Sequence[Sequence[str]]) -> dict[str, list[dict[str, Any]]]:
    """{'designs': [...], 'runs': [...]}; a lifetime that never ends is null, as in a run's summary."""
    designs, runs = [], []
    for benchmark, names in zip(made, labels, strict=True):
        for design, label, best in zip(benchmark.designs, names, benchmark.best, strict=True):
            designs.append(plain(design_row(design, label, benchmark, best)))
            runs += [plain(run_row(entry, design, benchmark)) for entry in design.entries]
    return {"designs": designs, "runs": runs}
