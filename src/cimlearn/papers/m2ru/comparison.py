"""The comparison table: M2RU and others as published, beside our estimate of the chip and its digital twin."""

from __future__ import annotations

from typing import Any, Final

from cimlearn.errors import InputError
from cimlearn.papers.base import FigureResult, PaperFigure, Runs
from cimlearn.papers.m2ru import accuracy
from cimlearn.papers.published import COLUMNS, published
from cimlearn.report.costs import run_costs
from cimlearn.studies.sweep import Point


def points(quick: bool) -> tuple[Point, ...]:
    """The chip of figure 4a, first seed."""
    return tuple(p for p in accuracy.points("permuted-mnist", 100, quick) if p.name.endswith("/chip/seed=0"))


def analyse(runs: Runs, quick: bool) -> FigureResult:
    """Ours, then what was published."""
    costs = next((run_costs(run) for run in runs.values()), None)
    if costs is None:
        raise InputError("the comparison needs a finished run of the chip of figure 4a; it did not finish")
    found = costs.as_dict()
    ours: dict[str, Any] = {
        "node": "65 nm",
        "level": "simulated, this project",
        "learns": "yes",
        "precision": "8 bit",
    }
    rows = [
        {
            **ours,
            "name": "M2RU as simulated here",
            "memory": "memristor",
            "power_W": found["power_W"],
            "ops_per_s": found["ops_per_s"],
            "ops_per_J": found["ops_per_J"],
            "source": "figure 5d; most sizes assumed",
        },
        {
            **ours,
            "name": f"its digital twin ({costs.twin_kind}), priced here",
            "memory": "SRAM",
            "precision": "8 bit inputs, 16 bit weights",
            "power_W": found["digital"]["power_W"],
            "ops_per_s": found["digital"]["power_W"] * found["digital"]["ops_per_J"],
            "ops_per_J": found["digital"]["ops_per_J"],
            "source": "figure 5d; most sizes assumed",
        },
    ]
    caption = (
        "Published numbers as printed; macro figures leave out what a whole chip needs (a factor of 20 is known), "
        "so levels must "
        "not be mixed. At 65 nm, M2RU's 312 GOPS/W stand above Eyeriss (166) and below Chipmunk (3,080), both digital; "
        "its own baseline stands at 10.8."
    )
    return FigureResult(
        [
            {column: row.get(column) for column in COLUMNS}
            for row in [*rows, *published("accelerators.toml", "accelerator")]
        ],
        caption,
    )


FIGURE: Final = PaperFigure("table", "Beside other accelerators", points, analyse, None)
