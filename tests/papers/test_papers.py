"""Studies: their analyses on made-up runs and by hand, and the page that holds them."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from report_run import make_run

from cimlearn import chips, metrics
from cimlearn.errors import InputError
from cimlearn.papers import PAPERS, paper_figures
from cimlearn.papers.base import Claim, FigureResult
from cimlearn.papers.m2ru import accuracy, ageing, lifespan
from cimlearn.papers.m2ru.quantisation import stored
from cimlearn.papers.m2ru.sensitivity import distance
from cimlearn.papers.page import Shown, claims_markdown, page
from cimlearn.papers.published import published
from cimlearn.papers.reproduce import reproduce
from cimlearn.papers.sas_mram import accuracy as sas_accuracy
from cimlearn.papers.sas_mram import learners as sas_learners
from cimlearn.papers.sas_mram import shared as sas_shared
from cimlearn.runfolder.records import read_run
from cimlearn.streams.base import StreamShape


@pytest.mark.parametrize("paper", list(PAPERS))
def test_every_figure_is_found_under_its_own_name(paper: str) -> None:
    pytest.importorskip("torch")  # SAS-MRAM's chip is a PyTorch program
    found = paper_figures(paper)
    assert [one.name for one in found] == list(PAPERS[paper])
    assert all(one.title for one in found)


def test_four_stands_for_its_panels_and_nothing_is_made_twice() -> None:
    assert [s.name for s in paper_figures("m2ru", ("4b", "4"))] == ["4b", "4a", "4c", "4d"]


@pytest.mark.parametrize(
    ("paper", "figures", "message"),
    [("m2r", (), "unknown paper 'm2r'"), ("m2ru", ("4e",), "unknown figure '4e' of m2ru")],
)
def test_unknown_names(paper: str, figures: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        paper_figures(paper, figures)


@pytest.mark.parametrize("quick", [True, False])
def test_points_have_different_names_and_figures_share_what_is_the_same(quick: bool) -> None:
    points = [p for one in paper_figures("m2ru") for p in one.points(quick)]
    by_name: dict[str, object] = {}
    assert all(by_name.setdefault(p.name, p) == p for p in points)
    assert len(by_name) < len(points)  # 5d and the table use the chips of figure 4


def test_full_accuracy_runs_five_seeds_of_each_curve() -> None:
    points = accuracy.points("split-cifar10", 256, quick=False)
    assert len(points) == 5 * (len(accuracy.CURVES) - 2)  # other rules at 100 units only
    assert {p.experiment.settings["network.hidden"] for p in points} == {256}
    assert {p.experiment.seeds for p in points} == {(s,) for s in range(5)}


def accuracy_runs(tmp_path: Path, falls: dict[str, str]) -> dict:
    """Made-up runs of two seeds under the names that figure 4a looks for."""
    runs = {}
    for curve, on in falls.items():
        for seed in (0, 1):
            folder = make_run(tmp_path / f"{curve}{seed}", on=on, seeds=(seed,))
            runs[accuracy.name("permuted-mnist", 100, curve, seed)] = read_run(folder)
    return runs


def test_accuracy_is_the_mean_over_seeds_and_the_claim_compares_the_ends(tmp_path: Path) -> None:
    runs = accuracy_runs(tmp_path, {"chip": "chip", "float": "float", "adam": "adam"})
    result = paper_figures("m2ru", ("4a",))[0].analyse(runs, False)
    ends = [
        metrics.average_accuracy(runs[f"permuted-mnist/hidden=100/chip/seed={s}"].matrices()[0])
        for s in (0, 1)
    ]
    last = next(row for row in result.rows if row["curve"] == "chip" and row["task"] == 5)
    assert last["accuracy"] == pytest.approx(sum(ends) / 2)
    assert last["accuracy_std"] == pytest.approx(abs(ends[0] - ends[1]) / math.sqrt(2))
    (claim,) = result.claims  # no runs with direct feedback alignment were given
    adam = [row["accuracy"] for row in result.rows if row["curve"].startswith("Adam")][-1]
    assert claim.ratio == pytest.approx(last["accuracy"] / adam)
    assert claim.verdict == ("reproduced" if claim.ratio >= 0.95 else "not reproduced")


def test_a_quick_run_judges_no_accuracy(tmp_path: Path) -> None:
    runs = accuracy_runs(tmp_path, {"chip": "chip", "float": "float", "dfa": "chip"})
    result = paper_figures("m2ru", ("4a",))[0].analyse(runs, True)
    assert {claim.verdict for claim in result.claims} == {"not comparable"} and len(result.claims) == 2


def test_a_figure_without_its_runs_says_so() -> None:
    for name in ("4a", "5b", "5d", "ageing", "table"):
        with pytest.raises(InputError, match="finish"):
            paper_figures("m2ru", (name,))[0].analyse({}, False)


def test_what_the_replay_memory_gives_back_by_hand() -> None:
    """2 bits of unsigned values: steps of a third. 0.5 -> 1/3 truncated, 2/3 to nearest (half away from zero)."""
    x = np.array([[[0.5, 0.1]]], np.float32)
    shape = StreamShape(1, 2, 2, False)
    got = {
        kind: stored(x, chips.parameters("m2ru", {"replay.bits": 2, "replay.quantiser": kind}), shape, 0)[
            0, 0
        ]
        for kind in ("truncate", "nearest", "stochastic")
    }
    assert got["truncate"] == pytest.approx([1 / 3, 0])
    assert got["nearest"] == pytest.approx([2 / 3, 0])
    assert all(abs(v - x_) < 1 / 3 for v, x_ in zip(got["stochastic"], x[0, 0], strict=True))


def test_latency_of_one_design_by_hand(tmp_path: Path) -> None:
    """1024 units, 8 bits, one crossbar: 7 cycles streamed, 1024 columns by 16 converters = 64 cycles (the state unit's
    3 are hidden), so 71 cycles a step and 7 + 1 for 10 outputs, once in 28 steps: (71 + 8 / 28) x 200 ns.
    """
    made = reproduce("m2ru", ["5c"], out=tmp_path, workers=1)
    rows = list(csv.DictReader((tmp_path / "figure-5c.csv").read_text().splitlines()))
    row = next(r for r in rows if r["design"] == "one crossbar, 8 bits" and r["hidden"] == "1024")
    assert float(row["seconds_per_step"]) == pytest.approx((71 + 8 / 28) * 200e-9, rel=1e-5)
    assert made.missing == {} and made.claims == ()
    for name in ("figure-5c.png", "figure-5c.svg", "5c.html"):
        assert (tmp_path / name).stat().st_size > 0
    assert made.page == tmp_path / "5c.html"
    assert not (tmp_path / "index.html").exists()  # one figure never takes the place of the whole page


def test_a_figure_whose_data_is_missing_is_listed_and_the_others_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CIMLEARN_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = reproduce("m2ru", ["4c", "sensitivity"], out=tmp_path / "out", quick=True, workers=1)
    assert list(made.missing) == ["4c"] and "cifar10" in made.missing["4c"]
    html = made.page.read_text()
    assert "Not made" in html and "What the headline numbers hang on" in html


def test_sensitivity_starts_from_the_defaults_and_ends_with_designs_that_agree(tmp_path: Path) -> None:
    reproduce("m2ru", ["sensitivity"], out=tmp_path, workers=1)
    rows = list(csv.DictReader((tmp_path / "sensitivity.csv").read_text().splitlines()))
    assert rows[0]["assumption"] == "defaults"
    numbers = [{k: float(r[k]) for k in ("power_W", "ops_per_s", "ops_per_J")} for r in rows]
    agree = [n for r, n in zip(rows, numbers, strict=True) if r["assumption"] == "agrees with the paper"]
    assert agree and all(distance(n) <= 0.15 for n in agree)
    slow = next(r for r in rows if r["setting"] == "periphery.clock=2.5e+06")
    assert float(slow["ops_per_s"]) == pytest.approx(
        numbers[0]["ops_per_s"] / 2, rel=1e-5
    )  # half the clock, half the work


def test_distance_by_hand() -> None:
    assert distance({"power_W": 48.62e-3, "ops_per_s": 18e9, "ops_per_J": 312e9}) == pytest.approx(0.2)


def test_published_accelerators_are_numbers_with_a_source() -> None:
    rows = published("accelerators.toml", "accelerator")
    assert len(rows) >= 10
    assert all(row["name"] and row["source"] and row["learns"] and row["level"] for row in rows)
    for row in rows:
        given = [row[c] for c in ("power_W", "ops_per_s", "ops_per_J") if row[c] is not None]
        assert given and min(given) > 0
        if len(given) == 3:  # efficiency is throughput over power, as far as the printed digits go
            assert row["ops_per_J"] == pytest.approx(row["ops_per_s"] / row["power_W"], rel=0.1)


def test_lifespan_takes_the_writes_of_the_run(tmp_path: Path) -> None:
    runs = {
        lifespan.name(label, 0): read_run(make_run(tmp_path / f"{k}", on="chip", seeds=(k,)))
        for k, label in enumerate(("all changes", "1/2"))
    }
    result = lifespan.analyse(runs, False)
    ages = {row["until"]: row["years"] for row in result.rows if row["written"] == "1/2"}
    assert ages["first cell"] < ages["1 % of cells"] < ages["10 % of cells"]
    assert result.claims[0].verdict == "not comparable"


def test_ageing_counts_years_by_hand(tmp_path: Path) -> None:
    """60,000 examples a task; endurance 1e9 instead of the run's 1e9 / 1000; 30 a second: 6e7 / 30 s = 0.0634 years."""
    folder = make_run(tmp_path / "run", on="chip", seeds=(0,), tasks=2)
    text = (folder / "run.json").read_text()
    assert '"cell.endurance"' in text
    (folder / "run.json").write_text(re.sub(r'("cell.endurance": {"value": )[^,]*', r"\g<1>1000000.0", text))
    run = read_run(folder)
    result = ageing.analyse({ageing.name("half of them"): run}, False)
    assert [row["years"] for row in result.rows] == pytest.approx([0.06338, 0.12675], rel=1e-3)
    assert "Ten points behind" not in result.caption  # there is no control
    worn = [sum(w.worn for w in record.writes.values()) for record in run.records]
    assert [row["stuck"] for row in result.rows] == pytest.approx([n / (12_900 + 1_010) for n in worn])


