"""Counts of one phase of M2RU. What follows from the number of passes is computed; the rest was counted."""

from __future__ import annotations

from typing import Any

from cimlearn.arrays.base import ACTIVE_BITS, PULSES, ROW_WRITES, VECTORS, VERIFY_READS
from cimlearn.arrays.crossbar import Crossbar
from cimlearn.networks.miru import Miru
from cimlearn.parameters import ParameterSet
from cimlearn.streams.base import StreamShape

Counts = dict[str, int]


def _tiles(array: Any) -> int:
    """Row tiles of an array; a plain one has one."""
    return len(array.tiles) - 1 if isinstance(array, Crossbar) else 1


def _array_counts(array: Crossbar, widest: int, cycles: int, *, converts: int | None) -> dict[str, int]:
    """Counts of one crossbar in one phase."""
    columns = array.weight.shape[1]
    vectors = int(array.counts[VECTORS])
    return {
        "vectors": vectors,
        "tile_reads": vectors * _tiles(array) * -(-columns // widest),
        "cycles": vectors * cycles,
        "active_bits": int(array.counts[ACTIVE_BITS]),
        "conversions": vectors * _tiles(array) * columns if converts else 0,
        "writes": int(array.counts[PULSES]),
        "verify_reads": int(array.counts[VERIFY_READS]),
    }


def array_phase(net: Miru, p: ParameterSet) -> dict[str, Counts]:
    """Counts of both crossbars, and the serial cycles that reading and converting took."""
    share, cycles = p["periphery.columns_per_converter"], (p["periphery.input_bits"] or 2) - 1
    converts = p["periphery.converter_bits"]
    parts = {
        name: _array_counts(array, p["tile.columns"], cycles, converts=converts)
        for name, array in (("hidden", net.hidden), ("output", net.output))
    }
    serial = sum(part["vectors"] for part in parts.values()) * (cycles + share)
    return {**parts, "time": {"forward_cycles": serial}}


def forward_digital(net: Miru, p: ParameterSet, shape: StreamShape, passes: int) -> Counts:
    """Digital operations of `passes` examples through the network."""
    steps, hidden = passes * shape.steps, p["network.hidden"]
    tile_add = steps * hidden * (_tiles(net.hidden) - 1) + passes * shape.classes * (_tiles(net.output) - 1)
    return {"multiply_add": steps * 3 * hidden, "tanh": steps * hidden, "tile_add": tile_add}


def learning_digital(
    p: ParameterSet, shape: StreamShape, passes: int, updates: int, *, direct: bool, sparse: bool
) -> Counts:
    """Digital operations of learning beyond the passes: answers, feedback, changes, scaling, comparing."""
    hidden, classes = p["network.hidden"], shape.classes
    rows, steps = shape.features + hidden + 1, passes * shape.steps
    weights = rows * hidden + (hidden + 1) * classes
    projection = steps * hidden * (classes + 3 if direct else hidden + 4)
    outer = steps * rows * hidden + passes * (hidden + 1) * classes
    softmax = p["rule.answer"] == "softmax"
    return {
        "multiply_add": projection + outer,
        "exp": passes * classes if softmax else 0,
        "kwta": 0 if softmax else passes,
        "compare": updates * weights if sparse else 0,
        "scale": updates * weights,
    }


def update_time(net: Miru, updates: int) -> Counts:
    """Updates, and the rows that they wrote to one after the other."""
    rows = sum(int(array.counts[ROW_WRITES]) for array in (net.hidden, net.output))
    return {"update_row_cycles": rows, "updates": updates}
