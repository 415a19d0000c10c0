"""One self-contained page of many runs: headline, curves, Pareto plot, tables; a section per benchmark."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from cimlearn.report.compare import tables, words
from cimlearn.report.compare.curves import curves
from cimlearn.report.compare.differences import differences_table
from cimlearn.report.compare.grouping import Benchmark, benchmarks
from cimlearn.report.compare.labels import labels
from cimlearn.report.compare.pareto import first_axes, options, pareto, plot_axes
from cimlearn.report.compare.parts import by_part
from cimlearn.report.compare.read import Compared
from cimlearn.report.html import chart
from cimlearn.report.html.markup import figure, section, subsection, text, tile_html
from cimlearn.report.html.shell import whole_page
from cimlearn.runfolder.files import make, write_atomic
from cimlearn.units import plural

PAGE: Final = "index.html"


class Names:
    """What the parts of a benchmark's section call its designs and rows."""

    def __init__(self, benchmark: Benchmark, first_row: int) -> None:
        designs = benchmark.designs
        self.labels = {d.number: name for d, name in zip(designs, labels(benchmark), strict=True)}
        entries = [entry for design in designs for entry in design.entries]
        self.rows = {entry.name: f"r{first_row + k}" for k, entry in enumerate(entries)}
        self.series = _series(benchmark)
        self.targets = {
            d.number: f"d{d.number}" if benchmark.grouped else self.rows[d.entries[0].name] for d in designs
        }


def _series(benchmark: Benchmark) -> dict[int, int]:
    """The designs that get a colour and a shape: all of a few; of many the Pareto front, then the most accurate."""
    pairs = [(d, b) for d, b in zip(benchmark.designs, benchmark.best, strict=True) if d.samples]
    chosen = sorted(pairs, key=lambda p: (not p[0].finished, not p[1], -p[0].values["accuracy"]))
    few = sorted((design for design, _ in chosen[: chart.SERIES]), key=lambda design: design.number)
    return dict(zip((d.number for d in few), chart.series_of([d.on for d in few]), strict=True))


def page(
    compared: Compared, folder: Path | None = None, over: Collection[str] = (), *, live: str | None = None
) -> str:
    """The whole page; links to the runs' own pages are relative to `folder` (None: no such links).

    `live` (HTML) stands on top of a page that follows a running study (report/watch.py).
    """
    made = benchmarks(compared, over)
    body, row = [], 1
    for k, benchmark in enumerate(made, start=1):
        body.append(_section(benchmark, k, Names(benchmark, row), folder, several=len(made) > 1))
        row += sum(len(design.entries) for design in benchmark.designs)
    return whole_page(
        title=compared.title,
        subtitle=words.subtitle(made),
        notices=words.notices(compared, made, over),
        body=[live or "", _contents(made) if len(made) > 1 else "", *body],
        styles=("report.css", "compare.css"),
        scripts=("tables.js", "compare.js", *(("watch.js",) if live else ())),
        asks=live is not None,
        drawn_from="the runs’ records",
    )


def write_page(compared: Compared, folder: Path, over: Collection[str] = ()) -> Path:
    """Write FOLDER/index.html; the same records give the same bytes. The path of the page."""
    target = make(folder, exist_ok=True) / PAGE
    write_atomic(target, page(compared, folder, over).encode())
    return target


def _contents(made: Sequence[Benchmark]) -> str:
    """Links to the sections."""
    items = "".join(
        f'<li><a href="#benchmark-{k}">{text(b.title)}</a></li>' for k, b in enumerate(made, start=1)
    )
    return f'<nav aria-label="Benchmarks"><ul>{items}</ul></nav>'


