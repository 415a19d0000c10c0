"""How fast the scikit-learn and river classifiers are, beside the compiled call that they share.

    python benchmarks/estimators_speed.py [--repeats 5] [--quick]

Digits (64 features, 10 classes, one step), default settings, all hardware effects, one core, CPU time. New examples a
second; each brings a replayed one. The ways take turns; medians count.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

from cimlearn.online.learner import Learner
from cimlearn.river import M2RUClassifier as OneByOne
from cimlearn.sklearn import M2RUClassifier as Rows

CLASSES = range(10)


def rate(examples: int, work: Callable[[], Any]) -> float:
    """Examples per second of CPU time."""
    began = time.process_time()
    work()
    return examples / (time.process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="turns of each way (default 5)")
    parser.add_argument("--quick", action="store_true", help="two turns of a tenth of the examples")
    given = parser.parse_args()
    count, repeats = (150, 2) if given.quick else (1500, given.repeats)
    values, labels = (part[:count] for part in load_digits(return_X_y=True))
    names = [f"pixel {n:02d}" for n in range(values.shape[1])]
    table, answers = pd.DataFrame(values, columns=names), pd.Series(labels)
    dictionaries = table.to_dict("records")

    chip = Learner(1, 64, 10).chip
    inputs = (values[:, None] / 16).astype(np.float32)
    rows = Rows().partial_fit(values, labels, classes=CLASSES)
    single = OneByOne(classes=10, features=64)
    single.learn_many(table, answers)

    def one_by_one() -> None:
        for x, y in zip(dictionaries, labels.tolist(), strict=True):
            single.learn_one(x, y)

    ways: dict[str, Callable[[], Any]] = {
        "learn: one compiled call": lambda: chip.learn(inputs, labels),
        "learn: scikit-learn, partial_fit of all": lambda: rows.partial_fit(values, labels),
        "learn: river, learn_many of all": lambda: single.learn_many(table, answers),
        "learn: river, learn_one": one_by_one,
        "ask: one compiled call": lambda: chip.shares(inputs),
        "ask: scikit-learn, predict of all": lambda: rows.predict(values),
        "ask: river, predict_one": lambda: [single.predict_one(x) for x in dictionaries],
    }
    for work in ways.values():
        work()  # compiled, and the replay memory full
    turns = [{name: rate(count, work) for name, work in ways.items()} for _ in range(repeats)]
    found = {name: statistics.median(turn[name] for turn in turns) for name in ways}
    print(f"{'examples per second of CPU time':<44}{'':>10}{'of the call':>14}")
    for name, value in found.items():
        call = found[name.split(":")[0] + ": one compiled call"]
        print(f"  {name:<42}{value:>10,.0f}{value / call:>14.2f}")


if __name__ == "__main__":
    main()
