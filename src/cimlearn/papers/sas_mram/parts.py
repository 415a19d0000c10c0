"""Energy of one image by part of the chip, inference and learning, with SAS-MRAM cells."""

from __future__ import annotations

from typing import Final

from matplotlib.figure import Figure

from cimlearn.costs.base import Phase
from cimlearn.errors import InputError
from cimlearn.papers.base import FigureResult, PaperFigure, Row, Runs
from cimlearn.papers.plots import bars, largest_parts
from cimlearn.papers.sas_mram import technologies
from cimlearn.report.costs import run_costs

GROUPS: Final = {  # what a multiply-add's energy goes into -> parts
    "reading weights": ("mram_reads", "mram_rows", "latches"),
    "counting ones": ("popcounts",),
    "adding up": ("sums", "rounding"),
    "moving feature maps and images": ("feature_maps", "interconnect", "loading"),
    "holding sums for their exponent": ("held_sums",),
    "leakage": ("leakage",),
}
# 2 / published TOPS/W; sources: papers/anchors.toml
MACROS: Final = "28 nm digital SRAM 50 fJ, 40 nm STT-MRAM 71 fJ, both 8 bits, and FP-SMR (28 nm, FP8) 131 fJ"
_SMALL: Final = 0.003  # of the total; smaller parts are drawn together


def analyse(runs: Runs, quick: bool) -> FigureResult:
    """Energy by part and phase."""
    run = runs.get(technologies.POINT)
    costs = None if run is None else run_costs(run)
    if costs is None:
        raise InputError("energy by part needs a finished run of the chip; it did not finish")
    rows: list[Row] = [
        {
            "phase": phase,
            "part": part,
            "joules": value,
            "J_per_multiply_add": 2 * value / one.operations,
        }
        for phase, one in costs.phases.items()
        for part, value in one.parts.items()
    ]
    inference, learning = costs.phases["inference"], costs.phases["learning"]
    each = {name: 1e15 * sum(_of(inference, parts)) for name, parts in GROUPS.items()}
    caption = (
        f"One image: {1e6 * inference.joules:.3g} uJ to classify ({1e6 * inference.seconds:.3g} us, "
        f"{inference.ops_per_J / 1e12:.3g} TOPS/W), {1e6 * learning.joules:.3g} uJ to learn. "
        f"A multiply-add of inference takes {1e15 * 2 / inference.ops_per_J:.0f} fJ: "
        + ", ".join(f"{name} {fj:.0f}" for name, fj in each.items())
        + f". Published macros, without the rest of a chip: {MACROS}. "
        "Estimated from public prices; most sizes are assumed."
    )
    return FigureResult(rows, caption)


def _of(phase: Phase, parts: tuple[str, ...]) -> list[float]:
    """Energy of some parts for one multiply-add [J]."""
    return [2 * phase.parts.get(part, 0.0) / phase.operations for part in parts]


def draw(result: FigureResult) -> Figure:
    """Parts as bars; parts below 0.3 % of both totals together."""
    shown = largest_parts(result.rows, by="phase", part="part", value="joules", least=_SMALL)
    return bars(
        shown,
        title="Energy of one image by part",
        by="phase",
        name="part",
        value="joules",
        label="energy [µJ]",
        scale=1e6,
    )


FIGURE: Final = PaperFigure("parts", "Energy by part", technologies.points, analyse, draw)
