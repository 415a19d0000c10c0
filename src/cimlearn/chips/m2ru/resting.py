"""Time between tasks: the chip's clock, what a rest does to its cells, and what the chip does about it.

t = (new examples) / operation.rate + (rests) operation.rest          answers take no time
at a rest: sums of the stored vectors are read -> references are written -> time passes, temperature changes
           -> cells age -> columns are calibrated -> old examples are learned again (operation.refresh)
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays import ageing, calibrate, calibrate_counts, references
from cimlearn.arrays.base import PULSES, ROW_WRITES
from cimlearn.arrays.circuit import Circuit
from cimlearn.arrays.crossbar import solve_circuit
from cimlearn.parameters import ParameterSet
from cimlearn.random import generator

RESTS: Final = 0
CALIBRATIONS: Final = 1
RESTED: Final = 2


def temperature(p: ParameterSet, count: int, *, seed: int) -> float:
    """Temperature [K] after `count` rests."""
    values = p["operation.temperature"]
    if p["operation.temperature_order"] == "turn":
        return float(values[count % len(values)])
    return float(generator(seed, "temperature", str(count)).uniform(min(values), max(values)))


class Rests:
    """What a chip's arrays go through between tasks; `done` (RESTED,) is state of the chip."""

    def __init__(
        self,
        p: ParameterSet,
        arrays: dict[str, Any],
        circuits: dict[str, Circuit],
        done: NDArray[np.int64],
        *,
        seed: int,
    ) -> None:
        self._p, self._arrays, self._circuits, self._done, self._seed = p, arrays, circuits, done, seed
        self._kind, self._count = p["operation.calibration"], p["operation.calibration_vectors"]

    def begin(self) -> None:
        """The first calibration, of a chip that has just been programmed."""
        self._set_clocks(0)
        if self._kind != "none":
            for bar in self._arrays.values():
                calibrate.zero(bar, self._count)
            self._done[CALIBRATIONS] += 1

    def age(self, examples: int) -> None:
        """Bring all cells up to the time after `examples` new ones."""
        self._set_clocks(examples)
        for name, circuit in self._circuits.items():
            bar = self._arrays[name]
            if bar.ageing.on:
                ageing.age_cells(bar)
            solve_circuit(bar, circuit)

    def rest(self, examples: int) -> None:
        """A rest after `examples` new ones."""
        self._set_clocks(examples)
        calibrated = self._arrays if self._kind != "none" else {}
        stored = {name: self._stored(name, bar) for name, bar in calibrated.items()}
        compares = calibrate_counts.compares(self._kind)
        right = {
            name: calibrate.read(bar, stored[name]) if compares else [] for name, bar in calibrated.items()
        }
        for bar in self._arrays.values():
            pulses = references.rewrite_reference(bar)
            bar.state.counts[PULSES] += pulses
            bar.state.counts[ROW_WRITES] += 2 * bar.state.weight.shape[0] if pulses else 0
        self._done[RESTS] += 1
        self.age(examples)
        for name, bar in calibrated.items():
            calibrate.fit(bar, self._kind, stored[name], right[name])
        self._done[CALIBRATIONS] += 1 if calibrated else 0

    def _stored(self, name: str, bar: Any) -> NDArray[np.float32]:
        """(vectors, rows) that an array is calibrated with."""
        return calibrate.stored_vectors(bar.state.weight.shape[0], self._count, seed=self._seed, name=name)

    def _set_clocks(self, examples: int) -> None:
        """Time and temperature of every array."""
        rate, count = self._p["operation.rate"], int(self._done[RESTS])
        now = (examples / rate if rate else 0.0) + count * self._p["operation.rest"]
        warm = temperature(self._p, count, seed=self._seed)
        for bar in self._arrays.values():
            if bar.ageing.on:
                bar.state.aged.clock[ageing.NOW] = now
                bar.state.aged.clock[ageing.TEMPERATURE] = warm
