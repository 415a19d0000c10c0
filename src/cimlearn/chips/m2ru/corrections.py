"""Work and memory of calibrated columns (arrays/calibrate.py), as whole numbers."""

from __future__ import annotations

from cimlearn.arrays.calibrate_counts import ADDS, MULTIPLIES, NUMBERS, compares
from cimlearn.arrays.crossbar_counts import ArraySize, ArrayTally, Counts
from cimlearn.parameters import ParameterSet

WORD = 16  # bits of a number of the correction


def digital(
    p: ParameterSet, sizes: dict[str, ArraySize], arrays: dict[str, ArrayTally], calibrations: int
) -> Counts:
    """Multiplications and additions: of every product, and of the fits (normal equations of each column)."""
    kind = p["operation.calibration"]
    multiplies = adds = 0
    for name, size in sizes.items():
        columns = size.row_tiles * size.columns
        multiplies += arrays[name].vectors * columns * MULTIPLIES[kind]
        adds += arrays[name].vectors * (columns * ADDS[kind] + (size.rows if kind == "sum" else 0))
        terms = MULTIPLIES[kind]
        multiplies += calibrations * columns * p["operation.calibration_vectors"] * (terms * terms + terms)
    return {"multiply_add": multiplies, "tile_add": adds}


def cycles(p: ParameterSet, sizes: dict[str, ArraySize], arrays: dict[str, ArrayTally]) -> int:
    """Serial cycles of the corrections, `digital.lanes` columns at a time; sums beside products take none."""
    kind, lanes = p["operation.calibration"], p["digital.lanes"]
    steps = max(MULTIPLIES[kind], min(ADDS[kind], 1))
    return sum(
        arrays[name].vectors * steps * -(-size.row_tiles * size.columns // lanes)
        for name, size in sizes.items()
    )


def moved(p: ParameterSet, sizes: dict[str, ArraySize], calibrations: int) -> dict[str, Counts]:
    """Bits of stored vectors and sums that calibrations move; nothing where none are stored."""
    if not compares(p["operation.calibration"]):
        return {}
    sums = sum(_sums(p, size) for size in sizes.values())
    return {
        "calibration": {
            "bits_written": calibrations * sums,
            "bits_read": calibrations * (sums + 2 * sum(_vectors(p, size) for size in sizes.values())),
        }
    }


def memory(p: ParameterSet, sizes: dict[str, ArraySize]) -> Counts:
    """Bits of the correction's numbers, of stored vectors and of their sums."""
    kind = p["operation.calibration"]
    if kind == "none":
        return {}
    bits = sum(WORD * NUMBERS[kind] * size.row_tiles * size.columns for size in sizes.values())
    if compares(kind):
        bits += sum(_vectors(p, size) + _sums(p, size) for size in sizes.values())
    return {"calibration": bits}


def _vectors(p: ParameterSet, size: ArraySize) -> int:
    """Bits of the vectors that an array is calibrated with."""
    return int(p["operation.calibration_vectors"] * size.rows * (p["periphery.input_bits"] or 32))


def _sums(p: ParameterSet, size: ArraySize) -> int:
    """Bits of their sums."""
    bits = p["periphery.converter_bits"] or 32
    return int(p["operation.calibration_vectors"] * size.row_tiles * size.columns * bits)
