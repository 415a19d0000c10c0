"""Figure 4 of M2RU: accuracy after each task of the chip, its float twin and Adam; two streams, two sizes.

The paper's numbers of tasks, examples, slots and seeds are unknown. Ours: 5 tasks, 5 seeds; permuted MNIST with all
60,000 examples a task, split CIFAR-10 with all 20,000 of our files. The chip is shown three times: with the default, a
direct feedback that learns from probes and K-WTA; with feedback through time and softmax; and with fixed direct
feedback alignment, which is as much as is published.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cimlearn import metrics
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.papers.base import (
    NOT_COMPARABLE,
    QUICK,
    Claim,
    FigureResult,
    PaperFigure,
    Row,
    Runs,
    percent_text,
    verdict,
)
from cimlearn.papers.plots import MARKERS, lines
from cimlearn.report.html import chart, drawing
from cimlearn.studies.sweep import Point
from cimlearn.units import plural

CURVES: Final[Mapping[str, tuple[str, str, dict[str, Any]]]] = {  # name -> label, placement, settings
    "chip": ("chip", "chip", {}),
    "float": ("float twin, same rule", "float", {}),
    "adam": ("Adam, software", "adam", {}),
    "through": ("chip, feedback through time and softmax", "chip", {"rule.feedback": "through"}),
    "dfa": (
        "chip, direct feedback alignment",
        "chip",
        {"rule.feedback": "direct", "rule.rate_recurrent": 0.012},  # the rate of docs/recipe.md
    ),
}
STREAMS: Final = {"permuted-mnist": "permuted MNIST", "split-cifar10": "split CIFAR-10"}
PANELS: Final = {
    "4a": ("permuted-mnist", 100),
    "4b": ("permuted-mnist", 256),
    "4c": ("split-cifar10", 100),
    "4d": ("split-cifar10", 256),
}
SEEDS: Final = 5
OTHERS: Final = ("through", "dfa")  # other rules, which are run at one size only, to save time
OTHERS_AT: Final = 100  # hidden units
WITHIN: Final = 0.05  # the claim: not further below software than this, relative

ALL_OF: Final = {"permuted-mnist": "60,000 examples a task", "split-cifar10": "all examples of our files"}
_QUICK: Final[Mapping[str, dict[str, Any]]] = {
    "permuted-mnist": {"stream.examples": 800, "stream.held_out": 300, "rule.batch": 1},
    "split-cifar10": {"stream.examples": 500, "stream.held_out": 300, "rule.batch": 1},
}


def name(stream: str, hidden: int, curve: str, seed: int) -> str:
    """The name of one point."""
    return f"{stream}/hidden={hidden}/{curve}/seed={seed}"


def points(stream: str, hidden: int, quick: bool) -> tuple[Point, ...]:
    """One experiment per curve and seed."""
    common = {"network.hidden": hidden, **(_QUICK[stream] if quick else {})}
    return tuple(
        Point(name(stream, hidden, curve, seed), Experiment("m2ru", stream, on, (seed,), common | settings))
        for curve, (_, on, settings) in CURVES.items()
        if curve not in OTHERS or hidden == OTHERS_AT
        for seed in range(1 if quick else SEEDS)
    )


def analyse(panel: str, stream: str, hidden: int, runs: Runs, quick: bool) -> FigureResult:
    """Mean and standard deviation over seeds after each task."""
    rows: list[Row] = []
    ends: dict[str, list[float]] = {}
    for curve, (label, _, _) in CURVES.items():
        found = [runs[p] for seed in range(SEEDS) if (p := name(stream, hidden, curve, seed)) in runs]
        if not found:
            continue
        seeds = [metrics.after_each_task(run.matrices()[0]) for run in found]
        ends[curve] = [seed[-1] for seed in seeds]
        for task, values in enumerate(zip(*seeds, strict=True), start=1):
            rows.append(
                {
                    "curve": label,
                    "task": task,
                    "accuracy": metrics.mean(values),
                    "accuracy_std": metrics.std(values),
                    "seeds": len(values),
                }
            )
    if not {"chip", "float"} <= ends.keys():
        raise InputError(
            f"figure {panel} needs runs of the chip and of its float twin; none of them finished"
        )
    settings = _QUICK[stream] if quick else {}
    length = f"{settings['stream.examples']:,} examples a task" if settings else ALL_OF[stream]
    said = ", ".join(f"{CURVES[c][0]} {percent_text(v)}" for c, v in ends.items())
    caption = (
        f"Mean accuracy on the tasks so far, {STREAMS[stream]}, {hidden} hidden units, {length}, "
        f"{plural(len(ends['chip']), 'seed')}, band one standard deviation. After the last task: {said}."
    )
    return FigureResult(rows, caption, _claims(panel, stream, hidden, ends, quick))


def _claims(
    panel: str, stream: str, hidden: int, ends: Mapping[str, list[float]], quick: bool
) -> tuple[Claim, ...]:
    """The chip against software, with each kind of feedback."""
    best = "adam" if "adam" in ends else "float"
    software = metrics.mean(ends[best])
    claims = []
    for curve, how in (
        ("chip", "probed direct feedback, K-WTA"),
        ("through", "feedback through time, softmax"),
        ("dfa", "direct feedback alignment"),
    ):
        if curve not in ends:
            continue
        ratio = metrics.mean(ends[curve]) / software
        probed = (
            "Direct, but not fixed: the feedback is a weight mirror that learns from probes "
            "(docs/decisions/0013-probed-feedback.md). M2RU's own rates, lambda, beta, K and stream are unknown."
        )
        direct = (
            "The published rule is direct feedback alignment; its rates, lambda, beta and stream are unknown."
        )
        through = (
            "Not the published rule: the error goes through time by digital copies of the weights "
            "(docs/decisions/0003-feedback.md). The number of tasks and examples is ours."
        )
        claims.append(
            Claim(
                text=f"Accuracy within 5 % of software, {STREAMS[stream]}, n_h = {hidden} ({how})",
                stated="abstract; figure " + panel,
                published="within 5 %",
                ours=f"chip {percent_text(ends[curve])}, {CURVES[best][0]} {percent_text(ends[best])}",
                ratio=ratio,
                verdict=NOT_COMPARABLE if quick else verdict(ratio >= 1 - WITHIN),
                reason=QUICK if quick else {"chip": probed, "through": through, "dfa": direct}[curve],
                command=f"cimlearn reproduce m2ru {panel}" + (" --quick" if quick else ""),
            )
        )
    return tuple(claims)


def draw(title: str, result: FigureResult) -> Figure:
    """Accuracy over tasks, one line per curve."""
    numbers = chart.series_of(list(CURVES))  # those of the chip, its twin and Adam everywhere
    series = {label: k for (label, _, _), k in zip(CURVES.values(), numbers, strict=True)}

    def finish(axes: Axes) -> None:
        axes.set_xticks(sorted({row["task"] for row in result.rows}))
        bottom, top = axes.get_ylim()  # room for the legend below the curves
        axes.set_ylim(bottom - 0.07 * len({row["curve"] for row in result.rows}) * (top - bottom), top)

    def style(label: str) -> dict[str, Any]:
        return {"color": drawing.SERIES[series[label]], "marker": MARKERS[series[label]]}

    return lines(
        result.rows,
        title=title,
        by="curve",
        x="task",
        y="accuracy",
        labels=("tasks learned", "accuracy [%]"),
        scale=100,
        style=style,
        finish=finish,
    )


def figure(panel: str) -> PaperFigure:
    """One panel of the figure."""
    stream, hidden = PANELS[panel]
    title = f"Accuracy, {STREAMS[stream]}, n_h = {hidden}"
    return PaperFigure(
        panel,
        title,
        partial(points, stream, hidden),
        partial(analyse, panel, stream, hidden),
        partial(draw, title),
    )
