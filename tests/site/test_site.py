"""What the documentation site makes of presets, commands, notebooks and comments; `make check` builds it strictly."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cimlearn import parameters

ROOT = Path(__file__).parents[2]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a module of scripts/site."""
    for package in ("mkdocs", "nbformat", "griffe", "latex2mathml"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'cimlearn[docs,dev]'")
    names = ("hook", "provenance", "commands", "notebooks", "comments", "formulas")
    monkeypatch.syspath_prepend(str(ROOT / "scripts" / "site"))
    yield import_module
    for name in names:
        sys.modules.pop(name, None)


def test_every_parameter_has_a_row(site: Any) -> None:
    pages = site("provenance").pages()
    total = assumed = 0
    for preset in parameters.available():
        entries = parameters.load(preset).entries()
        rows = [line for line in pages[f"parameters/{preset}.md"].splitlines() if line.startswith("| `")]
        assert [row.split("`")[1] for row in rows] == list(entries)
        for row, entry in zip(rows, entries.values(), strict=True):
            assert f">{entry.origin}<" in row
            assert row.count(" | ") == 5, "a sign of the text broke the table"
        total += len(entries)
        assumed += sum(entry.origin == "assumed" for entry in entries.values())
    assert f"hold {total} entries; **{assumed} of them are assumed**" in pages["parameters/index.md"]


def test_every_command_is_described(site: Any) -> None:
    page = site("commands").page()
    for command in ("run", "show", "price", "data", "report", "reproduce", "explore", "device", "compare"):
        assert f"## cimlearn {command}\n" in page
    assert "--resume DIR" in page


def test_navigation_takes_what_is_there(site: Any) -> None:
    nav = site("hook")._navigation(
        {"index.md", "costs.md", "new.md", "decisions/0001-a.md", "parameters/ideal.md"}
    )
    assert nav == [
        {"Start": ["index.md"]},
        {"Parameters": ["parameters/ideal.md"]},
        {"Reference": ["costs.md"]},
        {"Project": ["decisions/0001-a.md"]},
        {"More": ["new.md"]},
    ]


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("see docs/costs.md.", "see [docs/costs.md](../costs.md)."),
        ("(docs/costs.md)", "([docs/costs.md](../costs.md))"),
        ("[costs](docs/costs.md)", "[costs](docs/costs.md)"),
        ("`docs/costs.md`", "`docs/costs.md`"),
        ("docs/nothing.md", "docs/nothing.md"),
        ("```\ndocs/costs.md\n```", "```\ndocs/costs.md\n```"),
    ],
)
def test_mentions_become_links(site: Any, text: str, linked: str) -> None:
    files = SimpleNamespace(get_file_from_path=lambda path: path if path == "costs.md" else None)
    page = SimpleNamespace(file=SimpleNamespace(src_uri="theory/costs.md"))
    assert site("hook").on_page_markdown(text, page, None, files) == linked


def test_notebooks_become_pages(site: Any) -> None:
    page = site("notebooks").page(ROOT / "docs" / "notebooks" / "first-run.ipynb")
    assert page.startswith("# A first run")
    assert "```python\nimport cimlearn\n" in page


def test_comments_describe_fields(site: Any) -> None:
    griffe = pytest.importorskip("griffe")
    extensions = griffe.load_extensions(site("comments").Comments)
    module = griffe.load(
        "cimlearn.devices.base",
        search_paths=[str(ROOT / "src")],
        extensions=extensions,
        allow_inspection=False,
    )
    assert module["Cells.gain"].docstring.value == (
        "(layers, rows, columns) factor of every write, or (..., numbers) traits"
    )
    assert module["Cells.limit"].docstring.value.startswith("(layers, rows, columns) pulses until it sticks")
    assert module["NEVER"].docstring is None


def test_every_equation_becomes_mathml(site: Any) -> None:
    """What GitHub shows as an equation is one on the site, too, and no command of LaTeX is left in it."""
    markdown = import_module("markdown")
    settings = site("hook").on_config({"mdx_configs": {}})["mdx_configs"]
    converter = markdown.Markdown(extensions=["pymdownx.superfences"], extension_configs=settings)
    total = 0
    for page in sorted((ROOT / "docs").rglob("*.md")):
        blocks = re.findall(r"^ *```math\n.*?^ *```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
        made = converter.reset().convert("\n\n".join(blocks))
        assert made.count("<math ") == len(blocks), page
        assert not re.search(r"[\\{}$]|```", made), page
        total += len(blocks)
    assert total > 50


@pytest.mark.parametrize("source", [r"\nosuch{a}", r"\begin{gather} a & b \end{gather}"])
def test_an_equation_that_does_not_render_stops_the_build(site: Any, source: str) -> None:
    with pytest.raises(ValueError, match="equation"):
        site("formulas").mathml(source)


def test_cells_of_wide_tables_know_their_column(site: Any) -> None:
    """On a phone each cell stands below the head of its column."""
    head = "".join(f"<th>{name}</th>" for name in ("a", "<code>b</code>", "c", "d", "e"))
    cells = "".join(f"<td>{k}</td>" for k in range(5))
    wide = f"<table>\n<thead>\n<tr>{head}</tr>\n</thead>\n<tbody>\n<tr>{cells}</tr>\n</tbody>\n</table>"
    told = site("hook").labelled(wide)
    assert told.startswith("<table data-wide>") and '<td data-label="b">1</td>' in told
    assert told.count("data-label") == 5
    narrow = "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>0</td></tr></tbody></table>"
    assert site("hook").labelled(narrow) == narrow
