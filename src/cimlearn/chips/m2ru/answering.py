"""Answers: of tests, in the order in which they are asked, or with read noise that depends on the example alone.

The second kind is for users who ask in any order, and twice. Before each example the generators of read noise are
seeded from a digest of its values. Over different examples the noise is as random as ever; the same example meets the
same noise whenever the same weights are asked.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import freeze
from cimlearn.chips.m2ru.loop import SHARE
from cimlearn.chips.m2ru.parts import FORWARD, NONE, share_out
from cimlearn.chips.m2ru.side import answer, centred, is_linear
from cimlearn.compiled import kernel
from cimlearn.networks.miru import begin, light
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


@kernel
def seed(noise, x):
    """The read noise that follows depends on x (steps, features) alone."""
    key = digest(noise.key[0], x)
    seed_state(noise.hidden, key)
    seed_state(noise.output, mixed(key))
    seed_state(noise.circuit, mixed(mixed(key)))


@kernel
def answer_all(net, rule, work, noise, asked):
    """Answer what is asked for: the largest output of each example, and the outputs or shares where numbers hold them.

    Examples run side by side, but those whose noise is their own run alone.
    """
    x, numbers, scratch = asked.x, asked.numbers, work.scratch
    out, first, shares = scratch.trace.out, 0, asked.what == SHARE
    most = 1 if shares or rule.alone else out.shape[0]
    linear = is_linear(rule, work.recursive.inverse)
    while first < x.shape[0]:
        count = min(most, x.shape[0] - first)
        for v in range(count):
            centred(x[first + v], work.state.offset, scratch.trace.x[v])
        if shares:
            seed(noise, x[first])
        freeze(net.hidden)
        freeze(net.output)
        begin(net, scratch.trace, NONE, count)
        share_out(net, rule, work, FORWARD, NONE, count, NONE)
        for v in range(count):
            light(net, scratch.trace.scratch, v)
            told = out[v]
            if shares:
                answer(rule.circuit, linear, out[v], scratch.share[v])
                told = scratch.share[v]
            for k in range(numbers.shape[1]):
                numbers[first + v, k] = told[k]
            asked.y[first + v] = largest(out[v])
        first += count


@kernel
def largest(values):
    """The place of the largest of values (n,); the first of them where some are equal."""
    best = 0
    for k in range(values.size):
        if values[k] > values[best]:
            best = k
    return best
