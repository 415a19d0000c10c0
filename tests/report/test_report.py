"""The page and the figures of a run: what they say, that they stand alone, that they never change."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_run import make_run

from cimlearn.errors import InputError
from cimlearn.report import notebook_html, read_run, summarise, write_report


class _Balance(HTMLParser):
    """Checks that each tag that opens also closes, in order; collects what a browser would load."""

    EMPTY = frozenset({"meta", "input", "br", "wbr", "link", "img", "hr"})

    def __init__(self):
        super().__init__()
        self.open, self.loads, self.tags, self.ids = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [v for k, v in attrs if k in ("src", "href", "xlink:href", "action", "data", "srcset")]
        self.ids += [v for k, v in attrs if k == "id"]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.EMPTY:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]} at {self.getpos()}"
        self.open.pop()


def _checked(html: str) -> _Balance:
    parser = _Balance()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    assert all(load.startswith(("#", "data:")) for load in parser.loads)
    assert not re.search(r"url\((?!['\"]?#)|@import|https?://", html)
    return parser


@pytest.fixture(scope="module")
def three(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "three", seeds=(0, 1, 2), tasks=3)


@pytest.fixture(scope="module")
def page(three) -> str:
    return write_report(three).read_text("utf-8")


def test_page_stands_alone_and_is_well_formed(page):
    parser = _checked(page)
    assert parser.tags.count("svg") == 8  # curves, matrix, two of energy, map and histogram of two arrays
    assert parser.tags.count("h1") == 1
    assert len(parser.ids) == len(set(parser.ids))
    assert page.count('role="img" aria-label="') == 8
    assert all(f"var(--{name}," in page for name in ("ink", "muted", "line", "accent"))


def test_page_says_what_ran_and_what_came_out(page, three):
    summary = summarise(read_run(three))
    assert "M2RU on permuted-mnist" in page
    assert "simulated chip · domain-incremental · 3 tasks · 3 seeds (0, 1, 2)" in page
    assert f"{100 * summary['accuracy']['average']:.1f} ± {100 * summary['accuracy']['std']:.1f} %" in page
    assert "11 of 20 values and " in page
    assert "You changed 1" in page
    assert "cimlearn run m2ru --stream permuted-mnist --set rule.rate=0.01" in page
    assert "ab" * 32 in page
    assert "10,080,000" in page  # hidden vectors of 180,000 examples and as many replayed: 28 each
    assert "3.53" in page and "kΩ" in page


def test_bytes_never_change(three, page):
    before = {f.name: f.read_bytes() for f in (three / "figures").iterdir()}
    assert set(before) == {
        "accuracy.png",
        "matrix.png",
        "energy-inference.png",
        "energy-learning.png",
        *(f"{k}-{n}.png" for k in ("map", "histogram") for n in "01"),
    }
    assert write_report(three).read_text("utf-8") == page
    assert {f.name: f.read_bytes() for f in (three / "figures").iterdir()} == before
    assert not list(three.rglob("*.part"))


def test_bytes_do_not_depend_on_a_users_matplotlib_settings(three, page):
    import matplotlib

    with matplotlib.rc_context({"font.size": 20, "svg.hashsalt": "other", "axes.grid": True}):
        assert write_report(three).read_text("utf-8") == page


def test_names_are_text_never_markup(tmp_path):
    names = ["<b>x", '"quoted" & $x$', "</svg><script>alert(1)</script>"]
    folder = make_run(tmp_path / "r", names=names, stream="<i>mine</i>")
    config = json.loads((folder / "run.json").read_text())
    config["parameters"]["rule.rate"]["source"] = "<script>alert(2)</script>"
    (folder / "run.json").write_text(json.dumps(config))
    lines = (folder / "records.jsonl").read_text().replace('"hidden"', '"<u>$a$"')
    (folder / "records.jsonl").write_text(lines)
    html = write_report(folder).read_text("utf-8")
    parser = _checked(html)
    assert not {"b", "i", "u"} & set(parser.tags)
    assert parser.tags.count("script") == 1
    assert "&lt;b&gt;x" in html
    _checked(notebook_html(read_run(folder)))


@pytest.mark.parametrize(
    ("on", "words"), [("float", "software twin, floating point"), ("adam", "software, Adam")]
)
def test_a_software_twin_has_no_wear(tmp_path, on, words):
    folder = make_run(tmp_path / "r", on=on, tasks=2)
    html = write_report(folder).read_text("utf-8")
    assert _checked(html).tags.count("svg") == 2
    assert words in html
    assert "nothing was written to memory cells" in html
    assert summarise(read_run(folder))["writes"]["per_cell_mean"] is None


def test_an_incomplete_run_says_so(tmp_path):
    folder = make_run(tmp_path / "r", on="float", seeds=(0, 1), tasks=3, stop=(1, 2))
    run = read_run(folder)
    assert (run.complete, run.learned, run.counted_seeds) == (False, 3, (0,))
    assert "seed 1 has learned 2 of 3 tasks" in write_report(folder).read_text("utf-8")
    assert summarise(run)["accuracy"]["std"] is None


def test_a_run_without_records_or_with_one_task_still_has_a_page(tmp_path):
    folder = make_run(tmp_path / "none", tasks=2, stop=(0, 0))
    html = write_report(folder).read_text("utf-8")
    _checked(html)
    assert "nothing is recorded yet" in html
    assert summarise(read_run(folder))["accuracy"] is None
    (folder / "records.jsonl").unlink()
    assert read_run(folder).records == ()
    html = write_report(make_run(tmp_path / "one", tasks=1)).read_text("utf-8")
    _checked(html)
    assert "are classified right" in html


def test_reading_needs_neither_matplotlib_nor_rich_nor_the_simulator():
    code = (
        "import sys, cimlearn.report, cimlearn.report.run.page, cimlearn.report.terminal;"
        "print([m for m in sys.modules if m.split('.')[0] in ('matplotlib', 'rich', 'numpy', 'numba')"
        " or m.startswith(('cimlearn.chips', 'cimlearn.arrays', 'cimlearn.devices', 'cimlearn.streams'))])"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(sys.modules["cimlearn"].__file__).parents[1])}
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert found.stdout.strip() == "[]"


def test_several_runs_share_one_axis(tmp_path, three):
    from cimlearn.report.html import drawing
    from cimlearn.report.run import accuracy_figures

    runs = [read_run(three), read_run(make_run(tmp_path / "adam", on="adam", tasks=2))]
    assert accuracy_figures.compare_labels(runs) == ["simulated chip", "software, Adam"]
    assert accuracy_figures.compare_labels([runs[0], runs[0]]) == ["simulated chip, three"] * 2
    svg = drawing.svg(accuracy_figures.compare(runs), "compare", "two runs")
    assert "simulated chip (3 seeds)" in svg and "software, Adam<" in svg
    assert svg == drawing.svg(accuracy_figures.compare(runs), "compare", "two runs")
    with pytest.raises(InputError, match="no run to compare"):
        accuracy_figures.compare([])


def test_an_array_that_was_never_written_can_be_drawn():
    from cimlearn.report.html import drawing
    from cimlearn.report.run import wear_figures
    from cimlearn.runfolder.records import ArrayWrites

    idle = ArrayWrites(6, 0, 0.0, 0, 0, tuple(range(33)), (6, *[0] * 31), 2, 3, (1, 1), ((0.0,) * 3,) * 2)
    for figure in (wear_figures.write_map("a", idle), wear_figures.write_histogram("a", idle)):
        assert drawing.svg(figure, "a", "idle").startswith("<svg viewBox=")


def test_tables_in_the_terminal(three):
    from rich.console import Console

    from cimlearn.report import terminal

    run = read_run(three)
    console = Console(width=120, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(terminal.row_text(run.records[1], 3))
    console.print(terminal.matrix_table(run))
    console.print(terminal.summary_table(summarise(run)))
    console.print(terminal.parameters_table(run.parameters))
    console.file.close()
    text = console.export_text()
    assert "seed 0  task 2 of 3" in text
    assert "20 parameters, 11 of them assumed" in text
    assert "50 ns" in text and "5e-08 s" in text
    assert "assumed changed" in text


def test_notebook_shows_headline_and_two_figures(three):
    html = notebook_html(read_run(three))
    assert _checked(html).tags.count("svg") == 2
    assert "Average accuracy" in html
