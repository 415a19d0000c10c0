"""K-winners-take-all in place of softmax: what the chip's accuracy loses. The paper's K and gain are unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from matplotlib.figure import Figure

from cimlearn import metrics
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.papers.base import NOT_COMPARABLE, QUICK, Claim, FigureResult, PaperFigure, Row, Runs, verdict
from cimlearn.papers.plots import bars
from cimlearn.studies.sweep import Point

ANSWERS: Final[Mapping[str, dict[str, Any]]] = {
    "softmax": {"rule.answer": "softmax"},
    "K-WTA, K = 3": {"rule.answer": "kwta", "rule.winners": 3},
    "K-WTA, K = 5": {"rule.answer": "kwta", "rule.winners": 5},
    "K-WTA, K = 10": {"rule.answer": "kwta", "rule.winners": 10},
}
STREAM: Final = "permuted-mnist"
WITHIN: Final = 0.02  # accuracy; closer than this counts as an approximation
_FULL: Final[dict[str, Any]] = {"stream.examples": 12_000, "stream.held_out": 2_000}
_QUICK: Final[dict[str, Any]] = {"stream.examples": 600, "stream.held_out": 200, "stream.tasks": 2}


def name(label: str, seed: int) -> str:
    """The name of one point."""
    return f"answer/{label.replace(', K = ', '-')}/seed={seed}"


def points(quick: bool) -> tuple[Point, ...]:
    """The chip with each answer; 3 seeds."""
    size = _QUICK if quick else _FULL
    return tuple(
        Point(name(label, seed), Experiment("m2ru", STREAM, "chip", (seed,), size | settings))
        for label, settings in ANSWERS.items()
        for seed in range(1 if quick else 3)
    )


def analyse(runs: Runs, quick: bool) -> FigureResult:
    """Accuracy after the last task by answer."""
    rows: list[Row] = []
    for label in ANSWERS:
        ends = [
            metrics.average_accuracy(runs[name(label, seed)].matrices()[0])
            for seed in range(3)
            if name(label, seed) in runs
        ]
        if ends:
            row = {"answer": label, "accuracy": metrics.mean(ends), "accuracy_std": metrics.std(ends)}
            rows.append({**row, "seeds": len(ends), "chip": "M2RU"})
    if len(rows) < 2:
        raise InputError(
            "the K-WTA study needs finished runs of the chip with softmax and with K-WTA; they didn't finish"
        )
    said = ", ".join(f"{row['answer']} {_percent(row)}" for row in rows)
    caption = f"Accuracy after 5 tasks of permuted MNIST, 12,000 examples each, by answer: {said}."
    return FigureResult(rows, caption, _claims(rows, quick))


def _percent(row: Row) -> str:
    """Accuracy with its spread."""
    spread = "" if row["accuracy_std"] is None else f" ± {100 * row['accuracy_std']:.1f}"
    return f"{100 * row['accuracy']:.1f}{spread} %"


def _claims(rows: list[Row], quick: bool) -> tuple[Claim, ...]:
    """The best K-WTA against softmax."""
    softmax, best = rows[0], max(rows[1:], key=lambda row: row["accuracy"])
    return (
        Claim(
            text="K-WTA approximates softmax",
            stated="figure 3",
            published="no number",
            ours=f"{best['answer']} {_percent(best)}, softmax {_percent(softmax)}",
            ratio=best["accuracy"] / softmax["accuracy"],
            verdict=NOT_COMPARABLE if quick else verdict(softmax["accuracy"] - best["accuracy"] <= WITHIN),
            reason=QUICK
            if quick
            else f"Counts as an approximation if the chip loses at most {100 * WITHIN:.0f} points. K and the gain of "
            "the circuit are unknown; ours are square-law devices that share one current (docs/theory/feedback.md).",
            command="cimlearn reproduce m2ru kwta" + (" --quick" if quick else ""),
        ),
    )


def draw(result: FigureResult) -> Figure:
    """Accuracy by answer."""
    return bars(
        result.rows,
        title="Answer of the network",
        by="chip",
        name="answer",
        value="accuracy",
        label="accuracy [%]",
        scale=100,
    )


FIGURE: Final = PaperFigure("kwta", "K-winners-take-all in place of softmax", points, analyse, draw)
