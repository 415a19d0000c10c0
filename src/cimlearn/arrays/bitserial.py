"""INT8 products by bit planes: the definition, and the work that it is on sub-arrays of given size.

    y = sum_{m,n = 0..7} s_m s_n 2^(m+n) popcount(x_m AND w_n)      s_7 = -1, every other s = +1

x_m is bit m of the inputs (one row each), w_n bit n of the stored weights. Two's complement, so the sum is the exact
whole number. A weight's 8 bits lie side by side in a row; one cycle drives one bit of the inputs into
`active` rows of a sub-array, and below each column the ANDs are counted, shifted and added.

Functions count work in whole numbers, part -> action -> count, as a `Ledger` holds them. What is published of
the chip is that it is digital and bit-serial; how products are laid out here is assumed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError

BITS: Final = 8
Counts = dict[str, dict[str, int]]  # part -> action -> count


def planes(values: NDArray[np.int8]) -> NDArray[np.uint8]:
    """(8, ...) bits of two's complement of values (...), lowest first."""
    bits = np.arange(BITS, dtype=np.uint8).reshape(-1, *[1] * values.ndim)
    return (values.view(np.uint8) >> bits) & np.uint8(1)


def from_planes(bits: NDArray[np.uint8]) -> NDArray[np.int8]:
    """The values (...) that bits (8, ...) stand for."""
    weights = (1 << np.arange(BITS, dtype=np.uint16)).reshape(-1, *[1] * (bits.ndim - 1))
    return (bits * weights).sum(axis=0).astype(np.uint8).view(np.int8)


def product(x: NDArray[np.int8], w: NDArray[np.int8]) -> NDArray[np.int64]:
    """(vectors, columns) y of x (vectors, rows) and w (rows, columns), bit plane by bit plane as defined above."""
    x_bits, w_bits = planes(x), planes(w)
    y = np.zeros((x.shape[0], w.shape[1]), np.int64)
    for m in range(BITS):
        for n in range(BITS):
            sign = -1 if (m == BITS - 1) != (n == BITS - 1) else 1
            both = x_bits[m][:, :, None] & w_bits[n][None, :, :]  # (vectors, rows, columns)
            y += sign * 2 ** (m + n) * both.sum(axis=1, dtype=np.int64)
    return y


class SubArray(NamedTuple):
    """The geometry of one sub-array, and how many of them there are."""

    rows: int  # wordlines
    columns: int  # cells in a row; a weight takes 8 of them
    active: int  # rows driven in one cycle
    available: int = 0  # sub-arrays that work at the same time; 0 = as many as the product needs


class Shape(NamedTuple):
    """`groups` matrices (rows, columns) of int8, each multiplied with `vectors` int8 vectors of its own."""

    rows: int
    columns: int
    vectors: int
    groups: int = 1

    @property
    def products(self) -> int:
        """Multiply-adds of two int8 numbers."""
        return self.rows * self.columns * self.vectors * self.groups


class Tiling(NamedTuple):
    """How a matrix lies on sub-arrays. Groups of few rows are stacked in one sub-array, and take turns there."""

    down: int  # sub-arrays that share a column's sum
    across: int
    stacked: int  # groups in one sub-array
    arrays: int  # sub-arrays in all
    turns: int  # row groups of one matrix and sub-array, one after the other


