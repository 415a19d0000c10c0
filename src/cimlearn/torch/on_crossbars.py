"""The arrays of a `ModelChip` on analog crossbars that learn in situ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cimlearn.arrays.crossbar_counts import pieces
from cimlearn.costs.crossbar.layers import BACK
from cimlearn.parameters import ParameterSet
from cimlearn.torch.chip import program
from cimlearn.torch.costs import capacity
from cimlearn.torch.insitu import InSituArray
from cimlearn.torch.ledger import ACTIVATIONS, size, turned, weights
from cimlearn.torch.library import nn
from cimlearn.torch.optimiser import InSituSGD
from cimlearn.torch.placed import Counts, OnArrays


class OnCrossbars(OnArrays):
    """A model on crossbars, written by `InSituSGD`."""

    def __init__(
        self,
        model: nn.Module,
        p: ParameterSet,
        *,
        step: Callable[[nn.Module], None],
        examples: int,
        seed: int,
    ) -> None:
        """`step` goes forward and back on the `examples` of a sample, from which ranges are taken."""
        super().__init__(model, p, InSituArray)
        self._learning = [array for array, weight in self._placed if weight.requires_grad]
        self.optimiser: Any = InSituSGD(model, p["rule.rate"], keep=p["rule.keep"], update=p["rule.update"])
        self._vectors = self._prime(step, examples, seed)

    def _prime(self, step: Callable[[nn.Module], None], examples: int, seed: int) -> dict[str, int]:
        """Find the ranges of transposed reads; vectors of each array for an example."""
        step(self.model)
        reach = [array.back.reach.copy() for array in self.held]
        vectors = {array.name: -(-array.learned.vectors // examples) for array in self.held}
        self._back = {array.name for array in self.held if array.back_tally.vectors}
        self.optimiser.zero_grad()
        program(self.model, seed=seed)
        for array, one in zip(self.held, reach, strict=True):
            array.back.reach[:] = one
        return vectors

    def worn(self) -> dict[str, int]:
        """Per array: cells that no longer change."""
        found = {}
        for array in self.held:
            assert array.bar is not None
            cells = array.bar.state.cells
            found[array.name] = int(np.sum(cells.writes >= cells.limit))
        return found

    def written(self, learn: Counts) -> int:
        """Writes that all cells see in the phase 'learn'."""
        return sum(learn.get(array.name, {}).get("writes", 0) for array in self.held)

    def memory_bits(self) -> dict[str, int]:
        """Activations that wait for the error, and changes that wait for their write."""
        p = self.parameters
        together = p["rule.batch"] * (1 + p["replay.ratio"])
        values = [
            self._vectors[a.name] * (a.layout.groups * a.fan_in + a.layout.outputs) for a in self._learning
        ]
        changed = sum(
            min(weights(a), together * self._vectors[a.name] * a.layout.outputs) if a.by_row else weights(a)
            for a in self._learning
            if a.trains is None
        )
        return {
            ACTIVATIONS: sum(values) * p["activation.bits"],
            "changes": changed * p["digital.change_bits"],
        }

    def inventory(self, memory: Mapping[str, int]) -> dict[str, dict[str, int]]:
        """Arrays, those that are read backwards once more, memories and digital units."""
        found = {array.name: pieces(size(array)) for array in self.held}
        found |= {a.name + BACK: pieces(turned(a)) for a in self.held if a.name in self._back}
        return found | {
            "memory": dict(memory),
            "digital": {"lanes": self.parameters["digital.lanes"], "kwta_inputs": 0},
        }

    def figures(self) -> dict[str, Any]:
        """Capacitors of the integrators [F], which the random sample decided."""
        found = {array.name: capacity(array.p, float(array.reach)) for array in self.held}
        back = {
            a.name + BACK: capacity(a.p, float(a.back.reach[0])) for a in self.held if a.name in self._back
        }
        return {"capacitance": found | back}

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Cells, ranges of transposed reads, counters, and what was drawn."""
        cells = {}
        for array in self.held:
            assert array.bar is not None
            cells[f"array.{array.name}"] = {
                "cells": array.bar.state,
                "reach": array.back.reach,
                "numbers": array.numbers(),
                **array.drawn(),
            }
        return cells, {}

    def loaded(self, named: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Counters and views follow the cells."""
        for array in self.held:
            array.take_numbers(named[f"array.{array.name}"]["numbers"])
            array.forget_views()
