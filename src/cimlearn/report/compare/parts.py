"""Energy, time and area by part, design beside design."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cimlearn.costs.base import Costs, Parts
from cimlearn.report.compare.grouping import Benchmark, ComparedDesign
from cimlearn.report.costs import priced
from cimlearn.report.html.markup import Cell, folded, table, text
from cimlearn.report.run.cost_words import part, share
from cimlearn.units import quantity

_FEW: Final = 4  # designs whose tables are open
MOST: Final = 8  # designs side by side; more columns than anybody reads

Picked = Sequence[tuple[ComparedDesign, Costs]]


def by_part(benchmark: Benchmark, names: Mapping[int, str]) -> str:
    """Tables of energy (inference, learning), time and area; nothing for fewer than two designs that have costs.

    A design's figures are those of its first seed, as on that run's own page. Of many designs, those on the Pareto
    front come first.
    """
    pairs = sorted(zip(benchmark.designs, benchmark.best, strict=True), key=lambda p: not p[1])
    having = [design for design, _ in pairs if "inference_J" in design.values]
    costs = [(design, priced(design.run)[0]) for design in having[:MOST]]
    picked = [(design, found) for design, found in costs if found is not None]
    if len(picked) < 2:
        return ""
    left = f" {len(having) - MOST} more designs are left out." if len(having) > MOST else ""
    tables = [
        _parts("Energy of one inference", picked, names, lambda c: c.phases["inference"].parts, "J"),
        _parts("Energy of one learned example", picked, names, _learning, "J"),
        _parts("Area", picked, names, lambda c: c.area, "m2"),
        _times(picked, names),
    ]
    said = "Energy, area and time by part, side by side"
    about = f"<p>Of each design’s first seed.{left}</p>"
    return folded(said, about, *tables, unfolded=len(picked) <= _FEW)


def _learning(costs: Costs) -> Parts:
    return costs.phases["learning"].parts if "learning" in costs.phases else {}


def _heads(picked: Picked, names: Mapping[int, str], first: str) -> str:
    columns = "".join(
        f'<th scope="col" class="n">{design.number} {text(names[design.number])}</th>' for design, _ in picked
    )
    return f'<tr><th scope="col">{first}</th>{columns}</tr>'


def _parts(
    caption: str, picked: Picked, names: Mapping[int, str], of: Callable[[Costs], Parts], unit: str
) -> str:
    """A row per part, the largest of the first design first; the last row is the sum."""
    columns = [of(costs) for _, costs in picked]
    known = dict.fromkeys(name for parts in columns for name, value in parts.items() if value)
    if not known:
        return ""
    order = sorted(known, key=lambda name: -max(parts.get(name, 0.0) for parts in columns))
    rows = [
        [Cell(text(part(name)), "name"), *(_cell(parts.get(name), parts, unit) for parts in columns)]
        for name in order
    ]
    sums = [math.fsum(parts.values()) for parts in columns]
    rows.append(
        [
            Cell("<strong>Sum</strong>", "name"),
            *(Cell(text(quantity(s, unit)) if s else "–", "n") for s in sums),
        ]
    )
    return table(caption, _heads(picked, names, "Part"), rows)


def _cell(value: float | None, parts: Parts, unit: str) -> Cell:
    """A value with its share of the design's sum."""
    if not value:
        return Cell("–", "n")
    part_of = share(value / math.fsum(parts.values()))
    return Cell(f'{text(quantity(value, unit))} <span class="pm">{part_of}</span>', "n")


def _times(picked: Picked, names: Mapping[int, str]) -> str:
    """Time of an inference, of a step and of a learned example."""
    rows = []
    for caption, phase, field in (
        ("one inference", "inference", "seconds"),
        ("one step of it", "inference", "step_seconds"),
        ("one learned example", "learning", "seconds"),
    ):
        found = [getattr(c.phases[phase], field) if phase in c.phases else None for _, c in picked]
        rows.append(
            [Cell(caption, "name"), *(Cell("–" if v is None else text(quantity(v, "s")), "n") for v in found)]
        )
    return table("Time", _heads(picked, names, "Of"), rows)
