"""Streams whose targets are numbers: a series' next value, and a column of a table, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cimlearn.errors import InputError
from cimlearn.streams import TableStream, open_stream, parameters
from cimlearn.streams.delay import Delayed
from cimlearn.streams.forecasting import mackey_glass
from cimlearn.streams.shapes import known_shape


def all_of(chunks: Any) -> tuple[np.ndarray, np.ndarray]:
    """x and y of all chunks."""
    parts = list(chunks)
    return np.concatenate([c.x for c in parts]), np.concatenate([c.y for c in parts])


def test_a_series_is_forecast_by_one_value() -> None:
    """Windows and targets are those of the series itself; held-out targets come after the training ones."""
    chosen = parameters("mackey-glass").replace(
        {
            "stream.points": 60,
            "stream.ahead": 20,
            "stream.window": 8,
            "stream.passes": 2,
            "stream.order": "stored",
        }
    )
    stream: Any = open_stream("mackey-glass", seed=0, settings=chosen)
    series = mackey_glass(80, tau=17.0, skip=500.0)
    low, high = series[:60].min(), series[:60].max()
    scaled = (2 * series - low - high) / (high - low)
    x, y = all_of(stream.chunks(0, 7))
    assert stream.tasks[0] == ("tau = 17", 104, 20) and stream.shape == known_shape("mackey-glass", chosen)
    assert stream.shape.numbers and known_shape("mackey-glass", chosen).numbers
    assert np.allclose(x[:52, :, 0], [scaled[k : k + 8] for k in range(52)], atol=1e-6)
    assert np.allclose(y[:52, 0], scaled[8:60], atol=1e-6) and np.array_equal(x[:52], x[52:])
    x, y = all_of(stream.held_out(0, 6))
    assert np.allclose(stream.targets.values(y)[:, 0], series[60:], atol=1e-6)
    assert np.allclose(stream.targets.values(stream.predictors(0)["last"])[:, 0], series[59:79], atol=1e-6)
    assert np.allclose(stream.targets.values(stream.predictors(0)["mean"]), series[8:60].mean(), atol=1e-6)
    late: Any = Delayed(stream, 5)
    assert late.targets == stream.targets and np.array_equal(
        all_of(late.chunks(0, 50))[1], all_of(stream.chunks(0, 9))[1][:99]
    )


def table(rows: int = 200) -> dict[str, np.ndarray]:
    """Two inputs, and a column that is 3 a + 10 of the row before."""
    a = np.random.default_rng(0).random(rows)
    return {"a": a, "b": np.arange(rows) % 7.0, "t": np.concatenate([[10.0], 3 * a[:-1] + 10])}


def test_a_column_is_the_target() -> None:
    """The target stands `ahead` rows after the window's last row; with 0 its column is no input."""
    stream = TableStream(table(), seed=0, target="t", window=3, hop=1, ahead=1, order="stored", block=40)
    assert stream.facts["features"] == ["a", "b", "t"] and "classes" not in stream.facts
    x, y = all_of(stream.chunks(0, 50))
    last = x[:, -1, 0] / stream._scale.unit[0] + stream._scale.offset[0]  # a of the last row
    inside = np.abs(x[:, -1, 0]) < 1
    assert np.allclose(stream.targets.values(y)[inside, 0], 3 * last[inside] + 10, atol=1e-5)
    own = TableStream(table(), seed=0, target="t", ahead=0, window=3)
    assert own.facts["features"] == ["a", "b"] and set(own.predictors(0)) == {"mean"}


def test_rows_without_a_target_are_left_out() -> None:
    """Windows whose target is missing; a last value that is missing is the mean."""
    given = table()
    given["t"][20:23] = np.nan
    stream = TableStream(given, seed=0, target="t", features="a,b", order="stored", block=4)
    found = sum(info.examples + info.held_out for info in stream.tasks)
    kept = stream._windows.training_rows
    assert found == sum(kept[k] == kept[k + 1] and not np.isnan(given["t"][k + 1]) for k in range(199))
    assert (
        np.isfinite(all_of(stream.held_out(0, 9))[1]).all()
        and np.isfinite(stream.predictors(0)["last"]).all()
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TableStream(table(), seed=0, target="u"), "no column 'u' .stream.target"),
        (lambda: TableStream(table(), seed=0, target="t", part="t"), "has another purpose"),
        (lambda: TableStream(table(), seed=0, target="t", ahead=0, features="a,t"), "would be read off"),
        (lambda: TableStream({"a": np.arange(40.0), "t": np.ones(40)}, seed=0, target="t"), "1 in all training"),
        (lambda: TableStream(table(), seed=0, target="t", window=150, ahead=80), "and 80 to the target"),
        (lambda: opened({"stream.taus": "17,x"}), "holds 'x'"),
        (lambda: opened({"stream.taus": "17,17"}), "17 twice"),
        (lambda: opened({"stream.window": 750}), "window = 750 leaves no target"),
        (lambda: TableStream(table(), seed=0, label="b").targets, "has classes, no numbers"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_clear_error(make: Any, words: str) -> None:
    """It names the setting and the remedy."""
    with pytest.raises(InputError, match=words):
        make()


def opened(settings: dict[str, Any]) -> Any:
    """The Mackey-Glass stream with other settings."""
    return open_stream("mackey-glass", seed=0, settings=parameters("mackey-glass").replace(settings))
