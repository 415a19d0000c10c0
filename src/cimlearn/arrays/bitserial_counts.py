"""Work and pieces of bit-serial sub-arrays, as whole numbers, from the layers that run on them."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from cimlearn.arrays.bitserial import BITS, Counts, SubArray, tiling
from cimlearn.arrays.training import STATISTICS_BITS, Layer, Place, bias_bits, norm_work, step, stored_bits
from cimlearn.parameters import ParameterSet

SRAM = SubArray(256, 256, 256)  # the unit for transposes and gradients, as large as a usual macro
MASK_BITS = 1  # kept for the way back: the mask of a ReLU
VELOCITY_BITS = 16  # of a weight that learns with momentum
WORD_BITS = 8  # kept for the way back: an input of a trained layer


class BatchWork(NamedTuple):
    """What a batch is: its layers, and elements that are rounded or passed on."""

    layers: tuple[Layer, ...]
    kept_bits: int  # kept from the way forward for the way back
    narrowed: int  # sums rounded to int8
    read: int = 0  # values that layers read, each once: inputs forward, errors back
    sum_bits: int = 0  # of all sums that are rounded, each as wide as its layer needs


def batch_work(layers: Sequence[Layer], *, learning: bool) -> BatchWork:
    """A batch from its layers. Kept for the way back: 8-bit inputs of layers that learn, 1-bit masks of the others.

    An input is kept once, however many windows see each of its values. Biases need no more than the errors.
    """
    sums = sum(layer.outputs * layer.groups * layer.windows for layer in layers)
    wide = sum(layer.outputs * layer.groups * layer.windows * sum_bits(layer.fan_in) for layer in layers)
    read = sum(_inputs(layer) for layer in layers)
    if not learning:
        return BatchWork(tuple(layers), 0, sums, read, wide)
    errors = [layer for layer in layers if layer.error]
    back = sum(layer.fan_in * layer.groups * layer.windows for layer in errors)
    kept = sum(_kept(layer) for layer in layers if layer.error or layer.trained or layer.bias)
    read += sum(layer.outputs * layer.groups * layer.windows for layer in errors)
    wide += sum(_inputs(layer) * sum_bits(layer.fan_in * layer.outputs) for layer in errors)
    return BatchWork(tuple(layers), kept, sums + back, read, wide)


def sum_bits(terms: int) -> int:
    """Bits that a sum of `terms` products of int8 numbers needs: 16 + ceil(log2 terms)."""
    return 2 * BITS + (terms - 1).bit_length()


def _inputs(layer: Layer) -> int:
    """Values of a layer's input over the batch."""
    return layer.inputs or layer.fan_in * layer.groups * layer.windows


def _kept(layer: Layer) -> int:
    """Bits kept for one layer."""
    if not layer.trained:
        return MASK_BITS * layer.outputs * layer.groups * layer.windows
    normed = WORD_BITS * layer.outputs * layer.groups * layer.windows if layer.norm else 0
    return WORD_BITS * _inputs(layer) + normed


def place(p: ParameterSet, layers: Sequence[Layer] = ()) -> Place:
    """Sub-arrays, and where the awkward two products are computed.

    Where `array.available` is 0, as many sub-arrays work as the largest of `layers` needs, of the SRAM unit too.
    """
    mram = SubArray(p["array.rows"], p["array.columns"], p["array.active"], p["array.available"])
    made = Place(
        mram,
        SRAM._replace(available=p["array.available"]),
        p["array.transpose"],
        p["array.gradient"],
        hybrid_memory(p),
        "cell.learning" in p and p["cell.learning"] != "sram",
    )
    if not layers or p["array.available"]:
        return made
    most = largest_layer(layers, made)
    return made._replace(mram=mram._replace(available=most), sram=SRAM._replace(available=most))


def hybrid_memory(p: ParameterSet) -> bool:
    """Whether weights that learn and weights that don't are in different memories."""
    if "cell.frozen" not in p:
        return False
    frozen, trained = (
        p["cell.technology"] if p[f"cell.{group}"] == "same" else p[f"cell.{group}"]
        for group in ("frozen", "trained")
    )
    return bool(frozen != trained)


def largest_layer(layers: Sequence[Layer], where: Place) -> int:
    """Sub-arrays that hold the weights of the largest layer, or their transposed copy."""
    most = max(tiling(layer.forward, where.mram).arrays for layer in layers)
    if where.transpose != "copy":
        return most
    return max(most, *(tiling(layer.backward, where.mram).arrays for layer in layers if layer.error), 0)


@lru_cache(maxsize=256)
def _step(layers: tuple[Layer, ...], where: Place) -> dict[str, Counts]:
    """Counts of one batch by product."""
    return step(list(layers), where)


