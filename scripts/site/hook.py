"""What the documentation site adds to the pages in docs/: navigation, pages made from the program, links.

MkDocs calls the `on_*` functions (mkdocs.yml names this file). Nothing here needs a network.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import commands
import formulas
import notebooks
import provenance
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BESIDE = {
    "architecture.md": "ARCHITECTURE.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}

# A page that is not there (yet) has no entry; a page that is in no section stands under "More".
SECTIONS: dict[str, list[str]] = {
    "Start": ["index.md", "tutorial.md", "notebooks/first-run.md"],
    "How to": [
        "howto/own-device.md",
        "notebooks/own-device.md",
        "own-data.md",
        "notebooks/own-data.md",
        "panel.md",
        "howto/price.md",
        "howto/compare.md",
        "howto/without-replay.md",
        "howto/gpu.md",
        "report.md",
        "studies.md",
        "howto/cluster.md",
        "search.md",
        "howto/reproduce.md",
        "estimators.md",
        "pytorch.md",
        "howto/loggers.md",
    ],
    "Theory": [
        "theory/index.md",
        "theory/cells.md",
        "theory/schemes.md",
        "theory/junctions.md",
        "theory/arrays.md",
        "theory/ageing.md",
        "theory/bitserial.md",
        "theory/miru.md",
        "theory/feedback.md",
        "theory/replay.md",
        "theory/integers.md",
        "theory/repnet.md",
        "theory/costs.md",
        "theory/metrics.md",
    ],
    "Results": ["claims.md", "recipe.md"],
    "Parameters": ["parameters/index.md"],
    "Reference": [
        "reference/index.md",
        "reference/commands.md",
        "reference/streams.md",
        "reference/estimators.md",
        "reference/devices.md",
        "reference/arrays.md",
        "reference/learning.md",
        "reference/chips.md",
        "reference/pytorch.md",
        "reference/studies.md",
        "reference/costs.md",
        "reference/results.md",
        "reference/loggers.md",
        "records.md",
        "costs.md",
        "costs-m2ru.md",
        "costs-sas-mram.md",
    ],
    "Project": ["architecture.md", "contributing.md", "changelog.md"],
}


def on_config(config: Any) -> Any:
    """Let fences ```math become MathML."""
    math = {"name": "math", "class": "formula", "format": formulas.fence}
    config["mdx_configs"].setdefault("pymdownx.superfences", {})["custom_fences"] = [math]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are made from presets, the command line, notebooks and the files beside docs/."""
    made = {page: (ROOT / file).read_text("utf-8") for page, file in BESIDE.items()}
    made |= provenance.pages()
    made["reference/commands.md"] = commands.page()
    for notebook in sorted((DOCS / "notebooks").glob("*.ipynb")):
        made[f"notebooks/{notebook.stem}.md"] = notebooks.page(notebook)
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    config["nav"] = _navigation({file.src_uri for file in files.documentation_pages()})
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Make each plain mention of a page (`docs/costs.md`) a link to it."""
    here = Path(page.file.src_uri).parent
    lines, fenced = markdown.split("\n"), False
    for number, line in enumerate(lines):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith("    "):
            lines[number] = _MENTION.sub(lambda found: _link(found, here, files), line)
    return "\n".join(lines)


_WIDE = 5  # columns; on a phone a row of such a table becomes a block, each cell below the head of its column


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Tell the cells of wide tables the head of their column (assets/site.css shows it on a phone)."""
    return re.sub(r"<table>.*?</table>", lambda found: labelled(found[0]), html, flags=re.DOTALL)


def labelled(table: str) -> str:
    """The table with `data-label` in each cell, if it is wide; otherwise as it is."""
    heads = [_plain(head) for head in re.findall(r"<th[^>]*>(.*?)</th>", table, re.DOTALL)]
    if len(heads) < _WIDE:
        return table
    rows = table.split("<tr>")
    for number, row in enumerate(rows):
        parts = row.split("<td")
        told = (f' data-label="{head}"{part}' for head, part in zip(heads, parts[1:], strict=False))
        rows[number] = "<td".join([parts[0], *told])
    return "<tr>".join(rows).replace("<table>", "<table data-wide>", 1)


def _plain(html: str) -> str:
    """Text of a head, for an attribute."""
    return re.sub(r"<[^>]+>", "", html).replace('"', "&quot;").strip()


_MENTION = re.compile(r"(?<!\]\()(?<![\w/\[`])docs/([\w/-]+\.md)")


def _link(mention: re.Match[str], here: Path, files: Any) -> str:
    """The mention as a link, if the site has that page and it is another one."""
    target = mention[1]
    if files.get_file_from_path(target) is None:
        return mention[0]
    return f"[{mention[0]}]({'../' * len(here.parts)}{target})"


def _navigation(pages: set[str]) -> list[dict[str, list[Any]]]:
    """The sections with the pages that exist."""
    decisions = sorted(page for page in pages if page.startswith("decisions/"))
    presets = sorted(
        page for page in pages if page.startswith("parameters/") and page != "parameters/index.md"
    )
    sections = {title: [page for page in wanted if page in pages] for title, wanted in SECTIONS.items()}
    sections["Parameters"] += presets
    sections["Project"] += decisions
    named = {page for wanted in sections.values() for page in wanted}
    rest = sorted(pages - named)
    return [{title: list(found)} for title, found in (*sections.items(), ("More", rest)) if found]
