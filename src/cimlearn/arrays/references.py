"""What time and temperature do to what is subtracted: fixed resistors, or cells of the same kind.

no         neither time nor temperature changes it
cells      cells written once, at the start; the laws are those of arrays/ageing.py
rewritten  the same, written up and down before each rest: their clock starts anew from what they hold, or without the
           drift that has happened where writes mend it (`cell.drift_mended`), as weights do
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.ageing import NOW, REFERENCE, TEMPERATURE, TRACKS


def reference_share(bar: Any) -> NDArray[np.float64]:
    """(layers, rows, references), or (1, 1, 1): what reference cells have now, relative to when they were made."""
    laws, state = bar.ageing, bar.state.aged
    if not laws.on or TRACKS[laws.tracks] == "no":
        return np.ones((1, 1, 1))
    h = 1 + laws.reference_per_kelvin * (state.clock[TEMPERATURE] - laws.nominal)
    h = h * np.exp(-laws.activation * (1 / state.clock[TEMPERATURE] - 1 / laws.nominal))
    return np.maximum(h, 0.0) * _held(bar)


def _held(bar: Any, *, drifted: bool = True) -> NDArray[np.float64]:
    """The same without temperature: what reference cells hold; the window's middle is where they were made.

    Without `drifted` what a write finds where it erases the drift.
    """
    laws, state = bar.ageing, bar.state.aged
    age = max(state.clock[NOW] - state.clock[REFERENCE], 0.0)
    drift = np.maximum(age / laws.start, 1.0) ** -laws.reference_nu if drifted else 1.0
    kept = np.exp(-age / laws.retention) if laws.retention else 1.0
    middle = 0.5 * sum(bar.device.window())
    return np.asarray(kept * drift * state.reference + (1 - kept) * laws.rest / middle)


def rewrite_reference(bar: Any) -> int:
    """Write each reference cell up and down, so that its clock starts anew from what it holds; answers the pulses."""
    if not bar.ageing.on or TRACKS[bar.ageing.tracks] != "rewritten":
        return 0
    bar.state.aged.reference[:] = _held(bar, drifted=not bar.ageing.mended)
    bar.state.aged.clock[REFERENCE] = bar.state.aged.clock[NOW]
    layers, rows, _ = bar.ageing.nu.shape
    return 2 * layers * rows * max(1, int(bar.ageing.group_of.max(initial=-1)) + 1)
