"""One seed gives named, independent generators.

`generator(seed, "stream", "order")` is a NumPy generator for work done per task or per run.
`kernel_state(seed, "hidden", "read")` is the state of a xoshiro256++ generator for compiled loops; it is
plain data (4 words), so a checkpoint stores it as it is.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def _sequence(seed: int, names: tuple[str, ...]) -> np.random.SeedSequence:
    """The seed sequence of one name: the name's SHA-256 is its key, so that no two names share a stream."""
    digest = hashlib.sha256("/".join(names).encode()).digest()
    return np.random.SeedSequence([seed, *np.frombuffer(digest, np.uint32).tolist()])


def generator(seed: int, *names: str) -> np.random.Generator:
    """A NumPy generator that belongs to `names` under `seed` (>= 0)."""
    return np.random.Generator(np.random.PCG64(_sequence(seed, names)))


def kernel_state(seed: int, *names: str) -> NDArray[np.uint64]:
    """(4,) state of a xoshiro256++ generator that belongs to `names` under `seed` (>= 0)."""
    return _sequence(seed, names).generate_state(4, np.uint64).astype(np.uint64)
