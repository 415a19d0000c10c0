"""What learning on bit-serial arrays did: counts in SAS-MRAM's words, memories and wear, as prices see them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from cimlearn.arrays.bitserial_counts import BatchWork, batch_work, phase_counts, place
from cimlearn.arrays.training import Layer
from cimlearn.costs.lifetime import Rates
from cimlearn.parameters import ParameterSet
from cimlearn.torch.array import Array
from cimlearn.torch.insitu_bits import InSituBits


def layer(array: InSituBits, vectors: int) -> Layer:
    """An array's products in an update of so many vectors; an input counts once for each window that sees it."""
    layout = array.layout
    back = array.back_vectors > 0
    return Layer(array.name, layout.rows, layout.columns, vectors, layout.groups, array.updates > 0, back)


def learners(held: Sequence[Array]) -> list[InSituBits]:
    """The arrays that took part in learning."""
    return [array for array in held if isinstance(array, InSituBits) and array.forward_vectors]


def learned(held: Sequence[Array], p: ParameterSet) -> dict[str, dict[str, int]] | None:
    """Counts of the phase 'learn'; None where nothing was learned.

    The error, the gradient and the update of each step are counted as SAS-MRAM's (arrays/training.py): where the
    transpose and the gradient are computed is said by `array.transpose` and `array.gradient`. Frozen layers go forward
    and back only. Passes that no update followed are counted forward.
    """
    mine = learners(held)
    examples = max((array.examples for array in mine), default=0)
    if not examples or not any(array.updates for array in mine):
        return None
    batches: list[tuple[BatchWork, int]] = []
    rest: list[tuple[BatchWork, int]] = []
    for array in mine:
        done = sum(vectors * times for vectors, times in array.steps.items())
        batches += [
            (batch_work([layer(array, n)], learning=True), times) for n, times in sorted(array.steps.items())
        ]
        back = max(0, array.back_vectors - done)  # of frozen layers: forward and back, no gradient
        if back:
            batches.append((batch_work([layer(array, back)._replace(trained=False)], learning=True), 1))
        if (left := array.forward_vectors - done - back) > 0:
            once = layer(array, left)._replace(trained=False, error=False)
            rest.append((batch_work([once], learning=False), 1))
    found = phase_counts(batches, place(p), learning=True, examples=examples)
    more = phase_counts(rest, place(p), learning=False, examples=0)
    for part in ("forward", "digital", "time"):
        total = Counter(found[part])
        total.update({k: n for k, n in more[part].items() if k not in ("examples", "steps")})
        found[part] = dict(total)
    found["cells"] = {
        "bits_flipped": sum(array.flipped for array in mine),
        "bits_driven": sum(array.lines.driven() for array in mine if array.lines is not None),
    }
    found["time"]["digital_cycles"] = 0
    return found


def rates(held: Sequence[Array]) -> Rates | None:
    """How often cells were written for each example learned; None where nothing was."""
    groups: list[tuple[float, float]] = []
    for array in learners(held):
        if array.updates:
            writes, cells = np.unique(array.writes(), return_counts=True)
            groups += zip((writes / array.examples).tolist(), cells.astype(float).tolist(), strict=True)
    return Rates(tuple(groups)) if groups else None


def memory(held: Sequence[Array]) -> dict[str, Any]:
    """Bits that learning keeps from the way forward for the way back, in the largest step."""
    kept = [
        batch_work([layer(array, max(array.steps))], learning=True).kept_bits
        for array in learners(held)
        if array.updates
    ]
    return {"kept": sum(kept)} if kept else {}
