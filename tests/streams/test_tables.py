"""Tables of one's own: what each column is for, windows that never leak, readers that agree, errors that help."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cimlearn.errors import InputError
from cimlearn.install import install
from cimlearn.streams import Stream, TableStream, describe, open_stream, parameters
from cimlearn.streams.shapes import known_shape

ROUNDING = 1e-6
Columns = dict[str, list[Any]]


def _columns(rows: int = 480, seed: int = 0) -> Columns:
    """Two people, two tasks each, three labels in stretches of 40 rows; x counts the rows, so each is known again."""
    rng = np.random.default_rng(seed)
    labels = ["walk, slow", "rest", "run"]
    return {
        "x": [float(k) for k in range(rows)],
        "y": rng.standard_normal(rows).round(4).tolist(),
        "activity": [labels[k // 40 % 3] for k in range(rows)],
        "person": [f"p{k // (rows // 2)}" for k in range(rows)],
        "day": [f"day {k // (rows // 4) % 2}" for k in range(rows)],
    }


def _write(path: Path, columns: Columns, delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, delimiter=delimiter)
        out.writerow(columns)
        out.writerows(zip(*columns.values(), strict=True))
    return path


ROLES = {"label": "activity", "group": "person", "task": "day"}
SMALL = {**ROLES, "window": 8, "hop": 4, "block": 20}


def _stream(columns: Any, seed: int = 0, **settings: Any) -> TableStream:
    return TableStream(columns, seed=seed, **{**SMALL, **settings})


def _rows(stream: Stream, task: int, part: str) -> list[np.ndarray]:
    """The row numbers of each window, from column x, which isn't scaled by much: (windows, rows)."""
    chunks = stream.chunks(task, 7) if part == "train" else stream.held_out(task, 7)
    facts = stream.facts
    x = np.concatenate([chunk.x for chunk in chunks])[..., 0]
    return list(np.rint(x / facts["scale_unit"][0] + facts["scale_offset"][0]).astype(int))


def _all_rows(stream: Stream, part: str) -> list[np.ndarray]:
    return [w for k in range(len(stream.tasks)) for w in _rows(stream, k, part)]


# --- windows

SPLITS: dict[str, dict[str, Any]] = {
    "blocks": {},
    "large blocks": {"block": 60, "test_share": 0.4},
    "default blocks": {"block": None},
    "overlap": {"hop": 1},
    "groups": {"split": "groups", "test_share": 0.5},
    "same": {"rule": "same"},
    "last": {"rule": "last"},
}


@pytest.mark.parametrize("how", SPLITS)
def test_no_row_is_both_learned_and_held_out(how: str) -> None:
    stream = _stream(_columns(), deviations=100.0, **SPLITS[how])
    train, test = ({int(r) for w in _all_rows(stream, part) for r in w} for part in ("train", "test"))
    assert train and test and not train & test


@pytest.mark.parametrize("how", SPLITS)
def test_windows_lie_within_a_recording_and_a_task(how: str) -> None:
    columns = _columns()
    stream = _stream(columns, normalise="deviation", deviations=100.0, **SPLITS[how])
    windows = _all_rows(stream, "train") + _all_rows(stream, "test")
    for window in windows:
        assert (np.diff(window) == 1).all()
        assert len({(columns["person"][r], columns["day"][r]) for r in window}) == 1


def test_each_rule_labels_windows_as_it_says() -> None:
    columns = _columns()
    classes = sorted(set(columns["activity"]))
    for rule in ("majority", "last", "same"):
        stream = _stream(columns, rule=rule, deviations=100.0, order="stored")
        assert stream.facts["classes"] == classes
        for task in range(2):
            labels = np.concatenate([chunk.y for chunk in stream.chunks(task, 9)])
            for window, label in zip(_rows(stream, task, "train"), labels, strict=True):
                words = [columns["activity"][r] for r in window]
                expected = {
                    "majority": max(classes, key=lambda c: (words.count(c), -classes.index(c))),
                    "last": words[-1],
                    "same": words[0],
                }[rule]
                assert classes[label] == expected
                assert rule != "same" or len(set(words)) == 1


