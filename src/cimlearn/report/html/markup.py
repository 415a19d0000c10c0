"""Small pieces of HTML: every piece escapes what it is given, except where it says HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple


class Cell(NamedTuple):
    """One table cell: HTML, how it is set, and the value it sorts by."""

    html: str
    kind: str = ""  # "" text, "n" number, "name" row heading
    sort: str | None = None
    span: int = 1  # rows


def text(value: object) -> str:
    """Any value as escaped text."""
    return escape(str(value), quote=True)


def cell(cell: Cell) -> str:
    """A `<td>`, or `<th scope=row>` for a row heading."""
    sort = "" if cell.sort is None else f' data-sort="{text(cell.sort)}"'
    if cell.kind == "name":
        scope = 'scope="row"' if cell.span == 1 else f'scope="rowgroup" rowspan="{cell.span}"'
        return f"<th {scope}{sort}>{cell.html}</th>"
    kind = f' class="{cell.kind}"' if cell.kind else ""
    return f"<td{kind}{sort}>{cell.html}</td>"


def table(
    caption: str, head: str, rows: Iterable[Sequence[Cell]], kind: str = "", attributes: Sequence[str] = ()
) -> str:
    """A table with a caption (text), its head (HTML rows) and rows; it scrolls sideways where narrow.

    `attributes` (HTML) go into the rows' tags, one for each row.
    """
    own = (f" {a}" for a in attributes)
    body = "\n".join(f"<tr{next(own, '')}>{''.join(cell(c) for c in row)}</tr>" for row in rows)
    name = f' class="{kind}"' if kind else ""
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{text(caption)}"><table{name}>\n'
        f"<caption>{text(caption)}</caption>\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def header(names: Sequence[str], numbers: Sequence[int] = ()) -> str:
    """One head row; the columns in `numbers` are set as numbers."""
    cells = (
        f'<th scope="col"{" class=n" if i in numbers else ""}>{text(n)}</th>' for i, n in enumerate(names)
    )
    return "<tr>" + "".join(cells).replace("class=n", 'class="n"') + "</tr>"


def figure(svg: str, caption: str, below: str = "") -> str:
    """A figure: `<svg>` element (HTML) with its caption (text), and HTML that stands between them."""
    return f'<figure><div class="plot">{svg}</div>{below}<figcaption>{text(caption)}</figcaption></figure>'


def tile(label: str, value: str, note: str = "") -> str:
    """One headline figure: what it is, its value, a remark; all text."""
    return tile_html(text(label), text(value), text(note))


def tile_html(label: str, value: str, note: str = "") -> str:
    """As `tile`, of HTML."""
    small = f'<dd class="note">{note}</dd>' if note else ""
    return f'<div class="tile"><dt>{label}</dt><dd>{value}</dd>{small}</div>'


def section(identity: str, title: str, *parts: str) -> str:
    """A section with its heading; parts are HTML."""
    return f'<section id="{identity}">\n<h2>{text(title)}</h2>\n' + "\n".join(parts) + "\n</section>"


def subsection(title: str, *parts: str) -> str:
    """A heading inside a section, and what stands under it; parts are HTML."""
    return f"<h3>{text(title)}</h3>\n" + "\n".join(parts)


def folded(summary: str, *parts: str, unfolded: bool = False) -> str:
    """What a reader may open (or close, if `unfolded`): a line (text), and what stands under it (HTML)."""
    return (
        f"<details{' open' if unfolded else ''}><summary>{text(summary)}</summary>\n"
        + "\n".join(parts)
        + "\n</details>"
    )


def contents(body: str) -> str:
    """Links to the sections of a page; nothing for a page of fewer than three."""
    found = re.findall(r'<section id="([^"]+)"[^>]*>\s*<h2>(.*?)</h2>', body)
    if len(found) < _LEAST:
        return ""
    items = "".join(f'<li><a href="#{identity}">{title}</a></li>' for identity, title in found)
    return f'<nav class="contents" aria-label="Contents"><ul>{items}</ul></nav>'


_LEAST = 3  # sections of a page that has a list of them
_ORIGINS = ("paper", "authors", "literature", "derived", "assumed")


def badge_kind(origin: str) -> str:
    """The style of an origin: its own name if it is one of ours."""
    return origin if origin in _ORIGINS else "other"


def badge(origin: str) -> str:
    """The marker of whose number a parameter is."""
    return f'<span class="badge {badge_kind(origin)}">{text(origin)}</span>'


def breakable(name: str) -> str:
    """A long name as escaped text that may be broken after its signs: a path, 'part.key', 'key=value,key=value'."""
    return "".join(text(c) + ("<wbr>" if c in "./,=_" else "") for c in name)
