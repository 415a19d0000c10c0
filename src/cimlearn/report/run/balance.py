"""Classes that are far from equally frequent, and labels that arrive late: what a reader of an accuracy must know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cimlearn import metrics
from cimlearn.runfolder.records import Run
from cimlearn.units import percent, plural

# A class is far too frequent with twice its fair share (1 / classes), or with three quarters of the examples.
_TIMES, _SHARE = 2.0, 0.75


def stated(run: Run) -> dict[str, Any]:
    """`classes` and `label_delay` of a summary.

    classes: `largest_share` (of a class among the held-out examples of a task; the task where it is furthest above
    its fair share), `task`, `class`, `unequal` (whether that is far), `balanced_accuracy` (at the end, mean over tasks
    and seeds, every class counting alike; None in older records). None where the run doesn't say.
    """
    counts = run.config.get("class_counts")
    late = {key: run.config[key] for key in ("label_delay", "never_learned") if key in run.config}
    if not counts:
        return {"classes": None, **late}
    worst = max((_largest(run, k) for k in range(len(counts["held_out"]))), key=lambda found: found["excess"])
    last = [run.of_seed(seed)[-1].balanced for seed in run.counted_seeds]
    balanced = metrics.mean([metrics.mean(row) for row in last]) if last and all(last) else None
    said = {key: worst[key] for key in ("largest_share", "task", "class", "unequal")}
    return {"classes": {**said, "balanced_accuracy": balanced}, **late}


def _largest(run: Run, task: int) -> dict[str, Any]:
    """The most frequent class of the held-out examples of a task."""
    held_out = run.config["class_counts"]["held_out"][task]
    train = run.config["class_counts"]["train"][task]
    classes = sum(h > 0 or t > 0 for h, t in zip(held_out, train, strict=True))
    most = max(held_out)
    share, number = most / sum(held_out), held_out.index(most)
    names = run.config.get("stream_facts", {}).get("classes")
    return {
        "largest_share": share,
        "task": run.task_names[task],
        "class": str(names[number]) if names else str(number),
        "excess": share * classes if classes > 1 else 0.0,
        "unequal": classes > 1 and share >= min(_TIMES / classes, _SHARE),
    }


def sentences(summary: Mapping[str, Any]) -> list[str]:
    """What must be said beside the accuracy; nothing where classes are about equal and labels come at once."""
    said = []
    classes = summary.get("classes")
    if classes and classes["unequal"]:
        balanced = classes["balanced_accuracy"]
        other = (
            "" if balanced is None else f" With every class counting alike, accuracy is {percent(balanced)}."
        )
        said.append(
            f"Classes are far from equally frequent: {percent(classes['largest_share'])} of the held-out examples of "
            f"‘{classes['task']}’ are of class ‘{classes['class']}’, so always answering it is right as often.{other}"
        )
    if "label_delay" in summary:
        delay = summary["label_delay"]
        said.append(
            f"Labels arrive {plural(delay, 'example')} late: the last {plural(delay, 'example')} of a task are learned "
            f"in the next task, after the task was tested; the last {summary['never_learned']} of all never."
        )
    return said


def balance_lines(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same for a table of the terminal."""
    lines = []
    classes = summary.get("classes")
    if classes and classes["unequal"]:
        share = f"{percent(classes['largest_share'])} of ‘{classes['task']}’ is ‘{classes['class']}’"
        lines = [("most frequent class", f"{share}: classes are far from equal")]
        if classes["balanced_accuracy"] is not None:
            lines.append(
                ("balanced accuracy", f"{percent(classes['balanced_accuracy'])} (classes count alike)")
            )
    if "label_delay" in summary:
        delay, never = summary["label_delay"], summary["never_learned"]
        lines.append(("labels", f"{plural(delay, 'example')} late; the last {never} are never learned"))
    return lines
