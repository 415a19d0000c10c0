"""Many runs in one page: what is one design, what is averaged and ranked, what the page says and never says."""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path

import pytest
from report_run import make_run
from report_study import change_run, make_study
from test_report import _checked

from cimlearn import cli, metrics
from cimlearn.errors import InputError
from cimlearn.report.compare.grouping import benchmarks
from cimlearn.report.compare.labels import columns, labels
from cimlearn.report.compare.page import page, write_page
from cimlearn.report.compare.read import read_runs, read_study
from cimlearn.report.costs import run_costs
from cimlearn.report.front import front
from cimlearn.report.html.quantity import column
from cimlearn.report.html.scales import scale
from cimlearn.report.html.shell import asset
from cimlearn.report.measures import MEASURES, Measure
from cimlearn.units import quantity
from cimlearn.untrusted import limits


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("studies") / "widths")


@pytest.fixture(scope="module")
def html(study: Path) -> str:
    return write_page(read_study(study), study).read_text("utf-8")


class TestWhatIsCompared:
    def test_runs_that_differ_by_seed_only_are_one_design(self, study: Path) -> None:
        (one,) = benchmarks(read_study(study))
        assert [[e.name for e in d.entries] for d in one.designs] == [
            ["m2ru,float"],
            *[[f"m2ru,hidden={h},seed={s}" for s in (0, 1)] for h in (50, 100, 400)],  # 50 before 100
        ]
        assert list(one.varied) == ["network.hidden"]
        assert labels(one) == ["float twin, hidden 100", *(f"chip, hidden {h}" for h in (50, 100, 400))]

    def test_a_name_leaves_out_what_most_designs_share(self, study: Path, tmp_path: Path) -> None:
        other = change_run(make_run(tmp_path / "other", tasks=3), {"rule.rate": 0.5})
        (one,) = benchmarks(read_runs([study, other]))
        assert labels(one)[-2:] == ["chip, hidden 400", "chip, hidden 100, rate 0.5"]

    def test_a_name_says_what_was_set_and_not_what_came_along(self, tmp_path: Path) -> None:
        """As a device brings a spread of its own: the user named one of the two parameters."""
        for rate, hidden in ((0.25, 50), (0.5, 100)):
            run = make_run(tmp_path / str(hidden), tasks=3)
            change_run(run, {"rule.rate": rate, "network.hidden": hidden}, settings={"rule.rate": rate})
        (one,) = benchmarks(read_runs([tmp_path / "50", tmp_path / "100"]))
        assert sorted(labels(one)) == ["rate 0.25", "rate 0.5"]
        assert list(columns(one)) == ["rule.rate", "network.hidden"]

    def test_mean_and_spread_are_those_of_the_seeds(self, study: Path) -> None:
        compared = read_study(study)
        design = benchmarks(compared)[0].designs[1]
        runs = [entry.run for entry in design.entries]
        ends = [metrics.average_accuracy(run.matrices()[0]) for run in runs]
        assert design.values["accuracy"] == pytest.approx(sum(ends) / 2)
        assert design.spreads["accuracy"] == pytest.approx(abs(ends[0] - ends[1]) / math.sqrt(2))
        joules = [costs.phases["learning"].joules for run in runs if (costs := run_costs(run))]
        assert design.values["learning_J"] == pytest.approx(sum(joules) / 2)
        assert design.curve[-1] == pytest.approx((design.values["accuracy"], design.spreads["accuracy"]))

    def test_seeds_of_one_run_and_of_two_runs_are_the_same_to_a_reader(self, tmp_path: Path) -> None:
        make_run(tmp_path / "both", seeds=(0, 1), tasks=2)
        for seed in (0, 1):
            make_run(tmp_path / "apart" / str(seed), seeds=(seed,), tasks=2)
        both, apart = (benchmarks(read_study(tmp_path / name))[0].designs[0] for name in ("both", "apart"))
        assert both.values == pytest.approx(apart.values) and both.spreads == pytest.approx(apart.spreads)

    def test_a_twin_has_no_costs_and_no_rank(self, study: Path) -> None:
        (one,) = benchmarks(read_study(study))
        assert set(one.designs[0].values) == {"accuracy", "accuracy_new", "forgetting"}
        assert one.best[0] is False and any(one.best)

    def test_a_seed_that_ran_twice_counts_once(self, study: Path, tmp_path: Path) -> None:
        first = study / "runs" / "m2ru,hidden=50,seed=0"
        again = shutil.copytree(first, tmp_path / "again")
        compared = read_runs([first, study / "runs" / "m2ru,hidden=50,seed=1", again])
        (one,) = benchmarks(compared)
        assert len(one.designs) == 1 and len(one.designs[0].samples) == 2
        assert "counted once" in page(compared)

    def test_other_streams_scenarios_and_tasks_are_never_put_together(self, tmp_path: Path) -> None:
        for name, words in {
            "a": {},
            "b": {"scenario": "class-incremental"},
            "c": {"stream": "split-mnist"},
            "d": {"data": {"mine.npz": "00"}},
        }.items():
            change_run(make_run(tmp_path / name, tasks=2), {}, **words)
        make_run(tmp_path / "e", tasks=3)
        compared = read_study(tmp_path)
        made = benchmarks(compared)
        assert [len(one.designs) for one in made] == [1] * 5
        assert len({one.title for one in made}) == 5
        html = page(compared)
        assert "nothing is averaged or ranked across them" in html
        assert html.count('<section class="benchmark"') == 5

    def test_what_is_averaged_over_does_not_tell_designs_apart(self, study: Path) -> None:
        (one,) = benchmarks(read_study(study), over=("network.hidden",))
        assert [len(d.samples) for d in one.designs] == [1, 6] and not one.varied
        assert "Averaged over network.hidden as over seeds" in page(
            read_study(study), over=("network.hidden",)
        )

    def test_a_monte_carlo_study_is_averaged_over_what_it_draws(self, tmp_path: Path) -> None:
        for seed in range(3):
            folder = make_run(tmp_path / "runs" / f"seed={seed}", seeds=(seed,), tasks=2)
            change_run(folder, {"cell.endurance": 1e9 + seed, "rule.rate": 0.1 + seed})
        text = 'name = "x"\n[monte_carlo]\nchips = 3\n"rule.rate" = {low = 0, high = 1}\n'
        (tmp_path / "study.toml").write_text(f"{text}cell.endurance = {{mean = 1e9, std = 1e8}}\n")
        (tmp_path / "failures.json").write_text('{"seed=3": "no such device"}')
        compared = read_study(tmp_path)
        assert set(compared.drawn) == {"rule.rate", "cell.endurance"}
        (one,) = benchmarks(compared)
        assert [len(design.samples) for design in one.designs] == [3] and not one.varied
        html = page(compared)
        assert "Averaged over cell.endurance, rule.rate as over seeds" in html
        assert "Could not be run: seed=3: no such device." in html
        (tmp_path / "study.toml").write_text("[")
        with pytest.raises(InputError, match=r"study.toml is not a TOML file"):
            read_study(tmp_path)

    def test_what_is_not_finished_is_shown_and_not_ranked(self, tmp_path: Path) -> None:
        make_run(tmp_path / "done", tasks=3)
        change_run(make_run(tmp_path / "half", tasks=3, stop=(0, 2)), {"rule.rate": 0.5}, gain=0.05)
        change_run(make_run(tmp_path / "none", tasks=3, stop=(0, 0)), {"rule.rate": 0.6})
        compared = read_study(tmp_path)
        (one,) = benchmarks(compared)
        assert one.best == [True, False, False]
        html = page(compared)
        _checked(html)
        assert "Not finished: half; none." in html and "2 of 3 tasks learned; not ranked" in html
        assert html.count('<a class="point') == 1

    def test_a_broken_run_is_named_and_the_others_are_shown(self, study: Path, tmp_path: Path) -> None:
        shutil.copytree(study, tmp_path / "s")
        (tmp_path / "s/runs/m2ru,float/run.json").write_text("{")
        compared = read_study(tmp_path / "s")
        assert len(compared.entries) == 6
        assert "Left out:" in page(compared) and "not JSON" in page(compared)

    def test_the_root_and_too_many_folders_are_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(InputError, match="/ is the root of all folders"):
            read_study("/")
        for number in range(12):
            (tmp_path / str(number)).mkdir()
        monkeypatch.setattr(limits, "FOLDERS", 10)
        with pytest.raises(InputError, match="more than 10 folders"):
            read_study(tmp_path)

    @pytest.mark.parametrize("name", ["nothing", "broken"])
    def test_a_folder_without_a_run(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).mkdir()
        if name == "broken":
            (tmp_path / name / "run.json").write_text("{")
        with pytest.raises(InputError, match="is not a run folder and holds none"):
            read_study(tmp_path / name)


