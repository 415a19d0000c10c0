"""The contract of an array: kernels, registered for the type of the array's state (a NamedTuple).

    product(array, x, applied, out)   out (columns,) = what the periphery reports for weight^T x, x (rows,);
                                      applied (rows,) = the input that the digital side knows it applied (x quantised)
    write(array, change)              ask every weight for its change (rows, columns); 0 = leave it alone
    product_rows(array, first, x, applied, out)   the same product where x (n,) drives rows first .. first + n - 1 alone
    write_rows(array, first, change)              the same for the weights of these rows, change (n, columns)
    freeze(array)                     draw what stands still during one inference; products that follow see it
                                      (where cells have such noise, inferences run one after the other)

Passes side by side (learning, testing) use four more, each vector with the same bits as alone:

    pass_key(array)                   the key (uint64) of the read noise of a pass
    products(array, which, count, x, keys, place, applied, out, room)
                                      out[v] (columns,) of x[v] (rows,) for the first `count` vectors; which[v] is the
                                      pass of vector v, keys[pass] its key, `place` numbers the vector in its pass, and
                                      room is scratch (arrays/reading.py)
    lit_up(array, first, last, lit)   count what a pass switched on in these rows, which `products` noted in room.lit
    product_groups(array, x, applied, outs)
                                      x (n,) drives rows 0 .. n - 1, then n .. 2 n - 1, ...; outs (groups, columns)

Every array state has `weight` (rows, columns) float32, the effective weights, and `counts`, whole numbers at
the places named below. Without non-idealities product equals x @ weight.
"""

from __future__ import annotations

from typing import Any, Final

from cimlearn.compiled import dispatched

VECTORS: Final = 0  # input vectors driven
ACTIVE_BITS: Final = 1  # input bits that were 1, over rows and cycles
PULSES: Final = 2  # write pulses that cells have seen
VERIFY_READS: Final = 3  # single-cell reads for write-verify
ROW_WRITES: Final = 4  # rows that updates wrote to, one after the other
COUNTERS: Final = 5


@dispatched
def product(array: Any, x: Any, applied: Any, out: Any) -> Any:
    """Put the product of x (rows,) and the weights in out (columns,)."""


@dispatched
def write(array: Any, change: Any) -> Any:
    """Ask every weight for its change (rows, columns)."""


@dispatched
def product_rows(array: Any, first: Any, x: Any, applied: Any, out: Any) -> Any:
    """Put the product of x (n,) and the weights of n rows from `first` on in out (columns,)."""


@dispatched
def write_rows(array: Any, first: Any, change: Any) -> Any:
    """Ask every weight of the rows from `first` on for its change (n, columns)."""


@dispatched
def freeze(array: Any) -> Any:
    """Draw the noise that stands still during the inference that follows."""


@dispatched
def pass_key(array: Any) -> Any:
    """The key of the read noise of the next pass."""


@dispatched
def products(
    array: Any, which: Any, count: Any, x: Any, keys: Any, place: Any, applied: Any, out: Any, room: Any
) -> Any:
    """Put the products of x (vectors, rows) and the weights in out (vectors, columns)."""


@dispatched
def lit_up(array: Any, first: Any, last: Any, lit: Any) -> Any:
    """Count what lit (rows,) says of rows first .. last - 1, and forget it."""


@dispatched
def product_groups(array: Any, x: Any, applied: Any, outs: Any) -> Any:
    """Put the products of x (n,) and one group of n rows after the other in outs (groups, columns)."""
