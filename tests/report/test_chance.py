"""Near chance: what is said, and who gets no star."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cimlearn.experiments.record import Answers, never_right
from cimlearn.report.compare.grouping import Benchmark, ComparedDesign
from cimlearn.report.compare.read import Entry
from cimlearn.report.run import chance
from cimlearn.report.samples import Sample
from cimlearn.runfolder.records import Record, Run


def _run(accuracy: float, counts: list[list[int]], lost: tuple[int, ...] = (), **config: Any) -> Run:
    """A run of one seed over len(counts) tasks with (classes,) held-out examples each."""
    tasks = [{"name": f"task {k + 1}", "examples": 100, "held_out": sum(row)} for k, row in enumerate(counts)]
    given = {"chip": "m2ru", "on": "chip", "stream": "s", "scenario": "domain-incremental", "seeds": [0],
             "tasks": tasks, "parameters": {},
             "class_counts": {"train": counts, "held_out": counts}, **config}  # fmt: skip
    records = tuple(
        Record(0, k, f"task {k + 1}", (accuracy,) * (k + 1), 100, {}, {}, {}, never_right=lost)
        for k in range(len(counts))
    )
    return _as_run(given, records)


def _as_run(config: dict[str, Any], records: tuple[Record, ...]) -> Run:
    from pathlib import Path

    known = {
        "folder": Path("run"),
        "config": config,
        "records": records,
        "prices": {},
        "timing": {},
    }
    names = Run.__dataclass_fields__
    return Run(**{name: value for name, value in known.items() if name in names})


@pytest.mark.parametrize(
    ("counts", "level"),
    [
        ([[5, 5]], 0.5),
        ([[9, 1]], 0.9),
        (
            [[5, 5, 0, 0], [0, 0, 5, 5]],
            0.25,
        ),  # tasks of their own classes: one answer is right in one task only
        ([[5, 5], [5, 5]], 0.5),
        ([[9, 1], [1, 9]], 0.5),
    ],
)
def test_chance_is_the_average_accuracy_of_always_answering_one_class(
    counts: list[list[int]], level: float
) -> None:
    run = _run(0.99, counts)
    assert chance.chance(run) == pytest.approx(level)
    best = max(np.mean([row[c] / sum(row) for row in counts]) for c in range(len(counts[0])))
    assert chance.chance(run) == pytest.approx(best)


@pytest.mark.parametrize(
    ("accuracy", "near"), [(0.5, True), (0.54, True), (0.56, False), (0.3, True), (1.0, False)]
)
def test_near_chance(accuracy: float, near: bool) -> None:
    run = _run(accuracy, [[5, 5]])
    assert chance.at_chance(run) is near
    said = chance.sentences({"accuracy": {"average": accuracy}, **chance.stated(run)})
    assert any(line.startswith("Near chance: ") and "50.0 %" in line for line in said) is near
    assert any("--on adam" in line for line in said) is near


def test_coarse_pulses_ask_for_a_write_scheme() -> None:
    """A cell with a step of its own, written blindly; not one whose changes gather already, and no twin."""
    for least, on, said in ((0.0, "chip", True), (0.015, "chip", False), (0.0, "float", False)):
        known = {"unit": "1", "origin": "assumed", "source": "-", "help": "-", "changed": False}
        entries = {"device.step": {"value": 0.1, **known}, "write.least": {"value": least, **known}}
        run = _run(0.3, [[5, 5]], on=on, parameters=entries)
        found = chance.stated(run)["chance"]["try"]
        assert any("write=slices" in line for line in found) is said


def test_classes_that_are_never_right_are_named() -> None:
    run = _run(0.7, [[5, 5, 5]], lost=(0, 2), stream_facts={"classes": ["walk", "rest", "run"]})
    said = chance.sentences({"accuracy": {"average": 0.7}, **chance.stated(run)})
    assert said[0] == "Classes ‘walk’, ‘run’ of 3 are never answered right at the end."
    both = replace(run, config={**run.config, "seeds": [0, 1]},
                   records=(*run.records, replace(run.records[0], seed=1, never_right=(2,))))  # fmt: skip
    assert chance.stated(both)["chance"]["never_right"] == ["run"]


def test_classes_without_examples_are_warned_of() -> None:
    run = _run(0.9, [[5, 5, 0]])
    run.config["class_counts"]["train"] = [[5, 0, 5]]
    said = chance.stated(run)["warnings"]
    assert said == [
        "Class ‘1’ has no example to learn from, but tested ones.",
        "Class ‘2’ has no held-out example, so nothing is known of how well it is learned.",
    ]


def test_never_right_counts_all_tasks() -> None:
    answers = [Answers(np.array(s), np.array(r)) for s, r in (([3, 3, 0], [0, 2, 0]), ([3, 0, 2], [1, 0, 0]))]
    assert never_right(answers) == [2]


def test_a_design_at_chance_gets_no_star() -> None:
    def design(number: int, accuracy: float, joules: float) -> ComparedDesign:
        run = _run(accuracy, [[5, 5]])
        sample = Sample(0, 1, {"accuracy": accuracy, "learning_J": joules, "lifetime_years": 1.0})
        return ComparedDesign(number, (Entry(f"run {number}", run, (sample,)),), (sample,))

    designs = (design(1, 0.9, 2e-6), design(2, 0.51, 1e-9), design(3, 0.8, 1e-6))
    assert Benchmark("b", designs, {}).best == [True, False, True]
