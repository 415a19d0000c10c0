"""Accuracy of the scikit-learn and river classifiers, beside others (docs/estimators.md, "Measured").

    python benchmarks/estimators_accuracy.py [--only digits|tasks|river]

digits: 5-fold cross_val_score in the order of the file. tasks: digits 0 to 4, then 5 to 9, each example once, a quarter
held out (three splits). river: predict, then learn. Needs river (pip install '.[river]'); its data come with it.
"""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cimlearn.sklearn import M2RUClassifier


def digits() -> None:
    """Mean and standard deviation over the folds."""
    x, y = load_digits(return_X_y=True)
    models: dict[str, Any] = {
        "M2RUClassifier()": M2RUClassifier(),
        'M2RUClassifier(on="float")': M2RUClassifier(on="float"),
        "M2RUClassifier(passes=3)": M2RUClassifier(passes=3),
        "M2RUClassifier(steps=8)": M2RUClassifier(steps=8),
        "StandardScaler, LogisticRegression(max_iter=2000)": make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=2000)
        ),
        "StandardScaler, SGDClassifier()": make_pipeline(StandardScaler(), SGDClassifier(random_state=0)),
        "StandardScaler, MLPClassifier(max_iter=400)": make_pipeline(
            StandardScaler(), MLPClassifier(max_iter=400, random_state=0)
        ),
    }
    for name, model in models.items():
        scores = 100 * cross_val_score(model, x, y, cv=5)
        print(f"digits  {name:52s} {scores.mean():.1f} +- {scores.std():.1f}", flush=True)


def tasks() -> None:
    """Digits 0 to 4, then 5 to 9: accuracy on all held-out digits, three splits; and wear."""
    x, y = load_digits(return_X_y=True)
    models: dict[str, dict[str, Any]] = {
        "M2RUClassifier()": {},
        "rule.batch 8": {"rule.batch": 8},
        "without replay": {"replay.slots": 0},
    }
    for name, settings in [*models.items(), ("SGDClassifier", None)]:
        scores, years = [], []
        for split in range(3):
            learned, held = train_test_split(np.arange(len(y)), test_size=0.25, random_state=split)
            model = (
                SGDClassifier(random_state=0)
                if settings is None
                else M2RUClassifier(random_state=split, settings=settings)
            )
            for one in (y[learned] < 5, y[learned] >= 5):
                model.partial_fit(x[learned][one], y[learned][one], classes=np.arange(10))
            scores.append(100 * model.score(x[held], y[held]))
            if settings is not None:
                years.append(model.costs_.as_dict()["lifetime_years"]["ten_percent"])
        wear = f", ten percent worn after {np.mean(years):.2f} years" if years else ""
        print(f"tasks   {name:52s} {np.mean(scores):.1f} +- {np.std(scores, ddof=1):.1f}{wear}", flush=True)


def river_streams() -> None:
    """Predict, then learn, beside three of river's own."""
    from river import datasets, linear_model, metrics, multiclass, naive_bayes, preprocessing, tree

    from cimlearn.river import M2RUClassifier as River

    def logistic(classes: int) -> Any:
        one = linear_model.LogisticRegression()
        return preprocessing.StandardScaler() | (one if classes == 2 else multiclass.OneVsRestClassifier(one))

    for name, classes, features in (("Phishing", 2, 9), ("ImageSegments", 7, 18)):
        models: dict[str, Any] = {
            "M2RUClassifier()": River(),
            f"M2RUClassifier(classes={classes}, features={features})": River(
                classes=classes, features=features
            ),
            "StandardScaler, LogisticRegression": logistic(classes),
            "GaussianNB": naive_bayes.GaussianNB(),
            "HoeffdingTree": tree.HoeffdingTreeClassifier(),
        }
        for kind, model in models.items():
            accuracy = metrics.Accuracy()
            for row, label in getattr(datasets, name)():
                guess = model.predict_one(row)
                if guess is not None:
                    accuracy.update(label, guess)
                model.learn_one(row, label)
            print(f"{name:14s} {kind:45s} {100 * accuracy.get():.1f}", flush=True)


def main() -> None:
    """Print a line for each model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=("digits", "tasks", "river"))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    for name, done in {"tasks": tasks, "river": river_streams, "digits": digits}.items():
        if given.only in (None, name):
            done()


if __name__ == "__main__":
    main()
