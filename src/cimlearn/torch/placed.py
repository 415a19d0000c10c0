"""Where the layers of a `ModelChip` are: what the chip asks of arrays that learn, and the answer of software.

`on_crossbars.py` and `on_bits.py` beside this file answer it for the two kinds of array.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet
from cimlearn.torch import convert
from cimlearn.torch.chip import conversion
from cimlearn.torch.ledger import ledger
from cimlearn.torch.library import nn, torch

Counts = Mapping[str, Mapping[str, int]]


class Placed(Protocol):
    """A model where it learns, with the optimiser that writes it."""

    model: nn.Module
    optimiser: Any

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """(outputs, rows) of each array, as the cells hold them."""

    def writes(self) -> dict[str, NDArray[np.int64]]:
        """Writes seen by each cell of each array."""

    def worn(self) -> dict[str, int]:
        """Per array: cells that no longer change."""

    def written(self, learn: Counts) -> int:
        """Writes that all cells see in the phase 'learn'."""

    def memory_bits(self) -> dict[str, int]:
        """Bits of each memory that learning needs, but replay's."""

    def inventory(self, memory: Mapping[str, int]) -> dict[str, dict[str, int]]:
        """What the chip is made of."""

    def figures(self) -> dict[str, Any]:
        """What prices take from the arrays themselves."""

    def ledger(self, classified: int) -> Ledger:
        """What was done, `classified` examples classified."""

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Arrays by name, themselves and no copies; plain JSON values."""

    def loaded(self, named: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """The arrays of `state` hold what was saved: bring everything else in step with them."""


class OnArrays:
    """What both kinds of array share: a converted model, and its arrays that learn."""

    def __init__(self, model: nn.Module, p: ParameterSet, kind: type) -> None:
        """`kind`: of the arrays."""
        self.model, self.parameters = model, p
        self._placed: list[tuple[Any, Any]] = [
            (array, weight) for array, weight in convert.arrays(model) if isinstance(array, kind)
        ]
        self.held: list[Any] = [array for array, _ in self._placed]

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """(outputs, rows) of each array, as the cells hold them."""
        return {array.name: array.weights().float().numpy().copy() for array in self.held}

    def writes(self) -> dict[str, NDArray[np.int64]]:
        """Per array (cells per weight, rows, columns; bits, outputs, rows): writes of learning seen by each cell."""
        return {array.name: array.writes() for array in self.held}

    def ledger(self, classified: int) -> Ledger:
        """Phases 'learn' and 'predict'."""
        conversion(self.model).examples = classified
        return ledger(self.model)


class InSoftware:
    """A model with a software optimiser: no hardware, so nothing to count."""

    def __init__(self, model: nn.Module, rate: float) -> None:
        self.model = model
        self.optimiser: Any = torch.optim.SGD([w for w in model.parameters() if w.requires_grad], rate)

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """None is in cells."""
        return {}

    def writes(self) -> dict[str, NDArray[np.int64]]:
        """None."""
        return {}

    def worn(self) -> dict[str, int]:
        """None."""
        return {}

    def written(self, learn: Counts) -> int:
        """None."""
        return 0

    def memory_bits(self) -> dict[str, int]:
        """None."""
        return {}

    def inventory(self, memory: Mapping[str, int]) -> dict[str, dict[str, int]]:
        """Nothing."""
        return {}

    def figures(self) -> dict[str, Any]:
        """None."""
        return {}

    def ledger(self, classified: int) -> Ledger:
        """Nothing is counted."""
        return Ledger({"learn": {}, "predict": {}}, {})

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The model's parameters and buffers are all."""
        return {}, {}

    def loaded(self, named: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Nothing more."""
