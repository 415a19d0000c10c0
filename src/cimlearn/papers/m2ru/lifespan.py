"""Figure 5b of M2RU: lifespan before and after gradient sparsification, from the writes that a run counted.

The paper's endurance law and update rate are unknown. Ours: median endurance `cell.endurance` (1e9, the authors'
device of another chip), log-normal between cells, `operation.rate` new examples a second without
pause; both only divide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from matplotlib.figure import Figure

from cimlearn import metrics
from cimlearn.costs.lifetime import YEAR
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.papers.base import NOT_COMPARABLE, QUICK, Claim, FigureResult, PaperFigure, Row, Runs, verdict
from cimlearn.papers.plots import bars
from cimlearn.report.costs import price_parameters, run_costs
from cimlearn.studies.sweep import Point

PUBLISHED_YEARS: Final = 12.2
KEPT: Final[Mapping[str, tuple[int | None, int | None]]] = {  # changes kept per column: hidden, output
    "all changes": (None, None),
    "1/2, hidden only": (64, None),
    "1/2": (64, 50),
    "1/4": (32, 25),
    "1/8": (16, 12),
}
STREAM: Final = "permuted-mnist"
AGES: Final = {"first_cell": "first cell", "one_percent": "1 % of cells", "ten_percent": "10 % of cells"}
_FULL: Final[dict[str, Any]] = {"stream.examples": 12_000, "stream.held_out": 2_000}
_QUICK: Final[dict[str, Any]] = {"stream.examples": 600, "stream.held_out": 200, "stream.tasks": 2}


def name(label: str, seed: int) -> str:
    """The name of one point."""
    hidden, output = KEPT[label]
    return f"lifespan/keep={hidden or 'all'}+{output or 'all'}/seed={seed}"


def points(quick: bool) -> tuple[Point, ...]:
    """The chip with more and less of each update written; 3 seeds."""
    return tuple(
        Point(
            name(label, seed),
            Experiment(
                "m2ru",
                STREAM,
                "chip",
                (seed,),
                {**(_QUICK if quick else _FULL), "rule.keep_hidden": hidden, "rule.keep_output": output},
            ),
        )
        for label, (hidden, output) in KEPT.items()
        for seed in range(1 if quick else 3)
    )


def analyse(runs: Runs, quick: bool) -> FigureResult:
    """Years until cells die, and accuracy, by the share of changes that is written."""
    rows: list[Row] = []
    for label in KEPT:
        found = [runs[name(label, seed)] for seed in range(3) if name(label, seed) in runs]
        costs = [c for run in found if (c := run_costs(run)) is not None]
        if not costs:
            continue
        accuracy = [metrics.average_accuracy(run.matrices()[0]) for run in found]
        for age, said in AGES.items():
            lives = [c.lifetime[age] or float("inf") for c in costs]
            rows.append(
                {
                    "written": label,
                    "until": said,
                    "years": metrics.mean(lives),
                    "years_std": metrics.std(lives),
                    "writes_per_cell_per_example": metrics.mean([c.writes_per_example or 0.0 for c in costs]),
                    "accuracy": metrics.mean(accuracy),
                    "accuracy_std": metrics.std(accuracy),
                    "seeds": len(costs),
                }
            )
    if not rows:
        raise InputError("figure 5b needs a finished run of the chip; none finished")
    first = next(iter(runs.values()))
    rate = price_parameters(first)["operation.rate"]
    endurance = first.config["parameters"]["cell.endurance"]["value"]
    said = "; ".join(
        f"{row['written']}: {row['years']:.3g} years, {100 * row['accuracy']:.1f} % accuracy"
        for row in rows
        if row["until"] == AGES["ten_percent"]
    )
    caption = (
        f"Years until cells wear out at {rate:g} new examples a second and a median endurance of "
        f"{endurance:.0e} writes, "
        f"from the writes of 5 tasks of permuted MNIST; both are assumptions that only divide. Until 10 %: {said}."
    )
    return FigureResult(rows, caption, _claims(rows, rate, endurance, quick))


def _claims(rows: list[Row], rate: float, endurance: float, quick: bool) -> tuple[Claim, ...]:
    """12.2 years, and that sparsification lengthens life."""
    command = "cimlearn reproduce m2ru 5b" + (" --quick" if quick else "")
    lives = {row["written"]: row for row in rows if row["until"] == AGES["ten_percent"]}
    claims = []
    half = lives.get("1/2")
    if half is not None:
        needed = rate * half["years"] / PUBLISHED_YEARS
        pause = YEAR * PUBLISHED_YEARS / endurance
        claims.append(
            Claim(
                text="12.2 years of operation under continual learning with gradient sparsification",
                stated="abstract",
                published="12.2 years",
                ours=f"{half['years']:.3g} years until 10 % of the cells are stuck (half of the changes written)",
                ratio=half["years"] / PUBLISHED_YEARS,
                verdict=NOT_COMPARABLE,
                reason=f"Endurance and update rate are unpublished. With our writes per example and endurance "
                f"{endurance:.0e}, "
                f"12.2 years hold at {needed:.3g} new examples a second; in any design, one write "
                f"per cell every {pause:.3g} s.",
                command=command,
            )
        )
    dense = lives.get("all changes")
    if dense is not None and half is not None:
        claims.append(
            Claim(
                text="Gradient sparsification lengthens life",
                stated="figure 5b (values not available)",
                published="longer with sparsification",
                ours=f"{half['years'] / dense['years']:.2f} times with half of the changes, accuracy "
                f"{100 * half['accuracy']:.1f} against {100 * dense['accuracy']:.1f} %",
                ratio=half["years"] / dense["years"],
                verdict=NOT_COMPARABLE if quick else verdict(half["years"] > dense["years"]),
                reason=QUICK
                if quick
                else "Ratio of years until 10 % of the cells are stuck; it depends on neither endurance nor rate.",
                command=command,
            )
        )
    return tuple(claims)


def draw(result: FigureResult) -> Figure:
    """Years by share of changes written."""
    return bars(
        result.rows,
        title="Lifespan by share of changes written",
        by="until",
        name="written",
        value="years",
        label="years",
    )


FIGURE: Final = PaperFigure("5b", "Lifespan before and after gradient sparsification", points, analyse, draw)
