"""What M2RU did, as whole-number counts: from a few tallies by rules that need no simulator.

The kernels tally what depends on data and chance (vectors driven, bits that were 1, pulses); everything else
follows from sizes. `chips/m2ru/expected.py` fills the same tallies without a run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from cimlearn.arrays.crossbar_counts import ArraySize, ArrayTally, Counts, array_counts
from cimlearn.chips.m2ru import corrections
from cimlearn.chips.m2ru.fast import FAST, fast_counts, fast_sizes, is_transferred
from cimlearn.chips.m2ru.sizes import (
    FEEDBACK_BITS,
    INVERSE_BITS,
    accumulates,
    all_sizes,
    example_bits,
    feedback_groups,
    gathering,
    importance_bits,
    inverse_bits,
    is_direct,
    is_parallel,
    is_probed,
    is_recursive,
    is_sparse,
    keeps,
    probe_steps,
    probed_together,
    sizes,
)
from cimlearn.parameters import ParameterSet
from cimlearn.streams.base import StreamShape

WORD_BITS: Final = 64  # of a word of the importance memory


class PulseTally(NamedTuple):
    """What parallel writes did in one array (learning/parallel.py)."""

    slots: int = 0  # that took time
    rows: int = 0  # on, over slots
    columns: int = 0
    drawn: int = 0  # random numbers compared
    steps: int = 0  # terms with at least one slot


class M2RUTally(NamedTuple):
    """What a chip did in one phase; arrays is None for the float twin."""

    arrays: dict[str, ArrayTally] | None
    passes: int  # examples through the network
    updates: int = 0  # times that changes were written
    offered: int = 0  # examples offered to the replay memory
    stored: int = 0  # of these, stored
    replayed: int = 0  # examples recalled
    copies: int = 0  # times that the feedback copies were read
    probes: int = 0  # examples that ran again with a disturbed state
    again: int = 0  # steps that these ran
    driven: int = 0  # groups of rows of the feedback array that an error drove
    lit: int = 0  # inputs of examples learned that were not 0
    asked: int = 0  # changes asked of weights that have an importance
    risen: int = 0  # times that an importance rose
    calibrations: int = 0  # of all columns
    given: Mapping[str, PulseTally] = {}  # by array, of parallel writes


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


def phase_counts(
    p: ParameterSet, shape: StreamShape, tally: M2RUTally, *, learning: bool
) -> dict[str, Counts]:
    """Counts of one phase by part and action (docs/records.md says what each means)."""
    parts = _array_counts(p, shape, tally, learning=learning) if tally.arrays is not None else {}
    digital = _forward(p, shape, tally)
    if tally.arrays is not None and p["operation.calibration"] != "none":
        read = {name: size for name, size in all_sizes(p, shape).items() if name in tally.arrays}
        for action, n in corrections.digital(p, read, tally.arrays, tally.calibrations).items():
            digital[action] += n
        parts["time"]["state_cycles"] += corrections.cycles(p, read, tally.arrays)
        parts |= corrections.moved(p, read, tally.calibrations) if learning else {}
    if learning:
        for extra_of in (_learning, _moving, _probing, _holding):
            extra = extra_of(p, shape, tally)
            for action, n in extra.items():
                digital[action] = digital.get(action, 0) + n
        parts["buffer"] = buffer_counts(
            p,
            shape,
            example_bits(p, shape, p["replay.soft"]),
            offered=tally.offered,
            stored=tally.stored,
            replayed=tally.replayed,
        )
        parts |= _memories(p, shape, tally) | _held_memories(p, shape, tally)
        if is_parallel(p) and tally.arrays is not None:
            for name, one in tally.given.items():
                parts[name] |= {"row_strobes": one.rows, "column_strobes": one.columns}
            parts["rowwise"] = _rowwise(p, shape, tally)
    return {**parts, "digital": digital}


def _array_counts(
    p: ParameterSet, shape: StreamShape, tally: M2RUTally, *, learning: bool
) -> dict[str, Counts]:
    """Counts of the arrays and of serial cycles."""
    parts, time = {}, {"stream_cycles": 0, "convert_cycles": 0}
    for name, size in sizes(p, shape).items():
        one = (tally.arrays or {})[name]
        parts[name] = array_counts(size, one)
        time["stream_cycles"] += one.vectors * size.cycles
        time["convert_cycles"] += one.vectors * size.convert_cycles
    if learning and is_probed(p):
        size, one = all_sizes(p, shape)["feedback"], (tally.arrays or {})["feedback"]
        parts["feedback"] = _feedback_counts(
            size, shape, tally, one, selected=p["periphery.feedback_select"] == "group"
        )
        alone = (
            one.vectors - tally.driven
        )  # a probe waits for its rows; errors go back while the next example runs
        time["stream_cycles"] += alone * size.cycles
        time["convert_cycles"] += alone * size.convert_cycles
    for name, size in fast_sizes(p, sizes(p, shape)).items() if learning else ():
        one = (tally.arrays or {})[name]
        parts[name] = fast_counts(size, one)
        time["stream_cycles"] += one.vectors * size.cycles
        time["convert_cycles"] += one.vectors * size.convert_cycles
    time |= {"examples": tally.passes, "steps": tally.passes * shape.steps}
    parts["time"] = time | _digital_cycles(p, shape, tally, learning=learning)
    if learning:
        rows = sum(array.row_writes for array in (tally.arrays or {}).values())
        parts["time"] |= {"update_row_cycles": rows, "updates": tally.updates}
        if is_parallel(p):
            parts["time"] |= {"pulse_slots": sum(one.slots for one in tally.given.values())}
    return parts


def _feedback_counts(
    size: ArraySize, shape: StreamShape, tally: M2RUTally, one: ArrayTally, *, selected: bool
) -> Counts:
    """Counts of the feedback array: a vector drives the rows of one group, or one row, and reads their tile alone.

    Selected: the transistors of a group are switched on for each vector.
    """
    rows = tally.driven * shape.classes + (one.vectors - tally.driven)
    counts = array_counts(size._replace(row_tiles=1), one) | {"products": rows * size.columns}
    return counts | ({"selected_rows": one.vectors * shape.classes} if selected else {})


def _digital_cycles(p: ParameterSet, shape: StreamShape, tally: M2RUTally, *, learning: bool) -> Counts:
    """Serial cycles of the digital part, `digital.lanes` multiply-add units side by side."""
    lanes, hidden, arrays = p["digital.lanes"], p["network.hidden"], sizes(p, shape)
    step = -(-3 * hidden // lanes) + _levels(arrays["hidden"].row_tiles)
    last = -(-shape.classes // lanes) + _levels(arrays["output"].row_tiles)
    passes, steps = tally.passes + tally.probes, tally.passes * shape.steps + tally.again
    cycles = {"state_cycles": steps * step + passes * last}
    if learning:
        weights = sum(size.weights for size in arrays.values())
        back = shape.steps * -(-hidden * _projected(p, shape) // lanes)
        final = (hidden + 1) * -(-shape.classes // lanes)
        outer = formed_rows(p, shape, tally) * -(-hidden // lanes)
        if is_parallel(p):  # the largest delta of each step, and of the errors
            final, outer = 1, tally.passes * shape.steps * -(-hidden // lanes)
        cycles["gradient_cycles"] = outer + tally.passes * (back + final)
        if is_probed(p):
            size = all_sizes(p, shape)["feedback"]
            cycles["feedback_cycles"] = tally.driven * (size.cycles + size.convert_cycles)
            disturbed, _ = probe_steps(p, shape, tally.probes)
            each = -(-hidden * (shape.classes + 1) // lanes) + -(-hidden * shape.classes // lanes)
            cycles["state_cycles"] += disturbed * each  # signs summed, and changes made of signs
        if is_recursive(p):  # a lane takes a product of P in parts of its own width
            parts = -(-INVERSE_BITS // (p["network.state_bits"] or 32)) * -(-INVERSE_BITS // FEEDBACK_BITS)
            cycles["gradient_cycles"] += -(-_inverse_products(p, shape, tally) * parts // lanes)
        sweeps = 0 if is_parallel(p) else 2 if is_sparse(p) else 1
        cycles["sweep_cycles"] = tally.updates * -(-weights // lanes) * sweeps
    return cycles


def _levels(tiles: int) -> int:
    """Cycles that a tree of adders needs for the sums of `tiles` tiles."""
    return math.ceil(math.log2(tiles))


def _probing(p: ParameterSet, shape: StreamShape, tally: M2RUTally) -> Counts:
    """Digital operations of probes: random signs, their sums with states and with rows read, and what is written.

    A change is one number per class with the signs of the units: no product.
    """
    if not is_probed(p):
        return {}
    hidden, classes = p["network.hidden"], shape.classes
    signs = tally.probes * probed_together(p, shape) * hidden
    disturbed, _ = probe_steps(p, shape, tally.probes)
    return {
        "random_signs": signs + tally.probes + tally.driven // feedback_groups(p, shape),
        "add": disturbed * hidden * (classes + 1) + 2 * tally.probes * classes,
        "scale": 2 * tally.probes * classes,
    }


def _moving(p: ParameterSet, shape: StreamShape, tally: M2RUTally) -> Counts:
    """Digital operations of transfers: what is read times the rate, a random sign for each row, and its chopper's."""
    read = {n: (tally.arrays or {}).get(n) for n in fast_sizes(p, sizes(p, shape))}
    rows = {name: one.vectors for name, one in read.items() if one is not None}
    columns = {"hidden_fast": p["network.hidden"], "output_fast": shape.classes}
    if not rows:
        return {}
    return {
        "scale": sum(n * columns[name] for name, n in rows.items()),
        "random_signs": 2 * sum(rows.values()),
    }


