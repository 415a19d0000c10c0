"""Energy, time, area and lifetime in what users see: the page, its figures, the terminal, the notebook."""

import json
import math
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report_run import make_run

from cimlearn.costs import told
from cimlearn.costs.lifetime import Rates, years
from cimlearn.errors import InputError
from cimlearn.report import notebook_html, read_run, summarise, write_report
from cimlearn.report.costs import Ageing, price_parameters, run_costs
from cimlearn.report.html import drawing
from cimlearn.report.run import cost_figures, costs_section

PRINTED = 6e-3  # three digits, relative
PREFIX = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "µ": 1e-6, "m": 1e-3, "": 1.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "three", tasks=3)


@pytest.fixture(scope="module")
def page(folder) -> str:
    return write_report(folder).read_text("utf-8")


def _section(page: str, name: str) -> str:
    return page.split(f'<section id="{name}">')[1].split("</section>")[0]


def _tiles(page: str) -> dict[str, str]:
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))


def _table(page: str, caption: str) -> dict[str, list[str]]:
    """The rows of a table by row heading, as text."""
    body = page.split(f"<caption>{caption}</caption>")[1].split("</table>")[0].split("<tbody>")[1]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in body.split("</tr>")[:-1]]
    return {re.sub("<.*?>", "", row[0]): row[1:] for row in rows}


def _joules(text: str) -> float:
    value, unit = text.split(" ")
    return float(value) * PREFIX[unit.removesuffix("J")]


def _edit(folder: Path, change) -> Path:
    config = json.loads((folder / "run.json").read_text())
    change(config)
    (folder / "run.json").write_text(json.dumps(config))
    return folder


def test_headline_figures_are_those_of_the_chip(page):
    tiles = {**_tiles(_section(page, "costs")), **_tiles(page.split("<section")[0])}
    # 28 steps of 7 cycles to stream and 7 to convert, 8 for the answer, 50 ns each; two operations per product
    seconds = (28 * 14 + 8) * 50e-9
    assert tiles["Time per inference"] == "20 µs" == f"{1e6 * seconds:.0f} µs"
    assert tiles["Time per step"] == f"{1e9 * seconds / 28:.0f} ns"
    assert tiles["Throughput"] == f"{2 * (28 * 12_900 + 1010) / seconds / 1e9:.1f} GOPS"
    joules = _joules(tiles["Energy to answer"])
    watts = joules / seconds
    assert float(tiles["Power"].removesuffix(" mW")) == pytest.approx(1e3 * watts, rel=PRINTED)
    efficiency = 2 * (28 * 12_900 + 1010) / joules / 1e12
    assert float(tiles["Efficiency"].removesuffix(" TOPS/W")) == pytest.approx(efficiency, rel=PRINTED)
    learning = _joules(tiles["Energy to learn"])
    assert learning > joules
    assert tiles["Area"].endswith(" mm²")


@pytest.mark.parametrize(
    "caption", ["Energy of the chip for one example", "Energy of the digital twin for one example"]
)
def test_energies_of_the_parts_sum_to_the_total(page, folder, caption):
    costs = run_costs(read_run(folder))
    phases = costs.phases if "chip" in caption else costs.twin
    rows = _table(page, caption)
    total = rows.pop("Sum")
    for k, phase in enumerate(phases.values()):
        parts = {name: _joules(row[2 * k]) for name, row in rows.items() if row[2 * k] != "–"}
        assert sum(parts.values()) == pytest.approx(_joules(total[2 * k]), rel=PRINTED)
        assert _joules(total[2 * k]) == pytest.approx(phase.joules, rel=PRINTED)
        assert set(parts) == {p.replace("_", " ") for p, joules in phase.parts.items() if joules > 0}
        shares = [row[2 * k + 1] for row in rows.values() if row[2 * k] != "–"]
        assert sum(float(s.strip("&lt; %")) for s in shares) == pytest.approx(100, abs=0.1 * len(shares))


def test_areas_of_the_parts_sum_to_the_total(page, folder):
    rows = _table(page, "Area [mm²]")
    assert float(rows["converters"][0]) == pytest.approx(26 * 1.19e-8 * 1e6, rel=PRINTED)
    total = rows.pop("Sum")
    for k, area in enumerate((run_costs(read_run(folder)).area, run_costs(read_run(folder)).twin_area)):
        parts = [float(row[2 * k]) for row in rows.values() if row[2 * k] != "–"]
        assert sum(parts) == pytest.approx(float(total[2 * k]), rel=PRINTED)
        assert float(total[2 * k]) == pytest.approx(1e6 * math.fsum(area.values()), rel=PRINTED)