class TestPage:
    def test_it_stands_alone_and_is_well_formed(self, html: str) -> None:
        parser = _checked(html)
        assert len(parser.ids) == len(set(parser.ids))
        assert parser.tags.count("h1") == 1 and parser.tags.count("script") == 1
        targets = {load[1:] for load in parser.loads if load.startswith("#")}
        assert targets <= set(parser.ids) and len([t for t in targets if t.startswith("d")]) == 4
        assert "script-src 'sha256-" in html and "script-src 'unsafe-inline'" not in html

    def test_it_says_what_is_compared(self, html: str) -> None:
        assert "M2RU on permuted-mnist, domain-incremental, 3 tasks · 4 designs · 7 runs" in html
        assert "1 parameter differs between designs. You set 1 of them." in html
        assert '<code>network.<wbr>hidden</code> <span class="badge paper">paper</span>' in html

    def test_bytes_never_change(self, study: Path, html: str) -> None:
        assert write_page(read_study(study), study).read_text("utf-8") == html
        assert not list(study.glob("*.part"))

    def test_a_run_with_a_page_of_its_own_is_linked_by_its_relative_path(self, tmp_path: Path) -> None:
        make_study(tmp_path / "s", hidden=(50, 100), seeds=(0,), twin=False)
        odd = (tmp_path / "s/runs/m2ru,hidden=50,seed=0").rename(tmp_path / 's/runs/50% #1 "x"')
        (odd / "report.html").write_text("here")
        assert 'href="runs/50%25%20%231%20%22x%22/report.html"' in page(
            read_study(tmp_path / "s"), tmp_path / "s"
        )
        elsewhere = page(read_study(tmp_path / "s"), tmp_path / "other")
        assert 'href="../s/runs/50%25%20%231%20%22x%22/report.html"' in elsewhere

    def test_names_are_text_never_markup(self, tmp_path: Path) -> None:
        bad = "<script>alert(1)</script>"
        for k, value in enumerate((bad, '"><b>')):
            folder = make_run(tmp_path / f"<i>{k}", names=[bad, "<u>"], stream="<em>mine</em>")
            change_run(folder, {"rule.name": value})
        html = page(read_study(tmp_path))
        assert not {"i", "b", "u", "em"} & set(_checked(html).tags)
        assert html.count("<script>") == 1 and "&lt;script&gt;alert(1)" in html

    def test_two_hundred_runs_are_less_than_a_megabyte(self, study: Path, tmp_path: Path) -> None:
        """Size from one study and the same with one run more, so that the test is quick."""
        small = make_study(tmp_path / "s", hidden=(50, 100), seeds=(0,), twin=False)
        before = len(page(read_study(small)).encode())
        change_run(make_run(small / "runs/more", tasks=3), {"network.hidden": 200})
        each = len(page(read_study(small)).encode()) - before
        assert before + 200 * each < 1_000_000

    def test_one_design_has_no_differences_to_show(self, tmp_path: Path) -> None:
        for seed in (0, 1):
            make_run(tmp_path / str(seed), seeds=(seed,), tasks=1)
        html = page(read_study(tmp_path))
        _checked(html)
        assert "Parameters that differ" not in html and "Forgetting" not in html


