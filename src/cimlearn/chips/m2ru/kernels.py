"""Learning on the chip, compiled: one call takes a whole chunk of examples, replay and writes included."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import freeze, product
from cimlearn.arrays.pulses import write_pulses
from cimlearn.compiled import entry, kernel
from cimlearn.learning.dfa import add_products, deltas, deltas_through
from cimlearn.learning.kwta import Kwta, kwta
from cimlearn.learning.metaplastic import ImportanceState, Metaplastic, gate
from cimlearn.learning.parallel import Parallel, PulseState, coincide
from cimlearn.learning.probe import Probed, ProbeState, follow, probe, probed_deltas
from cimlearn.learning.recursive import Recursive, linear_share, observe, solve_change
from cimlearn.learning.remainder import Remainder, bring_back, leave, set_aside
from cimlearn.learning.replay import as_share, recall, store
from cimlearn.learning.sparsify import keep_largest, softmax
from cimlearn.learning.transfer import HIDDEN, OUTPUT, put, settle
from cimlearn.networks.miru import Trace, forward

LEARNED: Final = 0  # examples learned, new and replayed
REPLAYED: Final = 1  # of these, replayed
WAITING: Final = 2  # new examples whose changes are not written yet
UPDATES: Final = 3  # times that changes were written
CENTRED: Final = 4  # examples that the input offset was measured on
NEW: Final = 5  # new examples learned
COPIES: Final = 6  # times that the feedback copies were read
LIT: Final = 7  # inputs of examples learned that were not 0
PROGRESS: Final = 8
NUMBERS: Final = -1  # in place of a class: what is wanted are numbers


class Rule(NamedTuple):
    """The learning rule's constants."""

    feedback: NDArray[
        np.float32
    ]  # (steps, classes, hidden) Psi_t; no steps = probed, or feedback through time
    refresh: int  # new examples between readings of the feedback copies; 0 = never
    keep: float  # lambda
    feed: float  # beta
    hidden_rate: NDArray[np.float32]  # (features + hidden + 1,) rate of each row of the hidden array
    output_rate: NDArray[np.float32]  # (hidden + 1,) rate of each row of the output array
    circuit: Kwta  # of the answer
    keep_hidden: int  # changes written per column (or, with whole, in the array); 0 = all
    keep_output: int
    whole: bool  # the largest changes are looked for in the whole array, not in each column
    batch: int  # new examples between writes
    ratio: int  # replayed examples per new one
    replay_weight: float  # weight of a replayed example's change
    soft: float  # share of the stored answer in the target of a replayed example
    centre_over: int  # examples that the input offset is measured on
    zero_read: bool  # what is read into the feedback copies is less a read without input
    linear: bool  # outputs themselves are compared with the target, by the squared error


class LearnState(NamedTuple):
    """What learning keeps between examples; every field is saved with a run."""

    hidden: NDArray[np.float32]  # (rows, hidden) proposed change of the hidden array that waits
    output: NDArray[np.float32]  # (hidden + 1, classes) the same of the output array
    output_copy: NDArray[np.float32]  # (classes, hidden) digital copy of the output weights, transposed
    recurrent_copy: NDArray[np.float32]  # (hidden, hidden) digital copy of the recurrent weights, transposed
    progress: NDArray[np.int64]  # (PROGRESS,)
    offset: NDArray[np.float64]  # (1,) mean input, subtracted
    probe: ProbeState  # of the probed feedback
    feedback: Any  # state of the feedback array
    answer_words: NDArray[np.uint64]  # (4,) generator of the K-WTA's noise
    importance: ImportanceState  # of the weights
    inverse: NDArray[np.float32]  # P of recursive least squares
    pulses: PulseState  # of parallel writes


class LearnScratch(NamedTuple):
    """Memory of the learning loop that holds nothing between two examples."""

    trace: Trace
    delta: NDArray[np.float32]  # (steps, hidden)
    share: NDArray[np.float32]  # (classes,) the network's answer
    error: NDArray[np.float32]  # (classes,)
    raw: NDArray[np.float32]  # (steps, features) a recalled example
    x: NDArray[np.float32]  # (steps, features) inputs less their offset
    threshold: NDArray[np.float32]  # (max(hidden, classes),) scratch of the sparsifier
    counted: NDArray[np.float32]  # (max(hidden, classes),) scratch of the sparsifier


