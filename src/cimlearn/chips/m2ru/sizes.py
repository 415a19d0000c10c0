"""Sizes that follow from parameters alone: arrays and their tiles, memories, the chip's inventory."""

from __future__ import annotations

import math

from cimlearn.arrays.crossbar_counts import ArraySize, Counts, array_size, pieces
from cimlearn.chips.m2ru import corrections
from cimlearn.chips.m2ru.fast import fast_sizes, is_transferred
from cimlearn.errors import InputError
from cimlearn.parameters import ParameterSet
from cimlearn.streams.base import StreamShape

FEEDBACK_BITS = 8  # a feedback number is kept as the converter gives it


INVERSE_BITS = 32  # a number of P, as it is simulated


FITTED_INPUTS, FITTED_UNITS = 28, 100  # of the network whose ranges stand in the presets


MOST_GROUPS = 32  # of steps that have a probed feedback matrix of their own


def is_probed(p: ParameterSet) -> bool:
    """Whether the error comes back through an array whose weights are probed."""
    return bool(p["rule.feedback"] == "probed")


def is_parallel(p: ParameterSet) -> bool:
    """Whether changes are written by pulses that coincide on rows and columns."""
    return bool(p["rule.update"] == "parallel")


def keeps(p: ParameterSet) -> bool:
    """Whether changes that are not written wait in the memory of changes (learning/remainder.py)."""
    return bool(p["rule.remainder"] == "kept")


def feedback_design(p: ParameterSet) -> ParameterSet:
    """Parameters of the array of a probed feedback: written as the others, without accumulators, or blindly."""
    if p["rule.feedback_writes"] == "same":
        return p
    if p["rule.feedback_writes"] == "unheld":
        return p.replace({"write.least": 0.0})
    blind = {"write.least": 0.0, "write.tries": 0}
    if p["write.scheme"] in ("cells", "one-sided"):
        return p.replace(blind)
    return p.replace({"write.scheme": "cells", "mapping.cells": 1, **blind})


def is_recursive(p: ParameterSet) -> bool:
    """Whether the output weights are learned by recursive least squares."""
    return bool(p["rule.consolidate"] == "recursive")


def fitted(p: ParameterSet, shape: StreamShape) -> ParameterSet:
    """Parameters whose ranges of weights fit a network of few inputs or few units (`mapping.fitted`).

    Weights start larger where fewer add up, by 1 / sqrt(inputs) and 1 / sqrt(units); input weights learn by 1 / inputs
    too (`rule.probed_rate_input`), so what the hidden array needs was measured (docs/decisions/0032-defaults.md). Never
    more than `mapping.widest` times: recurrent weights share the array, and the noise of cells grows with their range.
    """
    if not p["mapping.fitted"]:
        return p
    inputs, units = FITTED_INPUTS / shape.features, math.sqrt(FITTED_UNITS / p["network.hidden"])
    wider = {"hidden": inputs, "output": units, "feedback": units}
    names = {
        f"mapping.{array}_range": min(p["mapping.widest"], max(1.0, factor))
        for array, factor in wider.items()
    }
    return p.replace({name: factor * p[name] for name, factor in names.items() if not p.entry(name).changed})


def held(p: ParameterSet, shape: StreamShape) -> dict[str, tuple[int, int]]:
    """(rows, columns) of each array whose weights have an importance."""
    kinds = {"hidden": ("metaplastic", "recursive"), "output": ("metaplastic",)}
    return {
        name: (size.rows, size.columns)
        for name, size in sizes(p, shape).items()
        if p["rule.consolidate"] in kinds[name] and p[f"rule.importance_{name}"] > 0
    }


def importance_bits(p: ParameterSet, shape: StreamShape) -> int:
    """Bits of the importance of all weights that have one."""
    return sum(rows * columns for rows, columns in held(p, shape).values()) * int(p["rule.importance_bits"])


def inverse_bits(p: ParameterSet) -> int:
    """Bits of P of recursive least squares: half of it, for it is symmetric."""
    rows = p["network.hidden"] + 1
    return rows * (rows + 1) // 2 * INVERSE_BITS if is_recursive(p) else 0