def _projected(p: ParameterSet, shape: StreamShape) -> int:
    """Multiply-adds per hidden unit and step that bring the error back; an array takes the sums over classes."""
    if is_probed(p):
        return 3
    return shape.classes + 3 if is_direct(p) else p["network.hidden"] + 4


def _forward(p: ParameterSet, shape: StreamShape, tally: M2RUTally) -> Counts:
    """Digital operations of the passes forward."""
    steps, hidden = tally.passes * shape.steps + tally.again, p["network.hidden"]
    passes, arrays = tally.passes + tally.probes, sizes(p, shape)
    adds = {name: arrays[name].row_tiles - 1 if tally.arrays is not None else 0 for name in arrays}
    tile_add = steps * hidden * adds["hidden"] + passes * shape.classes * adds["output"]
    return {"multiply_add": steps * 3 * hidden, "tanh": steps * hidden, "tile_add": tile_add}


def _learning(p: ParameterSet, shape: StreamShape, tally: M2RUTally) -> Counts:
    """Digital operations of learning beyond the passes: answers, feedback, changes, scaling, comparing."""
    hidden, classes, passes = p["network.hidden"], shape.classes, tally.passes
    steps, arrays = passes * shape.steps, sizes(p, shape)
    weights = sum(size.weights for size in arrays.values())
    softmax, kwta = p["rule.answer"] == "softmax", p["rule.answer"] == "kwta"
    if is_parallel(p):
        return {
            "gradient": steps * hidden * _projected(p, shape),
            "exp": passes * classes if softmax else 0,
            "kwta": passes if kwta else 0,
            "compare": steps * hidden + passes * classes,
            "scale": 0,
            "pulse_bits": sum(one.drawn for one in tally.given.values()),
        }
    outer = formed_rows(p, shape, tally) * hidden + passes * arrays["output"].weights
    return {
        "gradient": steps * hidden * _projected(p, shape) + outer,
        "exp": passes * classes if softmax and not is_recursive(p) else 0,
        "kwta": passes if kwta and not is_recursive(p) else 0,
        "compare": tally.updates * weights * (int(is_sparse(p)) + int(p["write.least"] > 0)),
        "scale": tally.updates * weights,
    }