class LearningLoop(NamedTuple):
    """What the learning loop works with."""

    state: LearnState
    scratch: LearnScratch
    probed: Probed
    metaplastic: Metaplastic
    recursive: Recursive
    parallel: Parallel
    remainder: Remainder
    transfer: Any  # Direct, or Transfer to fast arrays


@kernel
def scaled(change, rate, scale):
    """change (rows, columns) times -rate (rows,) * scale."""
    for i in range(change.shape[0]):
        factor = -rate[i] * np.float32(scale)
        for j in range(change.shape[1]):
            change[i, j] *= factor


@kernel
def sparsify(change, keep, whole, work):
    """Keep only the largest changes: `keep` of each column, or of the whole array; the others become 0."""
    if keep > 0:
        rows, columns = change.shape
        group = change.reshape(rows * columns, 1) if whole else change
        count = group.shape[1]
        keep_largest(group, keep, work.scratch.threshold[:count], work.scratch.counted[:count])


@kernel
def read_copies(net, work, features, zero_read):
    """Renew the digital copies of output and recurrent weights by reading the arrays row by row.

    A read of one row holds the integrators' offset as well; with `zero_read` what a read without input shows is
    taken off, once for all rows.
    """
    hidden = work.scratch.trace.state.size
    row = work.scratch.trace.buffer
    freeze(net.hidden)
    freeze(net.output)
    for i in range(hidden):
        for n in range(row.size):
            row[n] = 0
        row[i] = 1
        product(net.output, row[: hidden + 1], work.scratch.trace.readout, work.scratch.trace.out)
        for k in range(work.scratch.trace.out.size):
            work.state.output_copy[k, i] = work.scratch.trace.out[k]
        row[i] = 0
        row[features + i] = 1
        product(net.hidden, row[: features + hidden + 1], work.scratch.trace.rows[0], work.scratch.delta[0])
        for j in range(hidden):
            work.state.recurrent_copy[j, i] = work.scratch.delta[0, j]
    if zero_read:
        for n in range(row.size):
            row[n] = 0
        product(net.output, row[: hidden + 1], work.scratch.trace.readout, work.scratch.trace.out)
        product(net.hidden, row[: features + hidden + 1], work.scratch.trace.rows[0], work.scratch.delta[0])
        for i in range(hidden):
            for k in range(work.scratch.trace.out.size):
                work.state.output_copy[k, i] -= work.scratch.trace.out[k]
            for j in range(hidden):
                work.state.recurrent_copy[j, i] -= work.scratch.delta[0, j]
    work.state.progress[COPIES] += 1


@kernel
def give_pulses(net, work):
    """Give both arrays the pulses that coincided."""
    parallel = work.parallel
    up, down = parallel.scratch.hidden[0], parallel.scratch.hidden[1]
    write_pulses(net.hidden, 0, up, down, parallel.hidden)
    write_pulses(net.output, 0, parallel.scratch.output[0], parallel.scratch.output[1], parallel.output)


@kernel
def draw_pulses(rule, work):
    """Draw the pulses that work.scratch.error and the deltas ask for, step after step."""
    parallel, trace = work.parallel, work.scratch.trace
    scale = 1.0 / (rule.batch * (1 + rule.ratio))
    pulses, counts = parallel.scratch.hidden, parallel.state.hidden
    for t in range(work.scratch.delta.shape[0]):
        coincide(
            parallel,
            trace.rows[t],
            rule.hidden_rate,
            work.scratch.delta[t],
            scale,
            parallel.hidden,
            pulses,
            counts,
        )
    pulses, counts = parallel.scratch.output, parallel.state.output
    error = work.scratch.error
    coincide(parallel, trace.readout, rule.output_rate, error, scale, parallel.output, pulses, counts)
    work.state.progress[LEARNED] += 1


