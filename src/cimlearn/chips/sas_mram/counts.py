"""What SAS-MRAM did, as whole-number counts: matrix products of each batch, laid out on bit-serial sub-arrays.

Everything follows from the layers of one image and a few tallies. A run tallies what it did; `expected.py` beside
this file fills the same tallies without one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cimlearn.arrays.bitserial_counts import (
    WORD_BITS,
    batch_work,
    beside,
    learning_state,
    learning_weights,
    phase_counts,
    place,
    sum_bits,
)
from cimlearn.arrays.training import Layer
from cimlearn.ledger import Ledger
from cimlearn.networks.layers import scaled
from cimlearn.parameters import ParameterSet

LABEL_BITS = 8  # of a stored example


class SasMramTally(NamedTuple):
    """What the chip did, beside what follows from sizes."""

    steps: Sequence[tuple[int, int]]  # (examples of a batch, steps of that size)
    offered: int  # to the replay memory
    stored: int
    replayed: int
    flipped: int  # stored bits that updates changed
    driven: int  # bits of lines that were written
    classified: int
    ones: Mapping[str, int]  # of operands: how many bits were looked at and how many of them are 1


def ledger(
    p: ParameterSet, one: Sequence[Layer], size: tuple[int, ...], classes: int, done: SasMramTally
) -> Ledger:
    """The ledger of what was `done` on images of `size` by a network whose layers for one image are `one`."""
    where, learned = place(p, one), sum(n * times for n, times in done.steps)
    if p["network.refold"]:
        one = [layer._replace(folded=layer.norm) for layer in one]
    batches = [(batch_work(scaled(one, n), learning=True), times) for n, times in done.steps]
    held = holds_sums(p)
    learn = phase_counts(batches, where, learning=True, examples=learned, features=True, held=held)
    learn["memory"]["loaded_bits"] = sum(n * times for n, times in done.steps) * math.prod(size) * WORD_BITS
    updates = sum(times for _, times in done.steps)
    for name, bits in beside(p).items():
        learn["memory"][f"{name}_bits"] = 2 * bits * learning_weights(one) * updates  # read and written
    if p["rule.residue"]:
        learn["digital"]["residue_add"] = learning_weights(one) * updates
    learn["operands"] = dict(done.ones)
    learn["digital"]["softmax"] = learned * classes
    bits = example_bits(size)
    learn["buffer"] = {
        "offered": done.offered,
        "stored": done.stored,
        "replayed": done.replayed,
        "bits_written": done.stored * bits,
        "bits_read": done.replayed * bits,
    }
    learn["cells"] = {"bits_flipped": done.flipped, "bits_driven": done.driven}
    seen = done.classified
    images = [(batch_work(one, learning=False), seen)] if seen else []
    predict = phase_counts(images, where, learning=False, examples=seen, features=True, held=held)
    predict["memory"]["loaded_bits"] = seen * math.prod(size) * WORD_BITS
    predict["operands"] = {key: n for key, n in done.ones.items() if key.startswith("forward")}
    return Ledger({"learn": learn, "predict": predict}, {})


def example_bits(size: tuple[int, ...]) -> int:
    """Bits of a stored image of `size` (side, side, channels) and its label."""
    return math.prod(size) * WORD_BITS + LABEL_BITS


def memory_bits(p: ParameterSet, one: Sequence[Layer], size: tuple[int, ...], slots: int) -> dict[str, int]:
    """Bits of each memory that learning needs beside the weights; `one` are the layers of one image.

    Activations: the map that a layer reads and, until its exponent is known, the sums that it makes; a fixed exponent
    (network.static) leaves 8 bits of them.
    """
    work = batch_work(scaled(one, p["rule.batch"]), learning=True)
    held = holds_sums(p)
    largest = max(
        layer.windows
        * layer.groups
        * layer.outputs
        * (WORD_BITS + (sum_bits(layer.fan_in) if held else WORD_BITS))
        for layer in work.layers
    )
    found = {"replay": slots * example_bits(size), "kept": work.kept_bits, "activations": largest}
    state = learning_state(one, p)
    return found | ({"state": state} if state else {})


def holds_sums(p: ParameterSet) -> bool:
    """Whether sums wait for the exponent that the largest decides; a norm of the batch itself needs them twice."""
    own = p["network.norm"] == "batch" and not p["network.refold"]
    return own or not (p["network.static"] or p["network.exponents"] == "last")
