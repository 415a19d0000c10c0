"""Examples side by side: from inputs to errors, for all that are learned between two writes.

Weights stand still between two writes, so the passes of new and replayed examples, and of probes, are independent: they
run side by side (networks/miru.py). Whatever has an order keeps that of one example after the other: the replay
memory, the generators, the signs of probes. So neither the size of a group nor the border of a chunk changes a bit.
Cells with telegraph noise are frozen for each inference, so there each pass runs alone.
"""

from __future__ import annotations

import numpy as np

from cimlearn.arrays.base import freeze, freezes
from cimlearn.chips.m2ru.loop import CENTRED, LIT, NEW, NUMBERS
from cimlearn.compiled import kernel
from cimlearn.learning.kwta import kwta
from cimlearn.learning.probe import disturb, next_sign, scale_of
from cimlearn.learning.recursive import linear_share
from cimlearn.learning.replay import as_share, note, recall, store
from cimlearn.learning.sparsify import softmax
from cimlearn.networks.miru import forward, run


@kernel
def alone(net):
    """Whether passes can't run side by side."""
    return freezes(net.hidden) or freezes(net.output)


@kernel
def centred(x, work, v):
    """The inputs of pass v are x (steps, features) less the input offset."""
    offset, into = np.float32(work.state.offset[0]), work.scratch.trace.x
    for t in range(x.shape[0]):
        for i in range(x.shape[1]):
            into[v, t, i] = x[t, i] - offset


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
def line_up(memory, rule, work, x, label, v):
    """Offer x (steps, features) to the replay memory; it becomes pass v, and the old ones replayed with it follow."""
    scratch, progress = work.scratch, work.state.progress
    progress[NEW] += 1
    measure_offset(x, work, rule.centre_over)
    count_lit(x, work)
    centred(x, work, v)
    scratch.label[v], scratch.slot[v] = label, -1
    probed = work.probed
    due = probed.together > 0 and progress[NEW] % probed.every == 0
    scratch.probed[v // (1 + rule.ratio)] = 1 if due else 0
    if memory.state.labels.size > 0:
        scratch.slot[v] = store(memory, x, label)
        for r in range(rule.ratio):
            line_up_old(memory, work, v + 1 + r)


@kernel
def line_up_old(memory, work, v):
    """An old example becomes pass v."""
    scratch = work.scratch
    slot = recall(memory, scratch.raw)
    scratch.slot[v], scratch.label[v] = slot, memory.state.labels[slot]
    count_lit(scratch.raw, work)
    centred(scratch.raw, work, v)


@kernel
def answer(net, rule, work, v):
    """work.scratch.share of pass v becomes the network's answer."""
    out, share = work.scratch.trace.out[v], work.scratch.share[v]
    if work.recursive.inverse.size > 0 or rule.linear:
        linear_share(out, share)
    elif rule.circuit.winners > 0:
        kwta(rule.circuit, out, share)
    else:
        softmax(out, share)


@kernel
def reached(rule, work, v, k):
    """What is compared with the target of class k: the answer; of least squares the output itself."""
    linear = rule.linear or work.recursive.inverse.size > 0
    return work.scratch.trace.out[v, k] if linear else work.scratch.share[v, k]


@kernel
def judge_new(memory, rule, work, v):
    """The error of pass v, a new example; the replay memory notes the answer."""
    scratch = work.scratch
    for k in range(scratch.share.shape[1]):
        target = np.float32(1) if k == scratch.label[v] else np.float32(0)
        if scratch.label[v] == NUMBERS:
            target = scratch.wanted[v, k]
            scratch.share[v, k] = as_share(target)
        scratch.error[v, k] = reached(rule, work, v, k) - target
    if scratch.slot[v] >= 0:
        note(memory, scratch.slot[v], scratch.share[v])


@kernel
def judge_old(memory, rule, work, v):
    """The error of pass v, a replayed example.

    Its target is the label, or in part what the network answered when it was stored (knowledge distillation, as in
    dark experience replay, Buzzega et al., NeurIPS 2020, with shares in place of logits).
    """
    scratch = work.scratch
    hard, weight = np.float32(1.0 - rule.soft), np.float32(rule.replay_weight)
    for k in range(scratch.share.shape[1]):
        target = hard if k == scratch.label[v] else np.float32(0)
        if scratch.label[v] == NUMBERS:
            target = np.float32(2) * memory.state.share[scratch.slot[v], k] / np.float32(
                memory.share_steps
            ) - np.float32(1)
        elif rule.soft > 0:
            target += (
                np.float32(rule.soft)
                * memory.state.share[scratch.slot[v], k]
                / np.float32(memory.share_steps)
            )
        scratch.error[v, k] = weight * (reached(rule, work, v, k) - target)


@kernel
def pass_through(net, memory, rule, work, count, passes):
    """Run `count` examples of `passes` passes each, and the probes of new ones; work.scratch.error is what they miss.

    passes = 0: one old example alone.
    """
    scratch, each = work.scratch, max(passes, 1)
    total, first, done = count * each, 0, 0
    while first < total:
        last = first + 1 if alone(net) else total
        freeze(net.hidden)
        freeze(net.output)
        forward(net, scratch.trace, first, last)
        probes = 0
        for v in range(first, last):
            n = v // each
            answer(net, rule, work, v)
            is_new = passes > 0 and v % each == 0
            if is_new:
                judge_new(memory, rule, work, v)
            else:
                judge_old(memory, rule, work, v)
            if work.probed.groups > 0:
                scratch.down[v] = scale_of(work.probed, scratch.error[v])
            if is_new and scratch.probed[n] > 0:
                disturb(work.probed, scratch.trace, v, scratch.again, done + probes)
                scratch.sign[n] = next_sign(work.probed)
                probes += 1
                scratch.probed[n] = done + probes
        if probes > 0:
            run(net, scratch.again, done, done + probes, scratch.trace.x.shape[1], work.probed.sigma)
        first, done = last, done + probes
