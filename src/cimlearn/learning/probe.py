"""Probed feedback: direct feedback whose matrices learn from what a small disturbance of the state does to the output.

    delta_t = (Psi_t e) * (1 - c_t^2) * (1 - lambda)                 nothing goes back through time, no weight is copied
    probe    h'_t = h_t + sigma xi_t,  xi in {-1, +1}                the example runs again from step t on
             Psi_t += mu ((o' - o) / sigma - Psi_t xi_t) xi_t^T      least mean squares, mu = rate / signs
    follow   Psi_t += f_t dW_o^T                                     what is written to W_o, in part

Psi_t (classes, hidden) lies in an array of cells of its own: row (group, class), column unit. A product drives the
rows of one group with the error; the prediction Psi_t xi_t is read row by row and summed with the signs. Neighbouring
steps may share a group; groups are counted so that the last one is full. The error is scaled by a power of 2 to
between 1/2 and 1 before it drives the array, and the result scaled back. Each input is given a random sign that its
answer loses again (chopping): an integrator's offset would else push its unit the same way with every example.

Sources: node perturbation as a weight mirror, Akrout et al., NeurIPS 2019; learned direct feedback, Lansdell, Prakash
and Kording, ICLR 2020; following, Kolen and Pollack 1994, and for direct feedback Webster et al. 2021.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import freeze, product_groups, product_rows, write_rows
from cimlearn.arrays.pulses import write_pulses
from cimlearn.compiled import kernel
from cimlearn.learning.parallel import coincide
from cimlearn.learning.replay import lfsr_step


class ProbeState(NamedTuple):
    """What probing keeps between examples; every field is saved with a run."""

    register: NDArray[np.uint16]  # (1,) 16-bit LFSR that the signs come from
    turn: NDArray[np.int64]  # (1,) which block of steps is probed next
    probes: NDArray[np.int64]  # (1,) probes made
    again: NDArray[np.int64]  # (1,) steps that ran a second time
    driven: NDArray[np.int64]  # (1,) vectors that brought an error back


class ProbeScratch(NamedTuple):
    """Memory of the rule that holds nothing between two examples."""

    back: NDArray[np.float32]  # (groups, hidden) what the array answers to an error
    miss: NDArray[np.float32]  # (classes,) what a probe teaches
    drive: NDArray[np.float32]  # (2, classes) what drives the array; what it knows it applied
    row: NDArray[np.float32]  # (hidden,) what a row of the array answers
    change: NDArray[np.float32]  # (classes, hidden)


class Probed(NamedTuple):
    """The rule of a feedback that is probed: its description, its array, its state, and scratch."""

    groups: int  # of steps that share one matrix; 0 = the rule is not used
    sharing: int  # steps that share one matrix
    together: int  # steps that one probe disturbs; 0 = no probes
    every: int  # new examples per probe
    sigma: float  # size of a disturbance of the state
    rate: float  # mu
    follow: NDArray[np.float32]  # (groups,) f_t
    array: Any  # (groups * classes, hidden)
    state: ProbeState
    scratch: ProbeScratch


@kernel
def group(rule, steps, t):
    """The group of step t of `steps`."""
    return rule.groups - 1 - (steps - 1 - t) // rule.sharing


@kernel
def draw_signs(state, signs):
    """Signs (steps, hidden) of the next probe, one bit of the register each."""
    register = np.int64(state.register[0])
    for i in range(signs.shape[0]):
        for j in range(signs.shape[1]):
            register = lfsr_step(register)
            signs[i, j] = np.float32(1) if register & 1 else np.float32(-1)
    state.register[0] = np.uint16(register)


@kernel
def next_sign(state):
    """A random sign: the array is driven with it, and its answer multiplied by it, so that offsets average out."""
    register = lfsr_step(np.int64(state.register[0]))
    state.register[0] = np.uint16(register)
    return np.float32(1) if register & 1 else np.float32(-1)


@kernel
def scale_of(state, error):
    """What error (classes,) is divided by before it drives the array, with a random sign; 0: nothing to drive."""
    largest = np.float32(0)
    for k in range(error.size):
        largest = max(largest, abs(error[k]))
    if largest == 0:
        return np.float32(0)
    return np.float32(np.float32(2.0) ** np.ceil(np.log2(largest)) * next_sign(state))


@kernel
def probed_deltas(rule, error, down, candidate, new, delta):
    """delta (steps, hidden) of one example: error (classes,), `scale_of` it, candidate (steps, hidden), new = 1 -
    lambda.
    """
    steps, hidden = candidate.shape
    back, drive, applied = rule.scratch.back, rule.scratch.drive[0], rule.scratch.drive[1]
    if down == 0:  # nothing to drive
        delta[:] = 0
        return
    freeze(rule.array)
    for k in range(error.size):
        drive[k] = error[k] / down
    product_groups(rule.array, drive, applied, back)
    rule.state.driven[0] += rule.groups
    scale = down * np.float32(new)
    for t in range(steps):
        g = group(rule, steps, t)
        for j in range(hidden):
            c = candidate[t, j]
            delta[t, j] = back[g, j] * scale * (np.float32(1) - c * c)


@kernel
def disturb(rule, trace, v, again, n):
    """Line up the next probe of the example whose pass is v of `trace`: pass n of `again` goes on from its states."""
    steps, hidden = trace.x.shape[1], trace.state.shape[1]
    first = rule.state.turn[0] * rule.together
    last = min(first + rule.together, steps)
    rule.state.turn[0] = 0 if last == steps else rule.state.turn[0] + 1
    rule.state.probes[0] += 1
    rule.state.again[0] += steps - 1 - first
    signs, sigma = again.signs[n], np.float32(rule.sigma)
    draw_signs(rule.state, signs)
    for t in range(steps):
        for i in range(trace.x.shape[2]):
            again.x[n, t, i] = trace.x[v, t, i]
    for j in range(hidden):
        again.state[n, j] = trace.states[v, first, j] + sigma * signs[0, j]
    again.start[n], again.disturbed[n] = first + 1, last - first
    again.keys[0, n], again.keys[1, n] = trace.keys[0, v], trace.keys[1, v]


@kernel
def predict_change(rule, steps, first, last, signs, sign):
    """-rule.scratch.miss (classes,) = sum_t Psi_t xi_t: each row is driven with `sign` alone and summed with the signs
    xi.
    """
    miss, row = rule.scratch.miss, rule.scratch.row
    drive, known = rule.scratch.drive[0], rule.scratch.drive[1]
    one, applied = drive[:1], known[:1]
    one[0] = sign
    miss[:] = 0
    for t in range(first, last):
        for k in range(miss.size):
            product_rows(rule.array, group(rule, steps, t) * miss.size + k, one, applied, row)
            total = np.float32(0)
            for j in range(row.size):
                total += signs[t - first, j] * row[j]
            miss[k] -= total * sign


@kernel
def teach_by_pulses(rule, parallel, top, signs):
    """Write rate * miss (classes,) x signs (hidden,) to the rows from `top` on by pulses."""
    miss, pulses = rule.scratch.miss, parallel.scratch.feedback
    for k in range(miss.size):
        miss[k] = -miss[k]  # a term is subtracted
    coincide(
        parallel, miss, parallel.probe_rate, signs, 1.0, parallel.feedback, pulses, parallel.state.feedback
    )
    for k in range(miss.size):
        miss[k] = -miss[k]
    write_pulses(rule.array, top, pulses[0], pulses[1], parallel.feedback)


@kernel
def teach(rule, out, again, n, sign, parallel):
    """What pass n of `again` showed, beside out (classes,) of the pass that nothing disturbed, is learned."""
    steps, classes = again.x.shape[1], out.size
    first = again.start[n] - 1
    last = first + again.disturbed[n]
    miss, change = rule.scratch.miss, rule.scratch.change
    predict_change(rule, steps, first, last, again.signs[n], sign)
    for k in range(classes):
        miss[k] += (again.out[n, k] - out[k]) / np.float32(rule.sigma)
    for t in range(first, last):
        signs = again.signs[n, t - first]
        if parallel.longest > 0:
            teach_by_pulses(rule, parallel, group(rule, steps, t) * classes, signs)
            continue
        for k in range(classes):
            step = np.float32(rule.rate) * miss[k]
            for j in range(signs.size):
                change[k, j] = step * signs[j]
        write_rows(rule.array, group(rule, steps, t) * classes, change)


@kernel
def follow(rule, output):
    """Write the part of output (hidden + 1, classes), which W_o was just asked for, to the groups that follow."""
    change = rule.scratch.change
    for now in range(rule.groups):
        part = rule.follow[now]
        if part > 0:
            for k in range(change.shape[0]):
                for j in range(change.shape[1]):
                    change[k, j] = part * output[j, k]
            write_rows(rule.array, now * change.shape[0], change)
