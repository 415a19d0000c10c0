"""Checks of a direct feedback."""

from __future__ import annotations

import numpy as np

from cimlearn.learning.dfa import FeedbackKind
from cimlearn.testing.base import Check, bound

STEPS, CLASSES, HIDDEN = 5, 3, 8


def _table(kind: FeedbackKind, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    psi = draw.uniform(-1, 1, (HIDDEN, CLASSES)).astype(np.float32)
    recurrent = np.linalg.qr(draw.standard_normal((HIDDEN, HIDDEN)))[0].astype(np.float32)
    before = psi.copy(), recurrent.copy()
    table = kind.table(psi, recurrent, STEPS, 0.9, 0.5)
    assert np.array_equal(psi, before[0]) and np.array_equal(recurrent, before[1]), (
        "the arguments were changed"
    )
    return np.asarray(table)


def has_a_matrix_for_each_step(kind: FeedbackKind) -> None:
    """The table is (steps, classes, hidden), finite, and not nothing."""
    table = _table(kind)
    assert table.shape == (STEPS, CLASSES, HIDDEN), f"shape {table.shape}, not (steps, classes, hidden)"
    assert np.isfinite(table).all(), "a value is not finite"
    assert np.any(table != 0), "feedback that is 0 everywhere teaches nothing"


def is_a_function_of_its_arguments(kind: FeedbackKind) -> None:
    """The same weights give the same table: chance belongs to psi, which the experiment's seed draws."""
    assert np.array_equal(_table(kind), _table(kind)), "two equal calls differ"


def checks(kind: FeedbackKind) -> list[Check]:
    """The checks of a direct feedback."""
    return bound((has_a_matrix_for_each_step, is_a_function_of_its_arguments), kind)
