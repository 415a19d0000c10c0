"""Answers whose read noise depends on the example alone: for users who ask in any order, and twice.

Before each example the generators of read noise are seeded from a digest of its values. Over different examples the
noise is as random as ever; the same example meets the same noise whenever the same weights are asked.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import freeze
from cimlearn.chips.m2ru.side import answer, centred
from cimlearn.compiled import entry, kernel
from cimlearn.networks.miru import forward, light
from cimlearn.noise import mixed, seed_state
from cimlearn.random import kernel_state


class Noise(NamedTuple):
    """Generators of read noise, and the key that they are seeded with beside the example."""

    key: NDArray[np.uint64]  # (1,)
    hidden: NDArray[np.uint64]  # (4,) state for the hidden array
    output: NDArray[np.uint64]  # (4,) state for the output array
    circuit: NDArray[np.uint64]  # (4,) state for the K-WTA


def noise(seed: int) -> Noise:
    """Generators that belong to `seed`."""
    return Noise(kernel_state(seed, "answer", "read")[:1].copy(), *(np.zeros(4, np.uint64) for _ in range(3)))


@kernel
def digest(key, x):
    """64 bits (uint64) that depend on key (uint64) and each value of x (steps, features), in order, to 2^-30."""
    for t in range(x.shape[0]):
        for i in range(x.shape[1]):
            value = np.int64(x[t, i] * np.float32(1 << 30))
            key = mixed(key + np.uint64(value))
    return key


@entry
def shares(net, rule, work, noise, x, found):
    """found (examples, classes) = the network's answer to each of x (examples, steps, features)."""
    for n in range(x.shape[0]):
        key = digest(noise.key[0], x[n])
        seed_state(noise.hidden, key)
        seed_state(noise.output, mixed(key))
        seed_state(noise.circuit, mixed(mixed(key)))
        centred(x[n], work, 0)
        freeze(net.hidden)
        freeze(net.output)
        forward(net, work.scratch.trace, 0, 1)
        light(net, work.scratch.trace, 0)
        answer(net, rule, work, 0)
        for k in range(found.shape[1]):
            found[n, k] = work.scratch.share[0, k]
