"""The tables of a page of many runs: one row per design, one row per run."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from cimlearn.report.compare import labels
from cimlearn.report.compare.grouping import Benchmark, ComparedDesign
from cimlearn.report.compare.read import Entry
from cimlearn.report.html import chart
from cimlearn.report.html.markup import Cell, badge, breakable, table, text
from cimlearn.report.html.quantity import Column, column
from cimlearn.report.measures import SHOWN
from cimlearn.report.samples import average, furthest, spread
from cimlearn.units import plural

_MOST_LINKS: Final = 12  # runs that a design's row links to one by one
_KINDS: Final = {
    "Seeds": ' class="n"',
    "★": ' class="mid" data-first="descending" title="on the Pareto front"',
}


def shown_columns(benchmark: Benchmark) -> list[Column]:
    """The measures that any design has, each with one unit for all rows."""
    made = []
    for measure in SHOWN:
        values = [d.values[measure.key] for d in benchmark.designs if measure.key in d.values]
        if values:
            made.append(column(measure, values))
    return made


def designs_table(
    benchmark: Benchmark, names: Mapping[int, str], series: Mapping[int, int], rows: Mapping[str, str]
) -> str:
    """One row per design, mean and standard deviation over its seeds; `rows` are the ids of the runs' rows."""
    columns = shown_columns(benchmark)
    body, attributes = [], []
    for design, best in zip(benchmark.designs, benchmark.best, strict=True):
        note = "" if design.finished else _unfinished(design.learned, design)
        cells = [_name(design, series, text(names[design.number]) + note, names[design.number])]
        cells.append(_star(best))
        cells += _facts(benchmark, design) + _measures(columns, design.values, design.spreads)
        links = "".join(_run_link(entry, rows) for entry in design.entries[:_MOST_LINKS])
        more = len(design.entries) - _MOST_LINKS
        cells.append(Cell(str(len(design.samples)), "n"))
        cells.append(Cell(links + (f" and {more} more" if more > 0 else ""), "links"))
        body.append(cells)
        attributes.append(f'id="d{design.number}" tabindex="-1" data-design="{design.number}"')
    caption = "Designs: mean ± one standard deviation over seeds"
    head = _head(benchmark, columns, ["Design", "★"], ["Seeds", "Runs"])
    return table(caption, head, body, "compared sortable", attributes)


def runs_table(
    benchmark: Benchmark, series: Mapping[int, int], rows: Mapping[str, str], page: Path | None
) -> str:
    """One row per run; its name leads to its own page where that exists, seen from the folder `page`."""
    columns = shown_columns(benchmark)
    alone = not benchmark.grouped  # then a run is a design, and may be starred
    body, attributes = [], []
    for design, best in zip(benchmark.designs, benchmark.best, strict=True):
        for entry in design.entries:
            found = furthest(entry.samples)
            note = "" if entry.run.complete else _unfinished(entry.run.learned, design)
            cells = [_name(design, series, _report_link(entry, page) + note, entry.name)]
            cells += [_star(best)] if alone else []
            cells += _facts(benchmark, design) + _measures(columns, average(found), spread(found))
            cells.append(Cell(text(_seeds(entry.run.seeds)), "n", str(entry.run.seeds[0])))
            body.append(cells)
            attributes.append(f'id="{rows[entry.name]}" tabindex="-1" data-design="{design.number}"')
    caption = "Runs: ± is one standard deviation over a run’s own seeds"
    head = _head(benchmark, columns, ["Run", "★"] if alone else ["Run"], ["Seeds"])
    return table(caption, head, body, "compared sortable", attributes)


def _head(benchmark: Benchmark, columns: Sequence[Column], first: Sequence[str], last: Sequence[str]) -> str:
    """The head row: units stand here; parameters have the marker of their origin."""
    cells = [f'<th scope="col"{_KINDS.get(name, "")}>{name}</th>' for name in first]
    cells += [f'<th scope="col">{fact}</th>' for fact, _ in _varying_facts(benchmark)]
    for name, entry in labels.columns(benchmark).items():
        origin = badge(entry.origin)
        kind = ' class="n"' if _numeric(benchmark, name) else ""
        cells.append(f'<th scope="col"{kind}><code>{breakable(name)}</code> {origin}</th>')
    for shown in columns:
        way = ' data-first="descending"' if shown.measure.larger else ""
        cells.append(f'<th scope="col" class="n"{way}>{text(shown.heading)}</th>')
    cells += [f'<th scope="col"{_KINDS.get(name, "")}>{name}</th>' for name in last]
    return f"<tr>{''.join(cells)}</tr>"


