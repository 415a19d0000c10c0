"""Runs that answer with numbers: what stands in place of accuracy, and errors beside those of simple predictors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cimlearn import metrics
from cimlearn.report.html.markup import Cell, header, section, table, text
from cimlearn.runfolder.records import MEASURED, Run
from cimlearn.units import number

WHO: Final = {"own": "this run", "last": "last value", "mean": "training mean"}
HEADS: Final = {"mse": "MSE", "smape": "sMAPE [%]", "r2": "R²"}


def measure(numbers: bool) -> str:
    """What the matrix of a run holds."""
    return "variance explained" if numbers else "accuracy"


def stated(run: Run) -> dict[str, Any]:
    """`measure` and `errors` of a summary; nothing for classes.

    measure: 'r2', which is what stands under 'accuracy'. errors: who ('own', 'mean', 'last') -> (tasks,) of each mse,
    smape and r2 at the end, mean over seeds, in the target's own unit; `targets`: its names.
    """
    if not run.numbers:
        return {}
    ends = [run.of_seed(seed)[-1].errors for seed in run.counted_seeds]
    found = {
        who: {key: [_mean(ends, task, who, key) for task in range(run.learned)] for key in MEASURED}
        for who in WHO
        if ends and (who == "own" or who in ends[0][0])
    }
    return {"measure": "r2", "errors": {"targets": list(run.config["targets"]["names"]), **found}}


def _mean(ends: list[Any], task: int, who: str, key: str) -> float:
    """Over the last records of seeds."""
    each = [one[task] if who == "own" else one[task][who] for one in ends]
    return metrics.mean([values[key] for values in each])


def errors(run: Run, summary: Mapping[str, Any]) -> str:
    """The section of the page; empty for classes."""
    found = summary.get("errors")
    if not found or "own" not in found:
        return ""
    who = [name for name in WHO if name in found]
    rows = [
        [Cell(text(run.task_names[task]), "name", span=len(who))] * (name == who[0])
        + [Cell(text(WHO[name]))]
        + [Cell(_short(key, found[name][key][task]), "n") for key in MEASURED]
        for task in range(run.learned)
        for name in who
    ]
    heads = ["Task", "Answer", *(HEADS[key] for key in MEASURED)]
    said = (
        f"Errors of {', '.join(found['targets'])} on the held-out examples after the last task, in its own unit. R² is "
        "the share of the variance that is explained: 1 at best, 0 for whoever knows the held-out mean, below for who "
        "is worse. Beside this run stand two that learn nothing: who always answers the mean of the training targets"
        + (", and who repeats the last known value." if "last" in found else ".")
    )
    numbers = table("Errors after the last task", header(heads, range(2, len(heads))), rows)
    return section("errors", "Errors", f"<p>{text(said)}</p>{numbers}")


def _short(key: str, value: float) -> str:
    """An error for a narrow screen: R2 to a thousandth, others with three digits."""
    return f"{round(value, 3) + 0.0:.3f}" if key == "r2" else number(value, 3)


def sentences(summary: Mapping[str, Any]) -> list[str]:
    """That a predictor which learns nothing is no worse, where it isn't."""
    found = summary.get("errors")
    if not found or "own" not in found:
        return []
    mine = metrics.mean(found["own"]["mse"])
    better = [
        WHO[name] for name in ("last", "mean") if name in found and metrics.mean(found[name]["mse"]) <= mine
    ]
    if not better:
        return []
    return [
        f"No better than whoever learns nothing: the {' and the '.join(better)} has no larger mean square error."
    ]


def lines(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same for a table of the terminal."""
    found = summary.get("errors")
    if not found or "own" not in found:
        return []
    said = []
    for key in ("mse", "smape"):
        means = [f"{WHO[who]} {number(metrics.mean(found[who][key]), 4)}" for who in WHO if who in found]
        said.append((HEADS[key].replace(" [%]", ""), ", ".join(means)))
    return [*said, *(("attention", text_) for text_ in sentences(summary))]
