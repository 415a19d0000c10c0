"""Ranges from a sample: how large the inputs of an array and the sums of its tiles get.

Both decide hardware: the input range is what the largest code of a streamed input stands for, the range of sums sizes
the integrators' capacitor and the converter's step.
"""

from __future__ import annotations

from cimlearn.errors import InputError
from cimlearn.torch.library import torch

Tensor = torch.Tensor
MANY = 1 << 20  # values of which a share is looked for; more are thinned evenly


class Recorder:
    """The largest magnitudes seen; of each call the smallest number that `share` of the values don't exceed."""

    def __init__(self, name: str, inputs: float, sums: float) -> None:
        """For the array called `name`, with the shares to keep of inputs and of sums."""
        self.name, self._inputs, self._sums = name, inputs, sums
        self.input, self.sum, self.calls, self.vectors = 0.0, 0.0, 0, 0
        self.derived = (
            False  # whether inputs depend on weights that learn (seen where gradients are followed)
        )

    def saw(self, x: Tensor, sums: Tensor) -> None:
        """Inputs x (...), and sums (...) of tiles in units of input x largest weight.

        Raises
        ------
        InputError
            If one of them is not a number, or infinite.
        """
        self.calls, self.vectors = self.calls + 1, self.vectors + len(x)
        self.derived = self.derived or x.requires_grad
        found = (_share(x, self._inputs), _share(sums, self._sums))
        if not all(torch.isfinite(one) for one in found):
            raise InputError(
                f"the sample gives {self.name} values that are not finite; check the sample and the model's weights"
            )
        self.input, self.sum = max(self.input, float(found[0])), max(self.sum, float(found[1]))

    @property
    def ranges(self) -> tuple[float, float]:
        """(range of inputs, range of sums in units of that); 1 where all was 0."""
        largest = self.input or 1.0
        return largest, self.sum / largest or 1.0


def _share(values: Tensor, share: float) -> Tensor:
    """The magnitude that `share` of values (...) don't exceed."""
    size = values.detach().abs().reshape(-1)
    if not size.numel():
        return size.new_zeros(())
    if share == 1:
        return size.amax()
    return torch.quantile(size[:: -(-len(size) // MANY)], share)