@kernel
def write_changes(net, rule, work):
    """Scale, sparsify, hold back and write what waits, then forget it."""
    work.state.progress[UPDATES] += 1
    if work.parallel.longest > 0:
        give_pulses(net, work)
        return
    scale = 1.0 / (rule.batch * (1 + rule.ratio))
    rest = work.remainder
    scaled(work.state.hidden, rule.hidden_rate, scale)
    if rest.kept:
        set_aside(work.state.hidden, rest.hidden_unit, rest.scratch.hidden)
    sparsify(work.state.hidden, rule.keep_hidden, rule.whole, work)
    if rest.kept:
        leave(work.state.hidden, rest.least, rest.scratch.hidden)
    held = work.metaplastic
    if held.hidden_rise > 0:
        gate(held, held.state.hidden, held.hidden_rise, work.state.hidden)
    put(work.transfer, HIDDEN, net.hidden, work.state.hidden)
    work.state.hidden[:] = 0
    if rest.kept:
        bring_back(work.state.hidden, rule.hidden_rate, scale, rest.scratch.hidden)
    if work.recursive.inverse.size > 0:
        solve_change(work.recursive, work.state.output)
    else:
        scaled(work.state.output, rule.output_rate, scale)
    if rest.kept:
        set_aside(work.state.output, rest.output_unit, rest.scratch.output)
    sparsify(work.state.output, rule.keep_output, rule.whole, work)
    if rest.kept:
        leave(work.state.output, rest.least, rest.scratch.output)
    if held.output_rise > 0:
        gate(held, held.state.output, held.output_rise, work.state.output)
    put(work.transfer, OUTPUT, net.output, work.state.output)
    if work.probed.groups > 0:
        follow(work.probed, work.state.output)
    work.state.output[:] = 0
    if rest.kept:
        bring_back(work.state.output, rule.output_rate, scale, rest.scratch.output)
    settle(work.transfer, net.hidden, net.output)


@kernel
def centred(x, work):
    """work.scratch.x = x less the input offset."""
    offset = np.float32(work.state.offset[0])
    for t in range(x.shape[0]):
        for i in range(x.shape[1]):
            work.scratch.x[t, i] = x[t, i] - offset


@kernel
def count_lit(x, work):
    """Count the inputs of x (steps, features) that are not 0: the digital part forms products for these alone."""
    lit = 0
    for t in range(x.shape[0]):
        for i in range(x.shape[1]):
            lit += 1 if x[t, i] != 0 else 0
    work.state.progress[LIT] += lit


@kernel
def measure_offset(x, work, over):
    """Let the offset be the mean of all inputs of the first `over` examples."""
    seen = work.state.progress[CENTRED]
    if seen >= over:
        return
    total = 0.0
    for t in range(x.shape[0]):
        for i in range(x.shape[1]):
            total += x[t, i]
    work.state.offset[0] += (total / x.size - work.state.offset[0]) / (seen + 1)
    work.state.progress[CENTRED] = seen + 1


@kernel
def answer(net, rule, work):
    """Run work.scratch.x through the network; work.scratch.share becomes its answer."""
    freeze(net.hidden)
    freeze(net.output)
    forward(net, work.scratch.x, work.scratch.trace)
    if work.recursive.inverse.size > 0 or rule.linear:
        linear_share(work.scratch.trace.out, work.scratch.share)
    elif rule.circuit.winners > 0:
        kwta(rule.circuit, work.scratch.trace.out, work.scratch.share)
    else:
        softmax(work.scratch.trace.out, work.scratch.share)


@kernel
def reached(rule, work, k):
    """What is compared with the target of class k: the answer; of least squares the output itself."""
    linear = rule.linear or work.recursive.inverse.size > 0
    return work.scratch.trace.out[k] if linear else work.scratch.share[k]


@kernel
def propose(rule, work, weight):
    """Add the changes that work.scratch.error, of an example of this weight, asks for to those that wait."""
    trace = work.scratch.trace
    if work.probed.groups > 0:
        probed_deltas(work.probed, work.scratch.error, trace.candidate, 1.0 - rule.keep, work.scratch.delta)
    elif rule.feedback.shape[0] > 0:
        deltas(rule.feedback, work.scratch.error, trace.candidate, 1.0 - rule.keep, work.scratch.delta)
    else:
        back = trace.buffer[: trace.state.size]
        copies = (work.state.output_copy, work.state.recurrent_copy)
        deltas_through(
            copies[0],
            copies[1],
            work.scratch.error,
            trace.candidate,
            rule.keep,
            rule.feed,
            work.scratch.delta,
            back,
        )
    if work.parallel.longest > 0:
        draw_pulses(rule, work)
        return
    add_products(work.state.hidden, trace.rows, work.scratch.delta)
    for i in range(work.state.output.shape[0]):
        for k in range(work.scratch.error.size):
            work.state.output[i, k] += trace.readout[i] * work.scratch.error[k]
    if work.recursive.inverse.size > 0:
        observe(work.recursive, trace.readout, weight)
    work.state.progress[LEARNED] += 1