def phase_counts(
    batches: Sequence[tuple[BatchWork, int]],
    where: Place,
    *,
    learning: bool,
    examples: int,
    features: bool = False,
    held: bool = False,
) -> dict[str, dict[str, int]]:
    """Counts of one phase: `batches` are (work of a batch, how many there were), `examples` passes in all.

    Parts 'forward', 'error', 'gradient', 'update' hold actions of `arrays.bitserial` with their unit in front
    (mram_bits_read, adders_popcounts, ...); 'time' the serial cycles of each product. With `features`, 'memory' has the
    feature maps that layers read and write (feature_bits_...), and the sums that are held until the largest of a batch
    is known, if they are (`held`: sum_bits_...).
    """
    parts: dict[str, Counter[str]] = {}
    time: Counter[str] = Counter()
    narrowed = moved = read = wide = 0
    products = ("forward", "error", "gradient", "update") if learning else ("forward",)
    for work, times in batches:
        counts = _step(work.layers, where)
        for product in products:
            for unit, actions in counts[product].items():
                for action, n in actions.items():
                    if unit in ("time", "operands"):
                        time[f"{product if unit == 'time' else 'operand'}_cycles"] += n * times
                    else:
                        parts.setdefault(product, Counter())[f"{unit}_{action}"] += n * times
        narrowed += work.narrowed * times
        moved += work.kept_bits * times if learning else 0
        read, wide = read + work.read * times, wide + work.sum_bits * times
    found = {name: dict(parts.get(name, {})) for name in products}
    found["digital"] = {"narrowed": narrowed} | _norms(batches, learning=learning)
    found["memory"] = {"activation_bits_written": moved, "activation_bits_read": moved}
    if features:
        wide = wide if held else 0
        found["memory"] |= {
            "feature_bits_read": WORD_BITS * read,
            "feature_bits_written": WORD_BITS * narrowed,
        }
        found["memory"] |= {"sum_bits_read": wide, "sum_bits_written": wide}
    found["time"] = dict(time) | {"examples": examples, "steps": examples}
    return found


def _norms(batches: Sequence[tuple[BatchWork, int]], *, learning: bool) -> dict[str, int]:
    """The work of norms, where there are any."""
    total: Counter[str] = Counter()
    for work, times in batches:
        for layer in work.layers:
            for action, n in norm_work(layer, learning=learning).get("norm", {}).items():
                total[f"norm_{action}"] += n * times
    return dict(total)


def inventory(
    layers: Sequence[Layer], tasks: int, p: ParameterSet, memory: Mapping[str, int]
) -> dict[str, dict[str, int]]:
    """What the chip is made of: stored bits (frozen once, trained ones for each of `tasks`), sub-arrays, memories."""
    where = place(p, layers)
    frozen = [layer for layer in layers if not layer.trained]
    owned = [layer for layer in layers if layer.trained]
    once, own = stored_bits(list(frozen), where), stored_bits(list(owned), where)
    per_task = sum(own.values()) + bias_bits(list(layers))
    bits = sum(once.values()) + tasks * per_task
    held = [_arrays(group, where) for group in (frozen, owned)]
    arrays = sum(held)
    gradients = [tiling(layer.gradient, where.sram).arrays for layer in owned]
    side = [max(gradients, default=0)]
    working = min(arrays, where.mram.available)
    _warn_of_idle(working, largest_layer(layers, where))
    size = {"rows": p["array.rows"], "columns": p["array.columns"]}
    groups = {"mram": {"bits": bits, "subarrays": arrays, **size}}
    if where.hybrid:
        groups = {
            "mram": {"bits": tasks * per_task, "subarrays": held[1], **size},
            "frozen": {"bits": sum(once.values()), "subarrays": held[0], **size},
        }
    return {
        **groups,
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
            "forward_bits": sum_bits(max(layer.fan_in for layer in layers)),
            "error_bits": sum_bits(max(layer.outputs for layer in layers)),
            "gradient_bits": sum_bits(max([layer.windows for layer in owned], default=1) * _batch(p)),
            **(
                {"norm_units": working * p["array.columns"] // BITS}
                if any(one.norm for one in layers)
                else {}
            ),
        },
    }


def _arrays(layers: Sequence[Layer], where: Place) -> int:
    """Sub-arrays that hold the weights of `layers` and their transposed copies."""
    found = sum(tiling(layer.forward, where.mram).arrays for layer in layers)
    if where.transpose == "copy":
        found += sum(tiling(layer.backward, where.mram).arrays for layer in layers if layer.error)
    return found


def learning_state(layers: Sequence[Layer], p: ParameterSet) -> int:
    """Bits of SRAM that a task's learning needs beside its weights: running statistics, velocities, residues."""
    normed = sum(STATISTICS_BITS * layer.outputs * layer.groups for layer in layers if layer.norm)
    if normed and p["network.refold"]:
        normed *= 2  # those of the last folding, and the running ones
    return normed + sum(beside(p).values()) * learning_weights(layers)


def beside(p: ParameterSet) -> dict[str, int]:
    """Bits that updates keep beside each weight that learns: a velocity, a residue with its sign."""
    bits = {"velocity": VELOCITY_BITS if p["rule.momentum"] else 0}
    bits["residue"] = p["rule.residue"] + 1 if p["rule.residue"] else 0
    return {name: n for name, n in bits.items() if n}


def learning_weights(layers: Sequence[Layer]) -> int:
    """Weights that learn."""
    return sum(layer.fan_in * layer.outputs * layer.groups for layer in layers if layer.trained)


def _batch(p: ParameterSet) -> int:
    """Images of a batch, where the chip learns."""
    return int(p["rule.batch"]) if "rule.batch" in p else 1


def _warn_of_idle(working: int, needed: int) -> None:
    """Say so where more than half of the sub-arrays that could work never do."""
    if working > 2 * needed:
        warnings.warn(
            f"array.available = {working}: the largest layer needs {needed} sub-arrays, so more than half of them "
            "stand idle and take area; set array.available=0 for as many as it needs",
            stacklevel=2,
        )