def _varying_facts(benchmark: Benchmark) -> list[tuple[str, str]]:
    """What else than parameters differs: the chip, where it ran."""
    facts = [("Chip", "chip"), ("Ran on", "on")]
    return [(head, key) for head, key in facts if len({getattr(d, key) for d in benchmark.designs}) > 1]


def _facts(benchmark: Benchmark, design: ComparedDesign) -> list[Cell]:
    """Chip and place where they vary, then the parameters that have a column."""
    cells = [Cell(text(getattr(design, key))) for _, key in _varying_facts(benchmark)]
    own = {**design.run.parameters, **design.run.prices}
    for name in labels.columns(benchmark):
        entry = own.get(name)
        kind = "n" if _numeric(benchmark, name) else ""
        sort = "" if entry is None else _sort(entry.value)
        cells.append(Cell(text(labels.value(design, name)), kind, sort))
    return cells


def _numeric(benchmark: Benchmark, name: str) -> bool:
    """Whether the values are numbers (or none)."""
    values = [{**d.run.parameters, **d.run.prices}.get(name) for d in benchmark.designs]
    return all(v is None or v.value is None or _is_number(v.value) for v in values)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sort(value: object) -> str:
    """What a parameter sorts by: every digit of a number; none is last."""
    return "" if value is None else repr(float(value)) if isinstance(value, int | float) else str(value)


def _measures(
    columns: Sequence[Column], values: Mapping[str, float], spreads: Mapping[str, float]
) -> list[Cell]:
    """One cell per measure: mean with its spread, a dash where there is none."""
    cells = []
    for shown in columns:
        key = shown.measure.key
        if key not in values:
            cells.append(Cell("–", "n", ""))
            continue
        value, std = values[key], spreads.get(key)
        said = shown.spread(value, std)
        beside = f'<span class="pm"> ± {text(said)}</span>' if said else ""
        sort = "Infinity" if math.isinf(value) else repr(value)
        cells.append(Cell(text(shown.middle(value)) + beside, "n", sort))
    return cells


def _name(design: ComparedDesign, series: Mapping[int, int], html: str, sort: str) -> Cell:
    """The first cell: mark, number and name of a design or run."""
    own = series.get(design.number)
    return Cell(f'{chart.swatch(own)}<span class="number">{design.number}</span> {html}', "name", sort)


def _unfinished(learned: int, design: ComparedDesign) -> str:
    """How far it got."""
    return f"<small>{learned} of {plural(len(design.run.task_names), 'task')} learned; not ranked</small>"


def _star(best: bool) -> Cell:
    """A star for what is on the Pareto front."""
    return Cell('<span title="on the Pareto front">★</span>' if best else "", "mid", "1" if best else "0")


def _seeds(seeds: Sequence[int]) -> str:
    """'0, 1, 2' or '0 … 31'."""
    return ", ".join(map(str, seeds)) if len(seeds) <= 4 else f"{seeds[0]} … {seeds[-1]}"


def _run_link(entry: Entry, rows: Mapping[str, str]) -> str:
    """A link from a design to the row of one run, named by its seeds."""
    return f'<a href="#{rows[entry.name]}" title="{text(entry.name)}">{text(_seeds(entry.run.seeds))}</a> '


def _report_link(entry: Entry, page: Path | None) -> str:
    """The run's name; a link to its own page where there is one."""
    own = entry.run.folder / "report.html"
    if page is None or not own.is_file():
        return breakable(entry.name)
    path = quote(os.path.relpath(own.resolve(), page.resolve()).replace(os.sep, "/"))
    return f'<a href="{text(path)}">{breakable(entry.name)}</a>'
