"""Labels that never came, and recordings of unequal length, at the doors of Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cimlearn.errors import InputError
from cimlearn.labels import is_missing, known
from cimlearn.online.recordings import aligned, are_recordings, parted
from cimlearn.sklearn import M2RUClassifier
from cimlearn.streams import ArrayStream, DatasetStream

NAN = float("nan")
SMALL = {"network.hidden": 8, "replay.slots": 20}
DRAW = np.random.default_rng(0)


def test_what_is_no_label() -> None:
    pandas = pytest.importorskip("pandas")
    missing = [None, NAN, np.float32("nan"), np.datetime64("NaT"), pandas.NA, pandas.NaT]
    assert all(is_missing(label) for label in missing)
    assert not any(is_missing(label) for label in ["", "nan", 0, False, "None", np.str_("x"), -1])
    assert known(np.array([1.0, NAN])).tolist() == [True, False]
    assert known(["x", None, NAN]).tolist() == [True, False, False]


@pytest.mark.parametrize("missing", [None, NAN])
def test_scikit_learn_skips_and_counts_them(missing: Any) -> None:
    x = DRAW.uniform(size=(12, 3))
    y: list[Any] = ["a", "b"] * 6
    holey = [*y[:10], missing, missing]
    full = M2RUClassifier(settings=SMALL, passes=2).fit(x[:10], y[:10])
    part = M2RUClassifier(settings=SMALL, passes=2).fit(x, holey)
    assert part.skipped_ == 2 and full.skipped_ == 0
    assert part.classes_.tolist() == ["a", "b"]
    np.testing.assert_array_equal(part.predict_proba(x), full.predict_proba(x))
    part.partial_fit(x, holey)
    assert part.skipped_ == 4
    with pytest.raises(InputError, match="none of 12 examples has a label"):
        M2RUClassifier().fit(x, [missing] * 12)


@pytest.mark.parametrize("missing", [None, NAN])
def test_river_skips_and_counts_them(missing: Any) -> None:
    pytest.importorskip("river")
    from cimlearn.river import M2RUClassifier as Online

    full, part = (Online(classes=3, settings=SMALL) for _ in range(2))
    part.learn_one({"a": 0.5}, missing)  # before there is a chip
    for model in (full, part):
        model.learn_one({"a": 1.0}, "x")
        model.learn_one({"a": 0.0}, "y")
    for _ in range(3):
        part.learn_one({"a": 0.0}, missing)
    assert part.skipped == 4 and full.skipped == 0
    assert part.predict_proba_one({"a": 0.0}) == full.predict_proba_one({"a": 0.0})


class _Pairs:
    """A map-style data set."""

    def __init__(self, x: Any, y: Any) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, k: int) -> tuple[Any, Any]:
        return self.x[k], self.y[k]


@pytest.mark.parametrize("missing", [None, NAN])
def test_streams_of_arrays_and_data_sets_skip_and_count_them(missing: Any) -> None:
    x = np.linspace(0, 1, 24).reshape(12, 2)
    y: list[Any] = [0, 1, missing] * 4
    arrays = ArrayStream([(x, np.array(y, object), x, np.array([0, 1] * 6))], seed=0)
    sets = DatasetStream([(_Pairs(x, y), _Pairs(x, [0, 1] * 6))], seed=0)
    for stream in (arrays, sets):
        assert stream.facts["unlabelled"] == 4 and "4 examples without a label" in stream.facts["warnings"][0]
        assert stream.tasks[0].examples == 8 and stream.class_counts(0).train.tolist() == [4, 4]
        seen = np.concatenate([chunk.x.reshape(-1, 2) for chunk in stream.chunks(0, 5)])
        np.testing.assert_allclose(
            np.sort(seen[:, 0]), np.sort(x[[k for k in range(12) if k % 3 < 2], 0]), atol=1e-6
        )
    assert ArrayStream([(x, [0, 1] * 6, x, [0, 1] * 6)], seed=0).facts == {}


# --- recordings


def _recordings(count: int = 12) -> tuple[list[np.ndarray], list[str]]:
    return [DRAW.uniform(size=(3 + k % 4, 2)) for k in range(count)], ["a", "b", "c"] * (count // 3)


def test_recordings_end_together_and_begin_with_their_first_reading() -> None:
    one, two = np.array([[1.0], [2.0], [3.0]]), np.array([[7.0], [8.0]])
    assert aligned([one, two], None)[..., 0].tolist() == [[1, 2, 3], [7, 7, 8]]
    assert aligned([one, two], 5)[..., 0].tolist() == [[1, 1, 1, 2, 3], [7, 7, 7, 7, 8]]
    assert are_recordings([one, two]) and are_recordings((one,))
    assert (
        not are_recordings(np.zeros((2, 3)))
        and not are_recordings([[1, 2], [3, 4]])
        and not are_recordings([])
    )
    for back, given in zip(parted(np.concatenate([one, two]), [3, 2]), (one, two), strict=True):
        np.testing.assert_array_equal(back, given)


def test_the_classifier_takes_a_list_or_lengths() -> None:
    x, y = _recordings()
    listed = M2RUClassifier(settings=SMALL, passes=2).fit(x, y)
    joined, lengths = np.concatenate(x), [len(one) for one in x]
    measured = M2RUClassifier(settings=SMALL, passes=2).fit(joined, y, lengths=lengths)
    array = M2RUClassifier(settings=SMALL, passes=2).fit(aligned(x, None), y)
    answers = listed.predict_proba(x)
    np.testing.assert_array_equal(answers, measured.predict_proba(joined, lengths=lengths))
    np.testing.assert_array_equal(answers, array.predict_proba(aligned(x, None)))
    np.testing.assert_array_equal(
        listed.predict_proba(x[:1]), answers[:1]
    )  # alone, it is as long as among others
    assert listed.n_features_in_ == 12 and listed.score(x, y) >= 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda m, x, y: m.fit(x, y).predict([np.zeros((9, 2))]),
            r"recording 0 has 9 steps, .* made for 6; .*steps=9",
        ),
        (lambda m, x, y: m.fit([*x[:-1], np.zeros((3, 5))], y), r"recording 11 has shape \(3, 5\)"),
        (lambda m, x, y: m.fit([*x[:-1], np.zeros((0, 2))], y), "with a step at least"),
        (lambda m, x, y: m.fit(np.concatenate(x), y, lengths=[3, 4]), "whose sum is the"),
        (lambda m, x, y: m.fit(x[0][:, 0], y, lengths=[3]), "must be .all steps, features."),
    ],
)
def test_recordings_that_do_not_fit(wrong: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        wrong(M2RUClassifier(settings=SMALL, passes=1), *_recordings())
