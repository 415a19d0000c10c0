"""The numbers that a table's windows are to be answered with: a column, some rows after each window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.streams.base import Targets
from cimlearn.streams.tables.table import Table
from cimlearn.streams.tables.windows import Windows


class Aim(NamedTuple):
    """The target of each window."""

    targets: Targets
    y: NDArray[np.float32]  # (windows, 1), scaled; training values lie in -1 .. 1
    last: (
        NDArray[np.float32] | None
    )  # (windows, 1) the target's value in the window's last row, NaN where unknown

    def predictors(self, train: NDArray[np.int64], test: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
        """(windows of `test`, 1): the mean of the targets of `train`; the last known value, or that mean."""
        mean = np.full((len(test), 1), self.y[train].mean(dtype=np.float64), np.float32)
        if self.last is None:
            return {"mean": mean}
        last = self.last[test]
        return {"mean": mean, "last": np.where(np.isnan(last), mean, last)}


def aim(table: Table, cut: Windows, settings: Mapping[str, Any]) -> Aim:
    """The targets of the windows `cut`: the smallest and largest of the training windows become -1 and 1.

    Raises
    ------
    InputError
        If the training windows' targets are all alike, or there are none.
    """
    assert table.target is not None
    ahead, end = settings["ahead"], cut.first + settings["window"] - 1  # the last row of each window
    value = table.target.astype(np.float64)[end + ahead]
    known = value[~cut.test & ((cut.task == 0) | (settings["scale_from"] == "all"))]
    if not known.size or known.min() == known.max():
        raise InputError(
            f"{table.name}: the target '{table.classes[0]}' is "
            f"{f'{known[0]:g} in all training windows' if known.size else 'in no training window of the first task'}; "
            "choose a column that changes with stream.target, or set stream.scale_from = all"
        )
    offset, unit = (known.min() + known.max()) / 2, (known.max() - known.min()) / 2
    scaled = ((value - offset) / unit).astype(np.float32)[:, None]
    last = ((table.target[end] - offset) / unit).astype(np.float32)[:, None] if ahead else None
    return Aim(Targets(table.classes, np.array([offset]), np.array([unit])), scaled, last)
