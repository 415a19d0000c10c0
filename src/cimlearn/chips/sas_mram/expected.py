"""The ledger that SAS-MRAM is expected to have, without a run: from the sizes of its network and images alone.

Products, cycles, roundings, memory traffic, passes and what is replayed are exact. Only what updates change in the
cells depends on data: the share of trained bits in written lines, `expected.driven` for lines of 1, 2, 4 and 8 bits of
a weight. Backbones need no weights, and PyTorch is not asked.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np

from cimlearn.arrays.bitserial import BITS
from cimlearn.arrays.bitserial_counts import inventory
from cimlearn.arrays.faults import error_rate
from cimlearn.arrays.training import OPERANDS, Layer, bias_bits
from cimlearn.chips.base import Design
from cimlearn.chips.sas_mram.counts import SasMramTally, ledger, memory_bits
from cimlearn.chips.sas_mram.setup import check_exponents, check_replay, image_size
from cimlearn.devices.technology import memory_cells
from cimlearn.errors import InputError
from cimlearn.learning.reservoir import expected_stored
from cimlearn.networks.layers import layers
from cimlearn.networks.sparsity import pattern
from cimlearn.parameters import ParameterSet
from cimlearn.streams.base import StreamShape

LOOKED_AT: Final = 10**15
MEASURED: Final = (1, 2, 4, BITS)  # bits of a line for which `expected.driven` tells


def design(p: ParameterSet, shape: StreamShape, *, learned: int, predicted: int) -> Design:
    """What SAS-MRAM is, and what it is expected to do.

    Parameters
    ----------
    p
        parameters of the chip with those of the preset `expected_sas_mram` merged in
    shape
        of the stream's examples, which are images
    learned
        new images, in equal parts of `expected.tasks` tasks
    predicted
        images classified

    Raises
    ------
    InputError
        If the examples are no images, or the backbone can't take them.
    """
    size, cells = image_size(shape, p["network.side"]), memory_cells(p)
    check_replay(p)
    for name in ("faults.write_error", "faults.read_error"):
        error_rate(p, name, 0.0)
    check_exponents(p)
    normed = p["network.norm"] == "batch"
    one = layers(
        p["network.backbone"], p["network.side"], shape.classes, p["network.train"], normed, _kept(p)
    )
    networks = p["expected.tasks"] if p["network.tasks"] == "own" else 1
    done = _tally(p, _trained_bits(one), cells.trained.bits_per_write, learned, predicted)
    counted = ledger(p, one, size, shape.classes, done)
    made_of = inventory(one, networks, p, memory_bits(p, one, size, _slots(p)))
    return Design(counted, made_of, cells.as_dict(), networks * _trained_bits(one), done.driven)


def _tally(p: ParameterSet, trained: int, line: int, learned: int, predicted: int) -> SasMramTally:
    """What is done for `learned` new images and `predicted` ones: `trained` bits in lines of `line`."""
    steps, slots = _steps(p, learned), _slots(p)
    bits = sum(steps.values()) * trained
    return SasMramTally(
        steps=sorted(steps.items()),
        offered=learned if slots else 0,
        stored=expected_stored(learned, slots),
        replayed=sum(n * times for n, times in steps.items()) - learned,
        flipped=round(bits * _driven(p, 1)),
        driven=round(bits * _driven(p, line)),
        classified=predicted,
        ones=_ones(p),
    )


def _kept(p: ParameterSet) -> tuple[int, int]:
    """N and M of sparse weights; (0, 0): all are kept."""
    return pattern(p["rule.sparsity"]) or (0, 0)


def _ones(p: ParameterSet) -> dict[str, int]:
    """Shares of ones in the operands of the three products, as counts."""
    shares = p["expected.ones"]
    if len(shares) != len(OPERANDS):
        raise InputError(f"expected.ones = {list(shares)}: give six shares, {', '.join(OPERANDS)}")
    found: dict[str, int] = {}
    for name, share in zip(OPERANDS, shares, strict=True):
        found |= {f"{name}_bits": LOOKED_AT, f"{name}_ones": round(LOOKED_AT * share)}
    return found


def _driven(p: ParameterSet, line: int) -> float:
    """Share of the bits that an update drives in lines of `line` bits.

    Between the sizes that were measured along straight lines; weights in one line change independently (assumed).
    """
    shares = p["expected.driven"]
    if len(shares) != len(MEASURED):
        raise InputError(f"expected.driven = {list(shares)}: give shares for lines of 1, 2, 4 and 8 bits")
    if line > BITS:
        return float(1 - (1 - shares[-1]) ** (line / BITS))
    return float(np.interp(line, MEASURED, shares))


def _slots(p: ParameterSet) -> int:
    """Images in the replay memory; a network per task has none."""
    return p["replay.slots"] if p["network.tasks"] == "shared" and p["replay.ratio"] else 0


def _steps(p: ParameterSet, learned: int) -> Counter[int]:
    """Images of a batch -> steps of that size. The last batch of a task is smaller; the very first has no replay."""
    tasks, batch = p["expected.tasks"], p["rule.batch"]
    new: Counter[int] = Counter()
    for task in range(tasks):
        full, rest = divmod(learned // tasks + (task < learned % tasks), batch)
        new[batch] += full
        new[rest] += 1
    del new[0]
    if not _slots(p):
        return +new
    first = min(batch, -(-learned // tasks))
    steps = Counter({n * (1 + p["replay.ratio"]): times for n, times in new.items()})
    steps[first * (1 + p["replay.ratio"])] -= 1
    steps[first] += 1
    return +steps


def _trained_bits(one: tuple[Layer, ...]) -> int:
    """Cells of one network that updates write, without transposed copies, which see the same writes."""
    weights = sum(layer.stored_rows * layer.outputs * layer.groups * BITS for layer in one if layer.trained)
    return weights + bias_bits(list(one))
