"""The Minion Recurrent Unit with both gates replaced by coefficients (MiRU-2).

    c_t = tanh(W x_t + U (beta h_{t-1}) + b)
    h_t = lambda h_{t-1} + (1 - lambda) c_t
    o   = W_o h_T + b_o

Source: Zyarah and Kudithipudi, Neurocomputing 2026, 10.1016/j.neucom.2026.132847. On the chip W, U and b are
the rows of one array (features, then hidden units, then the bias row, driven with 1), and W_o, b_o the rows of another.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import product, product_rows
from cimlearn.compiled import kernel


class Miru(NamedTuple):
    """The two arrays and the coefficients."""

    hidden: Any  # array (features + hidden + 1, hidden)
    output: Any  # array (hidden + 1, classes)
    keep: float  # lambda: what stays of the state in one step
    feed: float  # beta: how much of the state the recurrent rows see
    state_steps: float  # the state is kept in steps of 1 / state_steps; 0 = exact


class Trace(NamedTuple):
    """What one pass leaves behind for learning."""

    rows: NDArray[np.float32]  # (steps, features + hidden + 1) values applied to the hidden array
    candidate: NDArray[np.float32]  # (steps, hidden) c_t
    states: NDArray[np.float32]  # (steps, hidden) h_t
    state: NDArray[np.float32]  # (hidden,) h_T
    readout: NDArray[np.float32]  # (hidden + 1,) values applied to the output array
    out: NDArray[np.float32]  # (classes,) o
    buffer: NDArray[np.float32]  # (features + hidden + 1,) scratch


def trace(steps: int, features: int, hidden: int, classes: int) -> Trace:
    """Empty memory for a pass over `steps` inputs."""
    rows = features + hidden + 1
    return Trace(
        np.zeros((steps, rows), np.float32),
        np.zeros((steps, hidden), np.float32),
        np.zeros((steps, hidden), np.float32),
        np.zeros(hidden, np.float32),
        np.zeros(hidden + 1, np.float32),
        np.zeros(classes, np.float32),
        np.zeros(max(rows, hidden + 1), np.float32),
    )


@kernel
def tanh(values):
    """values (n,) become tanh(values): Lambert's continued fraction, error below 1e-5, cut at +-6."""
    limit = np.float32(6)
    for j in range(values.size):
        x = min(max(values[j], -limit), limit)
        s = x * x
        above = np.float32(34459425) + s * (
            np.float32(4729725) + s * (np.float32(135135) + s * (np.float32(990) + s))
        )
        below = np.float32(34459425) + s * (
            np.float32(16216200) + s * (np.float32(945945) + s * (np.float32(13860) + s * np.float32(45)))
        )
        values[j] = x * above / below


@kernel
def onward(net, x, first, signs, sigma, trace):
    """Run inputs `first` and later of x (steps, features) on from trace.state; the trace holds every step.

    signs (disturbed steps, hidden) of size sigma are added to the states of steps first, first + 1, ... in turn.
    """
    features, hidden = x.shape[1], trace.state.size
    keep = np.float32(net.keep)
    new = np.float32(1) - keep
    feed = np.float32(net.feed)
    grid = np.float32(net.state_steps)
    array = net.hidden
    row = trace.buffer[: features + hidden + 1]
    state = trace.state
    for t in range(first, x.shape[0]):
        for i in range(features):
            row[i] = x[t, i]
        for j in range(hidden):
            row[features + j] = feed * state[j]
        row[features + hidden] = 1
        candidate = trace.candidate[t]
        product_rows(array, 0, row, trace.rows[t], candidate)
        tanh(candidate)
        for j in range(hidden):
            state[j] = keep * state[j] + new * candidate[j]
        if grid > 0:
            for j in range(hidden):
                state[j] = np.rint(state[j] * grid) / grid
        if t - first < signs.shape[0]:
            for j in range(hidden):
                state[j] += np.float32(sigma) * signs[t - first, j]
        for j in range(hidden):
            trace.states[t, j] = state[j]
    last = trace.buffer[: hidden + 1]
    for j in range(hidden):
        last[j] = state[j]
    last[hidden] = 1
    product(net.output, last, trace.readout, trace.out)


@kernel
def forward(net, x, trace):
    """Run x (steps, features) through the network; the trace holds every step."""
    for j in range(trace.state.size):
        trace.state[j] = 0
    onward(net, x, 0, trace.states[:0], 0.0, trace)
