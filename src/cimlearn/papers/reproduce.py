"""Redo a paper: run the sweeps of its figures, analyse the records, write figures, data, claims and one page."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from cimlearn.errors import InputError
from cimlearn.papers import paper_figures
from cimlearn.papers.base import Claim, FigureResult, PaperFigure, Row
from cimlearn.papers.page import Shown, claims_markdown, page
from cimlearn.report.html import drawing
from cimlearn.runfolder.files import write_atomic
from cimlearn.runfolder.records import read_run
from cimlearn.studies.sweep import Tell, run_points


@dataclass(frozen=True)
class Made:
    """What was written."""

    folder: Path
    page: Path
    claims: tuple[Claim, ...]
    missing: dict[str, str]  # figure -> why it could not be made


def reproduce(
    paper: str,
    figures: Sequence[str] = (),
    *,
    out: str | Path | None = None,
    quick: bool = False,
    workers: int | None = None,
    tell: Tell | None = None,
) -> Made:
    """Redo figures of a paper ('m2ru'); without names, all of them and the claims page.

    Parameters
    ----------
    paper, figures
        which paper, and which of its figures ('4a', '4', 'table', ...)
    out
        folder of runs, figures and page; finished runs in it are used again; default reproduced/PAPER[-quick]
    quick
        short streams and one seed: minutes instead of an hour
    workers
        experiments side by side; the result is the same
    tell
        called as each experiment ends

    Raises
    ------
    InputError
        For an unknown paper or figure, or a folder that holds other experiments. A single figure that can't be made
        (its data is missing, say) is listed in `missing`; the others are made.
    """
    wanted = paper_figures(paper, tuple(figures))
    folder = Path(out) if out is not None else Path("reproduced") / (f"{paper}-quick" if quick else paper)
    folder.mkdir(parents=True, exist_ok=True)
    outcome = run_points(
        [point for one in wanted for point in one.points(quick)],
        folder / "runs",
        workers=workers,
        tell=tell,
    )
    shown, missing = [], {}
    for one in wanted:
        names = [point.name for point in one.points(quick)]
        failed = [outcome.failures[name] for name in names if name in outcome.failures]
        runs = {name: read_run(outcome.folders[name]) for name in names if name in outcome.folders}
        try:
            result = one.analyse(runs, quick)
        except InputError as error:
            missing[one.name] = failed[0] if failed else str(error)
            continue
        shown.append(_written(one, result, folder, failed))
    claims = tuple(claim for made in shown for claim in made.result.claims)
    if not figures:  # some figures alone have a page of their own, so that the whole one stays
        _write_csv(
            folder / "claims.csv", [asdict(claim) for claim in claims], [f.name for f in fields(Claim)]
        )
        write_atomic(folder / "claims.md", claims_markdown(claims).encode())
    target = folder / ("-".join(one.name for one in wanted) + ".html" if figures else "index.html")
    write_atomic(target, page(paper, shown, missing, quick=quick).encode())
    return Made(folder, target, claims, missing)


def _written(one: PaperFigure, result: FigureResult, folder: Path, failed: Sequence[str]) -> Shown:
    """Write one figure as PNG, SVG and CSV."""
    stem = f"figure-{one.name}" if one.name[0].isdigit() else one.name
    _write_csv(
        folder / f"{stem}.csv", result.rows, list(dict.fromkeys(k for row in result.rows for k in row))
    )
    svg = None
    if one.draw is not None:
        figure = one.draw(result)
        drawing.png(figure, folder / f"{stem}.png")
        svg = drawing.svg(figure, stem, result.caption)
        drawing.svg_file(figure, folder / f"{stem}.svg")
    return Shown(one.name, one.title, result, svg, tuple(dict.fromkeys(failed)))


def _write_csv(path: Path, rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Write rows as CSV in SI units; what a row lacks stays empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: _plain(v) for k, v in row.items()} for row in rows)
    write_atomic(path, text.getvalue().encode())


def _plain(value: Any) -> Any:
    """A float with all the digits that matter; None as nothing."""
    return format(value, ".6g") if isinstance(value, float) else "" if value is None else value
