"""Scenarios of Continuum (https://continuum.readthedocs.io) as our streams.

from continuum import ClassIncremental
stream = stream_from_continuum(ClassIncremental(train, increment=2), ClassIncremental(test, increment=2), seed=0)
cimlearn.run("m2ru", stream=stream)
"""

from __future__ import annotations

from typing import Any

from cimlearn.errors import InputError
from cimlearn.streams.datasets import DatasetStream


def stream_from_continuum(train: Any, test: Any, *, seed: int, **settings: Any) -> DatasetStream:
    """A stream with a task per task of a Continuum scenario.

    Parameters
    ----------
    train, test
        The same scenario over the training and over the test data: anything with len() and [k] -> task set.
        Labels are Continuum's, after its target transforms.
    seed
        Seed of the order of training examples.
    settings
        As in DatasetStream: full_scale, clip, classes, examples, held_out, ...

    Raises
    ------
    InputError
        If both differ in their number of tasks, or `DatasetStream` refuses the data.
    """
    for scenario, label in ((train, "training"), (test, "test")):
        if not (hasattr(scenario, "__len__") and hasattr(scenario, "__getitem__")):
            raise InputError(f"the {label} scenario is a {type(scenario).__name__}; give one of Continuum's")
    if len(train) != len(test):
        raise InputError(
            f"the training scenario has {len(train)} tasks, the test scenario {len(test)}; make both the same way"
        )
    tasks = [(train[k], test[k]) for k in range(len(train))]
    labels = [tuple(_stored_labels(part) for part in pair) for pair in tasks]
    return DatasetStream(tasks, seed=seed, **{"name": "continuum", "labels": labels, **settings})


def _stored_labels(task_set: Any) -> Any:
    """(examples,) labels before target transforms; `DatasetStream` compares them with what is really given."""
    return task_set.get_raw_samples()[1]
