"""What is left after the rest that follows each task, before anything is learned again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cimlearn import metrics
from cimlearn.runfolder.records import Run
from cimlearn.units import percent


def stated(run: Run) -> dict[str, Any]:
    """`rested` of a summary; nothing of chips that don't rest.

    `before` and `after` the last rest: accuracy, mean over tasks and seeds. `after_each`: the same after the rest that
    followed each task; `relearned`: after the next task was learned, on the tasks that the rest was measured on.
    """
    seeds = [run.of_seed(seed) for seed in run.counted_seeds]
    if not seeds or not all(record.rested for records in seeds for record in records):
        return {}
    each = [metrics.mean([metrics.mean(records[n].rested) for records in seeds]) for n in range(run.learned)]
    again = [
        metrics.mean([metrics.mean(records[n + 1].accuracy[:-1]) for records in seeds])
        for n in range(run.learned - 1)
    ]
    before = metrics.mean([metrics.mean(records[-1].accuracy) for records in seeds])
    return {"rested": {"before": before, "after": each[-1], "after_each": each, "relearned": again}}


def sentences(summary: Mapping[str, Any]) -> list[str]:
    """The same in words, for the page."""
    if "rested" not in summary:
        return []
    found = summary["rested"]
    left, before = percent(found["after"]), percent(found["before"])
    said = f"Each task is followed by a rest. The last one leaves {left} of {before} accuracy"
    if found["relearned"]:
        mean, again = metrics.mean(found["after_each"][:-1]), metrics.mean(found["relearned"])
        said += (
            f"; those before it left {percent(mean)} on average, and learning the next task with replay brought the "
            f"same tasks to {percent(again)}"
        )
    return [said + ". Accuracy elsewhere is that before a rest."]


def rested_lines(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same for a table of the terminal."""
    if "rested" not in summary:
        return []
    return [("accuracy after a rest", f"{percent(summary['rested']['after'])} (nothing learned again)")]
