"""The claims page: every published claim beside our number, then every figure with its data; one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cimlearn.papers.base import Claim, FigureResult
from cimlearn.report.html.markup import Cell, figure, header, section, table, text
from cimlearn.report.html.shell import whole_page
from cimlearn.units import number, quantity

_UNITS: Final = {"power_W": "W", "ops_per_s": "1/s", "ops_per_J": "1/J", "area_m2": "m2", "learning_J": "J"}
_UNITS_STD: Final = {f"{k}_std": v for k, v in _UNITS.items()} | {"seconds_per_step": "s"}
_HEADS: Final = {"power_W": "power", "ops_per_s": "throughput", "ops_per_J": "efficiency", "area_m2": "area",
                 "learning_J": "energy per learned example", "years_ten_percent": "years until 10 % stuck",
                 "ratio": "digital ratio"}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """One figure as the page shows it."""

    name: str
    title: str
    result: FigureResult
    svg: str | None
    failed: tuple[str, ...]  # why some of its experiments could not be run


def page(paper: str, shown: Sequence[Shown], missing: Mapping[str, str], *, quick: bool) -> str:
    """The whole page."""
    claims = [claim for one in shown for claim in one.result.claims]
    notice = (
        "Quick: short streams, one seed. The verdicts on accuracy and lifetime mean little here; the full run decides."
        if quick
        else ""
    )
    body = [
        _claims(claims),
        _missing(missing),
        _figures(shown),
        *[_table(one) for one in shown if one.svg is None],
    ]
    return whole_page(
        title=f"{paper.upper()}: what was published, and what runs here",
        subtitle=f"{len(claims)} claims · every number from this project's own runs and public prices",
        notices=[notice],
        body=body,
    )


def _claims(claims: Sequence[Claim]) -> str:
    """The table of claims."""
    if not claims:
        return ""
    rows = [
        [
            Cell(text(c.text), "name"),
            Cell(text(c.stated)),
            Cell(text(c.published)),
            Cell(text(c.ours)),
            Cell("–" if c.ratio is None else text(f"{c.ratio:.3g}"), "n"),
            Cell(f'<span class="badge {_BADGES[c.verdict]}">{text(c.verdict)}</span>'),
            Cell(text(c.reason)),
            Cell(f"<code>{text(c.command)}</code>"),
        ]
        for c in claims
    ]
    heads = ("Claim", "Stated in", "Published", "Ours", "Ratio", "Verdict", "Why", "To redo it")
    caption = "± is one standard deviation over seeds. Ratio: ours divided by published (for accuracy: chip / software)"
    return section("claims", "Claims", table(caption, header(heads, (4,)), rows, "claims-table"))


_BADGES: Final = {
    "reproduced": "authors", "not reproduced": "assumed", "not comparable": "derived", "undetermined": "derived",
}  # fmt: skip


def _missing(missing: Mapping[str, str]) -> str:
    """Figures that could not be made."""
    if not missing:
        return ""
    items = "".join(f"<li>{text(name)}: {text(why)}</li>" for name, why in missing.items())
    return section("missing", "Not made", f"<ul>{items}</ul>")


def _figures(shown: Sequence[Shown]) -> str:
    """All drawings, side by side where there is room."""
    drawn = [
        figure(one.svg, f"{_title(one)}. {one.result.caption}{_failed(one)}")
        for one in shown
        if one.svg is not None
    ]
    if not drawn:
        return ""
    return section("figures", "Figures", f'<div class="figures">{"".join(drawn)}</div>')


def _title(one: Shown) -> str:
    """'Figure 4a' or the figure's own title."""
    return f"Figure {one.name}" if one.name[0].isdigit() else one.title


def _failed(one: Shown) -> str:
    """Why some of the experiments are missing."""
    return "".join(f" Some experiments could not be run: {why}" for why in one.failed)


def _table(one: Shown) -> str:
    """The rows of a figure that is not drawn."""
    columns = list(dict.fromkeys(k for row in one.result.rows for k in row))
    numbers = [i for i, c in enumerate(columns) if any(isinstance(r.get(c), float) for r in one.result.rows)]
    rows = [
        [
            Cell(text(_value(c, row.get(c))), "n" if i in numbers else "name" if i == 0 else "")
            for i, c in enumerate(columns)
        ]
        for row in one.result.rows
    ]
    heads = [_HEADS.get(c, c.replace("_", " ")) for c in columns]
    caption = f"<p>{text(one.result.caption + _failed(one))}</p>"
    return section(one.name, _title(one), caption, table(one.title, header(heads, numbers), rows))


def _value(column: str, value: Any) -> str:
    """One value for a reader."""
    if value is None:
        return "–"
    if not isinstance(value, float):
        return str(value)
    if column == "ops_per_s":
        return f"{number(value / 1e9, 3)} GOPS"
    if column == "ops_per_J":
        return f"{number(value / 1e9, 4)} GOPS/W"
    unit = _UNITS.get(column) or _UNITS_STD.get(column)
    return quantity(value, unit) if unit else number(value, 3)


def claims_markdown(claims: Sequence[Claim]) -> str:
    """The table of claims for the documentation."""
    lines = [
        "| claim | stated in | published | ours | ratio | verdict | why | to redo it |",
        "|" + "---|" * 8,
    ]
    for c in claims:
        ratio = "–" if c.ratio is None else f"{c.ratio:.3g}"
        cells = (c.text, c.stated, c.published, c.ours, ratio, c.verdict, c.reason, f"`{c.command}`")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
