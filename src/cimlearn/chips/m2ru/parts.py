"""Parts of the learning loop that threads share out (cimlearn.team), and what one piece of each is.

Passes side by side are independent, and so are the rows of a sum of outer products: each number is computed by the same
operations in the same order, whoever does it. What has an order (generators, the replay memory, the feedback array,
what reads switched on) stays with the caller.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.compiled import apart, kernel
from cimlearn.learning.dfa import add_products, deltas, deltas_through
from cimlearn.networks.miru import Trace, run
from cimlearn.team import JOB, THREADS, finish, has_ended, is_done, offer, take, wait_a_little

# Not Python's numbers: for each of those, what it is given to is compiled anew.
HELP: Final = np.int64(0)  # no job: help with those that are offered, until the caller has come to its end
FORWARD: Final = np.int64(1)  # passes run through the network
AGAIN: Final = np.int64(2)  # the passes of probes
DELTAS: Final = np.int64(3)  # errors of passes go to all their steps, by a feedback that no cells hold
OUTER: Final = np.int64(4)  # rows of the changes get the outer products of all passes, in their order
NONE: Final = np.int64(0)


class Given(NamedTuple):
    """What jobs need beside the network: a part of the loop's memory and of the rule, since each word of an argument
    costs time to compile.
    """

    words: NDArray[np.int64]  # of the team
    sigma: float
    keep: float
    feed: float
    feedback: NDArray[np.float32]
    output_copy: NDArray[np.float32]
    recurrent_copy: NDArray[np.float32]
    changes: NDArray[np.float32]
    trace: Trace
    again: Trace
    error: NDArray[np.float32]
    delta: NDArray[np.float32]
    row: NDArray[np.float32]


@kernel
def _part(net, given, what, first, last, more):
    """Do first .. last - 1 of job `what`."""
    if what <= AGAIN:  # one call: what is called twice is compiled twice
        again = what == AGAIN
        trace = given.again if again else given.trace
        run(net, trace, first, last, trace.x.shape[1] if again else NONE, given.sigma)
    elif what == OUTER:
        for v in range(more):
            add_products(given.changes[first:last], given.trace.rows[v][:, first:last], given.delta[v])
    else:
        for v in range(first, last):
            _delta(given, given.error[v], given.trace.candidate[v], given.delta[v])


@kernel
def _delta(given, error, candidate, delta):
    """Bring error (classes,) of a pass to all its steps: delta (steps, hidden)."""
    if given.feedback.shape[0] > 0:
        deltas(given.feedback, error, candidate, 1.0 - given.keep, delta)
    else:
        back, copies = given.row[: delta.shape[1]], (given.output_copy, given.recurrent_copy)
        deltas_through(copies[0], copies[1], error, candidate, given.keep, given.feed, delta, back)


@kernel
def _each(words, what, count):
    """How many are a piece: as many pieces as threads, so that each meets again what its core has at hand."""
    each = (count + words[THREADS] - 1) // words[THREADS]
    return (each + 3) // 4 * 4 if what == OUTER else each  # rows in whole blocks (arrays/blocks.py)


@apart
def _share_out(net, given, what, first, last, more):
    """One function for all jobs and for those who help: what is compiled twice takes twice as long."""
    words = given.words
    helping, many, turn = what == HELP, words.size > 0 and (what == HELP or last - first > 1), 0
    if many and not helping:
        offer(words, what, first, last, _each(words, what, last - first), more)
    going = True
    while going:
        job, begin, end, number = what, first, last, more
        piece = take(words) if many else NONE
        if piece >= 0:
            if many:
                job, number = words[JOB], words[JOB + 4]
                begin = words[JOB + 1] + piece * words[JOB + 3]
                end = min(begin + words[JOB + 3], words[JOB + 2])
            _part(net, given, job, begin, end, number)
            if many:
                finish(words)
            going, turn = many, 0
        else:
            going = not (has_ended(words) if helping else is_done(words))
            wait_a_little(turn)
            turn += 1


@kernel
def share_out(net, rule, work, what, first, last, more):
    """Do first .. last - 1 of job `what`, with whoever helps; what = HELP: help until the caller is done."""
    state, scratch = work.state, work.scratch
    given = Given(
        work.team.words, work.probed.sigma, rule.keep, rule.feed, rule.feedback, state.output_copy,
        state.recurrent_copy, state.hidden, scratch.trace, scratch.again, scratch.error, scratch.delta, scratch.row,
    )  # fmt: skip
    _share_out(net, given, what, first, last, more)
