"""The one table of measures: what is read from where, and that results, rows and goals say the same of a run."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from report_run import make_run
from report_study import make_study

from cimlearn.report.compare.files import write_designs
from cimlearn.report.compare.grouping import benchmarks
from cimlearn.report.compare.read import read_study
from cimlearn.report.costs import run_costs
from cimlearn.report.measures import LEARNED, MEASURE, MEASURES, PRICED, larger, plain
from cimlearn.report.samples import samples
from cimlearn.runfolder.records import read_run
from cimlearn.studies.results import run_rows
from cimlearn.studies.search.goals import averaged
from cimlearn.units import quantity


@pytest.mark.parametrize("key", list(MEASURE))
def test_every_measure_is_read_from_one_place(key: str) -> None:
    measure = MEASURE[key]
    assert (measure.of_records is None) != (measure.of_costs is None)
    assert (key in LEARNED) != (key in PRICED)
    unit = {"share": "", "count": "", "year": "_years", "1/J": "_per_J"}.get(measure.unit, f"_{measure.unit}")
    assert key.endswith(unit)  # no name without its unit
    assert measure.unit in ("share", "year") or quantity(1.0, measure.unit)
    assert measure.name and measure.help


def test_no_two_measures_have_one_name() -> None:
    assert len(MEASURE) == len(MEASURES) == len({measure.name for measure in MEASURES})


def test_results_samples_and_goals_say_the_same_of_a_run(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "run", seeds=(0, 1), tasks=3))
    ends = [row for row in run_rows(run) if row["final"]]
    seeds, why_not = samples(run)
    assert why_not is None and [sample.seed for sample in seeds] == [row["seed"] for row in ends]
    for sample, row in zip(seeds, ends, strict=True):
        assert sample.values == {key: row[key] for key in MEASURE}
    means = averaged(ends)
    assert set(means) == set(MEASURE)
    assert means["area_m2"] == ends[0]["area_m2"] > 0


def test_costs_by_hand(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "run", tasks=2))
    costs = run_costs(run)
    assert costs is not None
    (sample,) = samples(run)[0]
    assert sample.values["inference_s"] == costs.as_dict()["latency"]["per_example_s"]
    assert sample.values["learning_s"] == costs.as_dict()["latency"]["per_learned_example_s"]
    assert sample.values["power_W"] == sample.values["inference_J"] / sample.values["inference_s"]
    ten = costs.lifetime["ten_percent"]
    assert sample.values["lifetime_years"] == (math.inf if ten is None else ten)


def test_a_run_that_cannot_be_priced_says_why(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", tasks=2)
    config = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**config, "prices": {}}))
    first, last = run_rows(read_run(folder))
    assert first["not_priced"] is None and "has an inventory but no prices" in last["not_priced"]
    assert "inference_J" not in last and last["accuracy"] > 0
    assert samples(read_run(folder))[1] == last["not_priced"]
    twin = read_run(make_run(tmp_path / "twin", on="float", tasks=2))
    assert [row["not_priced"] for row in run_rows(twin)] == [None, None]


def test_which_way_is_better_and_what_never_ends() -> None:
    assert larger(["accuracy", "area_m2", "lifetime_years"]) == {
        "accuracy": True, "area_m2": False, "lifetime_years": True,
    }  # fmt: skip
    assert plain({"lifetime_years": math.inf, "accuracy": 0.5}) == {"lifetime_years": None, "accuracy": 0.5}


def test_designs_as_a_file_and_a_picture(tmp_path: Path) -> None:
    import csv

    compared = read_study(make_study(tmp_path / "study"))
    table, picture = write_designs(compared, tmp_path)
    with table.open() as file:
        rows = list(csv.DictReader(file))
    designs = benchmarks(compared)[0].designs
    assert [row["network.hidden"] for row in rows] == ["100", "50", "100", "400"]  # the twin is first
    for row, design in zip(rows, designs, strict=True):
        for key in MEASURE:
            assert row.get(key, "") == (str(design.values[key]) if key in design.values else "")
    assert picture is not None and picture.stat().st_size > 5000
    assert write_designs(read_study(tmp_path / "study" / "runs" / "m2ru,float"), tmp_path).picture is None
