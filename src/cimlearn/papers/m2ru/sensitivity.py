"""How the headline numbers of M2RU depend on what nobody published, and which region agrees with the paper.

One assumption at a time (every other one at its default), then a grid over those that matter most.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Final

from cimlearn import chips
from cimlearn.chips.m2ru import HIGHOHMIC, LOWOHMIC, M2RU
from cimlearn.costs.base import Costs
from cimlearn.experiments.pricing import price_design
from cimlearn.papers.base import FigureResult, PaperFigure, Row, Runs
from cimlearn.papers.m2ru.lifespan import PUBLISHED_YEARS
from cimlearn.papers.m2ru.power import PUBLISHED
from cimlearn.studies.sweep import Point

# The two cells, each in the circuit that was made around it.
CELLS: Final = {"200 k to 2 M ohm": HIGHOHMIC, "25 k to 3.5 k ohm": LOWOHMIC}
CAPACITORS: Final = ("hidden", "output", "feedback")


def _capacitors(charge: float, chip: str = M2RU) -> dict[str, float]:
    """Integrators for `charge` times the chip's own: current, read voltage and time of a cycle ask for it."""
    usual = chips.parameters(chip)
    names = [f"periphery.{array}_capacitance" for array in CAPACITORS]
    return {name: charge * usual[name] for name in names}


ONE_AT_A_TIME: Final[Mapping[str, tuple[dict[str, Any], ...]]] = {
    "clock": tuple({"periphery.clock": f, **_capacitors(5e6 / f)} for f in (2.5e6, 1e7, 2e7)),
    "node": tuple({"technology.node": n} for n in ("45nm", "32nm", "22nm")),
    "input bits": tuple({"periphery.input_bits": b} for b in (4, 6)),
    "converter bits": tuple({"periphery.converter_bits": b} for b in (4, 6)),
    "converters per tile": tuple({"periphery.converters": n} for n in (1, 4, 64)),
    "tile": tuple({"tile.rows": n, "tile.columns": n} for n in (64, 256)),
    "V_r": tuple({"periphery.read_voltage": v, **_capacitors(v / 0.4)} for v in (0.2, 0.3)),
    "hidden units": ({"network.hidden": 256},),
    "pipelining": ({"operation.pipelined": False},),
    "digital lanes": tuple({"digital.lanes": n} for n in (16, 1024)),
    "amplifier g_m/I_D": tuple({"price.gm_per_ampere": g} for g in (10, 20)),
    "K (changes kept)": (
        {"rule.keep_hidden": None},
        {"rule.keep_hidden": 32, "rule.keep_output": 25},
        {"rule.keep_hidden": 16, "rule.keep_output": 12},
    ),
    "endurance": tuple({"cell.endurance": e} for e in (1e6, 1e8, 3e9)),
    "update rate": tuple({"operation.rate": r} for r in (1, 1000)),
    "examples per write": tuple({"rule.batch": n} for n in (1, 64)),
    "twin's weight bits": tuple({"twin.weight_bits": n} for n in (8, 32)),
    "twin of 32 x 32 bits": ({"twin.weight_bits": 32, "twin.input_bits": 32, "twin.sum_bits": 64},),
    "memory ten times dearer": ({"price.sram": 1e-10},),
    "which digital chip": tuple({"twin.kind": k} for k in ("no-reuse", "off-chip", "processor")),
    "banks of memories beside the lanes": tuple({"price.banks": n} for n in (4, 16)),
}
GRID: Final[Mapping[str, tuple[Any, ...]]] = {
    "periphery.clock": (2.5e6, 5e6, 1e7, 2e7, 4e7),
    "periphery.converters": (1, 2, 3, 4, 8, 16),
    "periphery.input_bits": (4, 6, 8),
    "network.hidden": (100, 256),
    "cell": tuple(CELLS),
}
AGREES: Final = 0.15  # relative distance of throughput, power and efficiency that counts as agreement


def points(quick: bool) -> tuple[Point, ...]:
    """No experiments: designs are priced without training."""
    return ()


def _numbers(costs: Costs) -> Row:
    """The headline numbers of one design."""
    found = costs.as_dict()
    return {
        "power_W": found["power_W"],
        "ops_per_s": found["ops_per_s"],
        "ops_per_J": found["ops_per_J"],
        "ratio": found["digital"]["ratio"],
        "years_ten_percent": found["lifetime_years"]["ten_percent"],
        "area_m2": found["area_m2"],
        "learning_J": found["energy"]["learning_J"],
    }


def distance(row: Row) -> float:
    """Largest relative distance of throughput, power and efficiency from the published ones."""
    return max(abs(row[key] / PUBLISHED[key] - 1) for key in ("power_W", "ops_per_s", "ops_per_J"))


def analyse(runs: Runs, quick: bool) -> FigureResult:
    """The table, and the designs of the grid that agree with the paper."""
    rows = [{"assumption": "defaults", "setting": "", **_numbers(price_design(M2RU, {}))}]
    rows.append({"assumption": "cell", "setting": LOWOHMIC, **_numbers(price_design(LOWOHMIC, {}))})
    rows += [
        {"assumption": assumption, "setting": _text(settings), **_numbers(price_design(M2RU, settings))}
        for assumption, variants in ONE_AT_A_TIME.items()
        for settings in variants
    ]
    region = [row for row in _grid() if distance(row) <= AGREES]
    rows += sorted(region, key=distance)
    return FigureResult(rows, _caption(rows, region))


def _grid() -> list[Row]:
    """Every design of the grid."""
    rows = []
    for values in itertools.product(*GRID.values()):
        settings = dict(zip(GRID, values, strict=True))
        cell = settings.pop("cell")
        chip = CELLS[cell]
        own = _capacitors(chips.parameters(chip)["periphery.clock"] / settings["periphery.clock"], chip)
        row = _numbers(price_design(chip, settings | own))
        rows.append({"assumption": "agrees with the paper", "setting": f"{_text(settings)}, {cell}", **row})
    return rows


def _text(settings: Mapping[str, Any]) -> str:
    """'periphery.clock=1e+07', the way it is set; derived capacitors are left out."""
    shown = {k: v for k, v in settings.items() if not k.endswith("capacitance")} or settings
    return " ".join(
        f"{k}={'none' if v is None else format(v, 'g') if isinstance(v, float) else v}"
        for k, v in shown.items()
    )


def _caption(rows: list[Row], region: list[Row]) -> str:
    """What the table says."""
    lives = [row["years_ten_percent"] for row in rows if row["years_ten_percent"] is not None]
    ratios = [row["ratio"] for row in rows]
    found = (
        f"{len(region)} of them lie within {100 * AGREES:.0f} % of 15 GOPS, 48.62 mW and 312 GOPS/W at once"
        if region
        else f"none of them lies within {100 * AGREES:.0f} % of 15 GOPS, 48.62 mW and 312 GOPS/W at once"
    )
    count = len(list(itertools.product(*GRID.values())))
    return (
        f"One assumption at a time, then the agreeing part of a grid of {count} designs: {found}. "
        f"The digital ratio runs from {min(ratios):.2g} to {max(ratios):.2g} (published 29), "
        f"lifetimes from {min(lives):.2g} to {max(lives):.2g} years (published {PUBLISHED_YEARS})."
    )


FIGURE: Final = PaperFigure("sensitivity", "What the headline numbers hang on", points, analyse, None)
