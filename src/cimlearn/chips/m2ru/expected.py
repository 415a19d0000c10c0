"""The ledger that M2RU is expected to have, without a run: for prices of a design that nobody has trained yet.

Sizes, cycles and passes are exact. What depends on data is a parameter of its own (`expected.*`): the share of input
bits that are 1, the mean conductance, how changes become pulses. Their defaults were measured in a run.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from cimlearn.arrays.crossbar_counts import ArraySize, ArrayTally
from cimlearn.chips.base import Design
from cimlearn.chips.m2ru.counts import M2RUTally, PulseTally, kept, phase_counts
from cimlearn.chips.m2ru.fast import FAST, is_transferred
from cimlearn.chips.m2ru.fast import expected_tally as fast_tally
from cimlearn.chips.m2ru.rested import rested, with_rests
from cimlearn.chips.m2ru.sizes import (
    all_sizes,
    feedback_design,
    feedback_groups,
    feedback_size,
    held,
    inventory,
    is_parallel,
    is_probed,
    is_recursive,
    probe_steps,
    probed_together,
    sharing,
    sizes,
)
from cimlearn.devices.catalog import window
from cimlearn.learning.reservoir import expected_stored
from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet
from cimlearn.streams.base import StreamShape


def design(p: ParameterSet, shape: StreamShape, *, learned: int, predicted: int) -> Design:
    """What M2RU is, and what it is expected to do; arguments as of `expected`."""
    ledger, made_of = expected(p, shape, learned=learned, predicted=predicted), inventory(p, shape)
    arrays = all_sizes(p, shape)
    return Design(
        ledger,
        made_of,
        cell={},
        cells=sum(made_of[name]["cells"] for name in arrays),
        writes=sum(ledger.counts["learn"][name]["writes"] for name in arrays),
    )


def expected(p: ParameterSet, shape: StreamShape, *, learned: int, predicted: int) -> Ledger:
    """The ledger after `learned` new examples (with their replays) and `predicted` ones.

    p
        parameters of the chip with those of the preset `expected` merged in
    """
    phases = {"learn": _learn(p, shape, learned), "predict": _pass(p, shape, predicted)}
    counts = {name: phase_counts(p, shape, tally, learning=name == "learn") for name, tally in phases.items()}
    on = {
        name: {array: one.on for array, one in (tally.arrays or {}).items()} for name, tally in phases.items()
    }
    return Ledger(counts, on)


def _pass(p: ParameterSet, shape: StreamShape, passes: int) -> M2RUTally:
    """`passes` examples forward."""
    arrays = sizes(p, shape)
    vectors = {"hidden": passes * shape.steps, "output": passes}
    return M2RUTally({name: _reads(p, name, size, vectors[name]) for name, size in arrays.items()}, passes)


def _learn(p: ParameterSet, shape: StreamShape, new: int) -> M2RUTally:
    """`new` examples learned, with their replays, readings of the feedback copies and writes."""
    arrays, slots = sizes(p, shape), p["replay.slots"]
    batch, refresh = 1 if is_parallel(p) else p["rule.batch"], p["rule.refresh"]
    between = rested(p, together=batch * (1 + p["replay.ratio"]))
    replayed = (new * p["replay.ratio"] if slots else 0) + between.replayed
    updates = new // batch + between.updates
    copies = -(-new // refresh) if refresh and p["rule.feedback"] == "through" else 0
    passes = new + replayed
    rows = copies * p["network.hidden"]  # each copy reads every recurrent and output row alone
    zeros = copies if p["periphery.zero_read"] else 0  # and once no row at all
    probes = new // p["rule.probe_every"] if probed_together(p, shape) else 0
    disturbed, again = probe_steps(p, shape, probes)
    vectors = {"hidden": passes * shape.steps + again, "output": passes + probes}
    given = _given(p, shape, passes, disturbed) if is_parallel(p) else {}
    tallies, asked, risen = {}, 0, 0
    for name, size in arrays.items():
        reads = _reads(p, name, size, vectors[name], alone=rows, zeros=zeros)
        together = size.layers if p["write.cells"] == "all" else 1
        proposed = updates * kept(p, name, size)
        let = through(p, shape, name, proposed / size.weights, kept(p, name, size) / size.rows)
        pulses = round(let.share * proposed * together * p["expected.pulses_per_change"])
        verify = _verified(p, pulses)
        due = min(1.0, p["expected.pulses_per_change"])
        tallies[name] = reads._replace(
            pulses=pulses,
            verify_reads=verify,
            row_writes=round(updates * size.rows * due * let.rows),
        )
        if is_parallel(p):
            pulses = _pulses(given[name])
            tallies[name] = reads._replace(pulses=pulses, row_writes=0)
        if is_transferred(p):
            tallies[FAST[name]] = fast_tally(p, all_sizes(p, shape)[FAST[name]], updates, proposed)
            moved = tallies[FAST[name]].vectors
            pulses = round(moved * size.columns * p["expected.pulses_per_change"])
            verify = _verified(p, pulses)
            tallies[name] = reads._replace(pulses=pulses, verify_reads=verify, row_writes=moved)
        if name in held(p, shape):
            asked, risen = asked + proposed, risen + round(let.risen * size.weights)
    driven = 0
    if is_probed(p):
        driven = round(passes * p["expected.taught"]) * feedback_groups(p, shape)
        tallies["feedback"] = _feedback(p, shape, driven, disturbed, updates)
        if is_parallel(p):
            pulses = _pulses(given["feedback"])
            tallies["feedback"] = tallies["feedback"]._replace(pulses=pulses, row_writes=0)
    on = _mean(p)
    tallies = {n: with_rests(p, all_sizes(p, shape)[n], one, between, on) for n, one in tallies.items()}
    return M2RUTally(
        tallies,
        passes,
        updates,
        new if slots else 0,
        expected_stored(new, slots),
        replayed,
        copies,
        probes=probes,
        again=again,
        driven=driven,
        lit=round(passes * shape.steps * shape.features * p["expected.inputs_on"]),
        asked=asked,
        risen=risen,
        calibrations=between.calibrations,
        given=given,
    )


MEASURED_STEP = 0.0002  # write.pulse_step of the run that expected.pulse_* was measured in


def _given(p: ParameterSet, shape: StreamShape, passes: int, disturbed: int) -> dict[str, PulseTally]:
    """Parallel writes of `passes` examples and of `disturbed` steps of probes, by array."""
    found = {}
    for n, (name, size) in enumerate(all_sizes(p, shape).items()):
        terms = {"hidden": passes * shape.steps, "output": passes, "feedback": disturbed}[name]
        driven = shape.classes if name == "feedback" else size.rows
        each = p["expected.pulse_slots"][n] * MEASURED_STEP / p["write.pulse_step"]
        rows, columns = p["expected.pulse_rows"][n] * driven, p["expected.pulse_columns"][n] * size.columns
        slots = terms * each
        found[name] = PulseTally(
            slots=round(slots),
            rows=round(slots * rows),
            columns=round(slots * columns),
            drawn=round(terms + slots * (driven + size.columns)),
            steps=round(terms * (1 - math.exp(-each))),
        )
    return found


def _pulses(given: PulseTally) -> int:
    """Coincidences of rows and columns that are on by chance, each in its slots."""
    return round(given.rows * given.columns / given.slots) if given.slots else 0


MOMENTS = 64  # of a run at which the chance that a row is written is looked at


class Through(NamedTuple):
    """What importance lets through of the changes asked of one weight."""

    share: float  # of the changes, those that are written
    risen: float  # times that its importance rose
    rows: float  # of the rows of which `together` weights are asked, those that are written


def through(p: ParameterSet, shape: StreamShape, name: str, changes: float, together: float = 1) -> Through:
    """`changes` asked of each weight of array `name`: the chain of learning/metaplastic.py, summed over changes.

    All weights are taken to be asked alike; where a sparsifier always picks the same, more is held back.
    """
    count = round(changes)
    if name not in held(p, shape) or count < 1:
        return Through(1.0, 0.0, 1.0)
    levels = 2 ** int(p["rule.importance_bits"])
    written = 0.5 ** np.arange(levels)
    if is_recursive(p):  # none of the highest importance
        written[-1] = 0.0
    rise = written * p[f"rule.importance_{name}"]
    rise[-1] = 0.0
    step = np.zeros((levels + 2, levels + 2))  # levels, then two sums: changes written, rises
    step[range(levels), range(levels)] = 1 - rise
    step[range(levels - 1), range(1, levels)] = rise[:-1]
    step[:levels, levels], step[:levels, levels + 1] = written, rise
    step[levels, levels] = step[levels + 1, levels + 1] = 1.0
    end = np.linalg.matrix_power(step, count)[0]
    at = np.unique(np.geomspace(1, count, MOMENTS).round()).astype(int)  # changes at which rows are looked at
    each = [np.linalg.matrix_power(step, n - 1)[0, :levels] @ written for n in at]
    rows = 1 - (1 - np.array(each)) ** together
    mean = np.interp(
        np.arange(1, min(count, MOMENTS**2) + 1) * count / min(count, MOMENTS**2), at, rows
    ).mean()
    return Through(float(end[levels] / count), float(end[levels + 1]), float(mean))


def _feedback(p: ParameterSet, shape: StreamShape, driven: int, disturbed: int, updates: int) -> ArrayTally:
    """The feedback array: groups of rows that errors drive, rows that probes read alone, and writes of both rules."""
    size = feedback_size(p, shape)
    each = size._replace(rows=shape.classes)
    reads = _reads(p, "feedback", each, driven, alone=disturbed * shape.classes)
    followed = sum(
        sharing(p, shape) * n < p["rule.follow"] for n in range(feedback_groups(p, shape))
    )  # groups
    rows = (disturbed + updates * followed) * shape.classes
    p = feedback_design(p)
    layers = size.layers if p["write.cells"] == "all" else 1
    pulses = round(rows * size.columns * layers * p["expected.pulses_per_change"])
    due = min(1.0, p["expected.pulses_per_change"])
    return reads._replace(pulses=pulses, verify_reads=_verified(p, pulses), row_writes=round(rows * due))


def _verified(p: ParameterSet, pulses: int) -> int:
    """Reads that verify `pulses`; of one-sided pairs both cells are read, before, after, and whether they are full."""
    if p["write.scheme"] == "one-sided":
        return (6 if p["write.tries"] else 2) * pulses
    return pulses if p["write.tries"] else 0


def middle(p: ParameterSet) -> float:
    """Conductance of a cell in the middle of its window [S]."""
    return 0.5 * sum(window(p.part("device")))


def _reads(
    p: ParameterSet, name: str, size: ArraySize, vectors: int, alone: int = 0, zeros: int = 0
) -> ArrayTally:
    """`vectors` inputs driven into one array, with the expected share of active bits and conductance.

    `alone` more inputs are 1 on a single row, all their bits active, and 0 elsewhere; `zeros` more are 0 everywhere.
    """
    active = round(vectors * size.cycles * size.rows * p[f"expected.{name}_bits_on"]) + alone * size.cycles
    on = active * size.columns * size.layers * _mean(p)
    return ArrayTally(vectors + alone + zeros, active, 0, 0, 0, on)


def _mean(p: ParameterSet) -> float:
    """Mean conductance of the cells that inputs switch on [S]."""
    low, high = window(p.part("device"))
    return float(low + p["expected.conductance"] * (high - low))
