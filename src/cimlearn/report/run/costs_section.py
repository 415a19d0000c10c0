"""Section of the page: energy, time and area of the chip, by part and beside its digital twin."""

from __future__ import annotations

import math
from collections.abc import Mapping

from cimlearn.costs.base import Costs, Parts, Phase
from cimlearn.costs.told import op_rate
from cimlearn.report.html.markup import (
    Cell,
    figure,
    folded,
    header,
    section,
    subsection,
    table,
    text,
    tile,
)
from cimlearn.report.run import cost_words
from cimlearn.runfolder.records import Run
from cimlearn.units import number, quantity

_PHASES = {"inference": "Inference", "learning": "Learning"}


def costs(run: Run, found: Costs, drawn: Mapping[str, str]) -> str:
    """Headline figures, energy and area by part, and the digital twin."""
    figures = "".join(
        figure(drawn[f"energy-{name}"], cost_words.energy(name, phase, found.twin.get(name)))
        for name, phase in found.phases.items()
    )
    areas = {"Chip": found.area} | ({"Digital twin": found.twin_area} if found.twin else {})
    return section(
        "costs",
        "Energy, time, area",
        f"<p>{text(cost_words.estimates(run))}</p>",
        _headline(found),
        _notes(found),
        subsection("By part", f'<div class="figures">{figures}</div>'),
        folded(
            "Energy and area by part, as numbers",
            by_part("Energy of the chip for one example", _energies(found.phases), "J"),
            by_part("Energy by product of training", _products(found), "J") if found.products else "",
            by_part("Area [mm²]", areas, "m2"),
        ),
        folded(
            "Beside a digital chip",
            f"<p>{text(cost_words.twin(run, found))}</p>",
            _beside(found),
            by_part("Energy of the digital twin for one example", _energies(found.twin), "J"),
        )
        if found.twin
        else "",
    )


_KINDS = {
    "unserved": "No circuit serves this as it is set, so the figures flatter the chip",
    "ideal": "Ideal here, so without a price",
    "derived": "Priced by a law outside the table",
}


def _notes(found: Costs) -> str:
    """What the figures leave out, folded away under a line that says how much."""
    if not found.notes:
        return ""
    rows = [
        [
            Cell(text(_KINDS[note.kind]), "name"),
            Cell(text(note.part)),
            Cell(text(note.text)),
            Cell(text(note.remedy)),
        ]
        for kind in _KINDS
        for note in found.notes
        if note.kind == kind
    ]
    heads = header(["Kind", "Part", "Why", "What to set"], [])
    counted = ", ".join(f"{sum(n.kind == kind for n in found.notes)} {kind}" for kind in _KINDS)
    return (
        f"<details><summary>What these figures leave out in the chip’s favour: {counted}</summary>"
        f"{table('What the figures leave out', heads, rows)}</details>"
    )


def _products(found: Costs) -> dict[str, Parts]:
    """Energy by product of training of each phase, under its heading."""
    return {_PHASES[name]: parts for name, parts in found.products.items()}


def _headline(found: Costs) -> str:
    """Time, throughput and efficiency; energy, power and area stand at the top of the page."""
    now, learning = found.phases["inference"], found.phases.get("learning")
    steps = now.step_seconds < now.seconds  # an image is one step
    tiles = [
        tile("Throughput", op_rate(now.ops_per_s, "OPS"), "multiplications and additions"),
        tile("Efficiency", op_rate(now.ops_per_J, "OPS/W"), "in inference"),
        *([tile("Time per step", quantity(now.step_seconds, "s"), "in inference")] if steps else []),
        tile("Time per inference", quantity(now.seconds, "s"), "all of an example"),
    ]
    if learning:
        tiles += [
            tile("Time per learned example", quantity(learning.seconds, "s"), "with what it replays"),
            tile("Power, learning", quantity(learning.watts, "W"), "while it learns"),
        ]
    return '<dl class="tiles">' + "".join(tiles) + "</dl>"


def _energies(phases: Mapping[str, Phase]) -> dict[str, Parts]:
    """Energy by part of each phase, under its heading."""
    return {_PHASES[name]: phase.parts for name, phase in phases.items()}


def by_part(caption: str, columns: Mapping[str, Parts], unit: str) -> str:
    """Value and share of each part, a pair of columns per entry of `columns`; the last row is the sum."""
    known = dict.fromkeys(name for parts in columns.values() for name in parts)
    names = [name for name in known if any(parts.get(name) for parts in columns.values())]
    rows = [
        [
            Cell(text(cost_words.part(name)), "name"),
            *(c for p in columns.values() for c in _pair(p.get(name), p, unit)),
        ]
        for name in names
    ]
    sums = [c for parts in columns.values() for c in _pair(math.fsum(parts.values()), parts, unit)]
    rows.append([Cell("<strong>Sum</strong>", "name"), *sums])
    groups = "".join(f'<th scope="colgroup" colspan="2" class="n">{text(name)}</th>' for name in columns)
    return table(caption, f'<tr><th scope="col">Part</th>{groups}</tr>', rows)


def _pair(value: float | None, parts: Parts, unit: str) -> list[Cell]:
    """A value and its share of the sum of `parts`."""
    if not value:
        return [Cell("–", "n"), Cell("", "n exact")]
    return [
        Cell(text(_amount(value, unit)), "n"),
        Cell(text(cost_words.share(value / math.fsum(parts.values()))), "n exact"),
    ]


def _amount(value: float, unit: str) -> str:
    """An energy with its unit; an area in mm² without, so that a column can be read down."""
    return number(float(f"{1e6 * value:.3g}"), 3) if unit == "m2" else quantity(value, unit)


def _beside(found: Costs) -> str:
    """Chip and digital twin, total by total, with their ratio."""
    rows = []
    for name, chip in found.phases.items():
        twin, one = found.twin[name], cost_words.ONE[name]
        rows += [
            _compared(f"Energy per {one}", chip.joules, twin.joules, "J"),
            _compared(f"Time per {one}", chip.seconds, twin.seconds, "s"),
            _compared(f"Power, {name}", chip.watts, twin.watts, "W"),
        ]
        if name == "inference":
            rows += [
                _compared("Throughput", chip.ops_per_s, twin.ops_per_s, "OPS"),
                _compared("Efficiency", chip.ops_per_J, twin.ops_per_J, "OPS/W"),
            ]
    rows.append(_compared("Area", math.fsum(found.area.values()), math.fsum(found.twin_area.values()), "m2"))
    caption = "Chip and digital twin, and the ratio of twin to chip"
    return table(caption, header(["Total", "Chip", "Digital twin", "Ratio"], [1, 2, 3]), rows)


def _compared(name: str, chip: float, twin: float, unit: str) -> list[Cell]:
    """One row: what, of the chip, of the twin, their ratio."""
    show = op_rate if unit.startswith("OPS") else quantity
    return [
        Cell(text(name), "name"),
        Cell(text(show(chip, unit)), "n"),
        Cell(text(show(twin, unit)), "n"),
        Cell(text(number(float(f"{twin / chip:.3g}"), 3)), "n"),
    ]
