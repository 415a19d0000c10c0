"""What a model on arrays did, as whole-number counts, in the same words as M2RU's and SAS-MRAM's (docs/records.md).

Arrays are called by their weights: 'conv1.weight', 'rnn.weight_hh_l0'. The phase 'predict' holds inference in `eval`
mode since the last `reset`; 'program' the writes of the last programming. Layers work one after the other; an input
array and a recurrent one of the same layer work side by side.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from cimlearn.arrays.bitserial_counts import batch_work, phase_counts, place
from cimlearn.arrays.crossbar_counts import ArraySize, ArrayTally, array_counts, array_size
from cimlearn.arrays.training import Layer
from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet
from cimlearn.torch import convert
from cimlearn.torch.array import Array
from cimlearn.torch.chip import Conversion, conversion
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


def size(p: ParameterSet, array: Array) -> ArraySize:
    """A crossbar's size; groups are matrices on tiles of their own, one above the other."""
    layout = array.layout
    one = array_size(p, layout.inputs, layout.columns)
    tiles = layout.groups * layout.tiles
    return one._replace(row_tiles=tiles, converters=one.converters // one.row_tiles * tiles)


def moved(model: nn.Module, bits_each: int) -> Counts:
    """Bits of the activation memory: every vector is read from it, every output written to it."""
    read = written = 0
    for array, _ in convert.arrays(model):
        read += array.tally.vectors * array.layout.inputs * bits_each
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
            one, sized = tally(array), size(p, array)
            parts[array.name] = array_counts(sized, one)
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
    return Ledger({"predict": predict, "program": programmed}, {"predict": on})


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
    return Ledger({"predict": found, "program": writes if any(writes["update"].values()) else {}}, {})
