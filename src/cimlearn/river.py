"""The chip as a river classifier: the same learner, one example at a time.

from cimlearn.river import M2RUClassifier
model = M2RUClassifier()
for x, y in river.datasets.Phishing():
    model.predict_one(x)
    model.learn_one(x, y)
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from numpy.typing import NDArray

from cimlearn.costs.base import Costs
from cimlearn.errors import InputError
from cimlearn.install import install
from cimlearn.labels import known
from cimlearn.ledger import Ledger
from cimlearn.online.learner import Learner
from cimlearn.online.ranges import Values

try:
    from river import base
except ImportError:
    raise InputError(f"cimlearn.river needs river: {install('river')}") from None

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["M2RUClassifier"]

_LEAST_LINES: Final = 16  # input lines of a chip whose first example has few features


@final
class M2RUClassifier(base.MiniBatchClassifier):
    """M2RU, a network on two memristor crossbars that learns on the chip with replay, an example at a time.

    The chip is made with the first example. Names of features get input lines, and labels get outputs, in the order
    in which they appear; lines and outputs are pieces of hardware, so there is a largest number of both. Each line is
    scaled to the range that it has seen. A feature that an example lacks counts as 0 in its own unit; one that was
    never learned is not looked at. An example whose label is None or NaN is skipped and counted (`skipped`).
    `learn_many` learns the rows of a table as `learn_one` would, in one compiled call.

    Parameters
    ----------
    classes
        outputs of the chip: labels that it can tell apart
    features
        input lines; None: twice the features of the first example, at least 16
    scaling
        'range', or None where all values are in [-1, 1] already
    on
        'chip', or 'float' for its float twin: the same rule without hardware
    settings
        parameters of the chip and of its prices, 'part.key' -> value (`cimlearn show m2ru`); 'rule.batch' is 1 here
        unless set
    seed
        of the chip

    Raises
    ------
    InputError
        While learning: for a value that is no number, a feature or a label for which there is no line or output left,
        and (with the first example) a setting that does not fit.
    """

    def __init__(
        self,
        classes: int = 16,
        features: int | None = None,
        scaling: str | None = "range",
        on: str = "chip",
        settings: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        self.classes = classes
        self.features = features
        self.scaling = scaling
        self.on = on
        self.settings = settings
        self.seed = seed
        self._lines: dict[Hashable, int] = {}
        self._labels: dict[Hashable, int] = {}
        self._learner: Learner | None = None
        self.skipped = 0  # examples without a label

    def learn_one(self, x: Mapping[Hashable, Any], y: Hashable) -> None:
        """Learn the features x (name -> number) of an example with label y."""
        self._learn(list(x), _numbers(x), [y])

    def learn_many(self, X: pd.DataFrame, y: pd.Series) -> None:
        """Learn the rows of X (examples, features) with labels y (examples,) in order, as `learn_one` would."""
        self._learn(list(X.columns), _table(X), y.tolist())

    def predict_proba_one(self, x: Mapping[Hashable, Any], **kwargs: Any) -> dict[Any, float]:
        """The share of each label seen so far in the answer to x; nothing before the first example."""
        if self._learner is None:
            return {}
        shares = self._shares(self._learner, list(x), _numbers(x))
        return dict(zip(self._labels, shares[0].tolist(), strict=True))

    def predict_proba_many(self, X: pd.DataFrame) -> pd.DataFrame:
        """(examples, labels seen so far) the share of each label in the answer to each row of X."""
        import pandas

        if self._learner is None:
            return pandas.DataFrame(index=X.index)
        shares = self._shares(self._learner, list(X.columns), _table(X))
        return pandas.DataFrame(shares, index=X.index, columns=list(self._labels))

    def ledger(self) -> Ledger:
        """Counts of all work since the chip was new, learning and answering."""
        return self._made().ledger()

    def writes(self) -> dict[str, NDArray[np.int64]]:
        """Array -> (cells per weight, rows, columns) writes of each cell; empty for the float twin."""
        return self._made().writes()

    def costs(self) -> Costs:
        """Energy, time, area and lifetime of that work; needs on='chip', and something learned and asked."""
        return self._made().costs()

    @property
    def _multiclass(self) -> bool:
        return True

    def _made(self) -> Learner:
        """The learner; raises InputError before the first example."""
        if self._learner is None:
            raise InputError("the chip is made with the first example; learn one")
        return self._learner

    def _learn(self, names: list[Hashable], values: Values, labels: list[Hashable]) -> None:
        """Learn values (examples, names); nothing has changed if they can't be learned."""
        there = known(labels)
        self.skipped += int((~there).sum())
        if not there.any():
            return
        values, labels = (
            values[there],
            [label for label, is_there in zip(labels, there, strict=True) if is_there],
        )
        learner = self._learner or self._new_learner(len(names))
        unknown = sorted(
            (n for n in names if n not in self._lines), key=lambda n: (type(n).__name__, repr(n))
        )
        lines = _placed(self._lines, unknown, learner.shape.features, "feature", "features")
        unknown = [label for label in dict.fromkeys(labels) if label not in self._labels]
        outputs = _placed(self._labels, unknown, learner.shape.classes, "label", "classes")
        inputs = np.full((len(labels), 1, learner.shape.features), np.nan)
        inputs[:, 0, [lines[name] for name in names]] = values
        learner.learn(inputs, np.array([outputs[label] for label in labels], np.int64))
        self._learner, self._lines, self._labels = learner, lines, outputs

    def _new_learner(self, features: int) -> Learner:
        """A new chip, its first example having `features` features."""
        lines = max(_LEAST_LINES, 2 * features) if self.features is None else self.features
        for name, value in (("classes", self.classes), ("features", lines)):
            if not isinstance(value, int | np.integer) or value < 1:
                raise InputError(f"{name} = {value!r}: give a whole number from 1 on")
        return Learner(
            1,
            int(lines),
            int(self.classes),
            on=self.on,
            scaling=self.scaling,
            settings=self.settings,
            seed=self.seed,
        )

    def _shares(self, learner: Learner, names: list[Hashable], values: Values) -> Values:
        """(examples, labels seen so far) their shares in the answers to values (examples, names); rows sum to 1."""
        known = [place for place, name in enumerate(names) if name in self._lines]
        inputs = np.full((len(values), 1, learner.shape.features), np.nan)
        inputs[:, 0, [self._lines[names[place]] for place in known]] = values[:, known]
        found = learner.shares(inputs)[:, : len(self._labels)]
        found[~found.any(axis=1)] = 1.0  # a winner that has no label yet has taken all
        return found / found.sum(axis=1, keepdims=True)


