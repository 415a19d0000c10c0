"""The state of an array that learns in situ, as PyTorch saves it: cells, counters, generators, ranges; what it counts.

`array` is an `InSituArray` (insitu.py), which calls these.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import PULSES, ROW_WRITES, VERIFY_READS
from cimlearn.arrays.crossbar_counts import ArrayTally
from cimlearn.state import copied, load
from cimlearn.torch.library import torch

_SIGNED: dict[Any, Any] = {np.dtype(np.uint64): np.dtype(np.int64)}
_UNSIGNED: dict[Any, Any] = {np.dtype(np.int64): np.dtype(np.uint64)}


def counted(array: Any) -> tuple[ArrayTally, ArrayTally]:
    """What learning did since programming: products forward and writes; transposed reads."""
    since = array.bar.state.counts - array.start
    one, back = array.learned, array.back_tally
    pulses, reads, rows = (int(since[place]) for place in (PULSES, VERIFY_READS, ROW_WRITES))
    return (
        ArrayTally(one.vectors, int(one.active_bits), pulses, reads, rows, float(one.on)),
        ArrayTally(back.vectors, int(back.active_bits), 0, 0, 0, float(back.on)),
    )


def numbers(array: Any) -> NDArray[np.float64]:
    """(14,) all counters that aren't in the cells' state."""
    tallies = [
        value
        for one in (array.tally, array.learned, array.back_tally)
        for value in (one.vectors, int(one.active_bits), float(one.on))
    ]
    used = (array.chance.used, array.asking.used)
    return np.array([*tallies, array.updates, array.kept, *used, array.examples], np.float64)


def take_numbers(array: Any, given: NDArray[np.float64]) -> None:
    """What `numbers` gave."""
    values = given.tolist()
    for n, one in enumerate((array.tally, array.learned, array.back_tally)):
        one.vectors, one.active_bits, one.on = int(values[3 * n]), int(values[3 * n + 1]), values[3 * n + 2]
    array.updates, array.kept = int(values[9]), values[10]
    seed = array.chance.seed
    array.chance.restart(seed, int(values[11]))
    array.asking.restart(seed, int(values[12]))
    array.examples = int(values[13])


def extra_state(array: Any, base: Any) -> dict[str, Any]:
    """Cells, counters and ranges of transposed reads beside `base`: seed, generators used, whether it is programmed."""
    if array.bar is None:
        return {"base": base}
    cells = {
        f"bar.{k}": torch.from_numpy(v.view(_SIGNED.get(v.dtype, v.dtype)))
        for k, v in copied(array.bar.state).items()
    }
    return {
        "base": base,
        **cells,
        "reach": torch.from_numpy(array.back.reach.copy()),
        "start": torch.from_numpy(array.start.copy()),
        "start_writes": torch.from_numpy(np.asarray(array.start_writes).copy()),
        "numbers": torch.from_numpy(numbers(array)),
        **{f"pulse.{k}": torch.from_numpy(v.view(np.int64).copy()) for k, v in array.drawn().items()},
    }


def take_extra_state(array: Any, state: Any) -> None:
    """What `extra_state` gave; `base` was taken already."""
    if "reach" not in state:
        return
    array.fabricate()
    given = {}
    for key, value in state.items():
        if key.startswith("bar."):
            cells = value.numpy()
            given[key[4:]] = cells.view(_UNSIGNED[cells.dtype]) if key.endswith("_words") else cells
    load(array.bar.state, given)
    array.back.reach[:] = state["reach"].numpy()
    array.start, array.start_writes = state["start"].numpy().copy(), state["start_writes"].numpy().copy()
    given_numbers = state["numbers"].numpy().copy()
    given_numbers[:3] = numbers(array)[:3]  # inference since the last reset is this object's own
    take_numbers(array, given_numbers)
    if "pulse.words" in state:
        array.by_pulses()
        for key, value in array.drawn().items():
            value.view(np.int64)[:] = state[f"pulse.{key}"].numpy()
    array.forget_views()
