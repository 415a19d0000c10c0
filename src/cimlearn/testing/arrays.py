"""Checks of an array: a product, writes, counts, and a state that is all that changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import VECTORS, product, write
from cimlearn.compiled import entry
from cimlearn.state import copied, load
from cimlearn.testing.base import Check, bound

ROWS, COLUMNS = 12, 5


@dataclass(frozen=True)
class ArrayKind:
    """An array to check: how one is made that holds weight (rows, columns), and how exact it is."""

    build: Callable[[NDArray[np.float32]], Any]  # a NamedTuple with a field `state`
    tolerance: float = (
        1e-5  # of a product, in parts of the sum of |x| |w|; inexact arrays say how far off they are
    )


@entry
def _product(array, x, applied, out):
    for n in range(x.shape[0]):
        product(array, x[n], applied[n], out[n])


@entry
def _write(array, change):
    write(array, change)


def multiply(array: Any, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """(vectors, columns) what the array reports for x (vectors, rows)."""
    out = np.full((len(x), array.state.weight.shape[1]), np.nan, np.float32)
    _product(array, x, np.zeros_like(x), out)
    return out


def _made(kind: ArrayKind) -> Any:
    draw = np.random.default_rng(2)
    return kind.build(draw.uniform(-0.5, 0.5, (ROWS, COLUMNS)).astype(np.float32))


def _inputs(count: int = 6) -> NDArray[np.float32]:
    return np.random.default_rng(3).uniform(-1, 1, (count, ROWS)).astype(np.float32)


def product_is_that_of_its_weights(kind: ArrayKind) -> None:
    """The report is x @ weight, as far as the array is exact; a NaN is never left in it."""
    array, x = _made(kind), _inputs()
    out, weight = multiply(array, x), array.state.weight.astype(float)
    assert np.isfinite(out).all(), "a result is not finite"
    size = np.abs(x) @ np.abs(weight)
    assert np.all(np.abs(out - x @ weight) <= kind.tolerance * size), (
        "a product is off by more than the tolerance"
    )


def counts_its_vectors(kind: ArrayKind) -> None:
    """A vector driven is counted once."""
    array = _made(kind)
    before = int(array.state.counts[VECTORS])
    multiply(array, _inputs(7))
    assert array.state.counts[VECTORS] - before == 7, (
        "seven vectors were driven, and that is not what is counted"
    )


def no_change_writes_nothing(kind: ArrayKind) -> None:
    """A change of 0 leaves every weight alone."""
    array = _made(kind)
    before = array.state.weight.copy()
    _write(array, np.zeros((ROWS, COLUMNS), np.float32))
    assert np.array_equal(array.state.weight, before), "a change of 0 moved a weight"


def a_write_moves_what_it_names(kind: ArrayKind) -> None:
    """Changes move their own weights and no other."""
    array, change = _made(kind), np.zeros((ROWS, COLUMNS), np.float32)
    change[2, 1], change[7, 3] = 0.2, -0.2
    asked, before = change != 0, array.state.weight.copy()
    for _ in range(20):  # a coarse cell may need several
        _write(array, change.copy())
    moved = array.state.weight != before
    assert not np.any(moved & ~asked), "a weight moved that was not asked to"
    assert np.all(moved[asked]), "a weight that was asked to move again and again did not"


def its_state_is_all_that_changes(kind: ArrayKind) -> None:
    """An array that loads another's state goes on exactly as that one does."""
    one, two, x = _made(kind), _made(kind), _inputs()
    change = np.random.default_rng(4).normal(0, 0.1, (ROWS, COLUMNS)).astype(np.float32)
    multiply(one, x)
    _write(one, change.copy())
    load(two.state, copied(one.state))
    for array in (one, two):
        _write(array, change.copy())
    assert np.array_equal(multiply(one, x), multiply(two, x)), "products differ after the state was loaded"
    mine, other = copied(one.state), copied(two.state)
    assert all(np.array_equal(mine[k], other[k]) for k in mine), "states differ after the same work"


def checks(kind: ArrayKind) -> list[Check]:
    """The checks of an array."""
    functions = (
        product_is_that_of_its_weights,
        counts_its_vectors,
        no_change_writes_nothing,
        a_write_moves_what_it_names,
        its_state_is_all_that_changes,
    )
    return bound(functions, kind)
