"""The contract of a device, and the state of many cells of it.

A device is a NamedTuple of numbers (its description) and one kernel, registered for its type:

    program(device, conductance, state, gain, change, normal, uniform) -> (conductance, state, written)

It answers what a cell of conductance [S] and internal `state` becomes when a change [S] is asked for; `gain`
is the cell's own factor (device-to-device variation). Its chance comes from outside: `normal` ~ N(0, 1) and
`uniform` ~ U[0, 1), so the same arguments give the same answer. `written` is how many pulses the cell saw: True or a
number, False or 0 where the device applied none at all (a table device whose rounding gave no level). A device whose
cells differ in more than one factor has a method `traits(shape, draw)` that answers (*shape, numbers) float32; its
kernel gets a cell's (numbers,) in place of `gain`. One whose kernel uses `uniform` has a method `gambles` that answers
True; for others nobody draws it. One whose state is a hidden conductance [S] has a method `hides` that answers True:
the state ages with the cell (arrays/ageing.py).
Every description begins with `low` and `high`, the bounds of the conductance [S], and has two methods: `window()`
answers the conductances [S] that the smallest and largest weight are mapped to, `rest()` the conductance [S] and the
state of a fresh cell near the middle of that window.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.compiled import dispatched, kernel
from cimlearn.devices.wear import endurances
from cimlearn.random import generator

NEVER = np.iinfo(np.int64).max  # an endurance that no run reaches


@dispatched
def program(
    device: Any, conductance: Any, state: Any, gain: Any, change: Any, normal: Any, uniform: Any
) -> Any:
    """(conductance [S], state, written) of a cell after a change [S] was asked for."""


class Cells(NamedTuple):
    """The state of many cells: `layers` cells for each weight of a matrix (rows x columns)."""

    conductance: NDArray[np.float32]  # (layers, rows, columns) [S]
    state: NDArray[np.float32]  # (layers, rows, columns) internal state of the device, its own unit
    gain: NDArray[np.float32]  # (layers, rows, columns) factor of every write, or (..., numbers) traits
    writes: NDArray[np.int64]  # (layers, rows, columns) pulses seen
    limit: NDArray[np.int64]  # (layers, rows, columns) pulses until it sticks; 0 = stuck from the start


class Wear(NamedTuple):
    """How cells fail."""

    endurance: float | None  # median writes until a cell sticks; None = never
    endurance_spread: float  # standard deviation of ln(endurance) between cells
    stuck: float  # fraction of cells stuck from the start
    stuck_at: str  # 'low', 'high' or 'random'


def new_cells(
    device: Any,
    shape: tuple[int, int, int],
    *,
    variation: float,
    wear: Wear,
    seed: int,
    name: str,
) -> Cells:
    """Fresh cells at rest; stuck ones where the wear says so.

    `shape` is (layers, rows, columns). The device-to-device factor is normal around 1 with standard deviation
    `variation`, cut at 0; of a device with traits it multiplies the first two, its steps up and down. Endurance is
    log-normal between cells (assumed law) with median `wear.endurance`.
    """
    draw = generator(seed, name, "cells")
    gain = np.maximum(1.0 + variation * draw.standard_normal(shape), 0.0).astype(np.float32)
    rest, state = device.rest()
    conductance = np.full(shape, rest, np.float32)
    limit = np.full(shape, NEVER, np.int64)
    if wear.endurance is not None:
        drawn = endurances(wear.endurance, wear.endurance_spread, shape, draw)
        limit[drawn < float(NEVER)] = drawn[drawn < float(NEVER)].astype(np.int64)
    stuck = draw.random(shape) < wear.stuck
    places = {"low": 0.0, "high": 1.0}
    at = places[wear.stuck_at] if wear.stuck_at in places else draw.random(shape)
    conductance[stuck] = np.broadcast_to(device.low + at * (device.high - device.low), shape)[stuck]
    limit[stuck] = 0
    if hasattr(device, "traits"):
        own = device.traits(shape, generator(seed, name, "traits"))
        own[..., :2] *= gain[..., None]
        gain = own
    return Cells(conductance, np.full(shape, state, np.float32), gain, np.zeros(shape, np.int64), limit)


def bounds(device: Any) -> tuple[float, float]:
    """(lowest, highest) conductance [S] of a device whose whole range carries weights."""
    return float(device.low), float(device.high)


def middle(device: Any) -> tuple[float, float]:
    """(conductance [S], state) of a fresh cell that needs no state: the middle of the window."""
    return 0.5 * (float(device.low) + float(device.high)), 0.0


def per_cell(gain: Any) -> Any:
    """The numbers of each cell of gain (layers, rows, columns) or (layers, rows, columns, numbers), cell by cell."""
    return gain.reshape(-1) if gain.ndim == 3 else gain.reshape(-1, gain.shape[3])


@kernel
def inside(device, conductance):
    """`conductance` [S] cut to the device's window."""
    return min(max(conductance, device.low), device.high)
