"""The arrays of a `ModelChip` on bit-serial sub-arrays that learn in INT8."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cimlearn.arrays.bitserial_counts import batch_work, inventory
from cimlearn.arrays.training import Layer
from cimlearn.devices.technology import memory_cell
from cimlearn.networks.layers import scaled
from cimlearn.parameters import ParameterSet
from cimlearn.state import StateError
from cimlearn.torch.chip import program
from cimlearn.torch.insitu_bits import InSituBits
from cimlearn.torch.integer import IntegerSGD
from cimlearn.torch.ledger import ACTIVATIONS
from cimlearn.torch.library import nn
from cimlearn.torch.placed import Counts, OnArrays

Steps = dict[str, list[list[int]]]  # array -> [vectors of an update, updates]


class OnBits(OnArrays):
    """A model on bit-serial arrays, written by `IntegerSGD`."""

    def __init__(
        self,
        model: nn.Module,
        p: ParameterSet,
        *,
        step: Callable[[nn.Module], None],
        examples: int,
        seed: int,
    ) -> None:
        """`step` goes forward and back on the `examples` of a sample, which tells what each array does."""
        super().__init__(model, p, InSituBits)
        self.optimiser: Any = IntegerSGD(model, p["rule.rate"], digital=p["rule.digital"])
        step(model)
        self.layers = [
            Layer(
                array.name,
                array.layout.rows,
                array.layout.columns,
                -(-array.forward_vectors // examples),
                array.layout.groups,
                weight.requires_grad,
                array.back_vectors > 0,
            )
            for array, weight in self._placed
        ]  # of one example
        self.optimiser.zero_grad()
        program(model, seed=seed)

    def worn(self) -> dict[str, int]:
        """Per array: cells that no longer change."""
        return {array.name: array.lines.worn() for array in self.held if array.lines is not None}

    def written(self, learn: Counts) -> int:
        """Writes that all cells see in the phase 'learn'."""
        return learn.get("cells", {}).get("bits_driven", 0)

    def _together(self) -> int:
        """Examples of an update, with the replayed ones."""
        return int(self.parameters["rule.batch"] * (1 + self.parameters["replay.ratio"]))

    def memory_bits(self) -> dict[str, int]:
        """What waits for the way back in an update, and the memory between layers: one is read, one written."""
        largest = max(max(one.windows * one.outputs, one.fan_in) * one.groups for one in self.layers)
        kept = batch_work(scaled(self.layers, self._together()), learning=True).kept_bits
        return {"kept": kept, ACTIVATIONS: 2 * largest * self.parameters["activation.bits"]}

    def inventory(self, memory: Mapping[str, int]) -> dict[str, dict[str, int]]:
        """Sub-arrays, the unit for transposes and gradients, memories and digital units."""
        p = self.parameters.replace({"rule.batch": self._together()})  # a gradient adds up so many
        found = inventory(self.layers, 1, p, memory)
        found["digital"]["lanes"] = p["digital.lanes"]
        return found

    def figures(self) -> dict[str, Any]:
        """What a cell costs and how it fails, from the physics of its device."""
        return memory_cell(self.parameters).as_dict()

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Bits, exponents, writes and counters; how many updates had how many vectors."""
        cells, steps = {}, {}
        for array in self.held:
            cells[f"array.{array.name}"] = array.cells()
            steps[array.name] = [list(pair) for pair in sorted(array.steps.items())]
        return cells, {"steps": steps}

    def loaded(self, named: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Lines and counters follow the bits."""
        steps = values.get("steps")
        for array in self.held:
            mine = steps.get(array.name) if isinstance(steps, dict) else None
            if not isinstance(mine, list):
                raise StateError(
                    f"the state lacks the updates of {array.name}; load one that such a chip saved"
                )
            array.take_cells(named[f"array.{array.name}"], mine)
