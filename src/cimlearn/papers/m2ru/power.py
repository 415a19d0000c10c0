"""Figure 5d of M2RU, and its headline numbers: power by part, throughput, efficiency, the digital twin.

From the ledgers of the runs of figure 4a (the chip with the defaults): bit activity and conductances are the run's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from matplotlib.figure import Figure

from cimlearn import metrics
from cimlearn.costs.base import Costs
from cimlearn.errors import InputError
from cimlearn.papers.base import UNDETERMINED, Claim, FigureResult, PaperFigure, Row, Runs, verdict
from cimlearn.papers.m2ru import accuracy
from cimlearn.papers.plots import bars, largest_parts
from cimlearn.report.costs import run_costs
from cimlearn.studies.sweep import Point

PUBLISHED: Final = {"ops_per_s": 15e9, "power_W": 48.62e-3, "ops_per_J": 312e9, "ratio": 29.0}
WITHIN: Final = 2.0  # a bottom-up estimate that is closer than this counts as agreement
SIZES: Final = (100, 256)
_SMALL: Final = 0.005  # of the total; smaller parts are drawn together


def points(quick: bool) -> tuple[Point, ...]:
    """The chips of figures 4a and 4b."""
    found = (p for hidden in SIZES for p in accuracy.points("permuted-mnist", hidden, quick))
    return tuple(p for p in found if "/chip/" in p.name)


def _costs(runs: Runs, hidden: int) -> list[Costs]:
    """The costs of the finished seeds of one size."""
    names = [accuracy.name("permuted-mnist", hidden, "chip", seed) for seed in range(accuracy.SEEDS)]
    return [c for n in names if n in runs and (c := run_costs(runs[n])) is not None]


def analyse(runs: Runs, quick: bool) -> FigureResult:
    """Power by part in inference and in learning."""
    rows: list[Row] = []
    for hidden in SIZES:
        for phase in ("inference", "learning"):
            found = [c.phases[phase] for c in _costs(runs, hidden)]
            for part in found[0].parts if found else ():
                watts = [phase_.parts[part] / phase_.seconds for phase_ in found]
                rows.append(
                    {
                        "hidden": hidden,
                        "phase": phase,
                        "part": part,
                        "power_W": metrics.mean(watts),
                        "power_W_std": metrics.std(watts),
                        "seeds": len(found),
                    }
                )
    costs = _costs(runs, 100)
    if not costs:
        raise InputError("figure 5d needs a finished run of the chip of figure 4a; none finished")
    inference, learning = costs[0].phases["inference"], costs[0].phases["learning"]
    caption = (
        f"Power by part, 100 hidden units: {1e3 * inference.watts:.0f} mW in inference, "
        f"{1e3 * learning.watts:.0f} mW while learning (energy of a new example with its replay, over its time). "
        "Estimated "
        "from public prices without a fitted factor; most sizes are assumed."
    )
    return FigureResult(rows, caption, _claims(costs, quick))


def _claims(costs: list[Costs], quick: bool) -> tuple[Claim, ...]:
    """The four headline numbers."""
    found = [c.as_dict() for c in costs]
    why = {
        "power_W": "All sizes behind it are unpublished; see the sensitivity table.",
        "ops_per_s": "Clock, converters per tile and bits are unpublished; 35 cycles of 20 MHz a step give 15 GOPS.",
        "ops_per_J": "The ratio of the two above.",
        "ratio": "It hangs on the digital chip, which nobody published: from a tight one (8 x 16 bits, a small weight "
        "memory) to a processor of 70 pJ an instruction at 45 nm. The published baseline of 10.8 GOPS/W (derived) is "
        "that of such a processor, not of a dedicated chip; `cimlearn reproduce m2ru twins` has the nodes.",
    }
    texts: dict[str, tuple[str, str, Callable[[float], str]]] = {
        "ops_per_s": ("Throughput of 15 GOPS", "15 GOPS", lambda v: f"{v / 1e9:.3g} GOPS"),
        "power_W": ("Power of 48.62 mW", "48.62 mW", lambda v: f"{1e3 * v:.3g} mW"),
        "ops_per_J": ("Efficiency of 312 GOPS/W", "312 GOPS/W", lambda v: f"{v / 1e9:.3g} GOPS/W"),
        "ratio": ("29 times the efficiency of a digital CMOS design", "29", lambda v: f"{v:.3g}"),
    }
    claims = []
    for key, (text, published, show) in texts.items():
        if key == "ratio":
            claims.append(_ratio_claim(found, text, why[key], quick))
            continue
        values = [d[key] for d in found]
        ours, spread = metrics.mean(values), metrics.std(values)
        ratio = ours / PUBLISHED[key]
        claims.append(
            Claim(
                text=text,
                stated="abstract",
                published=published,
                ours=show(ours) + ("" if spread is None else f" ± {show(spread)}"),
                ratio=ratio,
                verdict=verdict(1 / WITHIN <= ratio <= WITHIN),
                reason=f"Agreement means within a factor of {WITHIN:g}, bottom-up. {why[key]}",
                command="cimlearn reproduce m2ru 5d" + (" --quick" if quick else ""),
            )
        )
    return tuple(claims)


def _ratio_claim(found: list[dict[str, Any]], text: str, why: str, quick: bool) -> Claim:
    """The range of the ratio over the kinds of digital twin: undetermined where the published one lies inside."""
    kinds = {
        kind: metrics.mean([d["digital"]["ratios"][kind]["inference"] for d in found])
        for kind in found[0]["digital"]["ratios"]
    }
    tight, most = min(kinds.values()), max(kinds.values())
    holds = tight <= PUBLISHED["ratio"] <= most
    return Claim(
        text=text,
        stated="abstract",
        published="29",
        ours=", ".join(f"{kind} {ratio:.3g}" for kind, ratio in kinds.items()),
        ratio=kinds["tight"] / PUBLISHED["ratio"],
        verdict=UNDETERMINED if holds else verdict(False),
        reason=f"Ratio: of the tight twin. {why}",
        command="cimlearn reproduce m2ru 5d" + (" --quick" if quick else ""),
    )


def draw(result: FigureResult) -> Figure:
    """Power by part at 100 hidden units; parts below half a percent of both totals are drawn together."""
    rows = [row for row in result.rows if row["hidden"] == SIZES[0]]
    shown = largest_parts(rows, by="phase", part="part", value="power_W", least=_SMALL)
    return bars(
        shown,
        title="Power by part, 100 hidden units",
        by="phase",
        name="part",
        value="power_W",
        label="power [mW]",
        scale=1e3,
    )


FIGURE: Final = PaperFigure("5d", "Power by part, and the headline numbers", points, analyse, draw)
