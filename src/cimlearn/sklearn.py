"""The chip as a scikit-learn classifier: the same learner behind `fit`, `partial_fit`, `predict`, `predict_proba`.

from cimlearn.sklearn import M2RUClassifier
M2RUClassifier(settings={"network.hidden": 64}).fit(X, y).costs_.as_dict()["energy"]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _num_samples, check_is_fitted, validate_data

from cimlearn.costs.base import Costs
from cimlearn.errors import InputError
from cimlearn.labels import known
from cimlearn.ledger import Ledger
from cimlearn.online.learner import Learner
from cimlearn.online.recordings import aligned, are_recordings, parted
from cimlearn.random import generator

__all__ = ["M2RUClassifier"]

_LARGEST_SEED: Final = 2**31 - 1


class _NoCosts(InputError, AttributeError):
    """Nothing to price yet: an attribute that isn't there, as scikit-learn's own tools expect it."""


@final
class M2RUClassifier(ClassifierMixin, BaseEstimator):
    """M2RU, a recurrent network on two memristor crossbars that learns on the chip with replay.

    Input lines are scaled to the range that they have seen (`scaling`). `fit` starts a new chip; `partial_fit` lets it
    go on learning, replay memory, wear and all. Asking counts work (`ledger_`) and changes nothing else; the read noise
    of an answer depends on the example and the weights alone, so the same row always gets the same answer.

    X is (examples, features), (examples, steps, features), or a list of recordings (steps, features) of unequal length,
    which may also come as one array (all steps, features) with their `lengths`. Each recording is answered at its end;
    a shorter one begins later, and until then its first reading stands at the inputs. An example whose label is None or
    NaN is skipped and counted.

    Parameters
    ----------
    steps
        time steps that a row is cut into, each with an equal number of neighbouring features; None: 1, and for X of
        shape (examples, steps, features) its own; for recordings, those of the longest
    passes
        times that `fit` shows all examples, each time in a new order
    scaling
        'range', or None where all values are in [-1, 1] already
    on
        'chip', or 'float' for its float twin: the same rule without hardware
    settings
        parameters of the chip and of its prices, 'part.key' -> value (`cimlearn show m2ru`); 'rule.batch' is 1 here
        unless set
    random_state
        seed of the chip and of the orders of `fit`; None: another one at each fit

    Attributes
    ----------
    classes_
        (classes,) the labels, sorted
    n_features_in_
        numbers in a row; steps x features for three-dimensional X
    skipped_
        examples without a label since the chip was new
    ledger_
        counts of all work since the chip was new, learning and answering
    writes_
        array -> (cells per weight, rows, columns) writes of each cell; empty for the float twin
    costs_
        energy, time, area and lifetime of that work (`costs_.as_dict()`, docs/costs.md); needs on='chip' and at least
        one prediction
    """

    classes_: NDArray[Any]
    n_features_in_: int
    skipped_: int
    _learner: Learner

    def __init__(
        self,
        *,
        steps: int | None = None,
        passes: int = 20,
        scaling: str | None = "range",
        on: str = "chip",
        settings: Mapping[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.steps = steps
        self.passes = passes
        self.scaling = scaling
        self.on = on
        self.settings = settings
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike, lengths: ArrayLike | None = None) -> Self:
        """Learn X with labels y (examples,) on a new chip; `lengths` as the class says.

        Raises
        ------
        InputError
            For a parameter that does not fit; scikit-learn's own ValueError for X and y that don't.
        """
        if not isinstance(self.passes, int | np.integer) or self.passes < 1:
            raise InputError(f"passes = {self.passes!r}: give a whole number from 1 on")
        values, labels, steps, skipped = self._checked(X, y, lengths, first=True)
        classes, codes = np.unique(labels, return_inverse=True)
        learner = self._new_learner(classes, steps, values)
        examples = _cut(values, learner)
        learner.measure(examples)
        draw = generator(learner.seed, "order of fit")
        for _ in range(self.passes):
            order = draw.permutation(len(examples))
            learner.learn(examples[order], codes[order])
        self.classes_, self._learner, self.skipped_ = classes, learner, skipped
        return self

    def partial_fit(
        self, X: Any, y: ArrayLike, classes: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> Self:
        """Go on learning: X as in `fit`, once and in order. The first call names all `classes` there will be.

        Raises
        ------
        InputError
            Without classes at the first call, with others later, or for a label that is not among them.
        """
        first = not hasattr(self, "_learner")
        known = None if first else self.classes_
        named = known if classes is None else np.unique(np.asarray(classes))
        if named is None:
            raise InputError("the first call of partial_fit needs classes=: all labels that there will be")
        if known is not None and not np.array_equal(known, named):
            raise InputError(f"classes = {named}, but {known} at first; outputs are fixed, so make a new one")
        values, labels, steps, skipped = self._checked(X, y, lengths, first=first)
        codes = _codes(named, labels)
        learner = self._new_learner(named, steps) if first else self._learner
        learner.learn(_cut(values, learner), codes)
        self.classes_, self._learner = named, learner
        self.skipped_ = skipped + (0 if first else self.skipped_)
        return self

    def predict(self, X: Any, lengths: ArrayLike | None = None) -> NDArray[Any]:
        """(examples,) the label with the largest share in each answer."""
        shares = self.predict_proba(X, lengths)
        return self.classes_[np.argmax(shares, axis=1)]

    def predict_proba(self, X: Any, lengths: ArrayLike | None = None) -> NDArray[np.float64]:
        """(examples, classes) the chip's answer, softmax or K-WTA of its outputs; columns as `classes_`."""
        check_is_fitted(self)
        values, steps = self._flat(X, lengths, first=False)
        self._check_steps(steps)
        values = validate_data(self, values, reset=False, dtype=np.float64)
        return self._learner.shares(_cut(values, self._learner))

    @property
    def ledger_(self) -> Ledger:
        """Counts of all work since the chip was new."""
        check_is_fitted(self)
        return self._learner.ledger()

    @property
    def writes_(self) -> dict[str, NDArray[np.int64]]:
        """Array -> (cells per weight, rows, columns) writes of each cell."""
        check_is_fitted(self)
        return self._learner.writes()

    @property
    def costs_(self) -> Costs:
        """Energy, time, area and lifetime of the work so far."""
        check_is_fitted(self)
        try:
            return self._learner.costs()
        except InputError as error:
            raise _NoCosts(str(error)) from None

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of an estimator, and that sequences are taken too."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _checked(
        self, X: Any, y: Any, lengths: ArrayLike | None, *, first: bool
    ) -> tuple[NDArray[np.float64], NDArray[Any], int | None, int]:
        """X (examples, numbers), y (examples,) of what has a label, the steps that X brings, how many have none."""
        values, steps = self._flat(X, lengths, first=first)
        values, y, skipped = _labelled(values, y)
        if not first:
            self._check_steps(steps)
        values, labels = validate_data(self, values, y, reset=first, dtype=np.float64)
        check_classification_targets(labels)
        return values, labels, steps, skipped

    def _flat(self, X: Any, lengths: ArrayLike | None, *, first: bool) -> tuple[Any, int | None]:
        """X (examples, steps, features), or recordings, as rows, and its steps; anything else as it is, and None."""
        if lengths is not None:
            X = parted(X, np.asarray(lengths))
        if are_recordings(X):
            own = self.steps if isinstance(self.steps, int | np.integer) and self.steps > 0 else None
            X = aligned(X, own if first else self._learner.shape.steps)
        if isinstance(X, np.ndarray) and X.ndim == 3:
            return X.reshape(len(X), -1), X.shape[1]
        return X, None

    def _check_steps(self, steps: int | None) -> None:
        """Raise InputError if three-dimensional X has other steps than the chip learned."""
        if steps not in (None, self._learner.shape.steps):
            raise InputError(f"X has {steps} steps, but was learned with {self._learner.shape.steps}")

    def _new_learner(
        self, classes: NDArray[Any], own: int | None, values: NDArray[np.float64] | None = None
    ) -> Learner:
        """A new chip for rows of `n_features_in_` numbers; `own`: the steps of three-dimensional X.

        `values` (examples, `n_features_in_`) are known beforehand: learning rates are made to suit them.
        """
        steps, numbers = own or 1, self.n_features_in_
        if self.steps is not None:
            if own not in (None, self.steps):
                raise InputError(f"steps = {self.steps}, but X has {own} steps; leave steps at None")
            if not isinstance(self.steps, int | np.integer) or self.steps < 1 or numbers % self.steps:
                raise InputError(f"steps = {self.steps!r} doesn't cut {numbers} features into equal parts")
            steps = int(self.steps)
        if isinstance(self.random_state, int | np.integer):
            seed = int(self.random_state)
        else:
            seed = int(check_random_state(self.random_state).randint(_LARGEST_SEED))
        return Learner(
            steps,
            numbers // steps,
            len(classes),
            on=self.on,
            scaling=self.scaling,
            settings=self.settings,
            seed=seed,
            sample=None if values is None else values.reshape(len(values), steps, -1),
        )


