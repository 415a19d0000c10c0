"""One self-contained page per run: report.html, with PNG copies of its figures beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cimlearn.costs.told import MOST_YEARS
from cimlearn.report.costs import ageing, priced, used_prices
from cimlearn.report.html.markup import text
from cimlearn.report.html.shell import asset, whole_page
from cimlearn.report.run import (
    balance,
    chance,
    cost_words,
    costs_section,
    lifetime,
    numbers,
    provenance,
    rested,
    results,
    words,
)
from cimlearn.report.run.summary import summarise
from cimlearn.report.run.words import chip_name
from cimlearn.runfolder.files import write_atomic
from cimlearn.runfolder.records import Run, read_run
from cimlearn.units import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(run: Run) -> dict[str, tuple[Figure, str]]:
    """Every figure of a run with its plain-language sentence, by name; empty without records."""
    from cimlearn.report.run import accuracy_figures, confusion, wear_figures

    last, block = run.last(), summarise(run)["accuracy"]
    if last is None:
        return {}
    drawn = {}
    if run.learned > 1:  # one task has no course and nothing to forget
        drawn["accuracy"] = (accuracy_figures.curves(run), words.curves(run, block))
        drawn["matrix"] = (accuracy_figures.matrix(run), words.matrix(run, block))
    found = confusion.counts(run)
    if found is not None:
        drawn["confusion"] = (confusion.figure(run, found), confusion.words(run, found))
    for k, (name, writes) in enumerate(last.writes.items()):
        if writes.map:
            drawn[f"map-{k}"] = (wear_figures.write_map(name, writes), words.write_map(name, writes))
        if writes.counts:
            drawn[f"histogram-{k}"] = (
                wear_figures.write_histogram(name, writes),
                words.write_histogram(name, writes),
            )
    return drawn | _cost_figures(run)


def _cost_figures(run: Run) -> dict[str, tuple[Figure, str]]:
    """The figures of energy and lifetime; empty for a run without costs."""
    from cimlearn.report.run import cost_figures

    costs, _ = priced(run)
    if costs is None:
        return {}
    drawn = {
        f"energy-{name}": (
            cost_figures.energy(name, phase),
            cost_words.energy(name, phase, costs.twin.get(name)),
        )
        for name, phase in costs.phases.items()
    }
    first = costs.lifetime["first_cell"]
    if first is not None and first <= MOST_YEARS:  # nothing else would be in the picture
        law = ageing(run)
        drawn["lifetime"] = (cost_figures.worn(law, costs.lifetime), cost_words.law(run, law))
    return drawn


def _inline(drawn: dict[str, tuple[Figure, str]]) -> dict[str, str]:
    """The figures as `<svg>` elements."""
    from cimlearn.report.html import drawing

    return {name: drawing.svg(figure, name, alt) for name, (figure, alt) in drawn.items()}


def title(run: Run) -> str:
    """What ran: chip and stream."""
    return f"{chip_name(str(run.config['chip']))} on {run.config['stream']}"


def _subtitle(run: Run) -> str:
    """Scenario, placement, tasks and seeds, in one line."""
    facts = [words.placement(run.config), str(run.config["scenario"]), plural(len(run.task_names), "task")]
    return " · ".join([*facts, words.seeds_text(run.seeds)])


def page(run: Run, svgs: dict[str, str]) -> str:
    """The whole page of a run, with its figures as `<svg>` elements by name."""
    summary = summarise(run)
    missing, (costs, why_not) = words.incomplete(run), priced(run)
    notices = [
        missing,
        words.told(run),
        f"Not priced: {why_not}." if why_not else None,
        *chance.sentences(summary),
        *balance.sentences(summary),
        *rested.sentences(summary),
        *numbers.sentences(summary),
    ]
    body = [
        results.headline(run, summary, costs),
        results.accuracy(run, summary, svgs),
        numbers.errors(run, summary),
        costs_section.costs(run, costs, svgs) if costs else "",
        lifetime.lifetime(run, costs, svgs) if costs else "",
        results.wear(run, summary, svgs),
        provenance.counted(run),
        provenance.parameters(run, used_prices(run) if costs else {}),
        provenance.provenance(run, summary),
    ]
    return whole_page(
        title=title(run),
        subtitle=_subtitle(run),
        notices=notices,
        body=body,
        scripts=("tables.js",),
        version=str(run.config.get("cimlearn", "?")),
    )


def write_report(folder: Path | str) -> Path:
    """Write FOLDER/report.html and FOLDER/figures/*.png from the run's records; the path of the page.

    The same records give the same bytes. Raises InputError if it is not a run folder.
    """
    from cimlearn.report.html import drawing

    run = read_run(folder)
    drawn = draw(run)
    for name, (figure, _) in drawn.items():
        drawing.png(figure, run.folder / "figures" / f"{name}.png")
    target = run.folder / "report.html"
    write_atomic(target, page(run, _inline(drawn)).encode())
    return target


def notebook_html(run: Run) -> str:
    """A run inside a notebook: title, headline figures, costs in a line, accuracy curves and matrix."""
    svgs = _inline({name: pair for name, pair in draw(run).items() if name in ("accuracy", "matrix")})
    missing, (costs, _) = words.incomplete(run), priced(run)
    return (
        f"<style>{asset('notebook.css')}</style>"
        f'<div class="cimlearn"><p><strong>{text(title(run))}</strong> {text(_subtitle(run))}</p>'
        + (f"<p>{text(missing)}</p>" if missing else "")
        + results.headline(run, summarise(run), priced(run)[0])
        + (f"<p>{text(cost_words.short(costs))}</p>" if costs else "")
        + f'<div class="figures">{"".join(svgs.values())}</div></div>'
    )