class TestNumbers:
    def test_front_by_hand_in_two_goals_and_with_a_gap(self) -> None:
        rows = [{"a": 1.0, "b": 1.0}, {"a": 2.0, "b": 2.0}, {"a": 1.0, "b": 2.0}, {"a": 9.0}, {}]
        assert front(rows, {"a": True, "b": False}) == [True, True, False, False, False]

    @pytest.mark.parametrize(
        ("values", "log", "first", "last"),
        [
            ([30, 41], False, "30", "40"),
            ([1, 1000], True, "1", "1,000"),
            ([0.0, 100.0], False, "0", "100"),
            ([5.0], False, "5", "5"),
        ],
    )
    def test_marks_stand_at_round_values(self, values: list[float], log: bool, first: str, last: str) -> None:
        axis = scale(values)
        marks = axis.ticks()
        assert axis.log is log and (marks[0].text, marks[-1].text) == (first, last)
        assert all(0 <= m.share <= 1 for m in marks) and len(marks) <= 12
        assert all(0 <= axis.place(v) <= 1 for v in values)

    def test_infinity_has_a_place_of_its_own(self) -> None:
        axis = scale([1.0, 5.0, math.inf])
        assert axis.place(math.inf) == 1.0 > axis.place(5.0)
        assert axis.ticks()[-1] == (1.0, "never")
        assert scale([math.inf]).place(math.inf) == 1.0

    def test_a_column_has_one_unit(self) -> None:
        energy = next(m for m in MEASURES if m.key == "learning_J")
        shown = column(energy, [307e-9, 1.152e-6, 311e-9])
        assert shown.heading == "Learning energy [nJ]"
        assert [shown.text(v, s) for v, s in ((307e-9, 1e-11), (1.152e-6, 2e-9), (4.8e-9, 3e-11))] == [
            "307", "1,152 ± 2", "4.80 ± 0.03",
        ]  # fmt: skip
        share = column(MEASURES[0], [0.5])
        assert share.text(0.413, 0.0432) == "41.3 ± 4.3" and share.symbol == "%"
        years = Measure("lifetime_years", "Lifetime", "year", True, "")
        assert column(years, [math.inf]).text(math.inf) == "never"


