"""What a model on arrays did, as whole-number counts, in the same words as M2RU's and SAS-MRAM's (docs/records.md).

Arrays are called by their weights: 'conv1.weight', 'rnn.weight_hh_l0'. The phase 'predict' holds inference in `eval`
mode since the last `reset`; 'learn' what a model did that learned in situ since it was programmed; 'program' the writes
of the last programming. Layers work one after the other; an input
array and a recurrent one of the same layer work side by side.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from cimlearn.arrays.bitserial_counts import batch_work, phase_counts, place
from cimlearn.arrays.crossbar_counts import ArraySize, ArrayTally, array_counts, array_size
from cimlearn.arrays.training import Layer
from cimlearn.costs.crossbar.layers import BACK
from cimlearn.learning.parallel import COLUMNS, DRAWN, ROWS, SLOTS
from cimlearn.ledger import Ledger
from cimlearn.torch import bits_learned, convert
from cimlearn.torch.array import Array
from cimlearn.torch.chip import Conversion, conversion
from cimlearn.torch.crossbar import CrossbarArray
from cimlearn.torch.insitu import InSituArray
from cimlearn.torch.library import nn

Counts = dict[str, int]
ACTIVATIONS = "activations"


def ledger(model: nn.Module) -> Ledger:
    """Everything counted since the last reset, and the last programming."""
    carried = conversion(model)
    return analog(model, carried) if carried.hardware.kind == "crossbar" else bits(model, carried)


def digital(model: nn.Module, carried: Conversion) -> Counts:
    """Digital operations: of the arrays' sums, of gates, and outside of layers (as the sample lets expect)."""
    total: Counter[str] = Counter()
    for array, _ in convert.arrays(model):
        total.update(array.work())
    for _, layer in convert.layers(model):
        total.update(layer.work())
    for action, count in carried.work.items():
        total[action] += round(count * carried.examples / carried.sampled)
    return {action: count for action, count in total.items() if count}


