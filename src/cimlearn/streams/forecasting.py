"""Forecasting: a chaotic series made from its equation, windows of a series, the error of a forecast.

    dx/dt = beta x(t - tau) / (1 + x(t - tau)^n) - gamma x(t)

Mackey and Glass, Science 197 (1977), 287. Integrated by the classical Runge-Kutta method; x(t - tau) between two steps
is the cubic through the values and slopes of both (Hairer, Norsett and Wanner, Solving ODEs I, II.17). NeuroBench's
task takes beta = 0.2, gamma = 0.1, n = 10 (Yik et al., Nature Communications 16 (2025), 1545).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError


def mackey_glass(
    points: int,
    *,
    tau: float = 17.0,
    past: float = 1.2,
    beta: float = 0.2,
    gamma: float = 0.1,
    power: float = 10.0,
    spacing: float = 1.0,
    finest: float = 0.1,
    skip: float = 0.0,
) -> NDArray[np.float64]:
    """(points,) values of the series, `spacing` apart.

    Parameters
    ----------
    points
        how many
    tau
        the delay
    past
        x before t = 0
    beta, gamma, power
        of the equation
    spacing, finest
        time between two values, and the longest step of the integration
    skip
        time at the beginning that is left out

    Raises
    ------
    InputError
        For a number that is not above 0, or a delay shorter than a step.
    """
    given = {"points": points, "tau": tau, "spacing": spacing, "finest": finest, "past": past}
    for name, value in given.items():
        if not 0 < value < math.inf:
            raise InputError(f"{name} = {value}: give a number above 0")
    if not 0 <= skip < math.inf:
        raise InputError(f"skip = {skip}: give a time of 0 or more")
    parts = math.ceil(spacing / finest)
    h = spacing / parts
    if tau < h:
        raise InputError(f"tau = {tau} is shorter than a step of {h:g}; set finest to {tau:g} or less")
    first = round(skip / spacing)
    x = np.empty((first + points - 1) * parts + 1)
    slope = np.empty_like(x)

    def rate(now: float, old: float) -> float:
        return beta * old / (1 + old**power) - gamma * now

    def at(time: float) -> float:
        """x at a time, in steps, that has passed."""
        if time <= 0:
            return past
        left = min(int(time), known - 1)
        s = time - left
        a, b, da, db = x[left], x[left + 1], h * slope[left], h * slope[left + 1]
        return float(a + s * (da + s * (3 * (b - a) - 2 * da - db + s * (2 * (a - b) + da + db))))

    delay, known = tau / h, 0
    x[0] = past
    slope[0] = rate(past, past)
    for k in range(len(x) - 1):
        known = k
        old, middle, new = (at(k + part - delay) for part in (0.0, 0.5, 1.0))
        k1 = rate(x[k], old)
        k2 = rate(x[k] + 0.5 * h * k1, middle)
        k3 = rate(x[k] + 0.5 * h * k2, middle)
        k4 = rate(x[k] + h * k3, new)
        x[k + 1] = x[k] + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        slope[k + 1] = rate(x[k + 1], new)
    return x[first * parts :: parts]


def windows(series: NDArray[Any], steps: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """x (examples, steps, features) and what follows each, y (examples, features), of series (times, features).

    A series (times,) has one feature. Raises InputError where it has no value after `steps` of them.
    """
    values = np.asarray(series, np.float32)
    values = values[:, None] if values.ndim == 1 else values
    if not 0 < steps < len(values):
        raise InputError(f"steps = {steps} of a series of {len(values)} values; give 1 to {len(values) - 1}")
    cut = np.lib.stride_tricks.sliding_window_view(values, steps, axis=0)[:-1]
    return np.ascontiguousarray(cut.swapaxes(1, 2)), values[steps:].copy()


def smape(answers: NDArray[Any], wanted: NDArray[Any]) -> float:
    """Symmetric mean absolute percentage error, 0 to 200: 200 mean |a - w| / (|a| + |w|), 0 where both are 0.

    As NeuroBench defines it for forecasts (Yik et al., Nature Communications 16 (2025), 1545). Raises InputError where
    the sizes differ or nothing is given.
    """
    if answers.shape != wanted.shape or not answers.size:
        raise InputError(
            f"{answers.size} values and {wanted.size} wanted ones can't be compared; give as many, at least one"
        )
    size = np.abs(answers) + np.abs(wanted)
    return float(200 * np.mean(np.abs(answers - wanted) / np.where(size > 0, size, 1)))
