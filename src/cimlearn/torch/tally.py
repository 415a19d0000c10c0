"""What one array did, counted where it happens and without waiting for a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cimlearn.torch.library import torch


@dataclass
class Tally:
    """Counts since the last reset."""

    vectors: int = 0  # input vectors driven
    active_bits: Any = 0  # input bits that were 1: an int, or a tensor () where it was counted
    on: Any = 0.0  # conductance that they switched on [S]
    pulses: int = 0  # write pulses of the last programming
    verify_reads: int = 0  # its single-cell reads

    def drive(self, ones: torch.Tensor, row_on: torch.Tensor) -> None:
        """Count vectors by the bits that were 1 in each input, ones (vectors, inputs); row_on (inputs,) [S]."""
        self.vectors += len(ones)
        bits = ones.sum(0, dtype=torch.float64)
        self.active_bits = _sum(self.active_bits, bits.sum())
        self.on = _sum(self.on, bits @ row_on.double())

    def drove(self, vectors: int, counts: tuple[int, float]) -> None:
        """Count `vectors`, their bits that were 1 and the conductance that these switched on [S]."""
        self.vectors += vectors
        self.active_bits = self.active_bits + counts[0]
        self.on = self.on + counts[1]

    def clear(self) -> None:
        """Forget the products; the programming stays."""
        self.vectors, self.active_bits, self.on = 0, 0, 0.0


def _sum(before: Any, more: torch.Tensor) -> torch.Tensor:
    """before + more (), where the model is now: it may have been moved since."""
    return more + (before.to(more.device) if isinstance(before, torch.Tensor) else before)
