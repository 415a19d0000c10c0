"""The ledger that M2RU is expected to have, without a run: for prices of a design that nobody has trained yet.

Sizes, cycles and passes are exact. What depends on data is a parameter of its own (`expected.*`): the share of input
bits that are 1, the mean conductance, how changes become pulses. Their defaults were measured in a run.
"""

from __future__ import annotations

from cimlearn.arrays.crossbar_counts import ArraySize, ArrayTally
from cimlearn.chips.base import Design
from cimlearn.chips.m2ru.counts import M2RUTally, kept, phase_counts
from cimlearn.chips.m2ru.sizes import (
    all_sizes,
    feedback_groups,
    feedback_size,
    inventory,
    is_probed,
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
    replayed = new * p["replay.ratio"] if slots else 0
    updates, refresh = new // p["rule.batch"], p["rule.refresh"]
    copies = -(-new // refresh) if refresh and p["rule.feedback"] == "through" else 0
    passes = new + replayed
    rows = copies * p["network.hidden"]  # each copy reads every recurrent and output row alone
    zeros = copies if p["periphery.zero_read"] else 0  # and once no row at all
    probes = new // p["rule.probe_every"] if probed_together(p, shape) else 0
    disturbed, again = probe_steps(p, shape, probes)
    vectors = {"hidden": passes * shape.steps + again, "output": passes + probes}
    tallies = {}
    for name, size in arrays.items():
        reads = _reads(p, name, size, vectors[name], alone=rows, zeros=zeros)
        together = size.layers if p["write.cells"] == "all" else 1
        proposed = updates * kept(p, name, size) * together
        pulses = round(proposed * p["expected.pulses_per_change"])
        verify = pulses if p["write.tries"] else 0
        due = min(1.0, p["expected.pulses_per_change"])
        tallies[name] = reads._replace(
            pulses=pulses, verify_reads=verify, row_writes=round(updates * size.rows * due)
        )
    stored, driven = expected_stored(new, slots), 0
    if is_probed(p):
        driven = round(passes * p["expected.taught"]) * feedback_groups(p, shape)
        tallies["feedback"] = _feedback(p, shape, driven, disturbed, updates)
    return M2RUTally(
        tallies,
        passes,
        updates,
        new if slots else 0,
        stored,
        replayed,
        copies,
        probes=probes,
        again=again,
        driven=driven,
        lit=round(passes * shape.steps * shape.features * p["expected.inputs_on"]),
    )


def _feedback(p: ParameterSet, shape: StreamShape, driven: int, disturbed: int, updates: int) -> ArrayTally:
    """The feedback array: groups of rows that errors drive, rows that probes read alone, and writes of both rules."""
    size = feedback_size(p, shape)
    each = size._replace(rows=shape.classes)
    reads = _reads(p, "feedback", each, driven, alone=disturbed * shape.classes)
    followed = sum(
        sharing(p, shape) * n < p["rule.follow"] for n in range(feedback_groups(p, shape))
    )  # groups
    rows = (disturbed + updates * followed) * shape.classes
    layers = size.layers if p["write.cells"] == "all" else 1
    pulses = round(rows * size.columns * layers * p["expected.pulses_per_change"])
    due = min(1.0, p["expected.pulses_per_change"])
    return reads._replace(
        pulses=pulses, verify_reads=pulses if p["write.tries"] else 0, row_writes=round(rows * due)
    )


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
    low, high = window(p.part("device"))
    mean = low + p["expected.conductance"] * (high - low)
    return ArrayTally(vectors + alone + zeros, active, 0, 0, 0, active * size.columns * size.layers * mean)
