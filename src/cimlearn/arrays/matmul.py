"""c += a b of small matrices, in blocks of registers (arrays/blocks.py): a few vectors, or a sum of outer products."""

from __future__ import annotations

from typing import Any

from numba import config

from cimlearn.arrays.blocks import block
from cimlearn.compiled import kernel

_config: Any = config
_44, _24, _14 = block(4, 4), block(2, 4), block(1, 4)
_43, _23, _13 = block(4, 3), block(2, 3), block(1, 3)
_41, _21, _11 = block(4, 1), block(2, 1), block(1, 1)


@kernel
def _four(c, a, b, count, j, width, first, last):
    """49 to 64 columns from j on."""
    i = 0
    while i + 4 <= count:
        _44(c, a, b, i, j, width, first, last)
        i += 4
    if i + 2 <= count:
        _24(c, a, b, i, j, width, first, last)
        i += 2
    if i < count:
        _14(c, a, b, i, j, width, first, last)


@kernel
def _three(c, a, b, count, j, width, first, last):
    """33 to 48 columns from j on."""
    i = 0
    while i + 4 <= count:
        _43(c, a, b, i, j, width, first, last)
        i += 4
    if i + 2 <= count:
        _23(c, a, b, i, j, width, first, last)
        i += 2
    if i < count:
        _13(c, a, b, i, j, width, first, last)


@kernel
def _one(c, a, b, count, j, width, first, last):
    """1 to 16 columns from j on."""
    i = 0
    while i + 4 <= count:
        _41(c, a, b, i, j, width, first, last)
        i += 4
    if i + 2 <= count:
        _21(c, a, b, i, j, width, first, last)
        i += 2
    if i < count:
        _11(c, a, b, i, j, width, first, last)


@kernel
def _add_product(c, a, b, count, first, last):
    """c[:count] += a[:count, first:last] @ b[first:last], each sum in the order of its terms.

    c (at least count, at least columns), a (at least count, at least last), b (at least last, columns), float32. A row
    of c gets the same bits whatever `count` is.
    """
    columns, j = b.shape[1], 0
    while columns - j > 48:
        _four(c, a, b, count, j, min(columns - j, 64), first, last)
        j += 64
    if columns - j > 32:
        _three(c, a, b, count, j, columns - j, first, last)
        j += 48
    while j < columns:
        _one(c, a, b, count, j, min(columns - j, 16), first, last)
        j += 16


def _in_python(c: Any, a: Any, b: Any, count: int, first: int, last: int) -> None:
    """The same without a compiler."""
    columns = b.shape[1]
    for k in range(first, last):
        c[:count, :columns] += a[:count, k, None] * b[k]


add_product: Any = _in_python if _config.DISABLE_JIT else _add_product
