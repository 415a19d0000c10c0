"""Work and pieces of bit-serial sub-arrays, as whole numbers, from the layers that run on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from cimlearn.arrays.bitserial import BITS, Counts, SubArray, tiling
from cimlearn.arrays.training import Layer, Place, bias_bits, step, stored_bits
from cimlearn.parameters import ParameterSet

SRAM = SubArray(256, 256, 256)  # the unit for transposes and gradients, as large as a usual macro
MASK_BITS = 1  # kept for the way back: the mask of a ReLU
WORD_BITS = 8  # kept for the way back: an input of a trained layer


class BatchWork(NamedTuple):
    """What a batch is: its layers, and elements that are rounded or passed on."""

    layers: tuple[Layer, ...]
    kept_bits: int  # kept from the way forward for the way back
    narrowed: int  # sums rounded to int8


def batch_work(layers: Sequence[Layer], *, learning: bool) -> BatchWork:
    """A batch from its layers. Kept for the way back: 8-bit inputs of layers that learn, 1-bit masks of the others.

    An input is kept once, however many windows see each of its values. Biases need no more than the errors.
    """
    sums = sum(layer.outputs * layer.groups * layer.windows for layer in layers)
    if not learning:
        return BatchWork(tuple(layers), 0, sums)
    back = sum(layer.fan_in * layer.groups * layer.windows for layer in layers if layer.error)
    kept = sum(_kept(layer) for layer in layers if layer.error or layer.trained or layer.bias)
    return BatchWork(tuple(layers), kept, sums + back)


def _kept(layer: Layer) -> int:
    """Bits kept for one layer."""
    if not layer.trained:
        return MASK_BITS * layer.outputs * layer.groups * layer.windows
    return WORD_BITS * (layer.inputs or layer.fan_in * layer.groups * layer.windows)


def place(p: ParameterSet) -> Place:
    """Sub-arrays, and where the awkward two products are computed."""
    mram = SubArray(p["array.rows"], p["array.columns"], p["array.active"], p["array.available"])
    return Place(
        mram, SRAM._replace(available=p["array.available"]), p["array.transpose"], p["array.gradient"]
    )


@lru_cache(maxsize=256)
def _step(layers: tuple[Layer, ...], where: Place) -> dict[str, Counts]:
    """Counts of one batch by product."""
    return step(list(layers), where)


def phase_counts(
    batches: Sequence[tuple[BatchWork, int]], where: Place, *, learning: bool, examples: int
) -> dict[str, dict[str, int]]:
    """Counts of one phase: `batches` are (work of a batch, how many there were), `examples` passes in all.

    Parts 'forward', 'error', 'gradient', 'update' hold actions of `arrays.bitserial` with their unit in front
    (mram_bits_read, adders_popcounts, ...); 'time' the serial cycles of each product.
    """
    parts: dict[str, Counter[str]] = {}
    time: Counter[str] = Counter()
    narrowed = moved = 0
    products = ("forward", "error", "gradient", "update") if learning else ("forward",)
    for work, times in batches:
        counts = _step(work.layers, where)
        for product in products:
            for unit, actions in counts[product].items():
                for action, n in actions.items():
                    if unit == "time":
                        time[f"{product}_cycles"] += n * times
                    else:
                        parts.setdefault(product, Counter())[f"{unit}_{action}"] += n * times
        narrowed += work.narrowed * times
        moved += work.kept_bits * times if learning else 0
    found = {name: dict(parts.get(name, {})) for name in products}
    found["digital"] = {"narrowed": narrowed}
    found["memory"] = {"activation_bits_written": moved, "activation_bits_read": moved}
    found["time"] = dict(time) | {"examples": examples, "steps": examples}
    return found


def inventory(
    layers: Sequence[Layer], tasks: int, p: ParameterSet, memory: Mapping[str, int]
) -> dict[str, dict[str, int]]:
    """What the chip is made of: stored bits (frozen once, trained ones for each of `tasks`), sub-arrays, memories."""
    where = place(p)
    frozen = [layer for layer in layers if not layer.trained]
    owned = [layer for layer in layers if layer.trained]
    once, own = stored_bits(list(frozen), where), stored_bits(list(owned), where)
    per_task = sum(own.values()) + bias_bits(list(layers))
    bits = sum(once.values()) + tasks * per_task
    arrays = sum(tiling(layer.forward, where.mram).arrays for layer in layers)
    if p["array.transpose"] == "copy":
        arrays += sum(tiling(layer.backward, where.mram).arrays for layer in layers if layer.error)
    gradients = [tiling(layer.gradient, where.sram).arrays for layer in owned]
    side = [max(gradients, default=0)]
    working = min(arrays, p["array.available"] or arrays)
    return {
        "mram": {"bits": bits, "subarrays": arrays, "rows": p["array.rows"], "columns": p["array.columns"]},
        "sram": {
            "bits": max(side) * SRAM.rows * SRAM.columns,
            "subarrays": max(side),
            "rows": SRAM.rows,
            "columns": SRAM.columns,
        },
        "memory": dict(memory),
        "stored": {"frozen_bits": sum(once.values()), "task_bits": per_task},
        "digital": {
            "adders": working * p["array.columns"],
            "narrowers": working * p["array.columns"] // BITS,
        },
    }
