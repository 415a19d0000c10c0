"""The Minion Recurrent Unit with both gates replaced by coefficients (MiRU-2).

    c_t = tanh(W x_t + U (beta h_{t-1}) + b)
    h_t = lambda h_{t-1} + (1 - lambda) c_t
    o   = W_o h_T + b_o

Source: Zyarah and Kudithipudi, Neurocomputing 2026, 10.1016/j.neucom.2026.132847. On the chip W, U and b are
the rows of one array (features, then hidden units, then the bias row, driven with 1), and W_o, b_o the rows of another.

Passes whose weights are the same run side by side: each step is one product of all their vectors. A pass has the same
bits whatever runs beside it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import lit_up, pass_key, products
from cimlearn.arrays.reading import SideScratch, side_scratch
from cimlearn.compiled import apart, copy, kernel


class Miru(NamedTuple):
    """The two arrays and the coefficients."""

    hidden: Any  # array (features + hidden + 1, hidden)
    output: Any  # array (hidden + 1, classes)
    keep: float  # lambda: what stays of the state in one step
    feed: float  # beta: how much of the state the recurrent rows see
    state_steps: float  # the state is kept in steps of 1 / state_steps; 0 = exact


class PassScratch(NamedTuple):
    """Memory of a step of passes side by side that holds nothing between two steps."""

    which: NDArray[np.int64]  # (passes,) pass of each vector of this step
    drive: NDArray[np.float32]  # (passes, features + hidden + 1) what drives the hidden array
    known: NDArray[np.float32]  # (passes, features + hidden + 1) what the digital side knows of it
    reached: NDArray[np.float32]  # (passes, hidden) what the array tells
    last: NDArray[np.float32]  # (passes, hidden + 1) what drives the output array
    hidden: SideScratch  # of products of the hidden array; its `lit` holds until `light`
    output: SideScratch


class Trace(NamedTuple):
    """What passes need, and leave behind for learning."""

    x: NDArray[np.float32]  # (passes, steps, features) inputs
    start: NDArray[np.int64]  # (passes,) first step that is run
    disturbed: NDArray[np.int64]  # (passes,) steps from there on whose states are disturbed
    signs: NDArray[
        np.float32
    ]  # (passes, steps disturbed, hidden) of the disturbances; the first one is in `state`
    keys: NDArray[np.uint64]  # (2, passes) of the read noise of the hidden and the output array
    rows: NDArray[np.float32]  # (passes, steps, features + hidden + 1) values applied to the hidden array
    candidate: NDArray[np.float32]  # (passes, steps, hidden) c_t
    states: NDArray[np.float32]  # (passes, steps, hidden) h_t
    state: NDArray[np.float32]  # (passes, hidden) h_T
    readout: NDArray[np.float32]  # (passes, hidden + 1) values applied to the output array
    out: NDArray[np.float32]  # (passes, classes) o
    scratch: PassScratch


def trace(
    passes: int, steps: int, features: int, hidden: int, classes: int, *, kept: int = 0, disturbed: int = 1
) -> Trace:
    """Empty memory for `passes` side by side over `steps` inputs.

    `kept` steps of each are kept (0: all), and up to `disturbed` have their state disturbed.
    """
    rows, kept = features + hidden + 1, kept or steps
    return Trace(
        np.zeros((passes, steps, features), np.float32),
        np.zeros(passes, np.int64),
        np.zeros(passes, np.int64),
        np.zeros((passes, disturbed, hidden), np.float32),
        np.zeros((2, passes), np.uint64),
        np.zeros((passes, kept, rows), np.float32),
        np.zeros((passes, kept, hidden), np.float32),
        np.zeros((passes, kept, hidden), np.float32),
        np.zeros((passes, hidden), np.float32),
        np.zeros((passes, hidden + 1), np.float32),
        np.zeros((passes, classes), np.float32),
        PassScratch(
            np.zeros(passes, np.int64),
            np.zeros((passes, rows), np.float32),
            np.zeros((passes, rows), np.float32),
            np.zeros((passes, hidden), np.float32),
            np.zeros((passes, hidden + 1), np.float32),
            side_scratch(passes, rows, hidden),
            side_scratch(passes, hidden + 1, classes),
        ),
    )


@apart
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
def _drive(net, trace, first, last, t):
    """Line up what drives the hidden array in step t of the passes first .. last - 1; answers how many have begun."""
    work, feed, count = trace.scratch, np.float32(net.feed), 0
    features, hidden = trace.x.shape[2], trace.state.shape[1]
    for v in range(first, last):
        if trace.start[v] > t:
            continue
        work.which[count] = v
        for i in range(features):
            work.drive[count, i] = trace.x[v, t, i]
        for j in range(hidden):
            work.drive[count, features + j] = feed * trace.state[v, j]
        work.drive[count, features + hidden] = 1
        count += 1
    return count


@apart
def _advance(keep, grid, candidate, state):
    """state (hidden,) goes on to candidate (hidden,) by 1 - keep, on its grid."""
    new = np.float32(1) - keep
    for j in range(state.size):
        state[j] = keep * state[j] + new * candidate[j]
    if grid > 0:
        for j in range(state.size):
            state[j] = np.rint(state[j] * grid) / grid


@kernel
def _take_step(net, sigma, trace, v, n, t):
    """Pass v has reached c_t, vector n of the products: its state follows; the trace holds both."""
    work, hidden = trace.scratch, trace.state.shape[1]
    place = min(t, trace.states.shape[1] - 1)
    copy(work.known[n], trace.rows[v, place])
    copy(work.reached[n], trace.candidate[v, place])
    _advance(np.float32(net.keep), np.float32(net.state_steps), work.reached[n], trace.state[v])
    disturbance = 1 + t - trace.start[v]
    if disturbance < trace.disturbed[v]:
        for j in range(hidden):
            trace.state[v, j] += np.float32(sigma) * trace.signs[v, disturbance, j]
    copy(trace.state[v], trace.states[v, place])


@kernel
def run(net, trace, first, last, place, sigma):
    """Run passes first .. last - 1 on from trace.state, each from its first step on; the trace holds every step.

    Vectors have the numbers place + t in their pass on the hidden array, and `place` on the output array. Signs of
    size sigma are added to the states of disturbed steps.
    """
    work, steps, hidden = trace.scratch, trace.x.shape[1], trace.state.shape[1]
    for t in range(steps):
        count = _drive(net, trace, first, last, t)
        if count == 0:
            continue
        products(
            net.hidden,
            work.which,
            count,
            work.drive,
            trace.keys[0],
            place + t,
            work.known,
            work.reached,
            work.hidden,
        )
        tanh(work.reached[:count].reshape(count * hidden))
        for n in range(count):
            _take_step(net, sigma, trace, work.which[n], n, t)
    for v in range(first, last):
        n = v - first
        work.which[n] = v
        for j in range(hidden):
            work.last[n, j] = trace.state[v, j]
        work.last[n, hidden] = 1
    found, applied = trace.out[first:last], trace.readout[first:last]
    products(
        net.output,
        work.which,
        last - first,
        work.last,
        trace.keys[1],
        place,
        applied,
        found,
        work.output,
    )


@kernel
def begin(net, trace, first, last):
    """Passes first .. last - 1 begin with a state of 0 and keys of their own; `run` takes them through trace.x."""
    for v in range(first, last):
        trace.start[v], trace.disturbed[v] = 0, 0
        trace.keys[0, v], trace.keys[1, v] = pass_key(net.hidden), pass_key(net.output)
        for j in range(trace.state.shape[1]):
            trace.state[v, j] = 0


@kernel
def light(net, scratch, v):
    """Count what pass v switched on, once for all its steps: so the sum has the same bits beside any others."""
    lit_up(net.hidden, 0, scratch.drive.shape[1], scratch.hidden.lit[v])
    lit_up(net.output, 0, scratch.last.shape[1], scratch.output.lit[v])