def size(array: CrossbarArray) -> ArraySize:
    """A crossbar's size; groups are matrices on tiles of their own, one above the other."""
    layout = array.layout
    one = array_size(array.p, layout.inputs, layout.columns)
    tiles = layout.groups * layout.tiles
    return one._replace(row_tiles=tiles, converters=one.converters // one.row_tiles * tiles)


def worked(array: CrossbarArray, one: ArrayTally) -> Counts:
    """Counts of a crossbar from what was tallied; where an index drives one row, one tile reads it."""
    whole = size(array)
    return array_counts(whole._replace(rows=1, row_tiles=1) if array.by_row else whole, one)


def moved(model: nn.Module, bits_each: int) -> Counts:
    """Bits of the activation memory: every vector is read from it, every output written to it."""
    read = written = 0
    for array, _ in convert.arrays(model):
        read += array.tally.vectors * array.layout.groups * array.fan_in * bits_each
        written += array.tally.vectors * array.layout.outputs * bits_each
    return {"bits_written": written, "bits_read": read}


def tally(array: Array) -> ArrayTally:
    """What one array was driven with."""
    one = array.tally
    return ArrayTally(one.vectors, int(one.active_bits), 0, 0, 0, float(one.on))


def analog(model: nn.Module, carried: Conversion) -> Ledger:
    """The ledger of crossbars."""
    p = carried.hardware.parameters
    parts: dict[str, dict[str, Any]] = {}
    programmed: dict[str, dict[str, Any]] = {}
    on = {}
    time: Counter[str] = Counter()
    for _, layer in convert.layers(model):
        held = layer.held()
        for name, (array, _) in held.items():
            assert isinstance(array, CrossbarArray)
            one, sized = tally(array), size(array)
            parts[array.name] = worked(array, one)
            on[array.name] = one.on
            if array.tally.pulses:
                programmed[array.name] = {
                    "writes": array.tally.pulses,
                    "verify_reads": array.tally.verify_reads,
                }
            if "weight_ih" not in name:  # the input array works beside the recurrent one
                time["stream_cycles"] += one.vectors * sized.cycles
                time["convert_cycles"] += one.vectors * sized.convert_cycles
    work = digital(model, carried)
    lanes = p["digital.lanes"]
    operations = sum(work.get(action, 0) for action in ("multiply_add", "add", "tile_add"))
    done = carried.examples
    time["state_cycles"] = done * -(-operations // (lanes * done)) if done else 0
    time["examples"] = time["steps"] = done
    predict = {**parts, "digital": work, ACTIVATIONS: moved(model, p["activation.bits"]), "time": dict(time)}
    counts = {"predict": predict, "program": programmed}
    if examples_learned(model) and (found := learning(model, carried)):
        counts["learn"], learned_on = found
        return Ledger(counts, {"predict": on, "learn": learned_on})
    return Ledger(counts, {"predict": on})


def examples_learned(model: nn.Module) -> int:
    """Examples that a model learned in situ since the last programming."""
    return max((a.examples for a, _ in convert.arrays(model) if isinstance(a, InSituArray)), default=0)


def learning(
    model: nn.Module, carried: Conversion
) -> tuple[dict[str, dict[str, Any]], dict[str, float]] | None:
    """Counts of the phase 'learn' and the conductance switched on, of arrays that learned in situ; None: none did.

    Products go forward as in inference, back by transposed reads (rows and columns change places), and gradients are
    multiply-adds of the digital part, added up in a memory of one number for each weight. An update scales all
    changes, and compares them where only the largest are written.
    """
    p, examples = carried.hardware.parameters, examples_learned(model)
    held = [array for array, _ in convert.arrays(model) if isinstance(array, InSituArray)]
    if not any(array.updates for array in held):
        return None
    parts: dict[str, dict[str, Any]] = {}
    on: dict[str, float] = {}
    time: Counter[str] = Counter()
    work: Counter[str] = Counter()
    moves: Counter[str] = Counter()
    traced = 0
    for array in held:
        sized, (forward, back) = size(array), array.counted()
        if not forward.vectors:
            continue
        parts[array.name], on[array.name] = worked(array, forward), forward.on
        if back.vectors:
            parts[array.name + BACK] = array_counts(turned(array), back)
            on[array.name + BACK] = back.on
        time["stream_cycles"] += (forward.vectors + back.vectors) * sized.cycles
        time["convert_cycles"] += forward.vectors * sized.convert_cycles
        time["convert_cycles"] += back.vectors * turned(array).convert_cycles
        time["update_row_cycles"] += forward.row_writes
        time["updates"] = max(time["updates"], array.updates)
        work["multiply_add"] += forward.vectors * array.layout.outputs + back.vectors * array.layout.inputs
        if not array.updates:  # frozen
            continue
        terms, changed = (
            forward.vectors * array.layout.outputs * array.fan_in,
            changes(array, forward.vectors),
        )
        kept = array.layout.groups * array.fan_in + array.layout.outputs
        traced += forward.vectors * kept * p["activation.bits"]
        if array.trains is not None:
            given = array.trains.counts
            parts[array.name] |= {"row_strobes": int(given[ROWS]), "column_strobes": int(given[COLUMNS])}
            work["pulse_bits"] += int(given[DRAWN])
            time["pulse_slots"] += int(given[SLOTS])
            continue
        work["gradient"] += terms
        work["scale"] += changed
        work["compare"] += changed if array.kept < 1 else 0
        moved_once = changed + (terms if array.by_row else examples * weights(array))
        moves["bits_written"] += moved_once * p["digital.change_bits"]
        moves["bits_read"] += moved_once * p["digital.change_bits"]
    lanes = p["digital.lanes"]
    time["gradient_cycles"] = -(-work["gradient"] // lanes)
    time["sweep_cycles"] = -(-(work["scale"] + work["compare"]) // lanes)
    time["state_cycles"] = -(-work["multiply_add"] // lanes)
    time["examples"] = time["steps"] = examples
    return {
        **parts,
        "digital": {action: count for action, count in work.items() if count},
        "changes": dict(moves),
        ACTIVATIONS: {"bits_written": traced, "bits_read": traced},
        "time": dict(time),
    }, on


def weights(array: Array) -> int:
    """Weights of an array."""
    return array.layout.outputs * array.layout.rows


def changes(array: InSituArray, vectors: int) -> int:
    """Changes that all updates scaled: of every weight, or of the rows that were driven, as if no two were the same."""
    every = array.updates * weights(array)
    return min(every, vectors * array.layout.outputs) if array.by_row else every


def turned(array: CrossbarArray) -> ArraySize:
    """The size of an array that is read the other way round: in each tile columns are driven and rows integrate."""
    layout = array.layout
    tiles = layout.groups * layout.tiles
    one = array_size(array.p, layout.columns, layout.tall)
    return one._replace(
        rows=layout.columns * tiles, row_tiles=tiles, converters=one.converters // one.row_tiles * tiles
    )


def layer_of(array: Array) -> Layer:
    """A bit-serial array's products so far, as `arrays.training` counts them."""
    layout = array.layout
    return Layer(array.name, layout.rows, layout.columns, array.tally.vectors, layout.groups, False, False)


def bits(model: nn.Module, carried: Conversion) -> Ledger:
    """The ledger of bit-serial arrays."""
    p, done = carried.hardware.parameters, carried.examples
    held = [array for array, _ in convert.arrays(model)]
    used = [layer_of(array) for array in held if array.tally.vectors]
    found = phase_counts([(batch_work(used, learning=False), 1)], place(p), learning=False, examples=done)
    work = digital(model, carried)
    work["softmax"] = work.pop("exp", 0)
    found["digital"] = {action: count for action, count in work.items() if count}
    traffic = moved(model, p["activation.bits"])
    found["memory"] = {f"activation_{name}": count for name, count in traffic.items()}
    lanes = p["digital.lanes"]
    operations = sum(work.get(action, 0) for action in ("multiply_add", "add"))
    found["time"]["digital_cycles"] = done * -(-operations // (lanes * done)) if done else 0
    writes = {"update": {"mram_bits_written": sum(array.tally.pulses for array in held)}}
    counts = {"predict": found, "program": writes if any(writes["update"].values()) else {}}
    learning_ = bits_learned.learned(held, p)
    return Ledger(counts if learning_ is None else counts | {"learn": learning_}, {})
