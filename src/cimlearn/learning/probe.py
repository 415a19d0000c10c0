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

from cimlearn.arrays.base import freeze, product_rows, write_rows
from cimlearn.arrays.pulses import write_pulses
from cimlearn.compiled import kernel
from cimlearn.learning.parallel import coincide
from cimlearn.learning.replay import lfsr_step
from cimlearn.networks.miru import onward


class ProbeState(NamedTuple):
    """What probing keeps between examples; every field is saved with a run."""

    register: NDArray[np.uint16]  # (1,) 16-bit LFSR that the signs come from
    turn: NDArray[np.int64]  # (1,) which block of steps is probed next
    probes: NDArray[np.int64]  # (1,) probes made
    again: NDArray[np.int64]  # (1,) steps that ran a second time
    driven: NDArray[np.int64]  # (1,) vectors that brought an error back


class ProbeScratch(NamedTuple):
    """Memory of the rule that holds nothing between two examples."""

    signs: NDArray[np.float32]  # (steps disturbed together, hidden)
    before: NDArray[np.float32]  # (classes,) outputs of the first pass; then what a probe taught
    predicted: NDArray[np.float32]  # (classes,)
    drive: NDArray[np.float32]  # (2, classes) what drives the array; what it knows it applied
    back: NDArray[np.float32]  # (hidden,) what the array answers
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
def draw_signs(rule):
    """Signs of the next probe, one bit of the register each."""
    register = np.int64(rule.state.register[0])
    signs = rule.scratch.signs
    for i in range(signs.shape[0]):
        for j in range(signs.shape[1]):
            register = lfsr_step(register)
            signs[i, j] = np.float32(1) if register & 1 else np.float32(-1)
    rule.state.register[0] = np.uint16(register)


@kernel
def next_sign(rule):
    """A random sign: the array is driven with it, and its answer multiplied by it, so that offsets average out."""
    register = lfsr_step(np.int64(rule.state.register[0]))
    rule.state.register[0] = np.uint16(register)
    return np.float32(1) if register & 1 else np.float32(-1)


@kernel
def probed_deltas(rule, error, candidate, new, delta):
    """delta (steps, hidden) of one example: error (classes,), candidate (steps, hidden), new = 1 - lambda."""
    steps, hidden = candidate.shape
    classes, back = error.size, rule.scratch.back
    drive, applied = rule.scratch.drive[0], rule.scratch.drive[1]
    largest = np.float32(0)
    for k in range(classes):
        largest = max(largest, abs(error[k]))
    if largest == 0:  # nothing to drive
        delta[:] = 0
        return
    freeze(rule.array)
    down = np.float32(2.0) ** np.ceil(np.log2(largest)) * next_sign(rule)
    for k in range(classes):
        drive[k] = error[k] / down
    scale = down * np.float32(new)
    known = -1
    for t in range(steps):
        now = group(rule, steps, t)
        if now != known:
            product_rows(rule.array, now * classes, drive, applied, back)
            rule.state.driven[0] += 1
            known = now
        c, d = candidate[t], delta[t]
        for j in range(hidden):
            d[j] = back[j] * scale * (np.float32(1) - c[j] * c[j])


@kernel
def disturbed(rule, net, x, trace, first, last):
    """Run x (steps, features) again from step `first` on, the states of steps first .. last - 1 disturbed."""
    sigma, signs = np.float32(rule.sigma), rule.scratch.signs
    for j in range(trace.state.size):
        trace.state[j] = trace.states[first, j] + sigma * signs[0, j]
    onward(net, x, first + 1, signs[1 : last - first], rule.sigma, trace)
    rule.state.again[0] += x.shape[0] - 1 - first


@kernel
def predict_change(rule, steps, first, last):
    """rule.scratch.predicted (classes,) = sum_t Psi_t xi_t: each row is read alone and summed with the signs."""
    predicted, back = rule.scratch.predicted, rule.scratch.back
    drive, known = rule.scratch.drive[0], rule.scratch.drive[1]
    one, applied = drive[:1], known[:1]
    one[0] = next_sign(rule)
    predicted[:] = 0
    for t in range(first, last):
        signs = rule.scratch.signs[t - first]
        for k in range(predicted.size):
            product_rows(rule.array, group(rule, steps, t) * predicted.size + k, one, applied, back)
            total = np.float32(0)
            for j in range(back.size):
                total += signs[j] * back[j]
            predicted[k] += total * one[0]


@kernel
def teach_by_pulses(rule, parallel, top, signs):
    """Write rate * miss (classes,) x signs (hidden,) to the rows from `top` on by pulses."""
    miss, pulses = rule.scratch.before, parallel.scratch.feedback
    for k in range(miss.size):
        miss[k] = -miss[k]  # a term is subtracted
    coincide(
        parallel, miss, parallel.probe_rate, signs, 1.0, parallel.feedback, pulses, parallel.state.feedback
    )
    for k in range(miss.size):
        miss[k] = -miss[k]
    write_pulses(rule.array, top, pulses[0], pulses[1], parallel.feedback)


@kernel
def probe(rule, net, x, trace, parallel):
    """One probe with x (steps, features), whose first pass `trace` holds; the trace is spent."""
    steps, classes = x.shape[0], trace.out.size
    first = int(rule.state.turn[0]) * rule.together
    last = min(first + rule.together, steps)
    rule.state.turn[0] = 0 if last == steps else rule.state.turn[0] + 1
    rule.state.probes[0] += 1
    before, predicted, change = rule.scratch.before, rule.scratch.predicted, rule.scratch.change
    for k in range(classes):
        before[k] = trace.out[k]
    draw_signs(rule)
    disturbed(rule, net, x, trace, first, last)
    predict_change(rule, steps, first, last)
    for k in range(classes):
        before[k] = (trace.out[k] - before[k]) / np.float32(rule.sigma) - predicted[k]
    for t in range(first, last):
        signs = rule.scratch.signs[t - first]
        if parallel.longest > 0:
            teach_by_pulses(rule, parallel, group(rule, steps, t) * classes, signs)
            continue
        for k in range(classes):
            step = np.float32(rule.rate) * before[k]
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
