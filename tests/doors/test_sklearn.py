"""The scikit-learn classifier: scikit-learn's own checks, and what they don't ask of a chip that goes on learning."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from cimlearn.errors import InputError
from cimlearn.experiments.record import make_record
from cimlearn.sklearn import M2RUClassifier

SMALL = {"network.hidden": 12, "replay.slots": 50}
IRIS = load_iris(return_X_y=True)
DIGITS = load_digits(return_X_y=True)


def small(**changes: Any) -> M2RUClassifier:
    return M2RUClassifier(**{"settings": SMALL, "passes": 2, **changes})


@parametrize_with_checks([M2RUClassifier()])
def test_scikit_learn(estimator: M2RUClassifier, check: Callable[[Any], None]) -> None:
    check(estimator)


def test_scikit_learn_with_its_array_api() -> None:
    """The one check that scikit-learn skips unless this is set before SciPy is imported."""
    program = (
        "from cimlearn.sklearn import M2RUClassifier as M\n"
        "from sklearn.utils.estimator_checks import estimator_checks_generator as checks\n"
        "chosen = [c for _, c in checks(M()) if getattr(c, 'func', c).__name__ == 'check_array_api_input']\n"
        "[check(M()) for check in chosen]\n"
        "print(len(chosen))"
    )
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1\n"


def test_a_pipeline_learns_digits() -> None:
    model = make_pipeline(StandardScaler(), M2RUClassifier(passes=2, settings={"network.hidden": 50}))
    assert cross_val_score(model, *DIGITS, cv=3).min() > 0.85


def test_a_search_over_settings() -> None:
    grid = {"settings": [{**SMALL, "rule.batch": n} for n in (1, 8)], "passes": [2, 5]}
    search = GridSearchCV(small(), grid, cv=3).fit(*IRIS)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_score_ > 0.8
    assert search.best_estimator_.get_params()["settings"] in grid["settings"]


def test_borders_of_calls_and_questions_between_them_change_nothing() -> None:
    x, y = IRIS[0][::-1], IRIS[1][::-1]
    whole = small().partial_fit(x, y, classes=[0, 1, 2])
    parts = small()
    for part in np.split(np.arange(len(y)), [1, 3, 70]):
        parts.partial_fit(x[part], y[part], classes=[0, 1, 2])
        parts.predict(x)
    np.testing.assert_array_equal(parts.predict_proba(x), whole.predict_proba(x))
    assert parts.ledger_.counts["learn"] == whole.ledger_.counts["learn"]
    for name, writes in whole.writes_.items():
        np.testing.assert_array_equal(parts.writes_[name], writes)


def test_a_copy_goes_on_alike() -> None:
    x, y = IRIS
    one = small().fit(x[::2], y[::2])
    two = copy.deepcopy(one)
    for model in (one, two):
        model.partial_fit(x[1::2], y[1::2])
    np.testing.assert_array_equal(one.predict_proba(x), two.predict_proba(x))
    assert one.ledger_ == two.ledger_
    assert not hasattr(clone(one), "classes_")


def test_replay_keeps_what_was_learned() -> None:
    """Digits 0 to 4, then 5 to 9: without replay the first half is forgotten."""
    x, y = DIGITS
    train, test = np.arange(len(y)) % 3 > 0, np.arange(len(y)) % 3 == 0
    kept = {}
    for slots in (0, 500):
        model = M2RUClassifier(settings={"replay.slots": slots, "network.hidden": 50})
        for task in (y < 5, y >= 5):
            model.partial_fit(x[train & task], y[train & task], classes=range(10))
        kept[slots] = model.score(x[test & (y < 5)], y[test & (y < 5)])
    assert kept[0] < 0.4
    assert kept[500] > 0.8


def test_sequences_are_rows_cut_into_steps() -> None:
    x, y = DIGITS[0][:200], DIGITS[1][:200]
    rows = small(steps=8).fit(x, y)
    sequences = small().fit(x.reshape(-1, 8, 8), y)
    np.testing.assert_array_equal(rows.predict_proba(x), sequences.predict_proba(x.reshape(-1, 8, 8)))
    assert rows.n_features_in_ == sequences.n_features_in_ == 64
    with pytest.raises(InputError, match="X has 4 steps, but was learned with 8"):
        sequences.predict(x.reshape(-1, 4, 16))


def test_what_it_cost() -> None:
    x, y = IRIS
    model = small(settings={**SMALL, "technology.node": "22nm"}).fit(x, y)
    assert not hasattr(model, "costs_")
    with pytest.raises(AttributeError, match="classify something"):
        _ = model.costs_
    assert "n_features_in_" in model._repr_html_()
    model.predict(x[:10])
    assert model.ledger_.counts["predict"]["time"]["examples"] == 10
    assert model.ledger_.counts["learn"]["buffer"]["offered"] == 2 * len(y)
    dear = small().fit(x, y)
    dear.predict(x[:10])
    assert 0 < model.costs_.phases["learning"].joules < dear.costs_.phases["learning"].joules
    assert model.costs_.lifetime["ten_percent"] > 0
    chip = model._learner.chip
    record = make_record(chip, seed=0, task=0, name="", accuracy=[], examples=2 * len(y))
    seen = [record["writes"][name] for name in ("hidden", "output", "feedback")]
    mean = sum(one["total"] for one in seen) / (sum(one["cells"] for one in seen) * 2 * len(y))
    # bins of the histogram stand for their middle
    assert model.costs_.writes_per_example == pytest.approx(mean, rel=0.05)


def test_the_float_twin_has_no_costs() -> None:
    twin = small(on="float", passes=10).fit(*IRIS)
    assert twin.score(*IRIS) > 0.8
    assert twin.writes_ == {}
    with pytest.raises(InputError, match="float twin has no hardware"):
        _ = twin.costs_


def test_values_that_need_no_scaling() -> None:
    x, y = IRIS
    model = small(scaling=None).fit(x / 10, y)
    assert model.predict(x / 10).shape == y.shape
    with pytest.raises(InputError, match=r"an input is 7.9, outside \[-1, 1\]"):
        model.predict(x)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"passes": 0}, "passes = 0: give a whole number from 1 on"),
    ({"passes": 1.5}, "passes = 1.5"),
    ({"steps": 3}, "steps = 3 doesn't cut 4 features into equal parts"),
    ({"steps": 0}, "steps = 0 doesn't cut"),
    ({"on": "adam"}, "on = 'adam' is not a placement of this learner; known: chip, float"),
    ({"scaling": "standard"}, "scaling = 'standard' is unknown"),
    ({"settings": {"rule.bach": 1}}, r"unknown parameter 'rule.bach'; did you mean 'rule.batch'"),
    ({"settings": {"network.hidden": 0}}, "network.hidden = 0 is out of range"),
    ({"settings": {"price.nothing": 0}}, "unknown parameter 'price.nothing'"),
    ({"random_state": -1}, "seed = -1: give a whole number from 0 on"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG, ids=[str(changes) for changes, _ in WRONG])
def test_wrong_parameters_are_named(changes: dict[str, Any], message: str) -> None:
    model = small(**changes)
    with pytest.raises(InputError, match=message):
        model.fit(*IRIS)
    assert not hasattr(model, "classes_")


def test_labels_are_fixed_with_the_first_call() -> None:
    x, y = IRIS
    names = np.array(["setosa", "versicolor", "virginica"])
    model = small()
    with pytest.raises(InputError, match="needs classes="):
        model.partial_fit(x, y)
    model.partial_fit(x[:50], names[y[:50]], classes=names[:2])
    assert set(model.predict(x)) <= set(names[:2])
    before = model.predict_proba(x)
    with pytest.raises(InputError, match="label 'virginica' is not among classes"):
        model.partial_fit(x, names[y])
    with pytest.raises(InputError, match="at first"):
        model.partial_fit(x, names[y], classes=names)
    np.testing.assert_array_equal(model.predict_proba(x), before)


def test_another_chip_at_each_fit_where_no_seed_is_given() -> None:
    answers = [small(random_state=None).fit(*IRIS).predict_proba(IRIS[0]) for _ in range(2)]
    assert not np.array_equal(*answers)
    drawn = [small(random_state=np.random.RandomState(3)).fit(*IRIS).predict_proba(IRIS[0]) for _ in range(2)]
    np.testing.assert_array_equal(*drawn)