def test_the_digital_twin_stands_beside_the_chip(page):
    rows = _table(page, "Chip and digital twin, and the ratio of twin to chip")
    for name in ("Energy per inference", "Energy per learned example"):
        chip, twin, ratio = rows[name]
        assert float(ratio) == pytest.approx(_joules(twin) / _joules(chip), rel=2 * PRINTED)
    assert rows["Efficiency"][0] == _tiles(_section(page, "costs"))["Efficiency"]
    assert "weights of 16 bits in static memory and 128 multiply-add units at 200 MHz" in page


def test_the_page_owns_up_to_its_assumptions(page, folder):
    prices = json.loads((folder / "run.json").read_text())["prices"]
    priced = {name: e for name, e in prices.items() if not name.startswith("expected.")}
    assumed = sum(e["origin"] == "assumed" for e in priced.values())
    assert "estimates by this project, not published results" in page
    assert "at the 65nm node" in page
    assert f"{assumed} of {len(priced)} prices and 11 of 20 parameters" in page
    listed = _section(page, "parameters")
    assert listed.count('<table class="entries sortable">') == 2
    assert all(f'data-sort="{name}"' in listed for name in priced)
    assert 'data-sort="expected.' not in listed


def test_lifetime_follows_the_endurance_law(page, folder):
    """Independently: the share of log-normal endurances below the writes of each bin of the histograms."""
    run, tiles = read_run(folder), _tiles(_section(page, "lifetime"))
    found = run_costs(run).lifetime
    cases = (("1 % of the cells worn", "one_percent", 0.01), ("10 % of the cells worn", "ten_percent", 0.1))
    for label, key, share in cases:
        assert found[key] > 100 and tiles[label] == "&gt; 100 years"
        examples = found[key] * 365.25 * 86400 * 30
        worn, cells = 0.0, 0
        for array in run.last().writes.values():
            middles = (np.array(array.edges[:-1]) + np.array(array.edges[1:]) - 1) / 2
            for writes, n in zip(middles * examples / 180_000, array.counts, strict=True):
                z = math.log(writes / 1e9) / 0.3 if writes > 0 else -np.inf
                worn, cells = worn + n * (1 + math.erf(z / math.sqrt(2))) / 2, cells + n
        assert worn / cells == pytest.approx(share, rel=0.1)  # years are printed to three digits
    assert "cell.endurance, literature" in page and "operation.rate, assumed" in page
    assert "30 new examples a second without a pause" in page


def test_without_wear_the_lifetime_is_never(tmp_path, folder):
    def endless(config):
        config["parameters"]["cell.endurance"]["value"] = None

    other = _edit(make_run(tmp_path / "r", tasks=3), endless)
    page = write_report(other).read_text("utf-8")
    assert _tiles(_section(page, "lifetime")) == {"Worn cells": "never"}
    assert "because cell.endurance is none" in page
    assert not (other / "figures" / "lifetime.png").exists()
    assert "10 % of the cells worn: never" in notebook_html(read_run(other))


@pytest.mark.parametrize("kind", ["float", "adam", "old"])
def test_twins_and_old_folders_have_no_such_sections(tmp_path, kind):
    folder = make_run(tmp_path / "r", on="chip" if kind == "old" else kind, tasks=2)
    if kind == "old":
        _edit(folder, lambda config: [config.pop(key) for key in ("inventory", "prices")])
    page, run = write_report(folder).read_text("utf-8"), read_run(folder)
    assert not re.search(r'id="(costs|lifetime)"|Prices|Estimated', page + notebook_html(run))
    assert not list((folder / "figures").glob("energy*"))
    assert "power_W" not in summarise(run)
    assert "energy" not in _terminal(run)


def test_missing_prices_are_one_line_and_the_rest_is_shown(tmp_path):
    folder = make_run(tmp_path / "r", tasks=1)

    def refused(match: str, change) -> None:
        kept = (folder / "run.json").read_text()
        _edit(folder, change)
        with pytest.raises(InputError, match=match) as error:
            run_costs(read_run(folder))
        assert "\n" not in str(error.value)
        if "lacks" not in match:  # a broken run.json can't be read at all
            summary, page = summarise(read_run(folder)), write_report(folder).read_text("utf-8")
            assert match in summary["not_priced"] and "power_W" not in summary and summary["accuracy"]
            assert "Not priced: " in page and match.replace("'", "&#x27;") in page
        (folder / "run.json").write_text(kept)

    refused("no prices; run it again", lambda c: c.pop("prices"))
    refused("price.sram lacks origin", lambda c: c["prices"]["price.sram"].pop("origin"))
    refused("price.sram can't be switched off", lambda c: c["prices"]["price.sram"].update(value=None))