def _rowwise(p: ParameterSet, shape: StreamShape, tally: M2RUTally) -> Counts:
    """What a digital chip does for the same changes, without cells to multiply in: gathers them, writes them all."""
    rows = p.replace({"rule.update": "rows"})
    same = tally._replace(updates=tally.updates // p["rule.batch"])
    digital, memories = _learning(rows, shape, same), _memories(rows, shape, same)
    counts = {name: digital[name] for name in ("gradient", "scale", "compare")}
    counts["scale"] += _probing(p, shape, same).get("scale", 0)
    for name in ("trace", "deltas", "changes"):
        counts[f"{name}_bits"] = sum(memories[name].values()) if name in memories else 0
    for name, size in sizes(p, shape).items():
        counts[f"{name}_writes"] = same.updates * size.weights
    if is_probed(p):
        disturbed, _ = probe_steps(p, shape, tally.probes)
        counts["feedback_writes"] = disturbed * shape.classes * p["network.hidden"]
    cycles = _digital_cycles(rows, shape, same, learning=True)
    return counts | {name: cycles[name] for name in ("gradient_cycles", "sweep_cycles")}


def _holding(p: ParameterSet, shape: StreamShape, tally: M2RUTally) -> Counts:
    """Digital operations of consolidation: a random number per change of a held weight; the products of P."""
    counts = {"gated": tally.asked} if importance_bits(p, shape) else {}
    return counts | ({"inverse": _inverse_products(p, shape, tally)} if is_recursive(p) else {})


def _inverse_products(p: ParameterSet, shape: StreamShape, tally: M2RUTally) -> int:
    """Multiply-adds with P: P a and a^T P a, the change of half of P, and P times what a write adds up."""
    rows = p["network.hidden"] + 1
    return (
        tally.passes * (rows * rows + rows + rows * (rows + 1) // 2)
        + tally.updates * rows * rows * shape.classes
    )


def _held_memories(p: ParameterSet, shape: StreamShape, tally: M2RUTally) -> dict[str, Counts]:
    """Bits moved in the memories of consolidation.

    An update reads every importance, as it sweeps over all changes; one that rises rewrites its word of memory. P is
    read twice and written once for an example, read once for a write.
    """
    found: dict[str, Counts] = {}
    if importance_bits(p, shape):
        found["importance"] = {
            "bits_read": tally.updates * importance_bits(p, shape),
            "bits_written": tally.risen * WORD_BITS,
        }
    if is_recursive(p):
        half = inverse_bits(p)
        found["inverse"] = {
            "bits_read": (2 * tally.passes + tally.updates) * half,
            "bits_written": tally.passes * half,
        }
    return found


def kept(p: ParameterSet, name: str, size: ArraySize) -> int:
    """Changes of one update that the sparsifier lets through, at most."""
    keep = p[f"rule.keep_{name}"] if name != "feedback" else None
    if not keep:
        return size.weights
    return min(keep, size.weights) if p["rule.keep_over"] == "array" else min(keep, size.rows) * size.columns


def formed_rows(p: ParameterSet, shape: StreamShape, tally: M2RUTally) -> int:
    """Rows of the hidden array, over steps and passes, that are multiplied with a delta.

    An input of 0 needs none: what its row is less, the offset of the inputs, is the same for all rows, so offset x
    sum of deltas is taken off each once a pass. The state before the first step is 0, and beta = 0 feeds none.
    """
    states = (shape.steps - 1) * p["network.hidden"] if p["network.beta"] > 0 else 0
    taken_off = shape.features if p["rule.centre_over"] else 0
    return tally.lit + tally.passes * (states + shape.steps + taken_off)


def _changes(p: ParameterSet, shape: StreamShape, tally: M2RUTally) -> dict[str, Counts]:
    """Bits of the changes that wait: written by each pass, read by all but the first after a write, and by the sweep.

    The sweep that looks for the largest reads them a second time.
    """
    if not accumulates(p):
        return {}
    bits = sum(size.weights for size in sizes(p, shape).values()) * p["digital.change_bits"]
    sweeps = 2 if is_sparse(p) else 1
    back = tally.updates if keeps(p) else 0  # what is left is written back, and read by the first pass after
    reads = tally.passes + (sweeps - 1) * tally.updates + back
    return {"changes": {"bits_written": (tally.passes + back) * bits, "bits_read": reads * bits}}


def _memories(p: ParameterSet, shape: StreamShape, tally: M2RUTally) -> dict[str, Counts]:
    """Bits moved in the memories of learning.

    A lane keeps the deltas of its units over all steps in registers, and adds up one row's change over the steps before
    the next row's: so the trace is read once, the registers for every product, and a change once per example.
    """
    hidden, arrays, word = p["network.hidden"], sizes(p, shape), p["network.state_bits"] or 32
    rows, steps = arrays["hidden"].rows, tally.passes * shape.steps
    back = shape.classes if is_direct(p) else hidden
    feedback: dict[str, Counts] = {}
    copied = tally.copies * hidden * (hidden + shape.classes)
    gathered = _gathered(p, shape, tally) if tally.arrays is not None else {}
    if not is_probed(p):
        feedback["feedback"] = {
            "copies_read": tally.copies,
            "bits_written": copied * FEEDBACK_BITS,
            "bits_read": steps * hidden * back * FEEDBACK_BITS,
        }
    if is_parallel(p):
        return feedback | _pulse_memories(p, shape, tally)
    return {
        **gathered,
        **feedback,
        "trace": {
            "bits_written": steps * (rows + hidden) * word,
            "bits_read": steps * (rows + hidden) * word,
        },
        "deltas": {
            "bits_written": steps * hidden * word,
            "bits_read": formed_rows(p, shape, tally) * hidden * word,
        },
        **_changes(p, shape, tally),
    }


def _gathered(p: ParameterSet, shape: StreamShape, tally: M2RUTally) -> dict[str, Counts]:
    """Bits moved in accumulators: of changes that the sparsifier lets through, and of what probes teach."""
    own = gathering(p, shape)
    if not own:
        return {}
    arrays = {name: size for name, size in sizes(p, shape).items() if name in own}
    changes = sum(tally.updates * kept(p, *item) for item in arrays.items())
    if is_transferred(p):
        changes = sum((tally.arrays or {})[FAST[n]].vectors * size.columns for n, size in arrays.items())
    if "feedback" in own:
        disturbed, _ = probe_steps(p, shape, tally.probes)
        changes += disturbed * shape.classes * p["network.hidden"]
    bits = changes * (p["write.accumulator_bits"] or 32)
    return {"accumulators": {"bits_written": bits, "bits_read": bits}}


def _pulse_memories(p: ParameterSet, shape: StreamShape, tally: M2RUTally) -> dict[str, Counts]:
    """The same of parallel writes: candidates are read for the deltas, what drove the array in steps with pulses alone.

    The trace of a new example waits for its replays, in a memory of its own.
    """
    hidden, rows = p["network.hidden"], sizes(p, shape)["hidden"].rows
    word, steps = p["network.state_bits"] or 32, tally.passes * shape.steps
    drawn = tally.given["hidden"].steps if tally.given else 0
    return {
        "trace": {
            "bits_written": steps * (rows + hidden) * word,
            "bits_read": (steps * hidden + drawn * rows) * word,
        },
        "deltas": {"bits_written": steps * hidden * word, "bits_read": 2 * drawn * hidden * word},
    }
