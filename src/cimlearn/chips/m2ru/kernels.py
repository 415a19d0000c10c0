"""Learning on the chip, compiled: one call takes a whole chunk of examples, replay and writes included."""

from __future__ import annotations

import numpy as np

from cimlearn.arrays.base import freeze, product
from cimlearn.arrays.pulses import write_pulses
from cimlearn.chips.m2ru.answering import answer_all
from cimlearn.chips.m2ru.loop import ASSIST, COPIES, LEARN, LEARNED, NEW, REPLAYED, UPDATES, WAITING
from cimlearn.chips.m2ru.parts import DELTAS, HELP, NONE, OUTER, share_out
from cimlearn.chips.m2ru.side import line_up, line_up_old, pass_through
from cimlearn.compiled import apart, entry, kernel
from cimlearn.learning.metaplastic import gate
from cimlearn.learning.parallel import coincide
from cimlearn.learning.probe import follow, probed_deltas, teach
from cimlearn.learning.recursive import observe, solve_change
from cimlearn.learning.remainder import bring_back, leave, set_aside, take_back
from cimlearn.learning.sparsify import keep_largest
from cimlearn.learning.transfer import HIDDEN, OUTPUT, put, settle
from cimlearn.networks.miru import light


@apart
def scaled(change, rate, scale):
    """change (rows, columns) times -rate (rows,) * scale."""
    for i in range(change.shape[0]):
        factor = -rate[i] * np.float32(scale)
        for j in range(change.shape[1]):
            change[i, j] *= factor


@kernel
def sparsify(change, keep, whole, bounds):
    """Keep only the largest changes: `keep` of each column, or of the whole array; the others become 0."""
    if keep > 0:
        rows, columns = change.shape
        group = change.reshape(rows * columns, 1) if whole else change
        keep_largest(group, keep, bounds)


@kernel
def keep_or_subtract(copy, i, read):
    """copy (n, hidden) gets read (n,) as its column i; a read after the last column is subtracted from them all."""
    for k in range(copy.shape[0]):
        if i < copy.shape[1]:
            copy[k, i] = read[k]
            continue
        for j in range(copy.shape[1]):
            copy[k, j] -= read[k]


@kernel
def read_copies(net, work, features, zero_read):
    """Renew the digital copies of output and recurrent weights by reading the arrays row by row.

    A read of one row holds the integrators' offset as well; with `zero_read` what a read without input shows is
    taken off, once for all rows.
    """
    hidden, told = work.scratch.trace.state.shape[1], work.scratch.told
    row, applied, back = work.scratch.row, work.scratch.applied, work.scratch.delta[0, 0]
    rows = features + hidden + 1
    freeze(net.hidden)
    freeze(net.output)
    output, recurrent = work.state.output_copy, work.state.recurrent_copy
    for i in range(hidden + 1 if zero_read else hidden):
        row[:] = 0
        if i < hidden:
            row[i] = 1
        product(net.output, row[: hidden + 1], applied[: hidden + 1], told)
        row[:] = 0
        if i < hidden:
            row[features + i] = 1
        product(net.hidden, row[:rows], applied[:rows], back)
        keep_or_subtract(output, i, told)
        keep_or_subtract(recurrent, i, back)
    work.state.progress[COPIES] += 1


@kernel
def give_pulses(net, parallel):
    """Give both arrays the pulses that coincided."""
    up, down = parallel.scratch.hidden[0], parallel.scratch.hidden[1]
    write_pulses(net.hidden, 0, up, down, parallel.hidden)
    write_pulses(net.output, 0, parallel.scratch.output[0], parallel.scratch.output[1], parallel.output)


@kernel
def draw_pulses(rule, parallel, rows, delta, readout, error):
    """Draw the pulses that rows and delta (steps, ...) ask for, step after step, and those of readout and error."""
    scale = 1.0 / (rule.batch * (1 + rule.ratio))
    pulses, counts = parallel.scratch.hidden, parallel.state.hidden
    for t in range(delta.shape[0]):
        coincide(parallel, rows[t], rule.hidden_rate, delta[t], scale, parallel.hidden, pulses, counts)
    pulses, counts = parallel.scratch.output, parallel.state.output
    coincide(parallel, readout, rule.output_rate, error, scale, parallel.output, pulses, counts)


@kernel
def write_changes(net, rule, work):
    """Scale, sparsify, hold back and write what waits, then forget it."""
    work.state.progress[UPDATES] += 1
    if work.parallel.longest > 0:
        give_pulses(net, work.parallel)
        return
    scale = 1.0 / (rule.batch * (1 + rule.ratio))
    rest = work.remainder
    scaled(work.state.hidden, rule.hidden_rate, scale)
    if rest.kept:
        set_aside(work.state.hidden, rest.hidden_unit, rest.scratch.hidden)
    sparsify(work.state.hidden, rule.keep_hidden, rule.whole, work.scratch.bounds)
    if rest.kept:
        leave(work.state.hidden, rest.least, rest.scratch.hidden)
    held = work.metaplastic
    if held.hidden_rise > 0:
        gate(held, held.state.hidden, held.hidden_rise, work.state.hidden)
    put(work.transfer, HIDDEN, net.hidden, work.state.hidden)
    if rest.returned:
        take_back(work.state.hidden, rest.scratch.hidden)
    work.state.hidden[:] = 0
    if rest.kept:
        bring_back(work.state.hidden, rule.hidden_rate, scale, rest.scratch.hidden)
    if work.recursive.inverse.size > 0:
        solve_change(work.recursive, work.state.output)
    else:
        scaled(work.state.output, rule.output_rate, scale)
    if rest.kept:
        set_aside(work.state.output, rest.output_unit, rest.scratch.output)
    sparsify(work.state.output, rule.keep_output, rule.whole, work.scratch.bounds)
    if rest.kept:
        leave(work.state.output, rest.least, rest.scratch.output)
    if held.output_rise > 0:
        gate(held, held.state.output, held.output_rise, work.state.output)
    put(work.transfer, OUTPUT, net.output, work.state.output)
    if rest.returned:
        take_back(work.state.output, rest.scratch.output)
    if work.probed.groups > 0:
        follow(work.probed, work.state.output)
    work.state.output[:] = 0
    if rest.kept:
        bring_back(work.state.output, rule.output_rate, scale, rest.scratch.output)
    settle(work.transfer, net.hidden, net.output)


