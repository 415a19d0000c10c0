"""Conductance against pulses, of shipped cells and a user's own: what a measurement shows, simulated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.compiled import entry
from cimlearn.devices.base import Wear, new_cells, per_cell, program
from cimlearn.errors import InputError
from cimlearn.noise import fill_normal, fill_uniform
from cimlearn.random import kernel_state

MOST = 100_000_000  # pulses of one call, over all cells


@entry
def _trains(device, conductance, state, own, changes, words, sums):
    """sums (cells, 1 + pulses): conductance [S] before and after each of changes (pulses,) [S], cell by cell."""
    normals, uniforms = np.empty(changes.size, np.float32), np.empty(changes.size, np.float32)
    for n in range(conductance.size):
        fill_normal(words, normals)
        fill_uniform(words, uniforms)
        sums[n, 0] = conductance[n]
        for k in range(changes.size):
            conductance[n], state[n], _ = program(
                device, conductance[n], state[n], own[n], changes[k], normals[k], uniforms[k]
            )
            sums[n, k + 1] = conductance[n]


def pulse_response(
    device: Any = "continuous",
    settings: Mapping[str, Any] | None = None,
    *,
    trains: Sequence[int] = (100, -100),
    change: float | None = None,
    cells: int = 1,
    start: float | None = None,
    variation: float | None = None,
    seed: int = 0,
) -> NDArray[np.float32]:
    """(cells, 1 + pulses) conductance [S] before and after every pulse of `trains`.

    Cells differ as those of an array do. Nothing wears.

    Parameters
    ----------
    device
        a kind ('continuous'), a published cell ('ecram'), a TOML file of one's own ('mycell.toml'), or a device made by
        `cimlearn.devices.catalog.device`
    settings
        'device.KEY' -> value or text, as on the command line
    trains
        pulses of each train, one after the other; a negative number is a train downwards
    change
        conductance [S] that each pulse asks for; without, one pulse of a pulsed cell, else a 50th of the window
    cells
        how many
    start
        conductance [S] before the first pulse; without, the end of the window that the first train leaves
    variation
        spread of the factor between cells; without, that of the device's preset (0.1 without one)
    seed
        of all chance

    Raises
    ------
    InputError
        For an unknown device or setting, or a number out of range.

    Examples
    --------
    >>> from cimlearn.devices import pulse_response
    >>> pulse_response("ideal", trains=(2, -1), start=1e-4, change=1e-5).round(7)
    array([[1.0e-04, 1.1e-04, 1.2e-04, 1.1e-04]], dtype=float32)
    """
    made, spread = _made(device, settings, variation)
    lengths = np.array(trains, np.int64).reshape(-1)
    total = int(np.abs(lengths).sum())
    if cells < 1 or total < 1:
        raise InputError(
            f"pulse_response of {cells} cells and trains = {list(trains)}: give at least one of both"
        )
    if cells * (total + 1) > MOST:
        raise InputError(
            f"pulse_response of {cells} cells times {total} pulses is above {MOST:,}; ask for fewer of either"
        )
    low, high = made.window()
    size = change if change is not None else float(getattr(made, "pulse", (high - low) / 50))
    changes = np.repeat(np.sign(lengths) * size, np.abs(lengths)).astype(np.float32)
    fresh = new_cells(
        made, (1, 1, cells), variation=spread, wear=Wear(None, 0.0, 0.0, "low"), seed=seed, name="response"
    )
    least, most = float(made.low), float(made.high)
    first = start if start is not None else min(max(low if lengths[0] > 0 else high, least), most)
    if not least <= first <= most:
        raise InputError(f"start = {first:g} S lies outside what the cell reaches, {least:g} to {most:g} S")
    conductance, state = _placed(made, first, cells)
    seen = np.empty((cells, total + 1), np.float32)
    _trains(
        made, conductance, state, per_cell(fresh.gain), changes, kernel_state(seed, "response", "write"), seen
    )
    return seen


def _made(device: Any, settings: Mapping[str, Any] | None, variation: float | None) -> tuple[Any, float]:
    """The device and the spread of its factor between cells."""
    if not isinstance(device, str):
        if settings:
            raise InputError("settings belong to a device that is named; this one is made already")
        return device, 0.1 if variation is None else variation
    from cimlearn.devices import catalog

    found = catalog.parameters(catalog.chosen({catalog.NAME: device})).replace(settings or {})
    given = found.part("cell").get("variation", 0.1)
    spread = float(given)
    return catalog.device(found.part("device")), spread if variation is None else variation


def _placed(made: Any, first: float, cells: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(cells,) conductance [S] and state of cells at `first` [S]; of a table, on the nearest level."""
    state = made.rest()[1]
    if hasattr(made, "centre"):
        state = int(np.argmin(np.abs(made.centre - first)))
        first = float(made.centre[state])
    elif hasattr(made, "traits"):
        state = first
    return np.full(cells, first, np.float32), np.full(cells, state, np.float32)
