"""Examples side by side: from inputs to errors, for all that are learned between two writes.

Weights stand still between two writes, so the passes of new and replayed examples, and of probes, are independent: they
run side by side (networks/miru.py). Whatever has an order keeps that of one example after the other: the replay
memory, the generators, the signs of probes. So neither the size of a group nor the border of a chunk changes a bit.
Cells with telegraph noise are frozen for each inference, so there each pass runs alone.
"""

from __future__ import annotations

import numpy as np

from cimlearn.arrays.base import freeze
from cimlearn.chips.m2ru.loop import CENTRED, LIT, NEW, NUMBERS
from cimlearn.chips.m2ru.parts import AGAIN, FORWARD, NONE, share_out
from cimlearn.compiled import kernel
from cimlearn.learning.kwta import kwta
from cimlearn.learning.probe import disturb, next_sign, scale_of
from cimlearn.learning.recursive import linear_share
from cimlearn.learning.replay import as_share, note, recall, store
from cimlearn.learning.sparsify import softmax
from cimlearn.networks.miru import begin


@kernel
def centred(x, offset, into):
    """into (steps, features) becomes x (steps, features) less the input offset (1,)."""
    less = np.float32(offset[0])
    for t in range(x.shape[0]):
        for i in range(x.shape[1]):
            into[t, i] = x[t, i] - less


@kernel
def count_lit(x, progress):
    """Count the inputs of x (steps, features) that are not 0: the digital part forms products for these alone."""
    lit = 0
    for t in range(x.shape[0]):
        for i in range(x.shape[1]):
            lit += 1 if x[t, i] != 0 else 0
    progress[LIT] += lit


@kernel
def measure_offset(x, offset, progress, over):
    """Let the offset be the mean of all inputs of the first `over` examples."""
    seen = progress[CENTRED]
    if seen >= over:
        return
    total = 0.0
    for t in range(x.shape[0]):
        for i in range(x.shape[1]):
            total += x[t, i]
    offset[0] += (total / x.size - offset[0]) / (seen + 1)
    progress[CENTRED] = seen + 1


@kernel
def line_up(memory, rule, work, x, label, v):
    """Offer x (steps, features) to the replay memory; it becomes pass v, and the old ones replayed with it follow."""
    scratch, offset, progress = work.scratch, work.state.offset, work.state.progress
    progress[NEW] += 1
    measure_offset(x, offset, progress, rule.centre_over)
    count_lit(x, progress)
    centred(x, offset, scratch.trace.x[v])
    scratch.label[v], scratch.slot[v] = label, -1
    due = work.probed.together > 0 and progress[NEW] % work.probed.every == 0
    scratch.probed[v // (1 + rule.ratio)] = 1 if due else 0
    if memory.state.labels.size > 0:
        scratch.slot[v] = store(memory, x, label)
        for r in range(rule.ratio):
            line_up_old(memory, scratch, offset, progress, v + 1 + r)


@kernel
def line_up_old(memory, scratch, offset, progress, v):
    """An old example becomes pass v."""
    slot = recall(memory, scratch.raw)
    scratch.slot[v], scratch.label[v] = slot, memory.state.labels[slot]
    count_lit(scratch.raw, progress)
    centred(scratch.raw, offset, scratch.trace.x[v])


@kernel
def answer(circuit, linear, out, share):
    """share (classes,) becomes the network's answer where its outputs are out (classes,)."""
    if linear:
        linear_share(out, share)
    elif circuit.winners > 0:
        kwta(circuit, out, share)
    else:
        softmax(out, share)


@kernel
def is_linear(rule, inverse):
    """Whether outputs themselves are compared with the target: of numbers, and with least squares."""
    return rule.linear or inverse.size > 0


@kernel
def judge_new(memory, slot, label, wanted, reached, share, error):
    """error (classes,) of a new example: reached (classes,), the answer or of least squares the outputs themselves,
    less the target. The replay memory notes the answer.
    """
    for k in range(error.size):
        target = np.float32(1) if k == label else np.float32(0)
        if label == NUMBERS:
            target = wanted[k]
            share[k] = as_share(target)
        error[k] = reached[k] - target
    if slot >= 0:
        note(memory, slot, share)


@kernel
def judge_old(told, share_steps, label, soft, weight, reached, error):
    """error (classes,) of a replayed example of this weight, with told (classes,) as its share in the replay memory.

    Its target is the label, or in part what the network answered when it was stored (knowledge distillation, as in
    dark experience replay, Buzzega et al., NeurIPS 2020, with shares in place of logits).
    """
    hard, steps = np.float32(1.0 - soft), np.float32(share_steps)
    for k in range(error.size):
        target = hard if k == label else np.float32(0)
        if label == NUMBERS:
            target = np.float32(2) * told[k] / steps - np.float32(1)
        elif soft > 0:
            target += np.float32(soft) * told[k] / steps
        error[k] = np.float32(weight) * (reached[k] - target)


@kernel
def pass_through(net, memory, rule, work, count, passes):
    """Run `count` examples of `passes` passes each, and the probes of new ones; work.scratch.error is what they miss.

    passes = 0: one old example alone.
    """
    scratch, each = work.scratch, max(passes, 1)
    total, first, done = count * each, NONE, NONE
    together = 1 if rule.alone else total
    linear = is_linear(rule, work.recursive.inverse)
    while first < total:
        last = first + together
        freeze(net.hidden)
        freeze(net.output)
        begin(net, scratch.trace, first, last)
        share_out(net, rule, work, FORWARD, first, last, NONE)
        probes = 0
        for v in range(first, last):
            n, slot, label = v // each, scratch.slot[v], scratch.label[v]
            out, share, error = scratch.trace.out[v], scratch.share[v], scratch.error[v]
            answer(rule.circuit, linear, out, share)
            reached = out if linear else share
            is_new = passes > 0 and v % each == 0
            if is_new:
                judge_new(memory, slot, label, scratch.wanted[v], reached, share, error)
            else:
                told = memory.state.share[slot]
                judge_old(told, memory.share_steps, label, rule.soft, rule.replay_weight, reached, error)
            if work.probed.groups > 0:
                scratch.down[v] = scale_of(work.probed.state, error)
            if is_new and scratch.probed[n] > 0:
                disturb(work.probed, scratch.trace, v, scratch.again, done + probes)
                scratch.sign[n] = next_sign(work.probed.state)
                probes += 1
                scratch.probed[n] = done + probes
        if probes > 0:
            share_out(net, rule, work, AGAIN, done, done + probes, NONE)
        first, done = last, done + probes