@kernel
def replay(net, memory, rule, work):
    """Recall an example and add the changes that it asks for.

    Its target is the label, or in part what the network answered when it was stored (knowledge distillation, as in
    dark experience replay, Buzzega et al., NeurIPS 2020, with shares in place of logits).
    """
    slot = recall(memory, work.scratch.raw)
    count_lit(work.scratch.raw, work)
    centred(work.scratch.raw, work)
    answer(net, rule, work)
    hard = np.float32(1.0 - rule.soft)
    weight = np.float32(rule.replay_weight)
    for k in range(work.scratch.share.size):
        target = hard if k == memory.state.labels[slot] else np.float32(0)
        if memory.state.labels[slot] == NUMBERS:
            target = np.float32(2) * memory.state.share[slot, k] / np.float32(
                memory.share_steps
            ) - np.float32(1)
        elif rule.soft > 0:
            target += np.float32(rule.soft) * memory.state.share[slot, k] / np.float32(memory.share_steps)
        work.scratch.error[k] = weight * (reached(rule, work, k) - target)
    propose(rule, work, weight)
    work.state.progress[REPLAYED] += 1


@entry
def learn(net, memory, rule, work, x, y, wanted):
    """Learn x (examples, steps, features), y (examples,) in order.

    wanted
        (examples, outputs) numbers to answer, where every y is NUMBERS; (0, 0) where y has classes
    """
    for n in range(x.shape[0]):
        if rule.refresh > 0 and work.state.progress[NEW] % rule.refresh == 0:
            read_copies(net, work, x.shape[2], rule.zero_read)
        work.state.progress[NEW] += 1
        measure_offset(x[n], work, rule.centre_over)
        count_lit(x[n], work)
        centred(x[n], work)
        answer(net, rule, work)
        for k in range(work.scratch.share.size):
            target = np.float32(1) if k == y[n] else np.float32(0)
            if y[n] == NUMBERS:
                target = wanted[n, k]
                work.scratch.share[k] = as_share(target)
            work.scratch.error[k] = reached(rule, work, k) - target
        propose(rule, work, np.float32(1))
        if work.probed.together > 0 and work.state.progress[NEW] % work.probed.every == 0:
            probe(work.probed, net, work.scratch.x, work.scratch.trace, work.parallel)
        if memory.state.labels.size > 0:
            store(memory, x[n], y[n], work.scratch.share)
            for _ in range(rule.ratio):
                replay(net, memory, rule, work)
        work.state.progress[WAITING] += 1
        if work.state.progress[WAITING] == rule.batch or work.parallel.longest > 0:
            work.state.progress[WAITING] = 0
            write_changes(net, rule, work)


@entry
def replay_alone(net, memory, rule, work, count):
    """Learn `count` examples of the replay memory again, as many for each write as a batch has, new ones and old."""
    if memory.state.stored[0] == 0:
        return
    if work.state.progress[WAITING] > 0:
        work.state.progress[WAITING] = 0
        write_changes(net, rule, work)
    together = (1 if work.parallel.longest > 0 else rule.batch) * (1 + rule.ratio)
    for n in range(1, count + 1):
        replay(net, memory, rule, work)
        if n % together == 0 or n == count:
            write_changes(net, rule, work)


@entry
def predict(net, work, x, classes, found):
    """classes (examples,) = the largest output for each of x (examples, steps, features).

    found
        (examples, outputs) becomes the outputs; (0, 0): they aren't asked for
    """
    for n in range(x.shape[0]):
        centred(x[n], work)
        freeze(net.hidden)
        freeze(net.output)
        forward(net, work.scratch.x, work.scratch.trace)
        for k in range(found.shape[1]):
            found[n, k] = work.scratch.trace.out[k]
        best = 0
        for k in range(work.scratch.trace.out.size):
            if work.scratch.trace.out[k] > work.scratch.trace.out[best]:
                best = k
        classes[n] = best
