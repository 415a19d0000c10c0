"""What M2RU did, as whole-number counts: from a few tallies by rules that need no simulator.

The kernels tally what depends on data and chance (vectors driven, bits that were 1, pulses); everything else
follows from sizes. `chips/expected.py` fills the same tallies without a run.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from cimlearn.parameters import ParameterSet
from cimlearn.streams.base import StreamShape

Counts = dict[str, int]

FEEDBACK_BITS = 8  # a feedback number is kept as the converter gives it


class ArrayTally(NamedTuple):
    """What one array did in one phase."""

    vectors: int  # input vectors driven
    active_bits: int  # input bits that were 1, over rows and cycles
    pulses: int  # write pulses that cells have seen
    verify_reads: int  # single-cell reads for write-verify
    row_writes: int  # rows that updates wrote to, one after the other
    on: float  # conductance switched on, summed over cycles and active bits [S]


class Tally(NamedTuple):
    """What a chip did in one phase; arrays is None for the float twin."""

    arrays: dict[str, ArrayTally] | None
    passes: int  # examples through the network
    updates: int = 0  # times that changes were written
    offered: int = 0  # examples offered to the replay memory
    stored: int = 0  # of these, stored
    replayed: int = 0  # examples recalled
    copies: int = 0  # times that the feedback copies were read


class ArraySize(NamedTuple):
    """One array of weights and how it is cut into tiles."""

    rows: int
    columns: int
    layers: int  # cells per weight
    row_tiles: int
    column_tiles: int
    converters: int  # of all tiles together
    cycles: int  # that a vector is streamed
    convert_cycles: int  # that its conversions take; 0 without converters

    @property
    def weights(self) -> int:
        """Weights of the array."""
        return self.rows * self.columns


def sizes(p: ParameterSet, shape: StreamShape) -> dict[str, ArraySize]:
    """Both arrays of the network, by name."""
    hidden = p["network.hidden"]
    return {
        "hidden": _size(p, shape.features + hidden + 1, hidden),
        "output": _size(p, hidden + 1, shape.classes),
    }


def _size(p: ParameterSet, rows: int, columns: int) -> ArraySize:
    """An array of rows x columns weights."""
    layers = p["mapping.cells"] * (2 if p["mapping.kind"] == "pair" else 1)
    row_tiles, column_tiles = -(-rows // p["tile.rows"]), -(-columns // p["tile.columns"])
    widest = -(-columns // column_tiles)  # columns of the widest tile
    each = min(p["periphery.converters"], widest)
    converts = p["periphery.converter_bits"] is not None
    return ArraySize(
        rows,
        columns,
        layers,
        row_tiles,
        column_tiles,
        converters=row_tiles * column_tiles * each if converts else 0,
        cycles=(p["periphery.input_bits"] or 2) - 1,
        convert_cycles=-(-widest // each) if converts else 0,
    )


def example_bits(p: ParameterSet, shape: StreamShape, soft: float) -> int:
    """Bits of one stored example: inputs, label, and the answer where `soft` > 0 uses it."""
    answer = shape.classes * p["replay.soft_bits"] if soft > 0 else 0
    label = max(1, math.ceil(math.log2(max(2, shape.classes))))
    return shape.steps * shape.features * int(p["replay.bits"]) + label + answer


def buffer_counts(
    p: ParameterSet, shape: StreamShape, bits: int, *, offered: int, stored: int, replayed: int
) -> Counts:
    """Examples and bits (`bits` an example) moved in and out of the replay memory, and random numbers drawn for it."""
    stochastic = p["replay.quantiser"] == "stochastic"
    late = max(0, offered - p["replay.slots"])  # offers that drew a slot
    return {
        "offered": offered,
        "stored": stored,
        "replayed": replayed,
        "bits_written": stored * bits,
        "bits_read": replayed * bits,
        "random_numbers": late + replayed + (stored * shape.steps * shape.features if stochastic else 0),
    }


def phase_counts(p: ParameterSet, shape: StreamShape, tally: Tally, *, learning: bool) -> dict[str, Counts]:
    """Counts of one phase by part and action (docs/records.md says what each means)."""
    parts = _array_counts(p, shape, tally, learning=learning) if tally.arrays is not None else {}
    digital = _forward(p, shape, tally)
    if learning:
        for action, n in _learning(p, shape, tally).items():
            digital[action] = digital.get(action, 0) + n
        parts["buffer"] = buffer_counts(
            p,
            shape,
            example_bits(p, shape, p["replay.soft"]),
            offered=tally.offered,
            stored=tally.stored,
            replayed=tally.replayed,
        )
        parts |= _memories(p, shape, tally)
    return {**parts, "digital": digital}


def _array_counts(p: ParameterSet, shape: StreamShape, tally: Tally, *, learning: bool) -> dict[str, Counts]:
    """Counts of the arrays and of serial cycles."""
    parts, time = {}, {"stream_cycles": 0, "convert_cycles": 0}
    for name, size in sizes(p, shape).items():
        one = (tally.arrays or {})[name]
        tiled_columns = size.row_tiles * size.columns
        parts[name] = {
            "vectors": one.vectors,
            "products": one.vectors * size.weights,
            "tile_reads": one.vectors * size.row_tiles * size.column_tiles,
            "cycles": one.vectors * size.cycles,
            "active_bits": one.active_bits,
            "row_pulses": one.active_bits * size.column_tiles * size.layers,
            "integrations": one.vectors * tiled_columns * (size.cycles + size.convert_cycles),
            "conversions": one.vectors * tiled_columns if size.converters else 0,
            "writes": one.pulses,
            "verify_reads": one.verify_reads,
        }
        time["stream_cycles"] += one.vectors * size.cycles
        time["convert_cycles"] += one.vectors * size.convert_cycles
    time |= {"examples": tally.passes, "steps": tally.passes * shape.steps}
    parts["time"] = time | _digital_cycles(p, shape, tally, learning=learning)
    if learning:
        rows = sum(array.row_writes for array in (tally.arrays or {}).values())
        parts["time"] |= {"update_row_cycles": rows, "updates": tally.updates}
    return parts


def _digital_cycles(p: ParameterSet, shape: StreamShape, tally: Tally, *, learning: bool) -> Counts:
    """Serial cycles of the digital part, `digital.lanes` multiply-add units side by side."""
    lanes, hidden, arrays = p["digital.lanes"], p["network.hidden"], sizes(p, shape)
    step = -(-3 * hidden // lanes) + _levels(arrays["hidden"].row_tiles)
    last = -(-shape.classes // lanes) + _levels(arrays["output"].row_tiles)
    cycles = {"state_cycles": tally.passes * (shape.steps * step + last)}
    if learning:
        rows, weights = arrays["hidden"].rows, sum(size.weights for size in arrays.values())
        outer = rows * -(-hidden // lanes)
        back = -(-hidden * _projected(p, shape) // lanes)
        final = (hidden + 1) * -(-shape.classes // lanes)
        cycles["gradient_cycles"] = tally.passes * (shape.steps * (outer + back) + final)
        cycles["sweep_cycles"] = tally.updates * -(-weights // lanes) * (2 if _sparse(p) else 1)
    return cycles


def _levels(tiles: int) -> int:
    """Cycles that a tree of adders needs for the sums of `tiles` tiles."""
    return math.ceil(math.log2(tiles))


def _direct(p: ParameterSet) -> bool:
    """Whether the error reaches each step directly (direct feedback alignment)."""
    return p["rule.feedback"] != "through"


def _sparse(p: ParameterSet) -> bool:
    """Whether only the largest changes are written."""
    return bool(p["rule.keep_hidden"] or p["rule.keep_output"])


def _projected(p: ParameterSet, shape: StreamShape) -> int:
    """Multiply-adds per hidden unit and step that bring the error back."""
    return shape.classes + 3 if _direct(p) else p["network.hidden"] + 4


def _forward(p: ParameterSet, shape: StreamShape, tally: Tally) -> Counts:
    """Digital operations of the passes forward."""
    steps, hidden, passes = tally.passes * shape.steps, p["network.hidden"], tally.passes
    arrays = sizes(p, shape)
    adds = {name: arrays[name].row_tiles - 1 if tally.arrays is not None else 0 for name in arrays}
    tile_add = steps * hidden * adds["hidden"] + passes * shape.classes * adds["output"]
    return {"multiply_add": steps * 3 * hidden, "tanh": steps * hidden, "tile_add": tile_add}


def _learning(p: ParameterSet, shape: StreamShape, tally: Tally) -> Counts:
    """Digital operations of learning beyond the passes: answers, feedback, changes, scaling, comparing."""
    hidden, classes, passes = p["network.hidden"], shape.classes, tally.passes
    steps, arrays = passes * shape.steps, sizes(p, shape)
    weights = sum(size.weights for size in arrays.values())
    softmax = p["rule.answer"] == "softmax"
    outer = steps * arrays["hidden"].weights + passes * arrays["output"].weights
    return {
        "gradient": steps * hidden * _projected(p, shape) + outer,
        "exp": passes * classes if softmax else 0,
        "kwta": 0 if softmax else passes,
        "compare": tally.updates * weights if _sparse(p) else 0,
        "scale": tally.updates * weights,
    }


def kept(p: ParameterSet, name: str, size: ArraySize) -> int:
    """Changes of one update that the sparsifier lets through, at most."""
    keep = p[f"rule.keep_{name}"]
    if not keep:
        return size.weights
    return min(keep, size.weights) if p["rule.keep_over"] == "array" else min(keep, size.rows) * size.columns


def _memories(p: ParameterSet, shape: StreamShape, tally: Tally) -> dict[str, Counts]:
    """Bits moved in the memories of learning.

    Changes of one row are added up over the steps in the lanes' registers, so each is read and written once per
    example; the deltas are read from the trace for every row.
    """
    hidden, arrays, word = p["network.hidden"], sizes(p, shape), p["network.state_bits"] or 32
    rows, weights = arrays["hidden"].rows, sum(size.weights for size in arrays.values())
    steps, moved = tally.passes * shape.steps, (tally.passes + tally.updates) * weights
    back = shape.classes if _direct(p) else hidden
    copied = tally.copies * hidden * (hidden + shape.classes)
    gathered: dict[str, Counts] = {}
    if tally.arrays is not None and p["write.least"] > 0:
        bits = (
            tally.updates
            * sum(kept(p, *item) for item in arrays.items())
            * (p["write.accumulator_bits"] or 32)
        )
        gathered = {"accumulators": {"bits_written": bits, "bits_read": bits}}
    return {
        **gathered,
        "trace": {
            "bits_written": steps * (rows + hidden) * word,
            "bits_read": steps * (rows + hidden + rows * hidden) * word,
        },
        "changes": {
            "bits_written": moved * p["digital.change_bits"],
            "bits_read": moved * p["digital.change_bits"],
        },
        "feedback": {
            "copies_read": tally.copies,
            "bits_written": copied * FEEDBACK_BITS,
            "bits_read": steps * hidden * back * FEEDBACK_BITS,
        },
    }


def memory_bits(p: ParameterSet, shape: StreamShape, *, on_chip: bool) -> Counts:
    """Bits of each digital memory that learning needs."""
    hidden, arrays, word = p["network.hidden"], sizes(p, shape), p["network.state_bits"] or 32
    weights = sum(size.weights for size in arrays.values())
    if _direct(p):
        steps = shape.steps if p["rule.feedback"] == "timed" else 1
        feedback = steps * hidden * shape.classes
    else:
        feedback = hidden * (hidden + shape.classes)
    bits = {
        "replay": p["replay.slots"] * example_bits(p, shape, p["replay.soft"]),
        "feedback": feedback * FEEDBACK_BITS,
        "trace": shape.steps * (arrays["hidden"].rows + hidden) * word,
        "changes": weights * p["digital.change_bits"],
    }
    if on_chip and p["write.least"] > 0:
        bits["accumulators"] = weights * (p["write.accumulator_bits"] or 32)
    return bits


def inventory(p: ParameterSet, shape: StreamShape) -> dict[str, Counts]:
    """What the chip is made of: pieces of each array, bits of each memory, digital units."""
    parts: dict[str, Counts] = {}
    for name, size in sizes(p, shape).items():
        tiled_columns = size.row_tiles * size.columns
        parts[name] = {
            "weights": size.weights,
            "cells": size.weights * size.layers,
            "tiles": size.row_tiles * size.column_tiles,
            "rows": size.rows,
            "columns": size.columns,
            "level_shifters": size.rows * size.layers * size.column_tiles,
            "integrators": tiled_columns,
            "converters": size.converters,
        }
    digital = {"lanes": p["digital.lanes"], "kwta_inputs": 0}
    if p["rule.answer"] == "kwta":
        digital["kwta_inputs"] = shape.classes
    return {**parts, "memory": memory_bits(p, shape, on_chip=True), "digital": digital}
