"""Labels that arrive late, class shares, data sets read as they are learned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streams_data as made

import cimlearn
from cimlearn import ArrayStream, DatasetStream
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.experiments.record import Answers
from cimlearn.report.run.balance import sentences
from cimlearn.report.run.page import write_report
from cimlearn.report.run.summary import summarise
from cimlearn.report.terminal import summary_table
from cimlearn.runfolder.records import read_run
from cimlearn.streams.base import Chunk
from cimlearn.streams.delay import Delayed


def _numbered(counts: tuple[int, ...] = (30, 12, 25)) -> ArrayStream:
    """Examples that carry their own number, in stored order."""
    tasks, first = [], 0
    for count in counts:
        x = (np.arange(first, first + count) / 1000).astype(np.float32)[:, None]
        tasks.append((x, np.arange(count) % 3, x[:4], np.arange(4) % 3))
        first += count
    return ArrayStream(tasks, seed=0, order="stored")


def _numbers(chunks: Any) -> list[int]:
    return [round(float(v) * 1000) for chunk in chunks for v in chunk.x[:, 0, 0]]


@pytest.mark.parametrize("delay", [1, 7, 20, 29])
def test_an_example_is_learned_when_its_label_arrives(delay: int) -> None:
    """Number n is learned when number n + delay arrives: tasks begin at 0, 30 and 42, and end at 67."""
    late = Delayed(_numbered(), delay)
    assert [t.examples for t in late.tasks] == [30 - delay, 12, 25]
    expected = [range(30 - delay), range(30 - delay, 42 - delay), range(42 - delay, 67 - delay)]
    for task, numbers in enumerate(expected):
        for size, start in ((1, 0), (5, 0), (100, 0), (4, 3), (7, min(11, len(numbers)))):
            found = list(late.chunks(task, size, start)) if start <= len(numbers) else []
            assert _numbers(found) == list(numbers)[start:]
            assert all(len(chunk.y) == size for chunk in found[:-1])
        held, own = (list(s.held_out(task, 3)) for s in (late, _numbered()))
        assert _numbers(held) == _numbers(own)
    assert late.facts == {"label_delay": delay, "never_learned": delay}


def test_a_delay_of_a_whole_task_is_refused() -> None:
    with pytest.raises(InputError, match=r"label_delay = 30.*first task has 30 examples.*less than 30"):
        Delayed(_numbered(), 30)


def test_a_chip_that_is_told_the_task_refuses_late_labels() -> None:
    settings = {"stream.label_delay": 5, "stream.examples": 50, "stream.held_out": 20}
    with pytest.raises(InputError, match=r"network\.tasks = shared"):
        Experiment("sas-mram", "split-digits-domain", settings=settings).build(0)


def test_a_run_states_classes_and_delay(tmp_path: Path) -> None:
    settings = {"stream.label_delay": 9, "stream.examples": 40, "stream.held_out": 30, "stream.tasks": 2}
    result = cimlearn.run("m2ru", stream="split-digits", settings=settings, out=tmp_path / "run")
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (run["label_delay"], run["never_learned"]) == (9, 9)
    assert [t["examples"] for t in run["tasks"]] == [31, 40]
    assert [sum(row) for row in run["class_counts"]["train"]] == [40, 40]
    assert [sum(row) for row in run["class_counts"]["held_out"]] == [30, 30]
    assert [k for k, n in enumerate(run["class_counts"]["train"][1]) if n] == [2, 3]
    assert [r.examples for r in result.records] == [31, 40]
    (said,) = sentences(result.summary)
    assert "9 examples late" in said and "last 9 of all never" in said
    page = result.report().read_text()
    assert "Labels arrive 9 examples late" in page


def _unequal(tmp_path: Path, share: float) -> Path:
    """A run of two tasks; in the second one, `share` of the held-out examples are of class 1."""
    rng = np.random.default_rng(0)
    tasks = []
    for part in (0.5, share):
        y = (np.arange(200) < 200 * part).astype(int)
        x = rng.random((200, 3, 2)) * 0.5 + 0.5 * y[:, None, None]
        tasks.append((x, y, x, y))
    stream = ArrayStream(tasks, seed=0, name="mine")
    return cimlearn.run("m2ru", stream=stream, on="float", out=tmp_path / f"run{share}").folder


def test_very_unequal_classes_are_said(tmp_path: Path) -> None:
    folder = _unequal(tmp_path, 0.9)
    summary = summarise(read_run(folder))
    classes = summary["classes"]
    assert classes["unequal"] and classes["largest_share"] == 0.9
    assert (classes["task"], classes["class"]) == ("task 2", "1")
    lines = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    assert classes["balanced_accuracy"] == pytest.approx(np.mean(lines[-1]["balanced_accuracy"]))
    (said,) = sentences(summary)
    assert "90.0 % of the held-out examples of ‘task 2’ are of class ‘1’" in said
    assert said in write_report(folder).read_text()
    cells = [str(cell) for column in summary_table(summary).columns for cell in column._cells]
    assert any("90.0 % of ‘task 2’ is ‘1’" in cell for cell in cells)


def test_about_equal_classes_are_not_worth_a_word(tmp_path: Path) -> None:
    summary = summarise(read_run(_unequal(tmp_path, 0.6)))
    assert not summary["classes"]["unequal"] and sentences(summary) == []


def test_balanced_accuracy_counts_classes_alike() -> None:
    answers = Answers(np.array([90, 10, 0]), np.array([90, 0, 0]))
    assert answers.accuracy == 0.9 and answers.balanced == 0.5


# --- data sets


class _Never(made.Pairs):
    """Counts how often it is read."""

    def __init__(self, count: int, seed: int) -> None:
        super().__init__(count, seed)
        self.read = 0

    def __getitem__(self, k: int) -> Any:
        self.read += 1
        return super().__getitem__(k)


def test_data_sets_are_read_when_they_are_learned() -> None:
    train, test = _Never(5000, 1), _Never(400, 2)
    train.targets, test.targets = train.y.tolist(), test.y
    stream = DatasetStream([(train, test)], seed=0, order="stored")
    assert stream.checksums and train.read < 400  # 64 of them are looked at, for sizes, labels and checksums
    before = train.read
    chunk: Chunk = next(stream.chunks(0, 10, 4000))
    assert train.read == before + 10
    assert np.array_equal(chunk.x, train.x[4000:4010, 0]) and np.array_equal(chunk.y, train.y[4000:4010])


def test_targets_that_lie_are_not_believed() -> None:
    train, test = _Never(300, 1), _Never(100, 2)
    train.targets = (train.y + 1) % 3
    stream = DatasetStream([(train, test)], seed=0, order="stored")
    assert np.array_equal(next(stream.chunks(0, 300)).y, train.y)


def test_a_set_of_arrays_and_of_data_sets_are_the_same_stream() -> None:
    sets = made.my_datasets()
    lazy, whole = DatasetStream(sets, seed=4), ArrayStream(sets, seed=4)
    assert lazy.shape == whole.shape and lazy.tasks == whole.tasks and lazy.scenario == whole.scenario
    for k in range(2):
        a, b = next(lazy.chunks(k, 50)), next(whole.chunks(k, 50))
        assert np.array_equal(a.x, b.x) and np.array_equal(a.y, b.y)


class _Images:
    def __init__(self, shape: tuple[int, ...], dtype: Any = np.uint8) -> None:
        self.x = np.arange(8 * np.prod(shape), dtype=np.int64).reshape(8, *shape).astype(dtype)

    def __len__(self) -> int:
        return 8

    def __getitem__(self, k: int) -> tuple[Any, int, str]:
        return self.x[k], k % 2, "more"


@pytest.mark.parametrize("shape", [(3, 4, 5), (4, 5, 3), (1, 4, 5), (4, 5), (4, 5, 1)])
def test_images_become_rows(shape: tuple[int, ...]) -> None:
    images = _Images(shape)
    stream = DatasetStream([(images, images)], seed=0, order="stored")
    x = images.x / np.float32(255)
    if shape == (3, 4, 5):
        x = x.transpose(0, 2, 3, 1)
    channels = 3 if 3 in shape else 1
    assert stream.shape == (4, 5 * channels, 2, False)
    assert np.array_equal(next(stream.chunks(0, 8)).x, x.reshape(8, 4, -1))


def test_full_scale_and_clipping() -> None:
    images = _Images((4, 5), np.float32)  # up to 159
    with pytest.raises(InputError, match="reaches 119, beyond full_scale = 100"):
        next(DatasetStream([(images, images)], seed=0, full_scale=100, order="stored").chunks(0, 8))
    clipped = DatasetStream([(images, images)], seed=0, full_scale=100, clip=True, order="stored")
    x = next(clipped.chunks(0, 8)).x.reshape(-1)
    assert np.allclose(x, np.minimum(np.arange(160) / 100, 1), atol=1e-6)


class _Restless(made.Pairs):
    def __getitem__(self, k: int) -> Any:
        self.x = self.x[::-1]
        return super().__getitem__(k)


def _spoiled(value: float) -> made.Pairs:
    pairs = made.Pairs(300, 0)
    pairs.x[101] = value  # not among those that are looked at
    return pairs


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([], "no task"),
        ([(made.Pairs(0, 0), made.Pairs(3, 0))], "is empty"),
        ([(iter([]), iter([]))], "map-style"),
        ([(_Restless(5, 0), made.Pairs(5, 0))], "another one each time; switch off random transforms"),
        ([(_Images((2, 3, 4, 5)), _Images((2, 3, 4, 5)))], r"shape \(2, 3, 4, 5\)"),
        ([(_Images((4, 5)), _Images((5, 5)))], "make them all alike"),
        ([([1, 2], [3])], "needed: .x, y."),
    ],
)
def test_bad_data_sets_are_refused(tasks: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        DatasetStream(tasks, seed=0)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.nan, "example 101 holds NaN"),
        (-0.5, "example 101 has negative values"),
        (2.0, "example 101 reaches 2"),
    ],
)
def test_bad_values_are_found_when_they_are_read(value: float, words: str) -> None:
    stream = DatasetStream([(_spoiled(value), made.Pairs(5, 0))], seed=0)
    with pytest.raises(InputError, match=words):
        list(stream.chunks(0, 50))


def test_classes_and_settings_of_data_sets() -> None:
    sets = made.my_datasets()
    assert DatasetStream(sets, seed=0, classes=9, task_names=["a", "b"]).tasks[1].name == "b"
    for settings, words in (
        ({"classes": 2}, "label 2, but classes = 2"),
        ({"order": "random"}, "stored, shuffled"),
        ({"full_scale": 0}, "not above 0"),
        ({"examples": 99}, "ask for 30 or fewer"),
    ):
        with pytest.raises(InputError, match=words):
            DatasetStream(sets, seed=0, **settings)
