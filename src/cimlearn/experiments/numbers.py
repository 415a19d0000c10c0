"""How well a chip answers with numbers: errors of a regression, beside those of whoever learns nothing.

    MSE = mean (a - w)^2       sMAPE = 200 mean |a - w| / (|a| + |w|)       R2 = 1 - sum (a - w)^2 / sum (w - mean w)^2

a: answers, w: wanted values, in the target's own units. R2, the share of the variance that is explained, is 1 at best,
0 for whoever knows the held-out mean, and below for who is worse; of several outputs it is the mean over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from cimlearn.chips.base import Chip
from cimlearn.errors import InputError
from cimlearn.streams.base import NumberStream, Stream
from cimlearn.streams.forecasting import smape


class Errors(NamedTuple):
    """Of the answers on one held-out set."""

    mse: float  # in the target's unit, squared
    smape: float  # 0 to 200 [%]
    r2: float  # at most 1


class Measured(NamedTuple):
    """A chip's errors on one held-out set, and those of simple predictors on the same."""

    own: Errors
    others: Mapping[str, Errors]

    @property
    def score(self) -> float:
        """What the matrix of a run holds: larger is better."""
        return self.own.r2

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a record."""
        return {**self.own._asdict(), **{name: one._asdict() for name, one in self.others.items()}}


def errors(answers: NDArray[Any], wanted: NDArray[Any], what: str) -> Errors:
    """The errors of answers (examples, outputs), beside wanted (examples, outputs).

    Raises
    ------
    InputError
        Where all wanted values of an output are alike, so that no variance could be explained, or an answer is no
        finite number.
    """
    answers, wanted = answers.astype(np.float64), wanted.astype(np.float64)
    if not np.isfinite(answers).all():
        raise InputError(f"{what}: an answer is not finite; learning has diverged: lower its rate")
    spread = np.square(wanted - wanted.mean(axis=0)).sum(axis=0)
    if not (spread > 0).all():
        raise InputError(
            f"{what}: all held-out targets are alike, so nothing can be explained; hold out more"
        )
    off = np.square(answers - wanted)
    return Errors(float(off.mean()), smape(answers, wanted), float((1 - off.sum(axis=0) / spread).mean()))


def measured(stream: Stream, chip: Chip, task: int, size: int, stop: Any) -> Measured | None:
    """How `chip` does on the held-out set of `task`, asked for `size` examples at a time; None if asked to stop."""
    numbers = cast(NumberStream, stream)
    answers, wanted = [], []
    for chunk in stream.held_out(task, size):
        if stop.is_set():
            return None
        answers.append(np.asarray(chip.predict(chunk.x, task)))
        wanted.append(chunk.y)
    values, what = numbers.targets.values, f"{stream.name}, task {task + 1}"
    true = values(np.concatenate(wanted))
    others = {name: errors(values(y), true, what) for name, y in numbers.predictors(task).items()}
    return Measured(errors(values(np.concatenate(answers)), true, what), others)
