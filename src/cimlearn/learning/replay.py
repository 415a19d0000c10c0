"""Reservoir replay: a fixed memory in which every example seen so far is equally likely to be.

Vitter's algorithm R: the n-th example takes slot j ~ U{1..n} if j <= M. Examples are kept in b bits per value.
Random numbers come from a seeded generator or from a 32-bit linear-feedback shift register, as on a chip. A number
below n is floor(v n / 2^32) of 32 fresh bits v: over the register's whole period, in which every v but 0 comes once,
no number is rarer than another by more than n / 2^32. (A register of 16 bits has 65,535 different draws, which one
stored image takes 784 of: its sequence returns before the reservoir has seen a stream.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.compiled import entry, kernel
from cimlearn.noise import next_word
from cimlearn.quantize import KINDS, quantise, steps
from cimlearn.random import kernel_state


class BufferState(NamedTuple):
    """All of the memory that changes; every field is saved with a run."""

    codes: NDArray[np.int16]  # (slots, steps, features) quantised inputs
    labels: NDArray[np.int64]  # (slots,)
    share: NDArray[np.float32]  # (slots, classes) what the network answered when the example was stored
    seen: NDArray[np.int64]  # (1,) examples offered so far
    stored: NDArray[np.int64]  # (1,) examples written so far
    words: NDArray[np.uint64]  # (4,) xoshiro256++ state
    register: NDArray[np.uint32]  # (1,) LFSR state; 0 = the generator is used


class Buffer(NamedTuple):
    """The replay memory."""

    steps: float  # quantisation steps between 0 and 1
    share_steps: float  # the same for `share`
    kind: int  # quantize.TRUNCATE, NEAREST or STOCHASTIC
    state: BufferState


def buffer(
    slots: int,
    shape: tuple[int, int],
    classes: int,
    *,
    bits: int,
    share_bits: int,
    kind: str,
    signed: bool,
    lfsr: bool,
    seed: int,
) -> Buffer:
    """An empty memory of `slots` examples of `shape` (steps, features)."""
    words = kernel_state(seed, "replay")
    register = int(words[0] & np.uint64(0xFFFFFFFF)) or 0xACE1
    state = BufferState(
        np.zeros((slots, *shape), np.int16),
        np.zeros(slots, np.int64),
        np.zeros((slots, classes), np.float32),
        np.zeros(1, np.int64),
        np.zeros(1, np.int64),
        words,
        np.full(1, register if lfsr else 0, np.uint32),
    )
    share_steps = float(steps(share_bits, signed=False)) if share_bits else 0.0
    return Buffer(float(steps(bits, signed=signed)), share_steps, KINDS[kind], state)


@kernel
def as_share(value):
    """What stands in `share` for a number, cut to -1 .. 1."""
    return (min(max(value, np.float32(-1)), np.float32(1)) + np.float32(1)) * np.float32(0.5)


def as_shares(y: NDArray[np.float32]) -> NDArray[np.float32]:
    """(examples, outputs) what stands in `share` for numbers y (examples, outputs), cut to -1 .. 1."""
    return (np.clip(y, -1, 1) + np.float32(1)) * np.float32(0.5)


def told(memory: Buffer, slots: NDArray[np.int64]) -> NDArray[np.float32]:
    """(examples, outputs) the numbers of stored examples, in the bits of `share`."""
    return memory.state.share[slots] * np.float32(2.0 / memory.share_steps) - np.float32(1)


@kernel
def lfsr_step(register):
    """The next state of the 16-bit register with taps 16, 14, 13, 11 (period 65,535), for the signs of probes."""
    bit = (register ^ (register >> 2) ^ (register >> 3) ^ (register >> 5)) & 1
    return (register >> 1) | (bit << 15)


@kernel
def wide_step(register):
    """The next state of the 32-bit register with taps 32, 22, 2, 1 (period 2^32 - 1)."""
    bit = (register ^ (register >> 10) ^ (register >> 30) ^ (register >> 31)) & 1
    return (register >> 1) | (bit << 31)


@kernel
def random_bits(memory):
    """32 random bits as int64, from the register (32 shifts, so no bit comes twice) or the generator."""
    if memory.state.register[0] == 0:
        return np.int64(next_word(memory.state.words) >> np.uint64(32))
    register = np.int64(memory.state.register[0])
    value = np.int64(0)
    for _ in range(32):
        register = wide_step(register)
        value = (value << 1) | (register & 1)
    memory.state.register[0] = np.uint32(register)
    return value


@kernel
def random_below(memory, n):
    """A whole number in 0 .. n-1, n < 2^31."""
    return (random_bits(memory) * n) >> 32


@kernel
def store(memory, x, label):
    """Offer the example x (steps, features) in [-1, 1] to the reservoir; answers its slot, -1 if it gets none."""
    slots = memory.state.labels.size
    memory.state.seen[0] += 1
    slot = memory.state.seen[0] - 1
    if slot >= slots:
        slot = random_below(memory, memory.state.seen[0])
        if slot >= slots:
            return -1
    memory.state.stored[0] += 1
    memory.state.labels[slot] = label
    for t in range(x.shape[0]):
        for i in range(x.shape[1]):
            draw = np.float32(random_bits(memory)) * np.float32(2.0**-32)
            draw = min(draw, np.float32(1 - 2.0**-24))
            memory.state.codes[slot, t, i] = quantise(x[t, i], memory.steps, memory.kind, draw)
    return slot


@kernel
def note(memory, slot, share):
    """The network answered share (classes,) when the example in `slot` was stored."""
    for k in range(share.size):
        memory.state.share[slot, k] = np.floor(share[k] * memory.share_steps + np.float32(0.5))


@kernel
def recall(memory, x):
    """Put a random stored example in x (steps, features); answers its slot."""
    slots = memory.state.labels.size
    slot = random_below(memory, min(memory.state.seen[0], slots))
    scale = np.float32(1.0 / memory.steps)
    for t in range(x.shape[0]):
        for i in range(x.shape[1]):
            x[t, i] = memory.state.codes[slot, t, i] * scale
    return slot


@entry
def store_all(memory, x, labels, share):
    """Offer x (examples, steps, features), labels (examples,), share (examples, classes) in order."""
    for n in range(x.shape[0]):
        slot = store(memory, x[n], labels[n])
        if slot >= 0:
            note(memory, slot, share[n])


@entry
def recall_many(memory, slots, x):
    """Put a random stored example in each of x (examples, steps, features), its slot in slots (examples,)."""
    for n in range(x.shape[0]):
        slots[n] = recall(memory, x[n])
