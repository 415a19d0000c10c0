"""The page of a search: the front as picture and table, then every trial with what became of it."""

from __future__ import annotations

from matplotlib.figure import Figure

from cimlearn.report.compare.page import write_page as write_compared
from cimlearn.report.compare.read import read_study
from cimlearn.report.front_figure import course_figure, front_figure
from cimlearn.report.html import drawing
from cimlearn.report.html.markup import Cell, figure, header, section, table, text
from cimlearn.report.html.shell import whole_page
from cimlearn.runfolder.files import write_atomic
from cimlearn.studies.results import Row
from cimlearn.studies.search.outcome import FINISHED, Searched, in_order
from cimlearn.studies.search.table import Search
from cimlearn.studies.search.words import cells, heads, objective, parameter, tally

PICTURE = "front.png"
PAGE = "search.html"


def write_page(search: Search, found: Searched) -> None:
    """Write front.png and search.html into the folder of a search with at least one finished trial.

    Where trials were trained, index.html too, as of any study.
    """
    ended = [row for row in found.rows if row["state"] == FINISHED]
    drawing.png(_picture(search, ended), found.folder / PICTURE)
    svg = drawing.svg(_picture(search, ended), "front", _caption(search))
    body = [
        section("front", "Pareto front", figure(svg, _caption(search)), _front(search, found)),
        section("trials", "All trials", _trials(search, found)),
    ]
    page = whole_page(
        title=f"Search {search.study.name}",
        subtitle=f"{search.study.base.chip} on {search.study.base.stream} · {tally(found)}",
        body=body,
        scripts=("tables.js",),
        drawn_from="the search’s trials and the records of their runs",
    )
    write_atomic(found.folder / PAGE, page.encode())
    if search.train:  # the interactive page of studies too: a row per trial that was run
        write_compared(read_study(found.folder), found.folder)


def _picture(search: Search, ended: list[Row]) -> Figure:
    """The finished trials."""
    trials = [row["trial"] for row in ended]
    if len(search.objectives) == 1:
        return course_figure(ended, search.objectives[0], trials)
    return front_figure(ended, search.objectives, [str(trial) for trial in trials])


def _caption(search: Search) -> str:
    """What the picture shows."""
    if len(search.objectives) == 1:
        return "Each finished trial; the line is the best so far."
    wanted = ", ".join(f"{'high' if up else 'low'} {name}" for name, up in search.goals.items())
    front = f"Each finished trial. Numbers are the trials of the Pareto front: no other is as good in all of: {wanted}."
    return f"{front} A trial near chance is on no front."


def _front(search: Search, found: Searched) -> str:
    """The table of the Pareto front."""
    rows = [_cells(search, row) for row in in_order(search, found.front)]
    names = heads(search)
    return table(
        "Trials of the Pareto front, the best of the first objective first",
        header(names, range(1, len(names))),
        rows,
    )


def _cells(search: Search, row: Row) -> list[Cell]:
    """A finished trial; a column sorts by its value."""
    values = [
        row["trial"],
        *(row[dimension.name] for dimension in search.space),
        *(row[name] for name in search.objectives),
    ]
    texts = cells(search, row)
    first = Cell(text(texts[0]), "name", texts[0])
    return [first, *(Cell(text(t), "n", str(v)) for t, v in zip(texts[1:], values[1:], strict=True))]


def _trials(search: Search, found: Searched) -> str:
    """The table of all trials."""
    rows = []
    for row in found.rows:
        chosen = [row[dimension.name] for dimension in search.space]
        rows.append(
            [
                Cell(str(row["trial"]), "name", str(row["trial"])),
                Cell(text(row["state"])),
                *(Cell(text("–" if v is None else parameter(v)), "n", str(v)) for v in chosen),
                *(Cell(text(objective(row, name)), "n", str(row[name])) for name in search.objectives),
                Cell(text(row["reason"] or "")),
            ]
        )
    parameters = [dimension.name for dimension in search.space]
    names = ["trial", "became", *parameters, *search.objectives, "reason"]
    return table("Every trial, in order", header(names, range(2, len(names) - 1)), rows)
