"""Making the fast arrays of Tiki-Taka."""

from __future__ import annotations

from typing import Any

import numpy as np

from cimlearn.arrays.build import crossbar
from cimlearn.arrays.schemes.zero import shift_zero
from cimlearn.chips.m2ru.fast import FAST, fast_design, is_transferred
from cimlearn.devices.catalog import device
from cimlearn.learning.transfer import Direct, Transfer, TransferScratch, TransferState
from cimlearn.parameters import ParameterSet
from cimlearn.random import kernel_state


def make_transfer(p: ParameterSet, shapes: dict[str, tuple[int, int]], *, seed: int, on: str) -> Any:
    """The fast arrays, at 0, of slow ones of `shapes` (rows, columns); Direct where there are none."""
    if not is_transferred(p) or on != "chip":
        return Direct()
    own, cell = fast_design(p), device(p.part("device"))
    made = {}
    for slow, fast in FAST.items():
        made[slow] = crossbar(cell, own, np.zeros(shapes[slow], np.float32), name=fast, seed=seed)
        if p["transfer.zero_pulses"]:
            shift_zero(made[slow], int(p["transfer.zero_pulses"]), np.float32(cell.pulse))
    (rows, columns), (units, classes) = shapes["hidden"], shapes["output"]
    return Transfer(
        every=int(p["transfer.every"]),
        rows=int(p["transfer.rows"]),
        rate=float(p["transfer.rate"]),
        gain=float(p["transfer.gain"]),
        chop=float(p["transfer.chop"]),
        hidden=made["hidden"],
        output=made["output"],
        state=TransferState(
            updates=np.zeros(1, np.int64),
            turn=np.zeros(2, np.int64),
            hidden_signs=np.ones(rows, np.float32),
            output_signs=np.ones(units, np.float32),
            words=kernel_state(seed, "transfer"),
        ),
        scratch=TransferScratch(
            drive=np.zeros((2, 1), np.float32),
            hidden=np.zeros((2, 1, columns), np.float32),
            output=np.zeros((2, 1, classes), np.float32),
        ),
    )
