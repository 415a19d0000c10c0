"""Threads that help a chip with one call of its compiled program: they come with it and go with it.

A helper has the chip's arrays before it, and memory of its own for what it works with and for what it counts: whole
numbers, added to the chip's when the call ends. What they share out stands in chips/m2ru/parts.py. Nothing that a run
keeps depends on how many they are.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any, Final

import numpy as np

from cimlearn import team
from cimlearn.chips.m2ru import kernels
from cimlearn.chips.m2ru.loop import ASSIST, LEARN, TEST, Asked, LearningLoop, Rule
from cimlearn.networks.miru import Miru, Trace

# Below these sizes meeting takes as long as what is shared out (docs/decisions/0037-threads.md).
LEAST_WEIGHTS: Final = 4096  # of the hidden array
LEAST_EXAMPLES: Final = 16  # of a call: fewer are done before a thread has begun
LEAST_PASSES: Final = 4  # of each thread, side by side: what they share is what fetches the weights


def _copied(scratch: Any) -> Any:
    """Scratch memory of the same sizes."""
    if isinstance(scratch, np.ndarray):
        return np.zeros_like(scratch)
    return type(scratch)(*(_copied(one) for one in scratch))


def _traced(trace: Trace) -> Trace:
    """The same passes, with other memory for their steps; what each pass switched on is noted in one place."""
    own, shared = _copied(trace.scratch), trace.scratch
    hidden = own.hidden._replace(lit=shared.hidden.lit)
    output = own.output._replace(lit=shared.output.lit)
    return trace._replace(scratch=own._replace(hidden=hidden, output=output))


def _equipped(work: LearningLoop) -> LearningLoop:
    """`work` with the memory of a helper."""
    scratch = work.scratch
    trace, again = _traced(scratch.trace), _traced(scratch.again)
    own = scratch._replace(trace=trace, again=again, row=np.zeros_like(scratch.row))
    return work._replace(scratch=own)


def _counting(net: Miru) -> Miru:
    """`net` with counters of a helper's own."""

    def own(array: Any) -> Any:
        return array._replace(state=array.state._replace(counts=np.zeros_like(array.state.counts)))

    return net._replace(hidden=own(net.hidden), output=own(net.output))


def _side_by_side(rule: Rule, work: LearningLoop) -> int:
    """Passes of learning that may run side by side."""
    together = 1 if work.parallel.longest > 0 else rule.batch
    return 1 if rule.alone else together * (1 + rule.ratio)


class Crew:
    """Those who do what one chip is asked for: the caller, and its helpers."""

    def __init__(self) -> None:
        self._helpers: list[LearningLoop] = []

    def gather(self, work: LearningLoop, threads: int) -> None:
        """From now on up to `threads` do what `work` is for, the caller among them."""
        self._helpers = [_equipped(work) for _ in range(threads - 1)]

    def _called(self, net: Miru, rule: Rule, work: LearningLoop, asked: Asked) -> list[LearningLoop]:
        """The helpers for whom this call has enough to do."""
        weights, examples = net.hidden.state.weight.size, len(asked.x) + asked.again
        if weights < LEAST_WEIGHTS or examples < LEAST_EXAMPLES or rule.alone:
            return []
        if asked.what == TEST:
            return self._helpers
        threads = _side_by_side(rule, work) // LEAST_PASSES if asked.what == LEARN else 1
        return self._helpers[: max(threads, 1) - 1]

    def do(self, net: Miru, memory: Any, rule: Rule, work: LearningLoop, noise: Any, asked: Asked) -> None:
        """Run the compiled program, with helpers where that pays."""
        helpers = self._called(net, rule, work, asked)
        if not helpers:
            kernels.serve(net, memory, rule, work, noise, asked)
            return
        gathered = team.gathered(1 + len(helpers))
        given = [(_counting(net), one._replace(team=gathered)) for one in helpers]
        help_out = Asked(ASSIST, asked.x, asked.y, asked.numbers, 0)

        def assist(seen: Miru, own: LearningLoop) -> None:
            kernels.serve(seen, memory, rule, own, noise, help_out)

        begun: list[Thread] = []
        try:
            _begin(assist, given, begun)
            kernels.serve(net, memory, rule, work._replace(team=gathered), noise, asked)
        finally:
            gathered.words[team.ENDED] = 1
            for thread in begun:
                thread.join()
            for one, _ in given:
                for whole, part in ((net.hidden, one.hidden), (net.output, one.output)):
                    np.add(whole.state.counts, part.state.counts, out=whole.state.counts)


def _begin(assist: Callable[..., None], given: list[tuple[Miru, LearningLoop]], begun: list[Thread]) -> None:
    """Begin a thread for each of those given; where the system gives no more, the others do the work."""
    for one in given:
        thread = Thread(target=assist, args=one, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return
        begun.append(thread)
