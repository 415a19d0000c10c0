"""c += a b of small matrices, in blocks of registers (arrays/blocks.py): a few vectors, or a sum of outer products."""

from __future__ import annotations

from typing import Any

from numba import config

from cimlearn.arrays.blocks import block
from cimlearn.compiled import kernel

_config: Any = config


def _panel(vectors: int) -> Any:
    """The kernel for as many columns from j on as `vectors` of 16 hold."""
    four, two, one = block(4, vectors), block(2, vectors), block(1, vectors)

    @kernel
    def panel(c, a, b, count, j, width, first, last):
        i = 0
        while i + 4 <= count:
            four(c, a, b, i, j, width, first, last)
            i += 4
        if i + 2 <= count:
            two(c, a, b, i, j, width, first, last)
            i += 2
        if i < count:
            one(c, a, b, i, j, width, first, last)

    return panel


_four, _three, _one = _panel(4), _panel(3), _panel(1)


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
