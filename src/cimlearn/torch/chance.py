"""Random numbers of one array: each use has a generator of its own, so a count is all there is to keep.

The same seed, name and count give the same numbers on the same kind of device (a CPU and a GPU draw differently).
"""

from __future__ import annotations

from cimlearn.random import generator
from cimlearn.torch.library import torch

_STRIDE = 0x9E3779B97F4A7C15  # odd, so that 2^64 uses have different keys
_KEYS = 1 << 63


class Chance:
    """The generators of one array."""

    def __init__(self, seed: int, name: str) -> None:
        """Belongs to `name` under `seed` (>= 0)."""
        self.name = name
        self.restart(seed)

    def restart(self, seed: int, used: int = 0) -> None:
        """Begin again, under `seed`, as if `used` generators had been asked for."""
        self.seed, self.used = seed, used
        self._first = int(generator(seed, self.name, "read", "torch").integers(_KEYS))

    def next(self, device: torch.device) -> torch.Generator:
        """The next generator, on `device`."""
        made = torch.Generator(device=device)
        made.manual_seed(self.key())
        return made

    def key(self) -> int:
        """What the next generator is made from, in 0 .. 2^63 - 1."""
        key = (self._first + self.used * _STRIDE) % _KEYS
        self.used += 1
        return key
