"""Parameter and provenance tables, one page per preset and one that counts them, made from the preset files."""

from __future__ import annotations

import tomllib
from collections import Counter
from html import escape
from importlib import resources
from typing import get_args

from cimlearn import parameters
from cimlearn.parameters import Origin, Parameter
from cimlearn.units import value_text

ORIGINS = get_args(Origin)
MEANING = {
    "paper": "stated by the publication that the preset describes",
    "authors": "stated in other work of the same authors or their laboratory",
    "literature": "other published work",
    "derived": "arithmetic on the three above, or measured by this project's own runs",
    "measured here": "fitted to a table of the user's own (`cimlearn device fit`)",
    "assumed": "nobody published it: a choice of this project, and a parameter so that it can be another",
}


def pages() -> dict[str, str]:
    """Path -> Markdown of every page."""
    names = parameters.available()
    made = {f"parameters/{name}.md": _preset(name) for name in names}
    made["parameters/index.md"] = _overview(names)
    return made


def _overview(names: list[str]) -> str:
    counts = {
        name: Counter(entry.origin for entry in parameters.load(name).entries().values()) for name in names
    }
    total = sum(counts.values(), Counter())
    everything = total.total()
    lines = [
        "# Parameters and where they come from",
        "",
        f"Every number in cimlearn is an entry of a preset file. These {len(names)} presets hold {everything} entries; "
        f"**{total['assumed']} of them are assumed**, because nobody published a value. The tables are made from the "
        "files that the program reads, each time this site is built.",
        "",
        "| origin | entries | means |",
        "|---|---:|---|",
        *(f"| {_origin(origin)} | {total[origin]} | {MEANING[origin]} |" for origin in ORIGINS),
        "",
        "## By preset",
        "",
        f"| preset | describes | entries | {' | '.join(ORIGINS)} |",
        f"|---|---|---:|{'---:|' * len(ORIGINS)}",
    ]
    for name in names:
        by_origin = " | ".join(str(counts[name][origin] or "–") for origin in ORIGINS)
        title = _publication(name).get("title", name)
        lines.append(f"| [`{name}`]({name}.md) | {_cell(title)} | {counts[name].total()} | {by_origin} |")
    lines += [
        "",
        "On the command line: `cimlearn show m2ru` prints those that one run takes, `cimlearn run m2ru --set "
        "part.key=value` changes one. A changed value belongs to whoever changed it: run.json and the report say so.",
    ]
    return "\n".join(lines)


def _preset(name: str) -> str:
    publication, entries = _publication(name), parameters.load(name).entries()
    assumed = sum(entry.origin == "assumed" for entry in entries.values())
    lines = [f"# {name}", "", _cell(publication.get("title", name)) + ".", ""]
    for key in ("reference", "note"):
        if key in publication:
            lines += [f"{key.capitalize()}: {_cell(publication[key])}", ""]
    lines += [f"{len(entries)} entries, {assumed} of them assumed. File: `src/cimlearn/presets/{name}.toml`."]
    part = None
    for full, entry in entries.items():
        before, part = part, full.partition(".")[0]
        if part != before:
            lines += ["", f"## {part}", ""]
            lines += ["| parameter | value | unit | allowed | origin | source |", "|---|---|---|---|---|---|"]
        lines.append(_row(full, entry))
    return "\n".join(lines)


def _row(name: str, entry: Parameter) -> str:
    """A line of a table; what the parameter is stands below its name."""
    named = f"`{name}`<br>{_cell(entry.help)}"
    value = _cell(value_text(entry.value, entry.unit))
    cells = (named, value, _cell(entry.unit), _allowed(entry), _origin(entry.origin), _cell(entry.source))
    return f"| {' | '.join(cells)} |"


def _allowed(entry: Parameter) -> str:
    """Choices or range."""
    allowed = []
    if entry.choices is not None:
        allowed = [", ".join(f"`{choice}`" for choice in entry.choices)]
    elif entry.range is not None:
        allowed = [f"{entry.range[0]:g} to {entry.range[1]:g}"]
    elif isinstance(entry.value, bool):
        allowed = ["`true`, `false`"]
    return "; ".join(allowed + ["`none`"] * entry.optional) or "–"


def _origin(origin: str) -> str:
    return f'<span class="origin-{origin}">{origin}</span>'


def _cell(text: object) -> str:
    """Text that a Markdown table shows as it is."""
    plain = escape(str(text), quote=False)
    for sign in "|*_[]`~":
        plain = plain.replace(sign, f"&#{ord(sign)};")
    return plain


def _publication(name: str) -> dict[str, str]:
    file = resources.files("cimlearn.presets") / f"{name}.toml"
    return tomllib.loads(file.read_text("utf-8")).get("publication", {})