def test_a_run_keeps_the_prices_it_was_made_with(tmp_path):
    def dearer(config):
        config["prices"]["price.sram"]["value"] *= 4  # the default of another version, not the user's
        config["prices"]["price.gone"] = config["prices"]["price.add"]  # one that this version has not

    folder = make_run(tmp_path / "r", tasks=1)
    before = run_costs(read_run(folder)).phases["learning"].parts["gradient_memory"]
    run = read_run(_edit(folder, dearer))
    assert run_costs(run).phases["learning"].parts["gradient_memory"] == pytest.approx(4 * before)
    assert price_parameters(run, {"technology.node": "22nm"})["technology.feature"] == 22e-9
    assert price_parameters(run, {"price.sram": 1e-12})["price.sram"] == 1e-12


def test_figures_serve_light_and_dark_pages(page):
    figures = [
        s for s in page.split("<svg ")[1:] if "One inference takes" in s or "One learned example takes" in s
    ]
    assert len(figures) == 2
    for svg in figures:
        drawn = svg.split("</svg>")[0]
        assert all(f"var(--{name}," in drawn for name in ("ink", "muted", "line", "accent"))
        assert not re.search(r'(?:fill|stroke)[:=]\s*"?#(?!000)', drawn)


@pytest.mark.parametrize("spread", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("groups", [((0.5, 13_000.0),), ((3.0, 1.0), (1e-6, 9.0)), ((1.0, 5.0), (0.0, 95.0))])
def test_any_wear_can_be_drawn(spread, groups):
    law = Ageing(Rates(groups), 30.0, 1e9, spread)
    life = years(law.rates, rate=30.0, endurance=1e9, spread=spread)
    svg = drawing.svg(cost_figures.worn(law, life), "lifetime", "worn cells")
    assert svg.startswith("<svg viewBox=") and "first cell" in svg


def test_a_chip_that_never_learned_has_a_section_too(folder):
    run = read_run(folder)
    costs = run_costs(run)
    only = replace(costs, phases={"inference": costs.phases["inference"]})
    html = costs_section.costs(run, only, {"energy-inference": "<svg></svg>"})
    assert "Time per inference" in html and "learned" not in html


def _terminal(run) -> str:
    from rich.console import Console

    from cimlearn.report import terminal

    with open(os.devnull, "w") as nowhere:
        console = Console(width=120, record=True, file=nowhere)
        console.print(terminal.summary_table(summarise(run)))
    return console.export_text()


def test_terminal_and_notebook_say_the_same(page, folder):
    tiles, run = {**_tiles(_section(page, "costs")), **_tiles(page.split("<section")[0])}, read_run(folder)
    printed, line = _terminal(run), notebook_html(run)
    both = ("Energy to answer", "Energy to learn", "Power", "Efficiency", "Area")
    assert all(tiles[name] in printed and tiles[name] in line for name in both)
    life = _tiles(_section(page, "lifetime"))
    life = {name: said.replace("&gt;", ">") for name, said in life.items()}
    assert f"first cell {life['First worn cell']}, 1 % {life['1 % of the cells worn']}" in printed
    assert f"{tiles['Time per step']} per step" in printed


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "never"), (0.5, "183 days"), (12.23, "12.2 years"), (100, "100 years"), (101, "> 100 years")],
)
def test_lifetimes_beyond_a_hundred_years_are_said_as_such(value, said):
    assert told.years(value) == said


def test_a_chip_that_is_told_the_task_says_so_at_the_top(tmp_path):
    def own(config):
        entry = dict(config["parameters"]["network.hidden"], value="own")
        config["parameters"]["network.tasks"] = entry

    folder = _edit(make_run(tmp_path / "r", tasks=1), own)
    top = write_report(folder).read_text("utf-8").split("<main>")[0]
    assert "This chip is told which task each example belongs to" in top
    assert 'aria-label="Contents"' in top and 'href="#lifetime"' in top
