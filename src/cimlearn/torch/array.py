"""What both kinds of array share: a name, tallies, chance, and a state that goes through a state_dict.

An array answers `array(x, weight)`: x (vectors, inputs) and the layer's weight (outputs, rows) give (vectors, outputs).
While it trains, and until it is programmed, it computes with `weight` as it is wanted; once programmed, `eval` computes
with what its cells hold, whatever becomes of `weight`. A step of training makes it unprogrammed.
"""

from __future__ import annotations

from typing import Any

from cimlearn.errors import InputError
from cimlearn.torch.chance import Chance
from cimlearn.torch.layout import Layout
from cimlearn.torch.library import nn, torch
from cimlearn.torch.ranges import Recorder
from cimlearn.torch.tally import Tally

Tensor = torch.Tensor
Work = dict[str, int]  # digital action -> how many


def check_learns(name: str, weight: Tensor) -> None:
    """InputError unless cells of `weight` can be written by our kernels: float32 on a CPU."""
    if weight.dtype != torch.float32 or weight.device.type != "cpu":
        raise InputError(
            f"{name} is {weight.dtype} on {weight.device}; in-situ learning runs in float32 on a CPU: "
            "convert the model with .float().cpu() first"
        )


class Array(nn.Module):
    """The part of an array that doesn't depend on its kind; `CrossbarArray` and `BitSerialArray` are whole."""

    def __init__(self, layout: Layout, name: str, seed: int) -> None:
        """An unprogrammed array called `name`."""
        super().__init__()
        self.layout, self.name = layout, name
        self.tally, self.chance = Tally(), Chance(seed, name)
        self.programmed = False
        self.by_row = False  # an embedding's: an index drives one row, which one tile reads
        self.recorder: Recorder | None = None  # while ranges are looked for

    @property
    def fan_in(self) -> int:
        """Rows of each group that a vector drives."""
        return 1 if self.by_row else self.layout.rows

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        """(vectors, outputs) of x (vectors, inputs) and the layer's weight (outputs, rows)."""
        return self.product(x, self.prepare(weight))

    def answer(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """(vectors, outputs) of x (vectors, inputs), with bias (outputs,) added."""
        y: Tensor = self(x, weight)
        return y if bias is None else y + bias

    def prepare(self, weight: Tensor) -> Any:
        """What `product` multiplies with: of the cells, or of `weight` with the errors of one programming."""
        raise NotImplementedError

    def product(self, x: Tensor, prepared: Any) -> Tensor:
        """(vectors, outputs) of x (vectors, inputs) and what `prepare` gave; a recurrent layer prepares once."""
        raise NotImplementedError

    def wanted(self, weight: Tensor) -> bool:
        """Whether the next product is of `weight` as it is wanted; learning makes what the cells hold out of date."""
        if self.training and weight.requires_grad and torch.is_grad_enabled():
            self.programmed = False
        return self.training or not self.programmed

    def get_extra_state(self) -> Tensor:
        """(3,) seed, generators used, whether it is programmed."""
        return torch.tensor([self.chance.seed, self.chance.used, int(self.programmed)])

    def set_extra_state(self, state: Tensor) -> None:
        """What `get_extra_state` gave."""
        seed, used, programmed = (int(n) for n in state)
        self.chance.restart(seed, used)
        self.programmed = bool(programmed)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        """As ever; but a plain model's state knows no arrays: then the cells are no longer those of the weights."""
        if not any(key.startswith(prefix) for key in state):
            self.programmed = False
            return
        super()._load_from_state_dict(state, prefix, *rest)
        self.refresh()

    def settle(self, inputs: float, sums: float) -> None:
        """Fix the ranges: of inputs, and of sums in units of input range x weight range."""
        raise NotImplementedError

    def program(self, weight: Tensor, seed: int) -> None:
        """Write weight (outputs, rows) into the cells of chip number `seed`."""
        raise NotImplementedError

    def drift(self, seconds: float) -> None:
        """Let `seconds` have passed since programming."""
        raise NotImplementedError

    def weights(self) -> Tensor:
        """(outputs, rows) the layer's weight as the cells hold it now."""
        raise NotImplementedError

    def work(self) -> Work:
        """Digital operations on the sums of all products so far."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Bring what products use in step with what the state holds."""
        raise NotImplementedError
