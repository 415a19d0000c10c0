"""What learning in situ writes: the gradient of the factors that wait, and how it becomes writes to the cells.

`array` is an `InSituArray` (insitu.py), which calls these.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.learning import insitu as by_cells
from cimlearn.learning import insitu_pulses as by_pulses
from cimlearn.torch import fast
from cimlearn.torch.library import torch

Tensor = torch.Tensor
GIVEN: Final = {"mapping.kind": "reference", "mapping.cells": 1, "write.tries": 0, "write.least": 0.0}


def descend(array: Any, gradient: Tensor | None, rate: float, keep: float, weight: Tensor) -> None:
    """Ask the weights for -rate times gradient (outputs, rows); None: that of the factors.

    Of each column the share `keep` of the changes, the largest, is written; weight (outputs, rows) follows.
    """
    layout, x, error = array.layout, fast.NONE[np.float32, 2], fast.NONE[np.float32, 3]
    change = fast.NONE[np.float32, 2]
    seen = array.seen
    if gradient is not None:
        change = layout.stacked(gradient * (-rate / array.bound[:, None])).contiguous().numpy()
    elif len(seen) == 1 and not array.factors and keep == 1:
        x, error = seen[0]
    else:
        one, other = joined(array)
        scaled = other * _per_tile(array, -rate / array.bound.square())
        change = layout.untiled(torch.bmm(one.transpose(1, 2), scaled)).numpy()
    with _followed(weight) as parameter:
        by_cells.descend(
            *array.lines, layout.table, x, error, np.float32(rate), change,
            max(1, math.ceil(keep * layout.inputs)), array.bound.numpy(), parameter,
        )  # fmt: skip


def pulse(array: Any, rate: float, weight: Tensor) -> None:
    """Give the cells the pulses of the factors that wait; weight (outputs, rows) follows."""
    layout = array.layout
    if len(array.seen) == 1 and not array.factors:
        x, error = array.seen[0]
    else:
        one, other = joined(array)
        x = layout.untiled(one.transpose(1, 2)).t().contiguous().numpy()
        error = other.contiguous().numpy()
    with _followed(weight) as parameter:
        by_pulses.pulse(
            array.bar, array.trains, layout.table, x, error, np.float32(rate), array.bound.numpy(), parameter
        )  # fmt: skip


@contextmanager
def _followed(weight: Tensor) -> Iterator[NDArray[np.float32]]:
    """Memory in order that kernels write weight (outputs, rows) to, whatever its own order."""
    follows = weight.detach()
    parameter = follows if follows.is_contiguous() else follows.contiguous()
    yield parameter.numpy()
    if parameter is not follows:
        follows.copy_(parameter)


def trains(array: Any) -> by_pulses.Trains:
    """What random pulses on rows and columns need.

    Raises
    ------
    InputError
        Where a change is asked of more than one cell, or not of the cell itself.
    """
    p = array.p
    for key, wanted in GIVEN.items():
        if p[key] != wanted:
            raise InputError(
                f"{array.name} has {key} = {p[key]}; pulses that coincide reach one cell a weight and form no "
                f"change: set {key} = {wanted}, or update='cells'"
            )
    step, longest = p["write.pulse_step"], int(p["write.pulse_slots"])
    return by_pulses.trains(
        array.layout.inputs, array.layout.columns, step=step, longest=longest, seed=array.chance.seed,
        name=array.name,
    )  # fmt: skip


def gradient(array: Any) -> Tensor:
    """(outputs, rows) of the factors."""
    one, other = joined(array)
    cells = array.layout.untiled(torch.bmm(one.transpose(1, 2), other))
    found: Tensor = array.layout.unstacked(cells) / array.bound[:, None]
    return found


def joined(array: Any) -> tuple[Tensor, Tensor]:
    """The factors of all products, (tiles, vectors, tall) and (tiles, vectors, columns)."""
    spread = array.layout.spread
    held = [*array.factors, *((spread(torch.from_numpy(x)), torch.from_numpy(e)) for x, e in array.seen)]
    if len(held) == 1:
        return held[0]
    return torch.cat([x for x, _ in held], 1), torch.cat([e for _, e in held], 1)


def _per_tile(array: Any, values: Tensor) -> Tensor:
    """(tiles, 1, columns) or (1,) of values (outputs,) or (1,)."""
    layout = array.layout
    if values.numel() == 1:
        return values
    return values.reshape(layout.groups, 1, layout.columns).repeat_interleave(layout.tiles, 0)