def _section(benchmark: Benchmark, k: int, names: Names, folder: Path | None, *, several: bool) -> str:
    """One benchmark."""
    parts = [
        _tiles(benchmark, names),
        _figures(benchmark, names),
        _tables(benchmark, k, names, folder),
        by_part(benchmark, names.labels),
        _differences(benchmark, names),
    ]
    heading = benchmark.title if several else "Results"
    made = section(f"benchmark-{k}", heading, *(part for part in parts if part))
    return made.replace("<section ", '<section class="benchmark" ', 1)


def _tiles(benchmark: Benchmark, names: Names) -> str:
    """The best of each measure, with a link to the design that has it."""
    tiles = [
        tile_html(
            text(said.what),
            text(said.value),
            f'<a href="#{names.targets[said.design]}">{text(names.labels[said.design])}</a>'
            + (f" and {plural(said.ties, 'other')}" if said.ties else ""),
        )
        for said in words.headlines(benchmark)
    ]
    return f'<dl class="tiles">{"".join(tiles)}</dl>' if tiles else ""


def _legend(benchmark: Benchmark, names: Names) -> str:
    """The coloured designs by name; what is grey."""
    items = "".join(
        f'<li><a href="#{names.targets[number]}" data-design="{number}">{chart.swatch(series)}'
        f'<span class="number">{number}</span> {text(names.labels[number])}</a></li>'
        for number, series in names.series.items()
    )
    grey = len(benchmark.designs) - len(names.series)
    if grey > 0:
        items += f"<li>{chart.swatch(None)} {text(words.others(grey))}</li>"
    return f'<ul class="legend">{items}</ul>'


def _figures(benchmark: Benchmark, names: Names) -> str:
    """Curves and Pareto plot side by side under one legend."""
    designs = benchmark.designs
    if not any(design.samples for design in designs):
        return "<p>Nothing is recorded yet.</p>"
    said = words.curves(benchmark)
    figures = figure(curves(designs, names.labels, names.series, said), said)
    axes = plot_axes(designs)
    first = first_axes(axes)
    if first is not None:
        said = words.pareto(benchmark, axes[first[0]].measure.key)
        drawn = pareto(designs, axes, names.labels, names.series, names.targets, said)
        choice = (
            '<form class="axes" hidden>'
            f"<label>Across <select>{options(axes, first[0])}</select></label>"
            f"<label>Up <select>{options(axes, first[1])}</select></label>"
            '<output aria-live="polite"></output></form>'
        )
        figures += figure(drawn, said, choice)
    return f'{_legend(benchmark, names)}<div class="figures">{figures}</div>'


def _tables(benchmark: Benchmark, k: int, names: Names, folder: Path | None) -> str:
    """Designs and runs, with a form that filters and chooses between them; all of it without a script too."""
    runs = tables.runs_table(benchmark, names.series, names.rows, folder)
    views, choice = [("runs", "Runs", runs)], ""
    if benchmark.grouped:
        designs = tables.designs_table(benchmark, names.labels, names.series, names.rows)
        views.insert(0, ("designs", "Designs", designs))
        choice = "".join(
            f'<label><input type="radio" name="view-{k}" value="{view}"{" checked" if view == "designs" else ""}>'
            f" {title}</label>"
            for view, title, _ in views
        )
    form = (
        f'<form class="filter" data-tables="#benchmark-{k} table.compared" autocomplete="off" hidden>'
        f'<label>Find <input type="search" placeholder="name, value"></label><span>{choice}</span>'
        '<output aria-live="polite"></output></form>'
    )
    shown = "".join(f'<div data-view="{view}">{html}</div>' for view, _, html in views)
    note = f'<p class="small">{text(words.columns())}</p>'
    return subsection("Designs and runs" if benchmark.grouped else "Runs", note, form, shown)


def _differences(benchmark: Benchmark, names: Names) -> str:
    """The parameters that differ."""
    if len(benchmark.designs) < 2:
        return ""
    said = words.differences(benchmark)
    table = differences_table(benchmark) if benchmark.varied else ""
    return subsection("Parameters that differ", f"<p>{text(said)}</p>", table)
