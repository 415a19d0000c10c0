"""Elementary functions for strict kernels: sums, products and quotients in a fixed order, the same on every processor.

A C library picks its exp, log and pow by the processor (with or without fused multiply-add), and their last bits
differ. These are plain text-book series; `install` puts them in the place of the library's for all compiled code.
Relative errors: exp, exp2, log, log1p, expm1 below 1e-15 (expm1 and log1p 2e-15), pow 1e-15 (1 + |y ln x|);
sin and cos 1e-15 absolute, of angles below 1e5.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numba
import numpy as np
from numpy.typing import NDArray

# ln 2 in two parts: the first has 32 bits, so that a whole number below 2^20 times it is exact.
_HIGH: Final = 0.693147180369123816490
_LOW: Final = 1.90821492927058770002e-10
_INVERSE: Final = 1.4426950408889634
# pi / 2 in two parts, in the same way.
_QUARTER: Final = 1.57079632673412561417
_QUARTER_REST: Final = 6.07710050650619224932e-11
_HALF: Final = 0.7071067811865476  # sqrt(1/2)
_LARGEST: Final = 709.782712893384  # exp of more overflows
_SMALLEST: Final = -745.2
_njit: Any = numba.njit
_jit: Any = _njit(error_model="numpy", no_cpython_wrapper=True)  # no fastmath: no contraction, no other order


def plain_exp(x: float) -> float:
    """e^x = 2^k e^r with |r| <= ln 2 / 2; e^r by its series up to r^13 / 13!."""
    if x != x:
        return x
    if x > _LARGEST:
        return math.inf
    if x < _SMALLEST:
        return 0.0
    k = math.floor(x * _INVERSE + 0.5)
    r = (x - k * _HIGH) - k * _LOW
    total = 1.0
    for n in range(13, 0, -1):
        total = 1.0 + r * total / n
    return math.ldexp(total, int(k))


def plain_log(x: float) -> float:
    """ln(2^e m) = e ln 2 + 2 (s + s^3/3 + ... + s^23/23), s = (m - 1)/(m + 1), sqrt(1/2) <= m < sqrt(2)."""
    if x != x or x == math.inf:
        return x
    if x < 0.0:
        return math.nan
    if x == 0.0:
        return -math.inf
    m, e = math.frexp(x)
    if m < _HALF:
        m, e = m + m, e - 1
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    total = 0.0
    for n in range(23, 1, -2):
        total = (total + 1.0 / n) * z
    return e * _HIGH + (e * _LOW + (s + s) * (1.0 + total))


exp: Any = _jit(plain_exp)
log: Any = _jit(plain_log)


def _exp2(x: float) -> float:
    """2^x = 2^k e^(f ln 2), k whole."""
    if x != x or abs(x) > 2000.0:
        return exp(x)
    k = math.floor(x + 0.5)
    return math.ldexp(exp((x - k) * 0.6931471805599453), int(k))


def _log1p(x: float) -> float:
    """ln(1 + x) = ln(u) x / (u - 1), u = 1 + x rounded: what rounding took away is put back (Kahan)."""
    u = 1.0 + x
    if u == 1.0 or u == math.inf or u != u:
        return x
    return log(u) if u <= 0.0 else log(u) * (x / (u - 1.0))


def _expm1(x: float) -> float:
    """e^x - 1 = (u - 1) x / ln(u), u = e^x rounded (Kahan)."""
    u = exp(x)
    if u == 1.0:
        return x
    if u == math.inf or u != u or u - 1.0 == -1.0:
        return u - 1.0
    return (u - 1.0) * (x / log(u))


def _pow(x: float, y: float) -> float:
    """x^y: a square root, or products for small whole y, else e^(y ln |x|) with the sign of x."""
    if y == 0.0 or x == 1.0:
        return 1.0
    if x != x or y != y:
        return x + y
    whole = y == math.floor(y)
    if whole and abs(y) <= 64.0:
        result, factor, left = 1.0, x, int(abs(y))
        while left:
            if left & 1:
                result *= factor
            factor *= factor
            left >>= 1
        return result if y > 0.0 else 1.0 / result
    if y == 0.5:
        return math.sqrt(x)
    if x < 0.0 and not whole and abs(y) != math.inf:
        return math.nan
    result = exp(y * log(abs(x)))
    odd = whole and abs(y) < 9007199254740992.0 and y * 0.5 != math.floor(y * 0.5)
    return -result if x < 0.0 and odd else result


exp2: Any = _jit(_exp2)
log1p: Any = _jit(_log1p)
expm1: Any = _jit(_expm1)
power: Any = _jit(_pow)


def _log2(x: float) -> float:
    return log(x) * _INVERSE


def _log10(x: float) -> float:
    return log(x) * 0.4342944819032518


def _cos(x: float) -> float:
    """cos(x) = +-cos(r) or +-sin(r), |r| <= pi / 4, by their series; for |x| < 1e5, as kernels have it."""
    if abs(x) == math.inf:
        return math.nan
    k = math.floor(x * 0.6366197723675814 + 0.5)
    r = (x - k * _QUARTER) - k * _QUARTER_REST
    z, turn = r * r, int(k % 4.0)
    total = 1.0
    if turn % 2 == 0:
        for n in range(18, 0, -2):
            total = 1.0 - z * total / (n * (n - 1))
    else:
        for n in range(19, 1, -2):
            total = 1.0 - z * total / (n * (n - 1))
        total *= r
    return -total if turn in (1, 2) else total


def _sin(x: float) -> float:
    return cos(x - 1.5707963267948966)


cos: Any = _jit(_cos)
FUNCTIONS: Final = {
    "cos": cos, "sin": _jit(_sin),
    "exp": exp, "exp2": exp2, "expm1": expm1, "log": log, "log1p": log1p, "log2": _jit(_log2), "log10": _jit(_log10),
}  # fmt: skip


@_njit(error_model="numpy")
def _exp_each(values: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    for n in range(len(values)):
        out[n] = exp(values[n])


def exp_each(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """e to the power of each of `values`, an array of any shape."""
    out = np.empty(values.shape)
    _exp_each(np.ascontiguousarray(values).reshape(-1), out.reshape(-1))
    return out


_KEPT: list[Any] = []  # what compiled code points to


def install() -> None:
    """Let everything that numba compiles from now on call these functions instead of the C library's."""
    import llvmlite.binding

    def put(name: str, signature: str, function: Any) -> None:
        made: Any = numba.cfunc(signature, error_model="numpy")(function)
        _KEPT.append(made)
        llvmlite.binding.add_symbol(name, made.address)

    for name, function in FUNCTIONS.items():
        put(name, "float64(float64)", _double(function))
        put(f"{name}f", "float32(float32)", _single(function))
    put("pow", "float64(float64, float64)", lambda x, y: power(x, y))
    put("powf", "float32(float32, float32)", lambda x, y: power(numba.float64(x), numba.float64(y)))


def _double(function: Any) -> Any:
    return lambda x: function(x)


def _single(function: Any) -> Any:
    return lambda x: function(numba.float64(x))
