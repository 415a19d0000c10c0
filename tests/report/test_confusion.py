"""Which classes are taken for which: in the last record, on the page, the same for every way to the end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cimlearn
from cimlearn.report.run import confusion
from cimlearn.report.run.page import draw, write_report
from cimlearn.runfolder.records import read_run

pytestmark = pytest.mark.usefixtures("toys")
SHORT = {"stream.examples": 150, "stream.tasks": 2}


def test_the_last_record_adds_up(tmp_path: Path) -> None:
    result = cimlearn.run("toy", stream="blobs", seeds=2, settings=SHORT, out=tmp_path / "run")
    for seed in (0, 1):
        first, last = (record for record in result.records if record.seed == seed)
        assert first.confusion == ()
        table = np.array(last.confusion)
        each = table.sum() / 2  # held-out examples of a task
        assert each > 0 and np.trace(table) == pytest.approx(each * sum(last.accuracy))


def test_the_page_names_the_class_that_is_worst(tmp_path: Path) -> None:
    result = cimlearn.run("toy", stream="blobs", settings=SHORT, out=tmp_path / "run")
    found = confusion.counts(result.data)
    assert found is not None
    share = np.diag(found) / np.sum(found, axis=1)
    shown = write_report(tmp_path / "run").read_text("utf-8")
    assert "Answers by class [%]" in shown
    assert f"‘{int(np.argmin(share))}’ is answered right least often ({100 * share.min():.1f} %" in shown
    assert (tmp_path / "run" / "figures" / "confusion.png").is_file()


def test_what_is_taken_for_what_in_words(tmp_path: Path) -> None:
    cimlearn.run("toy", stream="blobs", settings=SHORT, out=tmp_path / "run")
    run = read_run(tmp_path / "run")
    few = [[9, 1, 0], [0, 10, 0], [2, 3, 5]]
    said = confusion.words(run, few)
    assert "‘2’ is answered right least often (50.0 % of 10), and most often taken for ‘1’ (30.0 %)" in said
    assert "taken for" not in confusion.words(run, [[4, 0, 0], [0, 5, 0], [0, 0, 6]])
    empty = np.array([[0, 0], [1, 3]])  # a class without examples can be an answer
    assert "‘1’ is answered right least often (75.0 % of 4), and most often taken for ‘0’" in confusion.words(
        run, empty
    )
    confusion.figure(run, empty)


def test_records_of_before_have_no_such_figure(tmp_path: Path) -> None:
    cimlearn.run("toy", stream="blobs", settings=SHORT, out=tmp_path / "run")
    run = read_run(tmp_path / "run")
    before = replace(run, records=tuple(replace(record, confusion=()) for record in run.records))
    assert confusion.counts(run) is not None and confusion.counts(before) is None
    assert "confusion" in draw(run) and "confusion" not in draw(before)
