"""Blocks of a matrix product in vector registers: what a compiler's own vectors of a loop over columns don't reach.

    c[i + r, j + n] += sum_k a[i + r, k] b[k, j + n]      r: 1, 2 or 4 rows, n: up to 4 vectors of 16 columns

A block's sums stay in registers from the first k to the last, so that a value of b is loaded once for all its rows.
Each sum is taken in the order of k, whatever the block: the result of a row doesn't depend on the rows beside it. With
CIMLEARN_STRICT=1 multiply and add round apart, as in every kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from cimlearn.compiled import STRICT

WIDE: Final = 16  # float32 of a vector, 512 bits; narrower processors take several registers for it
_FLAGS: Final = () if STRICT else ("contract", "nsz")
_FLOAT: Final[Any] = ir.FloatType()
_INT: Final[Any] = ir.IntType(32)
_VECTOR: Final[Any] = ir.VectorType(_FLOAT, WIDE)
_MASK: Final[Any] = ir.VectorType(ir.IntType(1), WIDE)
_ALIGN: Final[Any] = ir.Constant(_INT, 4)


def _spread(builder: Any, value: Any) -> Any:
    """A vector of `value` in every lane."""
    kind = ir.VectorType(value.type, WIDE)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(_INT, 0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(_INT, WIDE), [0] * WIDE))


class _Lines:
    """Loads and stores of `vectors` vectors of a line in memory, of which the last may be short."""

    def __init__(self, builder: Any, vectors: int, width: Any) -> None:
        self.builder, self.vectors = builder, vectors
        self.pointer = _VECTOR.as_pointer()
        module = builder.module
        load = ir.FunctionType(_VECTOR, [self.pointer, _INT, _MASK, _VECTOR])
        store = ir.FunctionType(ir.VoidType(), [_VECTOR, self.pointer, _INT, _MASK])
        self.loads = cgutils.get_or_insert_function(module, load, "llvm.masked.load.v16f32.p0v16f32")
        self.stores = cgutils.get_or_insert_function(module, store, "llvm.masked.store.v16f32.p0v16f32")
        left = builder.sub(width, ir.Constant(width.type, WIDE * (vectors - 1)))
        lanes = ir.Constant(ir.VectorType(_INT, WIDE), list(range(WIDE)))
        self.mask = builder.icmp_signed("<", lanes, _spread(builder, builder.trunc(left, _INT)))

    def _at(self, line: Any, n: int) -> Any:
        place = self.builder.gep(line, [ir.Constant(ir.IntType(64), 4 * WIDE * n)])
        return self.builder.bitcast(place, self.pointer)

    def load(self, line: Any, n: int) -> Any:
        """Vector n of a line."""
        if n == self.vectors - 1:
            zero = ir.Constant(_VECTOR, [0.0] * WIDE)
            return self.builder.call(self.loads, [self._at(line, n), _ALIGN, self.mask, zero])
        found = self.builder.load(self._at(line, n))
        found.align = 4
        return found

    def store(self, value: Any, line: Any, n: int) -> None:
        """Put vector n of a line back."""
        if n == self.vectors - 1:
            self.builder.call(self.stores, [value, self._at(line, n), _ALIGN, self.mask])
        else:
            self.builder.store(value, self._at(line, n)).align = 4


def _define(function: Any, rows: int, vectors: int) -> None:
    """Write the body of a block's function: see `block`; pointers begin at row i and column j, strides are in bytes."""
    builder: Any = ir.IRBuilder(function.append_basic_block("entry"))
    c, c_row, a, a_row, a_column, b, b_row, width, first, last = function.args
    lines = _Lines(builder, vectors, width)

    def down(line: Any, stride: Any) -> list[Any]:
        found = [line]
        for _ in range(rows - 1):
            found.append(builder.gep(found[-1], [stride]))
        return found

    into, factor = down(c, c_row), down(a, a_row)
    sums = [[builder.alloca(_VECTOR) for _ in range(vectors)] for _ in range(rows)]
    for r in range(rows):
        for n in range(vectors):
            builder.store(lines.load(into[r], n), sums[r][n])
    with cgutils.for_range(builder, last, start=first, intp=first.type) as loop:
        line = builder.gep(b, [builder.mul(loop.index, b_row)])
        loaded = [lines.load(line, n) for n in range(vectors)]
        along = builder.mul(loop.index, a_column)
        for r in range(rows):
            value = builder.load(builder.bitcast(builder.gep(factor[r], [along]), _FLOAT.as_pointer()))
            value = _spread(builder, value)
            for n in range(vectors):
                term = builder.fmul(value, loaded[n], flags=_FLAGS)
                builder.store(builder.fadd(builder.load(sums[r][n]), term, flags=_FLAGS), sums[r][n])
    for r in range(rows):
        for n in range(vectors):
            lines.store(builder.load(sums[r][n]), into[r], n)
    builder.ret_void()


def _function(module: Any, rows: int, vectors: int) -> Any:
    """The function of a block, once in a program: copies in its callers would take long to compile."""
    name = f"cimlearn_block_{rows}_{vectors}"
    if name in module.globals:
        return module.globals[name]
    line, whole = ir.IntType(8).as_pointer(), ir.IntType(64)
    kind = ir.FunctionType(ir.VoidType(), [line, whole, line, whole, whole, line, whole, whole, whole, whole])
    function: Any = ir.Function(module, kind, name)
    function.linkage = "linkonce_odr"
    function.attributes.add("noinline")
    _define(function, rows, vectors)
    return function


def block(rows: int, vectors: int) -> Callable[..., None]:
    """A kernel (c, a, b, i, j, width, first, last) for `rows` rows from i on and `width` columns from j on.

    c (.., ..), a (.., ..), b (.., ..) float32, the columns of b and c side by side in memory; width is more than
    16 (vectors - 1), at most 16 vectors; k runs from first to last - 1.
    """

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        c, a, b = (
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args[:3], arguments[:3], strict=True)
        )
        i, j, width, first, last = arguments[3:]
        steps = [cgutils.unpack_tuple(builder, one.strides, 2) for one in (c, a, b)]
        right = builder.mul(j, ir.Constant(j.type, 4))

        def place(one: Any, *offsets: Any) -> Any:
            found = builder.bitcast(one.data, ir.IntType(8).as_pointer())
            for offset in offsets:
                found = builder.gep(found, [offset])
            return found

        into = place(c, builder.mul(i, steps[0][0]), right)
        factor = place(a, builder.mul(i, steps[1][0]))
        given = [into, steps[0][0], factor, *steps[1], place(b, right), steps[2][0], width, first, last]
        builder.call(_function(builder.module, rows, vectors), given)
        return context.get_dummy_value()

    def typed(
        _context: Any, c: Any, a: Any, b: Any, i: Any, j: Any, width: Any, first: Any, last: Any
    ) -> Any:
        return types.void(c, a, b, *(types.intp for _ in range(5))), emit

    made: Any = intrinsic
    found: Callable[..., None] = made(typed)
    return found