def test_blocks_hold_out_their_share_of_every_class_and_task() -> None:
    stream = _stream(_columns(4800), test_share=0.25, block=20, hop=None)
    for task in range(2):
        counts = stream.class_counts(task)
        share = counts.held_out / (counts.held_out + counts.train)
        assert (np.abs(share - 0.25) < 0.06).all()


def test_rows_without_a_label_are_in_no_window() -> None:
    columns = _columns()
    for row in (3, 100, 101, 300):
        columns["activity"][row] = ""
    stream = _stream(columns, deviations=100.0)
    rows = {int(r) for part in ("train", "test") for w in _all_rows(stream, part) for r in w}
    assert not rows & {3, 100, 101, 300} and stream.facts["windows_unlabelled"] > 0
    assert "" not in stream.facts["classes"]


def test_a_column_may_say_what_is_held_out() -> None:
    columns = _columns()
    columns["part"] = ["Test" if k // 60 % 2 else "train" for k in range(480)]
    stream = _stream(columns, part="part", deviations=100.0)
    assert all(columns["part"][r] == "Test" for w in _all_rows(stream, "test") for r in w)
    assert all(columns["part"][r] == "train" for w in _all_rows(stream, "train") for r in w)


def test_whole_recordings_are_held_out() -> None:
    columns = _columns()
    stream = _stream(columns, split="groups", test_share=0.5, deviations=100.0)
    assert {columns["person"][r] for w in _all_rows(stream, "train") for r in w} == {"p1"}
    assert {columns["person"][r] for w in _all_rows(stream, "test") for r in w} == {"p0"}


# --- tasks

DAY = 86400


def test_change_points_by_row_number() -> None:
    stream = _stream(_columns(), task=None, changes="120,300", features="x,y", deviations=100.0)
    assert [t.name for t in stream.tasks] == ["task 1", "task 2", "task 3"]
    for task, (low, high) in enumerate([(0, 120), (120, 300), (300, 480)]):
        rows = [r for part in ("train", "test") for w in _rows(stream, task, part) for r in w]
        assert low <= min(rows) and max(rows) < high


@pytest.mark.parametrize("kind", ["number", "text", "datetime", "datetime64"])
def test_change_points_in_time(kind: str) -> None:
    columns = _columns()
    begin = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    seconds = [begin + 600 * (k % 240) for k in range(480)]  # each person from the beginning
    change = begin + 600 * 100
    columns["t"] = {
        "number": seconds,
        "text": [datetime.fromtimestamp(s, UTC).isoformat() for s in seconds],
        "datetime": [datetime.fromtimestamp(s, UTC) for s in seconds],
        "datetime64": (np.array(seconds, np.int64) * 1000).astype("datetime64[ms]"),
    }[kind]
    given = change if kind == "number" else datetime.fromtimestamp(change, UTC).isoformat()
    stream = _stream(columns, task=None, time="t", changes=str(given), deviations=100.0, features="x,y")
    for task in range(2):
        rows = [r for part in ("train", "test") for w in _rows(stream, task, part) for r in w]
        assert {r % 240 >= 100 for r in rows} == {task == 1}


def test_tasks_come_in_order_of_appearance_and_have_their_names() -> None:
    columns = _columns()
    columns["day"] = ["later" if k % 240 < 120 else "earlier" for k in range(480)]
    assert [t.name for t in _stream(columns).tasks] == ["later", "earlier"]


def test_scenario_follows_the_classes() -> None:
    columns = _columns()
    assert _stream(columns).scenario == "domain-incremental"
    columns["activity"] = [
        f"{day}{k // 20 % 2}" for k, day in enumerate(columns["day"])
    ]  # each day has classes of its own
    stream = _stream(columns)
    assert stream.scenario == "class-incremental" and stream.shape.classes == 4


# --- scale


def test_statistics_come_from_training_rows() -> None:
    columns = _columns()
    columns["part"] = ["test" if k // 60 % 2 else "train" for k in range(480)]
    values = np.array(columns["y"])
    for row, part in enumerate(columns["part"]):
        if part == "test":
            columns["y"][row] = 1e6
    stream = _stream(columns, part="part", features="y", deviations=2.0, order="stored", hop=None, window=60)
    known = values[[part == "train" for part in columns["part"]]]
    assert stream.facts["scale_offset"][0] == pytest.approx(known.mean(), abs=ROUNDING)
    assert 1 / stream.facts["scale_unit"][0] == pytest.approx(2 * known.std(), rel=1e-5)
    x = np.concatenate([c.x for c in stream.chunks(0, 50)])[..., 0]
    expected = np.clip((values[:60] - known.mean()) / (2 * known.std()), -1, 1)
    assert np.allclose(x[0], expected, atol=1e-5)
    assert next(stream.held_out(0, 1)).x.min() == 1  # far beyond full scale: cut off


def test_statistics_of_the_first_task_only() -> None:
    columns = _columns()
    columns["y"] = [v + 50 * (columns["day"][k] == "day 1") for k, v in enumerate(columns["y"])]
    both, first = (_stream(columns, features="y", scale_from=s).facts for s in ("all", "first"))
    assert both["scale_offset"][0] > 20 and abs(first["scale_offset"][0]) < 1


def test_range_unit_and_off() -> None:
    columns = _columns()
    for how, low, signed in (("range", -1, True), ("unit", 0, False)):
        stream = _stream(columns, normalise=how)
        x = np.concatenate([c.x for k in range(2) for c in stream.chunks(k, 50)])
        assert stream.shape.signed is signed and x.min() >= low and x.max() <= 1
        assert x[..., 1].max() == pytest.approx(1, abs=0.02)
    with pytest.raises(InputError, match=r"column 'x' goes from 0 to 479, outside \[-1, 1\]"):
        _stream(columns, normalise="off")
    columns["x"] = [v / 480 for v in columns["x"]]
    columns["y"] = [abs(v) / 10 for v in columns["y"]]
    assert not _stream(columns, normalise="off").shape.signed


def test_a_column_that_never_changes_tells_nothing() -> None:
    columns = {**_columns(), "gain": [7.5] * 480}
    stream = _stream(columns)
    assert stream.shape.features == 3 and not next(stream.chunks(0, 9)).x[..., 2].any()


def test_rows_side_by_side_in_a_step() -> None:
    one, four = (next(_stream(_columns(), samples_per_step=n).held_out(1, 5)).x for n in (1, 4))
    assert one.shape == (5, 8, 2) and four.shape == (5, 2, 8)
    assert np.array_equal(one.reshape(5, -1), four.reshape(5, -1))


# --- readers


def test_every_reader_gives_the_same_stream(tmp_path: Path) -> None:
    columns = _columns()
    streams = {
        "mapping": _stream(columns),
        "structured": _stream(
            np.array(
                list(zip(*columns.values(), strict=True)),
                [("x", float), ("y", float), ("activity", "U20"), ("person", "U4"), ("day", "U8")],
            )
        ),
    }
    files = {
        "csv": _write(tmp_path / "my.csv", columns),
        "semicolon": _write(tmp_path / "b.csv", columns, ";"),
    }
    np.savez(tmp_path / "my.npz", **{key: np.array(column) for key, column in columns.items()})
    files["npz"] = tmp_path / "my.npz"
    for name, path in files.items():
        streams[name] = _named(path)
    first = streams.pop("mapping")
    expected = [next(first.chunks(k, 500)) for k in range(2)]
    for name, stream in streams.items():
        assert stream.tasks == first.tasks and stream.facts == first.facts, name
        for k in range(2):
            chunk = next(stream.chunks(k, 500))
            assert np.array_equal(chunk.x, expected[k].x) and np.array_equal(chunk.y, expected[k].y), name


def _named(path: Path, **settings: Any) -> Stream:
    chosen = parameters(path).replace({f"stream.{k}": v for k, v in {**SMALL, **settings}.items()})
    return open_stream(path, seed=0, settings=chosen)


def test_parquet(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="PyArrow isn't installed")
    from pyarrow import parquet

    table = arrow.table(_columns())
    parquet.write_table(table, tmp_path / "my.parquet", row_group_size=100)
    expected = next(_stream(_columns()).chunks(1, 500))
    for stream in (_named(tmp_path / "my.parquet"), _stream(table)):
        assert np.array_equal(next(stream.chunks(1, 500)).x, expected.x)
    (tmp_path / "bad.parquet").write_bytes(b"hello")
    with pytest.raises(InputError, match=r"bad\.parquet is no Parquet file"):
        _named(tmp_path / "bad.parquet")
    holes = arrow.table({**_columns(), "y": [None] * 480})
    with pytest.raises(InputError, match="column 'y' is empty in row 1"):
        _stream(holes)


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    (tmp_path / "my.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=re.escape(f"{install('study')}, or save the table as CSV")):
        _named(tmp_path / "my.parquet")


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_data_frames(package: str) -> None:
    library = pytest.importorskip(package, reason=f"{package} isn't installed")
    stream = _stream(library.DataFrame(_columns()), name="frame")
    assert np.array_equal(next(stream.chunks(1, 500)).x, next(_stream(_columns()).chunks(1, 500)).x)
    assert list(stream.checksums) == ["frame"]
    holes = {
        **_columns(),
        "activity": [None if k % 40 == 0 else w for k, w in enumerate(_columns()["activity"])],
    }
    assert _stream(library.DataFrame(holes)).facts["windows_unlabelled"] > 0


def test_numeric_labels_are_sorted_as_numbers() -> None:
    columns = {**_columns(), "activity": [float(2 * (k // 40 % 3) + 8) for k in range(480)]}
    assert _stream(columns).facts["classes"] == ["8", "10", "12"]


def test_blocks_of_a_long_file_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cimlearn.streams.tables import files as tablefiles

    expected = next(_stream(_columns()).chunks(0, 500)).x
    monkeypatch.setattr(tablefiles, "ROWS", 7)
    assert np.array_equal(next(_named(_write(tmp_path / "long.csv", _columns())).chunks(0, 500)).x, expected)


# --- what is refused


def _changed(**changes: Any) -> Columns:
    columns = _columns()
    for key, change in changes.items():
        columns[key] = change(columns.get(key))
    return columns


def _with(row: int, value: Any) -> Any:
    def change(column: Sequence[Any]) -> list[Any]:
        return [value if k == row else cell for k, cell in enumerate(column)]

    return change


BAD: dict[str, tuple[Columns, dict[str, Any], str]] = {
    "no label column": (_columns(), {"label": "acivity"}, "no column 'acivity'.*x, y, activity.*'activity'"),
    "no task column": (_columns(), {"task": "week"}, r"no column 'week' \(stream\.task\)"),
    "no feature": (_columns(), {"features": "x,z"}, r"no column 'z' \(stream\.features\)"),
    "label among features": (_columns(), {"features": "x,activity"}, "holds the label"),
    "two purposes": (_columns(), {"part": "person"}, "another purpose"),
    "nan": (_changed(y=_with(17, float("nan"))), {}, "column 'y' is empty in row 18|'nan' in row 18"),
    "inf": (_changed(y=_with(470, float("inf"))), {}, "column 'y' is 'inf' in row 471"),
    "empty cell": (_changed(y=_with(3, "")), {}, "column 'y' is empty in row 4"),
    "text in a number": (_changed(y=_with(99, "n/a")), {}, "column 'y' is 'n/a' in row 100.*stream.features"),
    "text column": (_changed(note=lambda c: ["ok"] * 480), {}, "column 'note' is 'ok' in row 1"),
    "one class": (_changed(activity=lambda c: ["rest"] * 480), {}, r"1 different labels \(rest\)"),
    "no label": (_changed(activity=lambda c: [""] * 480), {}, "0 different labels"),
    "no group": (
        _changed(person=_with(7, "")),
        {},
        "column 'person' is empty in row 8; give each row a group",
    ),
    "window too long": (_columns(), {"window": 400}, r"window = 400 rows is longer.*the longest has"),
    "step doesn't fit": (_columns(), {"samples_per_step": 3}, "doesn't divide"),
    "task and changes": (_columns(), {"changes": "100"}, "both say where tasks begin"),
    "changes fall": (_columns(), {"task": None, "features": "x,y", "changes": "300,200"}, "doesn't rise"),
    "changes are words": (
        _columns(),
        {"task": None, "features": "x,y", "changes": "noon"},
        "'noon'; give row numbers",
    ),
    "changes beyond": (
        _columns(),
        {"task": None, "features": "x,y", "changes": "480"},
        "leaves task 2 without rows.*1 to 480",
    ),
    "parts": (_changed(p=lambda c: ["a"] * 480), {"part": "p"}, "needed: train and test"),
    "groups without group": (
        _columns(),
        {"group": None, "features": "x,y", "split": "groups"},
        "stream.group",
    ),
    "time goes back": (_changed(t=lambda c: [-k for k in range(480)]), {"time": "t"}, "goes back in row 2"),
    "no time": (_changed(t=lambda c: ["noon"] * 480), {"time": "t"}, "'noon' in row 1, which is no time"),
    "too few": (_columns(), {"examples": 10**6}, "ask for"),
    "nothing held out": (_columns(), {"block": 10**6, "test_share": 0.1}, "0 held-out windows"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_tables_are_refused(bad: str, tmp_path: Path) -> None:
    columns, settings, words = BAD[bad]
    with pytest.raises(InputError, match=words) as error:
        _stream(columns, **settings)
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=words) as error:
        _named(_write(tmp_path / "bad.csv", columns), **settings)
    assert str(tmp_path / "bad.csv") in str(error.value) or "stream." in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"x,activity\n", "has no rows"),
        (b"x,x,activity\n1,2,a\n", "several columns called 'x'"),
        (b"x,activity\n1,a\n2\n", "row 2 has 1 cells, the header 2"),
        (b'x,activity\n1,"a\n', "line 2.*mend the quotes"),
        (b"x,activity\n1,\xff\n", "not text in UTF-8"),
        (b"x:activity\n1:a\n2:b\n", "stream.delimiter"),
        (b'x,activity\n"1,5",a\n"2,5",b\n', "stream.decimal = comma"),
        (b"activity\na\nb\n", "no column besides activity"),
    ],
)
def test_bad_files_are_refused(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    chosen = parameters(path).replace({"stream.label": "activity"})
    with pytest.raises(InputError, match=words):
        open_stream(path, seed=0, settings=chosen)


def test_paths_and_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="doesn't exist"):
        describe(tmp_path / "gone.csv")
    with pytest.raises(InputError, match="doesn't exist"):
        TableStream(tmp_path / "gone.csv", seed=0)
    with pytest.raises(InputError, match="give a data frame"):
        TableStream(3, seed=0)
    with pytest.raises(InputError, match=r"unknown parameter 'stream\.windw'; did you mean 'stream\.window'"):
        TableStream(_columns(), seed=0, windw=3)
    with pytest.raises(InputError, match=r"columns of \[2, 3\] rows"):
        TableStream({"x": [1, 2, 3], "label": ["a", "b"]}, seed=0)
    assert describe(_write(tmp_path / "a.csv", _columns())).family == "table"
    with pytest.raises(InputError, match="known only once its data is read"):
        known_shape(tmp_path / "a.csv", parameters(tmp_path / "a.csv"))


def test_a_mended_file_is_read_again(tmp_path: Path) -> None:
    path = _write(tmp_path / "my.csv", _columns())
    first = _named(path)
    _write(path, _columns(seed=1))
    second = _named(path)
    assert first.checksums != second.checksums
    assert not np.array_equal(next(first.chunks(0, 9)).x, next(second.chunks(0, 9)).x)


def test_passes_and_stored_order() -> None:
    stream = _stream(_columns(), order="stored", passes=2, deviations=100.0)
    firsts = [int(w[0]) for w in _rows(stream, 0, "train")]
    half = len(firsts) // 2
    assert firsts[:half] == sorted(firsts[:half]) == firsts[half:]


def test_quoted_words_and_byte_order_marks(tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    words = ['sit ""up""', "walk, slow"]  # quotes are doubled within quotes
    rows = ["x,label", *(f'{k},"{words[k // 20 % 2]}"' for k in range(200))]
    path.write_text("\ufeff" + "\r\n".join(rows) + "\r\n\r\n", encoding="utf-8")
    stream = open_stream(path, seed=0, settings=parameters(path).replace({"stream.block": 5}))
    assert stream.facts["classes"] == ['sit "up"', "walk, slow"] and stream.facts["rows"] == 200
