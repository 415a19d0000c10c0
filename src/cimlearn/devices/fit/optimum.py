"""Where a smooth function of a few numbers is smallest, and how sharply: for fits by maximum likelihood."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


def minimum(
    loss: Callable[[Float], float], start: Float, box: list[tuple[float, float]], scale: float = 1.0
) -> Float:
    """Where `loss` is smallest inside `box`."""
    from scipy.optimize import minimize

    low, high = np.array(box).T
    best = np.clip(start, low, high)
    for method, options in (
        ("L-BFGS-B", {"maxiter": 300, "eps": 1e-3}),
        ("Nelder-Mead", {"maxfev": 60 * len(best), "adaptive": True}),
    ):
        got = minimize(lambda free: loss(free) / scale, best, method=method, bounds=box, options=options)
        best = got.x if loss(got.x) <= loss(best) else best
    return np.asarray(best)


def hessian(loss: Callable[[Float], float], at: Float) -> Float:
    """Second derivatives by central differences."""
    size, step = len(at), 1e-2
    found = np.empty((size, size))
    unit = np.eye(size) * step
    for i in range(size):
        for j in range(i, size):
            if i == j:
                value = loss(at + unit[i]) - 2 * loss(at) + loss(at - unit[i])
            else:
                value = 0.25 * (
                    loss(at + unit[i] + unit[j]) - loss(at + unit[i] - unit[j])
                    - loss(at - unit[i] + unit[j]) + loss(at - unit[i] - unit[j])
                )  # fmt: skip
            found[i, j] = found[j, i] = value / step**2
    return found


def inverse(curve: Float) -> Float:
    """The inverse of a matrix of second derivatives; infinite where a number doesn't matter."""
    try:
        found = np.linalg.inv(curve)
    except np.linalg.LinAlgError:
        return np.full_like(curve, np.inf)
    bad = np.diag(found) <= 0
    found[bad, bad] = np.inf
    return np.asarray(found)