def _labelled(values: Any, y: Any) -> tuple[Any, Any, int]:
    """The examples that have a label, and how many have none; what isn't (examples,) is scikit-learn's to refuse."""
    plain = isinstance(y, list | tuple | np.ndarray) or hasattr(y, "iloc")
    if not plain or getattr(y, "ndim", 1) != 1 or len(y) == 0 or len(y) != _num_samples(values):
        return values, y, 0
    there = known(np.asarray(y) if hasattr(y, "dtype") else y)
    if there.all():
        return values, y, 0
    if not there.any():
        raise InputError(f"none of {len(y)} examples has a label; give at least one")
    kept = np.flatnonzero(there)
    labels = np.asarray(y, object)[kept].tolist()
    return _safe_indexing(values, kept), np.array(labels), len(y) - len(kept)


def _cut(values: NDArray[np.float64], learner: Learner) -> NDArray[np.float64]:
    """Rows (examples, numbers) as (examples, steps, features)."""
    return values.reshape(len(values), learner.shape.steps, learner.shape.features)


def _codes(classes: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.int64]:
    """(examples,) place of each label in the sorted classes; raises InputError for one that isn't there."""
    unknown = np.setdiff1d(labels, classes)
    if unknown.size:
        raise InputError(
            f"label {unknown.tolist()[0]!r} is not among classes = {classes}; name all at the first call"
        )
    return np.searchsorted(classes, labels)