def test_int8_is_compared_with_its_float_twin_and_with_the_last_layer(tmp_path: Path) -> None:
    """Made-up runs: chip and twin are the same, the last layer ten points worse; so both margins hold."""
    kinds = {"chip": "adam", "float": "adam", "last-float": "adam"}
    runs = {}
    for curve, on in kinds.items():
        for seed in (0, 1, 2):
            folder = make_run(tmp_path / f"{curve}{seed}", on=on, seeds=(seed,))
            if curve == "last-float":
                lines = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
                for line in lines:
                    line["accuracy"] = [a - 0.1 for a in line["accuracy"]]
                (folder / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
            runs[sas_accuracy.name(curve, seed)] = read_run(folder)
    result = sas_accuracy.analyse(runs, False)
    assert [claim.verdict for claim in result.claims] == ["reproduced", "reproduced"]
    assert result.claims[0].ratio == pytest.approx(1.0)
    averages = {row["learner"]: row["accuracy"] for row in result.rows if row["task"] == "average"}
    assert averages["INT8 Rep-Net (chip)"] - averages["float32 last layer"] == pytest.approx(0.1)
    quick = sas_accuracy.analyse(runs, True)
    assert {claim.verdict for claim in quick.claims} == {"not comparable"}


def test_full_accuracy_of_sas_mram_shows_every_image_as_often_as_the_rate_falls() -> None:
    for point in sas_accuracy.points(quick=False):
        settings = point.experiment.settings
        assert settings["rule.horizon"] == 1000 * settings["stream.passes"]  # 100 images of 10 classes


def test_learners_and_shared_networks_are_tabled(tmp_path: Path) -> None:
    """Runs that are there, over their seeds; what one Rep-Net for all tasks forgets is told."""
    run = read_run(make_run(tmp_path / "run", on="adam", seeds=(0,)))
    matrix = run.matrices()[0]
    found = {sas_learners.name(curve, seed): run for curve, seed in (("full", 0), ("full", 1), ("last", 0))}
    table = {
        row["learner"]: row for row in sas_learners.analyse(found, False).rows if row["task"] == "average"
    }
    assert [(name, row["seeds"]) for name, row in table.items()] == [
        (sas_learners.CURVES["last"].label, 1),
        (sas_learners.CURVES["full"].label, 2),
    ]
    (row,) = sas_shared.analyse({sas_shared.name("class", 500, "chip", 2): run}, False).rows
    assert row["setting"] == "class-incremental, replay of 500"
    assert (row["accuracy"], row["forgetting"]) == (
        metrics.average_accuracy(matrix),
        metrics.forgetting(matrix),
    )
    for study in (sas_learners, sas_shared):
        with pytest.raises(InputError, match="none finished"):
            study.analyse({}, False)


CLAIM = Claim(
    "<fast>", "abstract", "15 GOPS", "36 GOPS", 2.4, "not reproduced", "a & b", "cimlearn reproduce m2ru"
)


def test_the_page_escapes_and_needs_no_network() -> None:
    shown = Shown(
        "5x", "A <b>title</b>", FigureResult([{"a": 1.0, "b": None}], "what & why", (CLAIM,)), None, ()
    )
    html = page("m2ru", [shown], {"4c": "no <data>"}, quick=True)
    assert (
        "&lt;fast&gt;" in html and "<fast>" not in html and "no &lt;data&gt;" in html and "a &amp; b" in html
    )
    assert not re.search(r'(src|href)="http', html)
    assert "Quick" in html


def test_claims_for_the_documentation() -> None:
    lines = claims_markdown([CLAIM]).splitlines()
    assert len(lines) == 3 and lines[2].count("|") == 9
