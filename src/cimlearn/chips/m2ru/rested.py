"""What rests between tasks add to the expected ledger: examples learned again, reads of calibrations, references.

resting.py does it in a run; the two count alike (tests/chips/test_expected.py).
"""

from __future__ import annotations

from typing import NamedTuple

from cimlearn.arrays.calibrate_counts import compares
from cimlearn.arrays.crossbar_counts import ArraySize, ArrayTally
from cimlearn.arrays.rules import ages
from cimlearn.parameters import ParameterSet

ONES = 0.5  # of the bits of a stored vector: numbers spread evenly over [-1, 1]


def rests(p: ParameterSet) -> bool:
    """Whether something happens between tasks."""
    return bool(p["operation.rest"] > 0 or len(set(p["operation.temperature"])) > 1 or p["operation.refresh"])


class Rested(NamedTuple):
    """What all rests of a stream come to."""

    rests: int
    calibrations: int  # of all columns, the first one before the stream included
    replayed: int  # examples learned again after rests
    updates: int  # times that their changes were written


def rested(p: ParameterSet, *, together: int) -> Rested:
    """The rests of `expected.rests` tasks; `together` examples learned again share a write."""
    count = p["expected.rests"] if rests(p) else 0
    calibrations = 1 + count if p["operation.calibration"] != "none" else 0
    again = p["operation.refresh"] if p["replay.slots"] else 0
    return Rested(count, calibrations, count * again, count * -(-again // together))


def with_rests(
    p: ParameterSet, size: ArraySize, one: ArrayTally, done: Rested, conductance: float
) -> ArrayTally:
    """`one` with the reads of calibrations, at a mean `conductance` [S] of cells that are on, and reference writes.

    Each row tile is read by itself; as in a run, such a read counts as one of the whole array.
    """
    count = p["operation.calibration_vectors"] * size.row_tiles
    stored = 2 * done.rests * count if compares(p["operation.calibration"]) else 0
    blank = done.calibrations * count
    active = round(stored / size.row_tiles * size.cycles * size.rows * ONES)
    pulses = done.rests * _reference_pulses(p, size)
    return one._replace(
        vectors=one.vectors + stored + blank,
        active_bits=one.active_bits + active,
        on=one.on + active * size.columns * size.layers * conductance,
        pulses=one.pulses + pulses,
        row_writes=one.row_writes + (2 * done.rests * size.rows if pulses else 0),
    )


def _reference_pulses(p: ParameterSet, size: ArraySize) -> int:
    """Each reference cell is written up and down."""
    if p["periphery.reference_tracks"] != "rewritten" or not ages(p):
        return 0
    return 2 * size.layers * size.rows * _references(p, size)


def _references(p: ParameterSet, size: ArraySize) -> int:
    """Reference columns of an array; one stands for an exact number."""
    group = p["periphery.reference_group"]
    if not group:
        return 1
    wide, left = divmod(size.columns, p["tile.columns"])
    tiles = [p["tile.columns"]] * wide + ([left] if left else [])
    return sum(-(-width // group) for width in tiles)
