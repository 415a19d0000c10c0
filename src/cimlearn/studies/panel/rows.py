"""What a panel measured: a row for each cell, scheme and stream, from the records of its runs alone."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cimlearn.report.samples import average, furthest, samples, spread
from cimlearn.runfolder.records import Run, read_run
from cimlearn.studies.panel.panel import IDEAL, Entry

WEIGHTS: Final = ("hidden", "output", "feedback")  # arrays that hold weights; fast arrays hold changes
FEW_BITS: Final = 4.0  # extra bits of SRAM a weight that a scheme may take to be called cheap
CLOSE: Final = 0.05  # accuracy below the ideal cell's that is called close
MEASURED: Final = (
    "accuracy",
    "learning_J",
    "inference_J",
    "lifetime_years",
    "writes_per_cell",
    "writes_max",
    "worn_cells",
)
Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """All rows, and what they are compared with."""

    rows: tuple[Row, ...]

    def streams(self) -> tuple[str, ...]:
        """The streams, in order."""
        return tuple(dict.fromkeys(row["stream"] for row in self.rows))

    def of(self, stream: str) -> tuple[Row, ...]:
        """The rows of one stream."""
        return tuple(row for row in self.rows if row["stream"] == stream)

    def best(self, stream: str) -> dict[str, Row]:
        """Cell -> its most accurate row with few extra bits; without the ideal cell."""
        found: dict[str, Row] = {}
        for row in self.of(stream):
            few = row["extra_bits"] is not None and row["extra_bits"] <= FEW_BITS
            if row["cell"] == IDEAL or not few:
                continue
            if row["cell"] not in found or row["accuracy"] > found[row["cell"]]["accuracy"]:
                found[row["cell"]] = row
        return found

    def close(self, stream: str) -> tuple[str, ...]:
        """Cells within CLOSE of the ideal cell with few extra bits."""
        best = self.best(stream).values()
        return tuple(r["cell"] for r in best if r["below_ideal"] is not None and r["below_ideal"] <= CLOSE)


def table(entries: Mapping[str, Entry], folder: Path) -> Table:
    """The rows of every run in `entries`, whose folders lie in `folder`."""
    runs: dict[tuple[str, str, str], list[Run]] = {}
    for entry in entries.values():
        key = (entry["stream"], entry["cell"], entry["scheme"])
        runs.setdefault(key, []).append(read_run(folder / entry["folder"]))
    ideal = {stream: found for (stream, cell, _), found in runs.items() if cell == IDEAL}
    return Table(tuple(_row(key, found, ideal.get(key[0])) for key, found in runs.items()))


def _row(key: tuple[str, str, str], runs: Sequence[Run], ideal: Sequence[Run] | None) -> Row:
    """One cell with one scheme on one stream; means over seeds."""
    stream, cell, scheme = key
    found = furthest(sample for run in runs for sample in samples(run)[0])
    mean, std = average(found), spread(found)
    memory, weights, cells = _sizes(runs[0])
    row: Row = {"cell": cell, "scheme": scheme, "stream": stream, "seeds": len(found)}
    row |= {name: mean.get(name) for name in MEASURED}
    below, extra = None, None
    if ideal:
        best = average(furthest(sample for run in ideal for sample in samples(run)[0]))
        below = best["accuracy"] - mean["accuracy"]
        extra = (memory - _sizes(ideal[0])[0]) / weights
    row |= {"accuracy_std": std.get("accuracy"), "below_ideal": below, "extra_bits": extra}
    return row | {"cells_per_weight": cells / weights, **_work(runs[0])}


def _sizes(run: Run) -> tuple[int, int, int]:
    """Bits of all memories; weights, and the cells of all arrays."""
    made_of = run.config["inventory"]
    weights = sum(made_of[array]["weights"] for array in WEIGHTS if array in made_of)
    cells = sum(part["cells"] for part in made_of.values() if "cells" in part)
    return sum(made_of["memory"].values()), weights, cells


def _work(run: Run) -> Row:
    """Pulses, verifying reads and digital operations of a new example with its replays, over all arrays."""
    last = run.last()
    if last is None:
        return {}
    learn = last.counts["learn"]
    examples = sum(r.examples for r in run.of_seed(last.seed))
    arrays = [counts for counts in learn.values() if "verify_reads" in counts]
    return {
        "pulses": sum(one["writes"] for one in arrays) / examples,
        "verify_reads": sum(one["verify_reads"] for one in arrays) / examples,
        "digital_operations": sum(learn["digital"].values()) / examples,
    }


def csv_text(rows: Sequence[Row]) -> str:
    """Rows in SI units; what a row lacks stays empty, a lifetime that never ends is inf."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(k for row in rows for k in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: _plain(v) for k, v in row.items()} for row in rows)
    return text.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return "inf" if math.isinf(value) else format(value, ".6g")
    return "" if value is None else value
