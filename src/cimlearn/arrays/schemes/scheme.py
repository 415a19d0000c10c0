"""The write scheme of an array, and what it needs."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from cimlearn.arrays.rules import known
from cimlearn.compiled import dispatched
from cimlearn.errors import InputError
from cimlearn.parameters import ParameterSet

CELLS: Final = 0  # the cells of a weight count alike
SLICES: Final = 1  # a coarse cell and a fine one, with carry
ONE_SIDED: Final = 2  # a pair of cells that pulses move up alone


class WriteScheme(NamedTuple):
    """What the controller does between a proposed change and a pulse. Weights, not conductances."""

    least: float  # changes gather in a digital accumulator until they reach this; 0 = no accumulator
    resolution: float  # smallest step of the accumulator (stochastic rounding); 0 = exact
    tries: int  # extra pulses of write-verify; 0 = write blindly
    tolerance: float  # write-verify stops within this of the wanted weight
    first_tries: int  # extra pulses of write-verify when the array is first programmed
    together: bool  # a change is shared by all cells of a weight, not given to one of them in turn
    kind: int  # CELLS or SLICES
    alone: bool  # only the first cell of a weight is written
    carry: float  # the fine slice hands over to the coarse one beyond this weight
    upper: float  # place in the window: a pair is full where one cell is above this ..
    lower: float  # .. and the other above this
    refresh_tries: int  # pulses of write-verify when a full pair is written anew
    returns: bool  # what a last read finds missing takes the place of the change, for the memory of changes


class SliceScheme(WriteScheme):
    """The same for a coarse cell and a fine one: a type of its own, so that kernels without slices are without them."""

    __slots__ = ()


class OneSidedScheme(WriteScheme):
    """The same for pairs of cells that pulses move up alone."""

    __slots__ = ()


TYPES: Final[dict[str, tuple[int, type[WriteScheme]]]] = {
    "cells": (CELLS, WriteScheme),
    "slices": (SLICES, SliceScheme),
    "one-sided": (ONE_SIDED, OneSidedScheme),
    "transfer": (CELLS, WriteScheme),  # how each of its arrays is written (learning/transfer.py)
}


@dispatched
def begin_by(scheme: Any, bar: Any, wanted: Any, middle: float) -> None:
    """Bring every weight from rest to wanted (rows, columns), by the scheme; `middle` [S]: cells of a weight of 0."""


@dispatched
def write_by(scheme: Any, bar: Any, first: int, change: Any) -> None:
    """Ask the weights of the rows from `first` on for their change (n, columns), by the scheme."""


def _check_missed(p: ParameterSet) -> None:
    """Raise InputError where nobody reads what a write missed, or nobody keeps it."""
    wanted = {"write.scheme": "slices", "rule.remainder": "kept", "rule.follow": 0}
    for name, value in wanted.items():
        if p.get(name, value) != value:
            raise InputError(
                f"write.missed = kept needs {name} = {value}, and it is {p[name]}; set it, or write.missed=forgotten"
            )
    if not p["write.tries"]:
        raise InputError(
            "write.missed = kept needs writes that are verified, and write.tries is 0; set it to 1 or more"
        )


def write_scheme(p: ParameterSet, bound: float) -> WriteScheme:
    """The write scheme that the parameters ask for, on an array of weights up to `bound`.

    Raises
    ------
    InputError
        Where the design lacks cells that the scheme needs.
    """
    least, bits = p["write.least"], p["write.accumulator_bits"]
    resolution = 0.0 if bits is None or least == 0 else least / 2.0 ** (bits - 1)
    tries, first = int(p["write.tries"]), int(p["write.first_tries"])
    sliced = p["write.scheme"] == "slices"
    if sliced and (p["mapping.cells"] != 2 or p["mapping.kind"] != "reference"):
        raise InputError(
            "write.scheme = slices needs two cells against a reference for each weight, and the design has "
            f"mapping.cells = {p['mapping.cells']}, mapping.kind = {p['mapping.kind']}; set mapping.cells=2 and "
            "mapping.kind=reference"
        )
    kind, made = TYPES[p["write.scheme"]]
    if known(p, "write.missed", "forgotten") == "kept":
        _check_missed(p)
    return made(
        float(least),
        resolution,
        tries,
        float(p["write.tolerance"]),
        first,
        p["write.cells"] == "all",
        kind,
        p["write.cells"] == "first",
        float(p["write.carry"] * bound / p["write.significance"]),
        float(p["write.refresh_upper"]),
        float(p["write.refresh_lower"]),
        int(p["write.refresh_tries"]),
        known(p, "write.missed", "forgotten") == "kept",
    )