def _placed(
    places: dict[Hashable, int], new: list[Hashable], limit: int, what: str, remedy: str
) -> dict[Hashable, int]:
    """The places with the next ones given to `new`; raises InputError where they are more than `limit`."""
    free = limit - len(places)
    if len(new) > free:
        raise InputError(
            f"{what} {new[free]!r} is one more than the {limit} that this chip was made for; "
            f"make it with {remedy}={2 * limit}"
        )
    return {**places, **{name: len(places) + k for k, name in enumerate(new)}} if new else places


def _numbers(x: Mapping[Hashable, Any]) -> Values:
    """(1, features) the values of x; None is missing. Raises InputError for a value that is no finite number."""
    row = np.empty((1, len(x)))
    for k, (name, value) in enumerate(x.items()):
        try:
            row[0, k] = math.nan if value is None else value
        except (TypeError, ValueError):
            row[0, k] = math.inf
        if isinstance(value, str) or math.isinf(row[0, k]):
            raise InputError(
                f"feature {name!r} = {value!r} is not a finite number; put preprocessing.OneHotEncoder() before"
            )
    return row


def _table(X: pd.DataFrame) -> Values:
    """(examples, features) the values of a table; raises InputError for one that is no finite number."""
    rows = [_numbers(row) for row in X.to_dict("records")]
    return np.concatenate(rows) if rows else np.empty((0, X.shape[1]))