def _contrast(a: str, b: str) -> float:
    """WCAG 2.2 contrast ratio of two colours #rrggbb."""

    def luminance(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_colours_can_be_read(mode: str) -> None:
    """WCAG AA: text 4.5 to 1, lines and marks 3 to 1, on the ground and on raised parts."""
    blocks = re.findall(r":root \{(.*?)\}", asset("report.css"), re.S)
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w{6});", block)) for block in blocks)
    colours = light if mode == "light" else light | dark
    assert mode == "light" or set(light) == set(dark)
    series = [name for name in colours if name.startswith("series-")]
    assert len(series) == 5  # and the accent
    for ground in (colours["ground"], colours["surface"]):
        for name in ("ink", "muted", "accent", "blue", "teal", "violet", "grey", "amber"):
            assert _contrast(colours[name], ground) >= 4.5, name
        for name in series:
            assert _contrast(colours[name], ground) >= 3, name


class TestCommands:
    def test_a_study(self, study: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["report", str(study)]) == 0
        printed = capsys.readouterr().out
        assert f"page: {study / 'index.html'}" in printed and "chip, hidden 400" in printed

    def test_json_is_the_rows_and_nothing_else(self, study: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["report", str(study), "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)
        assert [len(rows[k]) for k in ("designs", "runs")] == [4, 7]
        wide, twin = rows["designs"][-1], rows["designs"][0]
        assert wide["parameters"] == {"network.hidden": 400} and wide["seeds"] == 2
        assert wide["accuracy_std"] > 0 and wide["learning_J"] > rows["designs"][1]["learning_J"]
        assert "learning_J" not in twin and twin["accuracy_std"] is None

    def test_runs_by_name_in_the_order_given(
        self, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        names = [str(study / "runs" / f"m2ru,hidden={h},seed=0") for h in (400, 50)]
        assert cli.main(["compare", *names, "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)
        assert [row["parameters"]["network.hidden"] for row in rows["designs"]] == [400, 50]
        assert "2 runs compared" in (tmp_path / "compared/index.html").read_text("utf-8")

    def test_pages_of_the_runs_too(self, tmp_path: Path) -> None:
        make_study(tmp_path / "s", hidden=(50,), seeds=(0,))
        assert cli.main(["report", str(tmp_path / "s"), "--runs"]) == 0
        html = (tmp_path / "s/index.html").read_text("utf-8")
        assert html.count("/report.html") == 2 and len(list(tmp_path.glob("s/runs/*/report.html"))) == 2

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ("compare", "name run folders"),
            ("compare {run} {run} --devices ideal", "not both"),
            ("compare {run}", "the only run"),
            ("compare {run} {study}/missing", "not a run folder"),
            ("compare {study} --seeds 2", "--seeds goes with --devices"),
            ("compare {study} --over rule.rat", "no run has such a parameter"),
            ("compare --devices ideal --over rule.rate", "--over goes with run folders"),
            ("report {run} --json", "--json goes with a study"),
            ("report {run} {study}", "stands beside another"),
            ("report {study} --compare x.png", "run folders that are named"),
        ],
    )
    def test_wrong_words_are_one_line(
        self, study: Path, words: str, said: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run = study / "runs" / "m2ru,float"
        assert cli.main(words.format(run=run, study=study).split()) == 2
        printed = capsys.readouterr().err
        assert said in printed and len(printed.splitlines()) == 1


def test_the_chip_and_its_twins_have_their_own_colours() -> None:
    from cimlearn.report.html.chart import series_of

    assert series_of(["adam", "chip", "float"]) == [1, 0, 2]
    assert series_of(["float", "chip", "chip", "chip"]) == [2, 0, 1, 3]
    assert series_of(["chip"] * 3) == [0, 1, 2]
    assert len(series_of(["chip"] * 9)) == 9


def test_parts_stand_side_by_side_and_sum_to_the_total(tmp_path: Path) -> None:
    from cimlearn.report.compare.grouping import benchmarks
    from cimlearn.report.compare.parts import by_part
    from cimlearn.report.costs import priced

    (made,) = benchmarks(read_study(make_study(tmp_path / "s", hidden=(50, 100))))
    html = by_part(made, {design.number: f"design {design.number}" for design in made.designs})
    for caption in ("Energy of one inference", "Energy of one learned example", "Area", "Time"):
        assert f"<caption>{caption}</caption>" in html
    for design in made.designs:
        costs = priced(design.run)[0]
        if costs is None:  # the float twin has no parts
            continue
        assert f'class="n">{design.number} design {design.number}</th>' in html
        for value, unit in ((costs.phases["inference"].joules, "J"), (sum(costs.area.values()), "m2")):
            assert quantity(value, unit) in html
