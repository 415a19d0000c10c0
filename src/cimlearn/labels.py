"""One rule for labels that never came, at every door: None, NaN, NaT and other libraries' missing values are no label.

An example without a label is skipped and counted: it is neither learned nor tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def is_missing(label: Any) -> bool:
    """Whether this is no label: None, or a value that is not equal to itself, as NaN, NaT and pandas.NA are."""
    if label is None:
        return True
    try:
        return not bool(label == label)
    except (TypeError, ValueError):
        return not hasattr(
            label, "__len__"
        )  # pandas.NA has no truth; an array of labels is somebody else's error


def known(labels: Sequence[Any] | NDArray[Any]) -> NDArray[np.bool_]:
    """(examples,) whether each example has a label."""
    if isinstance(labels, np.ndarray) and labels.dtype.kind in "iub":
        return np.ones(len(labels), bool)
    if isinstance(labels, np.ndarray) and labels.dtype.kind == "f":
        return ~np.isnan(labels)
    return np.array([not is_missing(label) for label in labels], bool)
