"""One run as one plain dictionary: what `--json` prints and what the tables show."""

from __future__ import annotations

from typing import Any

from cimlearn import metrics
from cimlearn.report.costs import priced
from cimlearn.report.run import chance, numbers, rested
from cimlearn.report.run.balance import stated
from cimlearn.runfolder.records import Run


def examples_per_second(run: Run) -> float | None:
    """Examples per second of the machine that ran it, all seeds and tasks together; None without timing."""
    entries = [entry for tasks in run.timing.values() for entry in tasks.values()]
    seconds = sum(entry["seconds"] for entry in entries)
    return sum(entry["examples"] for entry in entries) / seconds if seconds > 0 else None


def writes_per_cell(run: Run) -> dict[str, Any]:
    """Writes per cell over all arrays at the end: mean (averaged over seeds), largest and worn (of any seed).

    All None for software twins, which write nothing that wears.
    """
    ends = [run.of_seed(seed)[-1].writes for seed in run.counted_seeds]
    if not ends or not ends[0]:
        return {"per_cell_mean": None, "per_cell_max": None, "worn": None, "cells": None}
    cells = sum(array.cells for array in ends[0].values())
    totals = [sum(array.total for array in arrays.values()) for arrays in ends]
    return {
        "per_cell_mean": metrics.mean(totals) / cells if cells else 0.0,
        "per_cell_max": max(array.max for arrays in ends for array in arrays.values()),
        "worn": max(sum(array.worn for array in arrays.values()) for arrays in ends),
        "cells": cells,
    }


def memory_bits(run: Run) -> dict[str, int] | None:
    """Bits of `training`, beside the weights; of `frozen` weights and each `task`'s, where they are told apart.

    None for a software twin, and for runs that did not say yet.
    """
    inventory = run.config.get("inventory")
    if not inventory:
        return None
    stored = {name.removesuffix("_bits"): bits for name, bits in inventory.get("stored", {}).items()}
    return {"training": sum(inventory["memory"].values()), **stored}


def summarise(run: Run) -> dict[str, Any]:
    """The whole run in plain JSON values.

    Accuracy is averaged over the seeds that got furthest (all of them once the run is complete). The ledger
    is that of the first such seed, so that its counts stay whole numbers; other seeds differ only by chance.
    """
    last = run.last()
    costs, why_not = priced(run)
    return {
        "chip": run.config["chip"],
        "stream": run.config["stream"],
        "scenario": run.config["scenario"],
        "on": run.config["on"],
        "seeds": list(run.seeds),
        "complete": run.complete,
        "tasks_learned": run.learned,
        "accuracy": metrics.summary(run.matrices()) if last else None,
        **stated(run),
        **chance.stated(run),
        **rested.stated(run),
        **numbers.stated(run),
        "examples_per_second": examples_per_second(run),
        "ledger": {"counts": last.counts, "conductance_on_S": last.conductance_on} if last else None,
        "writes": writes_per_cell(run),
        "memory_bits": memory_bits(run),
        **({} if costs is None else costs.as_dict()),
        **({} if why_not is None else {"not_priced": why_not}),
        "data_from": run.config.get("data_from", []),
        "run_folder": str(run.folder),
    }
