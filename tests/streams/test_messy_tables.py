"""Tables as loggers write them: missing cells, holes in time, files without names, a file per class."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cimlearn.errors import InputError
from cimlearn.streams import TableStream, describe, open_stream

ROWS = 160
Columns = dict[str, list[Any]]


def _columns() -> Columns:
    """x counts up to 40 and begins anew (no counter: it goes back often), two labels in stretches of 40 rows."""
    return {
        "time": [0.02 * k for k in range(ROWS)],
        "x": [float(k % 5) for k in range(ROWS)],
        "label": [("rest", "walk")[k // 40 % 2] for k in range(ROWS)],
    }


def _stream(columns: Any, **settings: Any) -> TableStream:
    return TableStream(
        columns, seed=0, **{"normalise": "range", "order": "stored", "features": "x", **settings}
    )


def _values(stream: TableStream) -> list[float]:
    """All readings of x that are in a window, learned or held out, in its own unit."""
    chunks = [*stream.chunks(0, 1000), *stream.held_out(0, 1000)]
    x = np.concatenate([chunk.x.ravel() for chunk in chunks])
    return sorted((x / stream.facts["scale_unit"][0] + stream.facts["scale_offset"][0]).round(3).tolist())


# --- missing cells


def _holey(words: tuple[Any, ...] = ("", "n/a", None, "inf")) -> Columns:
    columns = _columns()
    columns["x"] = [float(k) for k in range(ROWS)]
    for row, word in zip((3, 41, 42, 100), words, strict=True):
        columns["x"][row] = word
    return columns


def test_missing_cells_are_counted_in_the_error() -> None:
    with pytest.raises(
        InputError, match=r"'x' is empty in row 4, .*4 such cells, 4 of 160 rows, 1 column: set stream"
    ):
        _stream(_holey())


def test_a_column_of_words_is_no_input_whatever_is_said_of_missing_cells() -> None:
    with pytest.raises(InputError, match=r"column 'name' is 'Ann' in row 1.*160 of 160 rows"):
        _stream({**_columns(), "name": ["Ann"] * ROWS}, features="x,name", missing="drop")


def test_drop_leaves_the_rows_out_and_ends_windows_there() -> None:
    stream = _stream(_holey(), missing="drop")
    assert _values(stream) == [k for k in range(ROWS) if k not in (3, 41, 42, 100)]
    missing = stream.facts["missing"]
    assert (missing["cells"], missing["rows_left_out"], missing["columns"]) == (4, 4, {"x": 4})
    assert any("4 cells held no number" in said for said in stream.facts["warnings"])
    windows = _stream(_holey(), missing="drop", window=4, hop=1, deviations=100.0)
    for chunk in windows.chunks(0, 1000):
        steps = np.diff(chunk.x[..., 0] / windows.facts["scale_unit"][0], axis=1)
        np.testing.assert_allclose(steps, 1, atol=1e-3)  # neighbours in the table, none left out between them


@pytest.mark.parametrize(
    ("how", "at"),
    [("hold", {3: 2, 41: 40, 42: 40, 100: 99}), ("interpolate", {3: 3, 41: 41, 42: 42, 100: 100})],
)
def test_hold_and_interpolate_fill(how: str, at: dict[int, float]) -> None:
    columns = _holey()
    columns["part"] = ["train"] * (ROWS - 20) + ["test"] * 20
    stream = _stream(columns, missing=how, part="part", time="time", normalise="deviation", deviations=100.0)
    expected = [at.get(k, float(k)) for k in range(ROWS)]
    np.testing.assert_allclose(_values(stream), sorted(expected), atol=2e-3)
    assert stream.facts["missing"]["rows_left_out"] == 0


def test_nothing_is_carried_from_held_out_rows_into_training_rows() -> None:
    """The first training row after held-out rows has no good cell before it, so it is left out."""
    columns = _columns()
    columns["part"] = ["test"] * 80 + ["train"] * 80
    columns["x"][80] = ""
    for how in ("hold", "interpolate"):
        assert _stream(columns, missing=how, part="part").facts["missing"]["rows_left_out"] == 1


def test_a_label_that_is_nan_in_whatever_form_is_none() -> None:
    columns = _columns()
    for row, word in zip((1, 2, 3, 4), ("", "NaN", None, float("nan")), strict=True):
        columns["label"][row] = word
    stream = _stream(columns)
    assert stream.facts["classes"] == ["rest", "walk"]
    assert stream.facts["windows_unlabelled"] == 4


# --- time


def test_windows_end_at_holes_in_time() -> None:
    columns = _columns()
    columns["time"] = [0.02 * k + 3600 * (k // 50) for k in range(ROWS)]
    open_, closed = (_stream(columns, time="time", window=20, gap=gap, hop=5) for gap in ("none", "auto"))
    assert open_.facts["holes_in_time"] == 0 and closed.facts["holes_in_time"] == 3
    assert closed.facts["gap"] == pytest.approx(0.2) and closed.facts["median_step"] == pytest.approx(0.02)
    holes = {50, 100, 150}
    for first in closed._windows.first.tolist():
        assert not holes & set(range(first + 1, first + 20))
    assert any(holes & set(range(f + 1, f + 20)) for f in open_._windows.first.tolist())
    assert _stream(columns, time="time", gap="2 h").facts["holes_in_time"] == 0
    assert any("3 holes in time" in said for said in closed.facts["warnings"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gap": "1"}, "needs a column of times"),
        ({"gap": "soon", "time": "time"}, "give auto, none, or a time"),
        ({"gap": "-1", "time": "time"}, "give auto, none, or a time"),
    ],
)
def test_a_gap_that_makes_no_sense(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        _stream(_columns(), **settings)


CLOCKS = {
    "dates": lambda k: f"2026-01-31T12:{k // 60:02d}:{k % 60:02d}",
    "dates with a blank": lambda k: f"2026-01-31 12:{k // 60:02d}:{k % 60:02d}.500",
    "seconds since 1970": lambda k: 1_770_000_000 + k,
    "milliseconds since 1970": lambda k: 1_770_000_000_000 + 1000 * k,
}


@pytest.mark.parametrize("kind", CLOCKS)
def test_timestamps_are_recognised(kind: str) -> None:
    columns = {**_columns(), "when": [CLOCKS[kind](k) for k in range(ROWS)]}
    del columns["time"]
    stream = TableStream(columns, seed=0)
    assert stream.facts["features"] == ["x"]
    assert any("‘when’ holds times, so it is no input" in said for said in stream.facts["warnings"])
    fast = {**columns, "when": [CLOCKS["seconds since 1970"](0) + k / 25 for k in range(ROWS)]}
    assert any(
        "25 rows a second: stream.window = 25" in said for said in TableStream(fast, seed=0).facts["warnings"]
    )


def test_recognised_times_that_go_back_end_windows_and_named_ones_are_an_error() -> None:
    columns = {**_columns(), "when": [f"2026-01-31T12:00:{k % 40:02d}" for k in range(ROWS)]}
    del columns["time"]
    stream = TableStream(columns, seed=0)
    assert stream.facts["holes_in_time"] == 3
    assert any("goes back 3 times" in said for said in stream.facts["warnings"])
    with pytest.raises(InputError, match="time goes back in row 41"):
        TableStream(columns, seed=0, time="when")


def test_row_numbers_of_changes_stay_row_numbers_beside_recognised_times() -> None:
    columns = {**_columns(), "when": [CLOCKS["dates"](k) for k in range(ROWS)]}
    by_row = TableStream({k: v for k, v in columns.items() if k != "time"}, seed=0, changes="80")
    by_date = TableStream(
        {k: v for k, v in columns.items() if k != "time"}, seed=0, changes="2026-01-31T12:01:20"
    )
    assert [t.examples for t in by_row.tasks] == [t.examples for t in by_date.tasks] and len(
        by_row.tasks
    ) == 2


def test_a_rising_column_that_is_taken_as_an_input_is_named() -> None:
    said = TableStream(_columns(), seed=0).facts["warnings"]
    assert len(said) == 1 and said[0].startswith("Column ‘time’ rises from row to row")
    assert "warnings" not in _stream(_columns()).facts


# --- what is left out


def test_recordings_and_classes_in_no_window_are_counted_and_said() -> None:
    lengths = [8] * 9 + [30] * 3
    columns: Columns = {"x": [], "label": [], "who": [], "part": []}
    for k, rows in enumerate(lengths):
        columns["x"] += [float(j % 3) for j in range(rows)]
        columns["label"] += ["walk" if k < 9 else ("rest", "run")[k % 2]] * rows
        columns["who"] += [k] * rows
        columns["part"] += ["test" if k == 10 else "train"] * rows
    stream = TableStream(columns, seed=0, group="who", part="part", window=10)
    facts = stream.facts
    assert (facts["recordings"], facts["recordings_without_window"], facts["rows_in_no_window"]) == (
        12,
        9,
        72,
    )
    assert any("‘walk’ is in no window" in said for said in facts["warnings"])
    assert any(
        "9 of 12 recordings are in no window" in said and "8 to 30 rows" in said for said in facts["warnings"]
    )
    assert any("stream.window = 8 fits nine in ten" in said
               for said in TableStream(columns, seed=0, group="who", part="part").facts["warnings"])  # fmt: skip


# --- files


def test_a_file_without_names(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("".join(f"{k % 7}.5,{k % 3}.25,{k % 2}\n" for k in range(60)))
    with pytest.raises(
        InputError, match=r"holds readings \(0\.5, 0\.25, 0\).*stream\.header = none.*stream\.label = 3"
    ):
        TableStream(path, seed=0)
    stream = TableStream(path, seed=0, header="none", label="3")
    assert stream.facts["features"] == ["1", "2"] and stream.facts["rows"] == 60
    with pytest.raises(InputError, match=r"set stream\.label to the one that holds the label"):
        TableStream(path, seed=0, header="none")


@pytest.mark.parametrize("names", ["0,1,2", "1,2,3", "a,b,2"])
def test_numbers_may_be_names(tmp_path: Path, names: str) -> None:
    path = tmp_path / "numbered.csv"
    path.write_text(f"{names}\n" + "".join(f"{k % 7}.5,{k % 3}.25,{k % 2}\n" for k in range(60)))
    assert TableStream(path, seed=0, label=names[-1]).facts["rows"] == 60


def _fruit(folder: Path, name: str, rows: int = 24, columns: str = "r,g") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.csv"
    path.write_text(f"{columns}\n" + "".join(f"{k % 5},{k % 4}\n" for k in range(rows)))
    return path


def test_a_file_per_class(tmp_path: Path) -> None:
    for name in ("pear", "apple", "fig"):
        _fruit(tmp_path, name)
    assert describe(tmp_path).family == "table"
    stream = open_stream(tmp_path, seed=0)
    assert stream.facts["classes"] == ["apple", "fig", "pear"] and stream.facts["features"] == ["r", "g"]
    assert stream.facts["recordings"] == 3 and sorted(stream.checksums) == [
        "apple.csv",
        "fig.csv",
        "pear.csv",
    ]
    _fruit(tmp_path, "fig", rows=48)  # a changed file is read anew
    assert open_stream(tmp_path, seed=0).facts["rows"] == 96
    windows = TableStream(tmp_path, seed=0, window=10, hop=1, block=12)
    borders = {24, 72}
    assert not any(borders & set(range(f + 1, f + 10)) for f in windows._windows.first.tolist())


def test_a_folder_per_class_and_a_file_per_recording(tmp_path: Path) -> None:
    for k in (1, 2, 10):
        _fruit(tmp_path / "walk", f"{k}")
        _fruit(tmp_path / "rest", f"{k}")
    stream = TableStream(tmp_path, seed=0, split="groups", test_share=0.34)
    assert stream.facts["classes"] == ["rest", "walk"] and stream.facts["recordings"] == 6
    assert list(stream._table.words["group"]) == [
        f"{c}/{k}.csv" for c in ("rest", "walk") for k in (1, 2, 10)
    ]


def test_files_that_do_not_go_together(tmp_path: Path) -> None:
    _fruit(tmp_path, "apple")
    _fruit(tmp_path, "fig", columns="r,b")
    with pytest.raises(InputError, match=r"fig\.csv has other columns than .*apple\.csv \(b, g\)"):
        open_stream(tmp_path, seed=0)


# --- tables as programs of other languages write them

DIALECTS: dict[str, tuple[str, bool]] = {
    "comma": (",", False),
    "semicolon": (";", False),
    "tab": ("\t", False),
    "bar": ("|", False),
    "semicolon, decimal commas": (";", True),
    "tab, decimal commas": ("\t", True),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_delimiter_and_decimal_mark_are_found(name: str, tmp_path: Path) -> None:
    mark, comma = DIALECTS[name]
    columns = _columns()
    columns["x"] = [k + 0.125 for k in range(ROWS)]
    rows = [[str(cell) for cell in row] for row in zip(*columns.values(), strict=True)]
    said = [[cell.replace(".", ",") for cell in row] if comma else row for row in rows]
    path = tmp_path / "a.csv"
    path.write_bytes("\r\n".join(mark.join(row) for row in [list(columns), *said]).encode("utf-8-sig"))
    stream = _stream(path)
    assert _values(stream) == columns["x"]
    assert any("decimal marks" in word for word in stream.facts.get("warnings", [])) == comma


def test_thousands_and_words_beside_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    body = "".join(f"1.20{k % 10},5;a,{'b' if k % 2 else 'c'}\n" for k in range(ROWS))
    path.write_text("x;label\n" + body)
    stream = _stream(path)
    assert _values(stream)[0] == 1200.5 and _values(stream)[-1] == 1209.5
    assert stream.facts["classes"] == ["a,b", "a,c"]


def test_a_point_anywhere_means_that_commas_are_no_decimal_marks(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x;y;label\n" + "1,5;2.5;a\n2,5;3.5;b\n" * 80)
    with pytest.raises(InputError, match=r"column 'x' is '1,5' in row 1.*stream\.decimal = comma"):
        _stream(path)
    assert set(_values(_stream(path, decimal="comma", features="x"))) == {1.5, 2.5}


def test_remarks_before_the_names_and_names_in_a_remark(tmp_path: Path) -> None:
    body = "".join(f"{k % 5}.0,{'ab'[k // 40 % 2]}\n" for k in range(ROWS))
    for name, head in {
        "before": "# device: X, 3\n#\nx,label\n",
        "in": "# made by hand\n# x, label\n",
    }.items():
        path = tmp_path / f"{name}.csv"
        path.write_text(head + body)
        assert set(_values(_stream(path))) == {0.0, 1.0, 2.0, 3.0, 4.0}, name


@pytest.mark.parametrize(
    ("form", "settings"),
    [
        ("%d.%m.%Y %H:%M:%S", {}),
        ("%d/%m/%Y %H:%M:%S", {}),
        ("%m/%d/%Y %I:%M:%S %p", {}),
        ("%d-%m-%Y %H:%M:%S", {"dates": "day-first"}),
        ("%H:%M:%S", {}),
    ],
)
def test_dates_and_times_of_day(form: str, settings: dict[str, Any]) -> None:
    begin = datetime(2026, 3, 28, 10, 59, tzinfo=UTC)
    times = [begin + timedelta(seconds=k + (3600 if k >= 60 else 0)) for k in range(ROWS)]
    columns = {**_columns(), "time": [time.strftime(form) for time in times]}
    stream = _stream(columns, features=None, **settings)
    assert stream.facts["features"] == ["x"]
    assert (stream.facts["median_step"], stream.facts["holes_in_time"]) == (1.0, 1)


def test_days_and_months_that_cannot_be_told_apart() -> None:
    begin = datetime(2026, 1, 3, tzinfo=UTC)
    times = [(begin + timedelta(hours=k)).strftime("%d/%m/%Y %H:%M") for k in range(ROWS)]
    with pytest.raises(
        InputError, match=r"such as 03/01/2026 00:00, whose day and month.*stream\.dates = day-first"
    ):
        _stream({**_columns(), "time": times}, features=None)
    stream = _stream(
        {**_columns(), "time": times}, features=None, dates="day-first", changes="05/01/2026 00:00"
    )
    assert (stream.facts["holes_in_time"], len(stream.tasks)) == (0, 2)


@pytest.mark.parametrize("word", ["31.02.2026 10:00", "13:60", "25:00", "13:00 PM", "1/2/26", "13/13/2026"])
def test_what_is_no_time(word: str) -> None:
    with pytest.raises(InputError, match="which is no time"):
        _stream({**_columns(), "time": [word] * ROWS}, time="time")