def sharing(p: ParameterSet, shape: StreamShape) -> int:
    """Neighbouring steps that share one matrix of a probed feedback: as few as keep their number within the limit."""
    return int(p["rule.feedback_steps"] or -(-shape.steps // MOST_GROUPS))


def feedback_groups(p: ParameterSet, shape: StreamShape) -> int:
    """Matrices of a probed feedback."""
    return -(-shape.steps // sharing(p, shape))


def probed_together(p: ParameterSet, shape: StreamShape) -> int:
    """Steps that one probe disturbs; 0 = no probes."""
    if not is_probed(p) or not p["rule.probe_every"]:
        return 0
    return int(min(p["rule.probe_steps"] or shape.steps, shape.steps))


def probe_steps(p: ParameterSet, shape: StreamShape, probes: int) -> tuple[int, int]:
    """Steps that `probes` probes disturb, block after block, and those that they run again, from the next one on."""
    together = probed_together(p, shape)
    if not together:
        return 0, 0
    starts = range(0, shape.steps, together)
    turns, rest = divmod(probes, len(starts))
    disturbed = turns * shape.steps + min(rest * together, shape.steps)
    again = turns * sum(shape.steps - 1 - t for t in starts) + sum(shape.steps - 1 - t for t in starts[:rest])
    return disturbed, again


def feedback_size(p: ParameterSet, shape: StreamShape) -> ArraySize:
    """The array of a probed feedback: a row per group of steps and class.

    Raises
    ------
    InputError
        If the rows of one group don't fit a tile.
    """
    if shape.classes > p["tile.rows"]:
        raise InputError(
            f"tile.rows = {p['tile.rows']} is less than the {shape.classes} classes, whose rows of the feedback array "
            f"are read together; use tile.rows = {shape.classes} or more, or another rule.feedback"
        )
    rows = feedback_groups(p, shape) * shape.classes
    return array_size(feedback_design(p), rows, p["network.hidden"], shape.classes)


def all_sizes(p: ParameterSet, shape: StreamShape) -> dict[str, ArraySize]:
    """Every array of the chip, by name: those of the network, that of a probed feedback, and fast ones."""
    slow = sizes(p, shape)
    return slow | ({"feedback": feedback_size(p, shape)} if is_probed(p) else {}) | fast_sizes(p, slow)


def sizes(p: ParameterSet, shape: StreamShape) -> dict[str, ArraySize]:
    """Both arrays of the network, by name."""
    hidden = p["network.hidden"]
    return {
        "hidden": array_size(p, shape.features + hidden + 1, hidden),
        "output": array_size(p, hidden + 1, shape.classes),
    }


def check_answer(p: ParameterSet, shape: StreamShape) -> None:
    """Raise InputError where numbers are asked for, and the answer is a share of classes."""
    if shape.numbers and p["rule.answer"] != "linear":
        raise InputError(
            f"rule.answer = {p['rule.answer']} answers with one of several classes, and this stream asks for numbers; "
            "set rule.answer = linear"
        )


def example_bits(p: ParameterSet, shape: StreamShape, soft: float) -> int:
    """Bits of one stored example: inputs, label, and the answer where `soft` > 0 uses it."""
    if shape.numbers:  # the target itself
        return shape.steps * shape.features * int(p["replay.bits"]) + shape.classes * int(p["replay.bits"])
    answer = shape.classes * p["replay.soft_bits"] if soft > 0 else 0
    label = max(1, math.ceil(math.log2(max(2, shape.classes))))
    return shape.steps * shape.features * int(p["replay.bits"]) + label + answer


def is_direct(p: ParameterSet) -> bool:
    """Whether the error reaches each step directly (direct feedback alignment)."""
    return p["rule.feedback"] != "through"


def is_sparse(p: ParameterSet) -> bool:
    """Whether only the largest changes are written."""
    return bool(p["rule.keep_hidden"] or p["rule.keep_output"])


def accumulates(p: ParameterSet) -> bool:
    """Whether changes wait in a memory: of several passes, or because the largest of them are looked for."""
    alone = p["rule.batch"] == 1 and not (p["replay.slots"] and p["replay.ratio"])
    return not is_parallel(p) and (is_sparse(p) or not alone)


def gathering(p: ParameterSet, shape: StreamShape) -> Counts:
    """Weights of each array that have accumulators of their own."""
    arrays = sizes(p, shape) if p["write.least"] > 0 and not keeps(p) else {}
    if is_probed(p) and feedback_design(p)["write.least"] > 0:
        arrays = arrays | {"feedback": feedback_size(p, shape)}
    return {name: size.weights for name, size in arrays.items()}


def memory_bits(p: ParameterSet, shape: StreamShape, *, on_chip: bool) -> Counts:
    """Bits of each digital memory that learning needs."""
    hidden, arrays, word = p["network.hidden"], sizes(p, shape), p["network.state_bits"] or 32
    weights = sum(size.weights for size in arrays.values())
    if is_probed(p):
        feedback = 0  # in cells
    elif is_direct(p):
        steps = 1 if p["rule.feedback"] in ("direct", "decayed") else shape.steps
        feedback = steps * hidden * shape.classes
    else:
        feedback = hidden * (hidden + shape.classes)
    bits = {
        "replay": p["replay.slots"] * example_bits(p, shape, p["replay.soft"]),
        "feedback": feedback * FEEDBACK_BITS,
        "trace": shape.steps * (arrays["hidden"].rows + hidden) * word,
        "deltas": shape.steps * hidden * word,
    }
    if is_parallel(p) and p["replay.slots"]:  # the traces of the examples that are written together
        bits["waiting"] = p["replay.ratio"] * bits["trace"]
    if accumulates(p):
        bits["changes"] = weights * p["digital.change_bits"]
    if on_chip and gathering(p, shape):
        bits["accumulators"] = sum(gathering(p, shape).values()) * (p["write.accumulator_bits"] or 32)
    if on_chip and is_transferred(p) and p["transfer.chop"] > 0:
        bits["choppers"] = sum(size.rows for size in arrays.values())
    own = {"importance": importance_bits(p, shape), "inverse": inverse_bits(p)}
    bits |= {name: size for name, size in own.items() if size}
    return bits | (corrections.memory(p, all_sizes(p, shape)) if on_chip else {})


def inventory(p: ParameterSet, shape: StreamShape) -> dict[str, Counts]:
    """What the chip is made of: pieces of each array, bits of each memory, digital units."""
    parts = {name: pieces(size) for name, size in all_sizes(p, shape).items()}
    digital = {"lanes": p["digital.lanes"], "kwta_inputs": 0}
    if p["rule.answer"] == "kwta":
        digital["kwta_inputs"] = shape.classes
    return {**parts, "memory": memory_bits(p, shape, on_chip=True), "digital": digital}