@kernel
def propose(rule, work, v, weight):
    """Add the changes that the error of pass v, an example of this weight, asks for to those that wait: of the output
    array, or both by pulses.
    """
    trace, delta, error = work.scratch.trace, work.scratch.delta[v], work.scratch.error[v]
    readout = trace.readout[v]
    if work.probed.groups > 0:
        down, new = work.scratch.down[v], 1.0 - rule.keep
        probed_deltas(work.probed, error, down, trace.candidate[v], new, delta)
    work.state.progress[LEARNED] += 1
    if work.parallel.longest > 0:
        draw_pulses(rule, work.parallel, trace.rows[v], delta, readout, error)
        return
    for i in range(readout.size):
        for k in range(error.size):
            work.state.output[i, k] += readout[i] * error[k]
    if work.recursive.inverse.size > 0:
        observe(work.recursive, readout, weight)


@kernel
def learn_group(net, memory, rule, work, count, passes):
    """Learn `count` examples with `passes` passes each, which are lined up: the first one new, or with passes = 0 an
    old one alone.

    Passes run side by side; what they ask for is added up in their order, probes of new examples between.
    """
    pass_through(net, memory, rule, work, count, passes)
    scratch, total = work.scratch, count * max(passes, 1)
    if work.probed.groups == 0:
        share_out(net, rule, work, DELTAS, NONE, total, NONE)
    for v in range(total):
        n = v // max(passes, 1)
        is_new = passes > 0 and v % max(passes, 1) == 0
        weight = np.float32(1) if is_new else np.float32(rule.replay_weight)
        propose(rule, work, v, weight)
        light(net, scratch.trace.scratch, v)
        work.state.progress[REPLAYED] += 0 if is_new else 1
        if is_new and scratch.probed[n] > 0:
            probe = scratch.probed[n] - 1
            teach(work.probed, scratch.trace.out[v], scratch.again, probe, scratch.sign[n], work.parallel)
            light(net, scratch.again.scratch, probe)
    if work.parallel.longest == 0:
        share_out(net, rule, work, OUTER, NONE, work.state.hidden.shape[0], total)


@kernel
def line_up_new(memory, rule, work, x, y, wanted, first):
    """Line up x[first] and those after it that are learned side by side, with old ones; answers how many."""
    passes, new = 1 + rule.ratio, work.state.progress[NEW]
    count = 1
    if not rule.alone and work.parallel.longest == 0:
        count = min(work.scratch.sign.size, x.shape[0] - first, rule.batch - work.state.progress[WAITING])
    if rule.refresh > 0:
        count = min(count, rule.refresh - new % rule.refresh)
    for n in range(count):
        line_up(memory, rule, work, x[first + n], y[first + n], n * passes)
        for k in range(wanted.shape[1]):
            work.scratch.wanted[n * passes, k] = wanted[first + n, k]
    return count


@kernel
def learn(net, memory, rule, work, asked):
    """Learn the examples that are asked for in order, then `again` examples of the replay memory alone."""
    x, y, wanted = asked.x, asked.y, asked.numbers
    first, done, pulses = 0, 0, work.parallel.longest > 0
    old = asked.again if memory.state.stored[0] > 0 else 0
    together = (1 if pulses else rule.batch) * (1 + rule.ratio)
    while first < x.shape[0] or done < old:
        count, passes = 0, 0
        if first < x.shape[0]:
            if rule.refresh > 0 and work.state.progress[NEW] % rule.refresh == 0:
                read_copies(net, work, x.shape[2], rule.zero_read)
            count, passes = line_up_new(memory, rule, work, x, y, wanted, first), 1 + rule.ratio
        elif work.state.progress[WAITING] == 0:
            line_up_old(memory, work.scratch, work.state.offset, work.state.progress, 0)
            count = 1
        if count > 0:
            learn_group(net, memory, rule, work, count, passes)
        due = count == 0  # what new examples wait for comes before the first old one
        if passes > 0:
            first += count
            work.state.progress[WAITING] += count
            due = work.state.progress[WAITING] == rule.batch or pulses
        elif count > 0:
            done += 1
            due = done % together == 0 or done == old
        if due:
            work.state.progress[WAITING] = 0
            write_changes(net, rule, work)


@entry
def serve(net, memory, rule, work, noise, asked):
    """Do what is asked for (loop.Asked).

    The one function of the chip that Python calls: what two of them share would be compiled twice, and the pass
    through the network is most of it.
    """
    if asked.what == LEARN:
        learn(net, memory, rule, work, asked)
    elif asked.what == ASSIST:
        share_out(net, rule, work, HELP, NONE, NONE, NONE)
    else:
        answer_all(net, rule, work, noise, asked)