def tiling(shape: Shape, array: SubArray) -> Tiling:
    """The layout of `shape` on sub-arrays like `array`; InputError if the sub-array can't hold a weight."""
    words = array.columns // BITS
    if array.rows < 1 or words < 1 or not 1 <= array.active <= array.rows or array.available < 0:
        raise InputError(
            f"a sub-array of {array.rows} rows, {array.active} of them active at a time, and {array.columns} columns "
            f"can't hold a weight; give rows >= active >= 1 (array.rows, array.active), array.columns >= {BITS}"
        )
    if min(shape) < 1:
        raise InputError(f"{shape} is empty; every number of a product's shape is 1 or more")
    down, across = _up(shape.rows, array.rows), _up(shape.columns, words)
    stacked = min(shape.groups, max(1, array.rows // shape.rows))
    turns = _up(min(shape.rows, array.rows), array.active)
    return Tiling(down, across, stacked, _up(shape.groups, stacked) * down * across, turns)


def multiplied(shape: Shape, array: SubArray, *, part: str = "mram") -> Counts:
    """The work of one product whose matrix is stored.

    `part`: row_activations (a row driven for one cycle, in every sub-array across), bits_read (cells sensed:
    a bit of AND each), plane_cycles (sub-array cycles: one input bit plane on one row group). `adders`: popcounts
    (one column and cycle, over the active rows), shift_adds (a popcount shifted into its sum), partial_adds
    (sums of sub-arrays one above the other). `time`: serial_cycles, all sub-arrays at work together.
    """
    t = tiling(shape, array)
    per_bit = shape.vectors * shape.groups
    cycles = per_bit * BITS * _row_groups(shape.rows, array)
    popcounts = cycles * shape.columns * BITS
    waves = _up(t.arrays, array.available) if array.available else 1
    return {
        part: {
            "row_activations": per_bit * BITS * shape.rows * t.across,
            "bits_read": shape.products * BITS * BITS,
            "plane_cycles": cycles * t.across,
        },
        "adders": {
            "popcounts": popcounts,
            "shift_adds": popcounts,
            "partial_adds": per_bit * shape.columns * (t.down - 1),
        },
        "time": {"serial_cycles": shape.vectors * BITS * t.turns * t.stacked * waves},
    }


def multiplied_transposed(shape: Shape, array: SubArray, *, part: str = "mram") -> Counts:
    """The work of W^T E read from the sub-arrays that hold W: `shape` is that of W's forward product.

    Inputs drive words (8 columns), rows are counted. A row's popcount can take only one of a weight's 8
    planes at a time, so the planes follow one another: 8 times the cycles (assumed). At most `active` rows are
    counted in a cycle. Actions as in `multiplied`.
    """
    t = tiling(shape, array)
    per_bit = shape.vectors * shape.groups
    cycles = per_bit * BITS * BITS * _row_groups(shape.rows, array) * t.across
    popcounts = per_bit * BITS * BITS * shape.rows * t.across
    waves = _up(t.arrays, array.available) if array.available else 1
    return {
        part: {
            "row_activations": popcounts,
            "bits_read": shape.products * BITS * BITS,
            "plane_cycles": cycles,
        },
        "adders": {
            "popcounts": popcounts,
            "shift_adds": popcounts,
            "partial_adds": per_bit * shape.rows * (t.across - 1),
        },
        "time": {"serial_cycles": shape.vectors * BITS * BITS * t.turns * t.stacked * waves},
    }


def moved(shape: Shape, array: SubArray, *, part: str, write: bool) -> Counts:
    """The work of writing (or reading out) all weights of `shape` once, one row of each sub-array at a time.

    `part`: bits_written and rows_written, or bits_out and rows_out. `time`: serial_cycles.
    """
    t = tiling(shape, array)
    bits, rows = ("bits_written", "rows_written") if write else ("bits_out", "rows_out")
    used = min(array.rows, shape.rows * t.stacked)
    waves = _up(t.arrays, array.available) if array.available else 1
    return {
        part: {
            bits: shape.rows * shape.columns * shape.groups * BITS,
            rows: shape.rows * t.across * shape.groups,
        },
        "time": {"serial_cycles": used * waves},
    }


def added(counts: Iterable[Counts]) -> Counts:
    """The sum of counts; serial cycles add up too, so what is given runs one after the other."""
    total: Counts = {}
    for one in counts:
        for part, actions in one.items():
            into = total.setdefault(part, {})
            for action, count in actions.items():
                into[action] = into.get(action, 0) + count
    return total


def _up(n: int, by: int) -> int:
    """n / by, rounded up."""
    return -(-n // by)


def _row_groups(rows: int, array: SubArray) -> int:
    """Row groups of a column, over all sub-arrays that it runs through."""
    full, rest = divmod(rows, array.rows)
    return full * _up(array.rows, array.active) + _up(rest, array.active)
