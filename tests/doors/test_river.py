"""The river classifier: river's own checks, and that it is the same learner as scikit-learn's."""

from __future__ import annotations

import importlib
import math
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cimlearn.errors import InputError
from cimlearn.install import install
from cimlearn.sklearn import M2RUClassifier as Rows

MISSING = "river is not installed: pip install 'cimlearn[river]'"
pd = pytest.importorskip("pandas", reason="pandas, which comes with river, is not installed")
checks = pytest.importorskip("river.checks", reason=MISSING)
datasets = pytest.importorskip("river.datasets", reason=MISSING)
metrics = pytest.importorskip("river.metrics", reason=MISSING)
M2RUClassifier = importlib.import_module("cimlearn.river").M2RUClassifier

SMALL = {"network.hidden": 12, "replay.slots": 50}
ROUNDING = 1e-15  # river shares are brought to a sum of 1 once more
CHECKS = list(checks.yield_checks(M2RUClassifier()))


def small(**changes: Any) -> Any:
    return M2RUClassifier(**{"settings": SMALL, **changes})


@pytest.mark.parametrize("check", CHECKS, ids=[f"{n}-{check.__name__}" for n, check in enumerate(CHECKS)])
def test_river(check: Callable[[Any], None]) -> None:
    check(M2RUClassifier())


def test_none_of_the_checks_is_left_out() -> None:
    assert M2RUClassifier()._unit_test_skips() == set()
    assert {
        "check_predict_proba_one",
        "check_learn_many_matches_learn_one",
        "check_bounded_memory_growth",
    } <= {check.__name__ for check in CHECKS}


def test_a_stream_is_learned() -> None:
    accuracy, model = metrics.Accuracy(), M2RUClassifier(settings={"network.hidden": 50})
    for x, y in datasets.Phishing():
        guess = model.predict_one(x)
        if guess is not None:
            accuracy.update(y, guess)
        model.learn_one(x, y)
    assert accuracy.get() > 0.84
    assert model.costs().phases["inference"].joules > 0
    assert model.ledger().counts["learn"]["buffer"]["offered"] == 1250
    assert set(model.writes()) == {"hidden", "output", "feedback"}


def test_it_is_the_learner_of_the_scikit_learn_classifier() -> None:
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(60, 4)), np.arange(60) % 3
    rows = Rows(settings=SMALL).partial_fit(x, y, classes=[0, 1, 2])
    ones, many = small(classes=3, features=4), small(classes=3, features=4)
    for values, label in zip(x, y.tolist(), strict=True):
        ones.learn_one(dict(zip("dcba", values[::-1], strict=True)), label)
    table = pd.DataFrame(x, columns=list("abcd"))
    many.learn_many(table, pd.Series(y))
    wanted = rows.predict_proba(x)
    np.testing.assert_allclose(many.predict_proba_many(table)[[0, 1, 2]], wanted, rtol=ROUNDING)
    for values, shares in zip(x, wanted, strict=True):
        found = ones.predict_proba_one(dict(zip("abcd", values, strict=True)))
        np.testing.assert_allclose([found[label] for label in range(3)], shares, rtol=ROUNDING)
    assert ones.ledger().counts["learn"] == rows.ledger_.counts["learn"]


def test_labels_and_features_may_come_late() -> None:
    model = small()
    assert model.predict_one({"a": 1.0}) is None
    assert model.predict_proba_one({"a": 1.0}) == {}
    assert model.predict_many(pd.DataFrame({"a": [1.0]})).empty
    model.learn_one({"a": 1.0}, "x")
    assert model.predict_proba_one({"b": 1.0, 3: 2}) == {"x": 1.0}
    model.learn_one({"b": True, 3: None}, False)
    shares = model.predict_proba_one({"a": 0.0})
    assert set(shares) == {"x", False}
    assert math.isclose(sum(shares.values()), 1)
    before = model.predict_proba_one({"b": 1.0})
    assert model.predict_proba_one({"b": 1.0, "unknown": 5.0}) == before


def test_a_winner_without_a_label_leaves_all_labels_alike() -> None:
    """One winner of the K-WTA answer, on many outputs that have no label yet."""
    model = small(settings={**SMALL, "rule.answer": "kwta", "rule.winners": 1}, classes=64)
    model.learn_one({"a": 1.0}, "x")
    model.learn_one({"a": 0.0}, "y")
    for value in np.linspace(0, 1, 20):
        shares = model.predict_proba_one({"a": value})
        assert math.isclose(sum(shares.values()), 1)
        assert all(0 <= share <= 1 for share in shares.values())


def test_what_cannot_be_learned_is_named_and_changes_nothing() -> None:
    model = small(classes=2, features=2)
    model.learn_one({"a": 1.0, "b": 2.0}, "x")
    model.learn_one({"a": 0.0, "b": 3.0}, "y")
    before = model.predict_proba_one({"a": 0.5})
    wrong: list[tuple[dict[Any, Any], str, str]] = [
        ({"a": 1.0, "c": 2.0}, "x", r"feature 'c' is one more than the 2 .* make it with features=4"),
        ({"a": 1.0}, "z", r"label 'z' is one more than the 2 .* make it with classes=4"),
        ({"a": "red"}, "x", r"feature 'a' = 'red' is not a finite number; put preprocessing.OneHotEncoder"),
        ({"a": "3.5"}, "x", "feature 'a' = '3.5' is not a finite number"),
        ({"a": [1]}, "x", r"feature 'a' = \[1\] is not a finite number"),
        ({"a": math.inf}, "x", "feature 'a' = inf is not a finite number"),
    ]
    for x, y, message in wrong:
        with pytest.raises(InputError, match=message):
            model.learn_one(x, y)
        assert model.predict_proba_one({"a": 0.5}) == before
    with pytest.raises(InputError, match="'a' = 'red'"):
        model.learn_many(pd.DataFrame({"a": [1.0, "red"]}, dtype=object), pd.Series(["x", "y"]))
    with pytest.raises(InputError, match="'a' = inf"):
        model.predict_one({"a": math.inf})
    assert model.predict_proba_one({"a": 0.5}) == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": 0}, "classes = 0: give a whole number from 1 on"),
        ({"features": 2.5}, "features = 2.5: give a whole number"),
        ({"seed": None}, "seed = None: give a whole number from 0 on"),
        ({"settings": {"rule.bach": 1}}, "did you mean 'rule.batch'"),
    ],
)
def test_wrong_parameters_are_named(changes: dict[str, Any], message: str) -> None:
    model = small(**changes)
    with pytest.raises(InputError, match=message):
        model.learn_one({"a": 1.0}, 0)
    with pytest.raises(InputError, match="made with the first example"):
        model.costs()


def test_nothing_in_an_empty_table() -> None:
    model = small()
    model.learn_many(pd.DataFrame({"a": []}), pd.Series([]))
    assert model.predict_one({"a": 1.0}) is None
    model.learn_one({"a": 1.0}, 0)
    assert model.predict_proba_many(pd.DataFrame({"a": []})).shape == (0, 1)


def test_river_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "river", None)
    monkeypatch.delitem(sys.modules, "cimlearn.river")
    with pytest.raises(InputError, match=re.escape(f"cimlearn.river needs river: {install('river')}")):
        importlib.import_module("cimlearn.river")
