"""Where the chip's time goes: microseconds of each step of learning one example, compiled, one core.

python benchmarks/breakdown.py [--hidden 100] [--set PART.KEY=VALUE ...]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from learning_speed import SHAPE, examples

from cimlearn import chips
from cimlearn.arrays.base import write
from cimlearn.chips.m2ru import kernels
from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.compiled import entry
from cimlearn.learning.replay import recall_many, store_all
from cimlearn.learning.sparsify import keep_largest

REPEATS = 7


@entry
def answers(net, rule, work, count):
    for _ in range(count):
        kernels.answer(net, rule, work)


@entry
def proposals(rule, work, count):
    for _ in range(count):
        kernels.propose(rule, work)


@entry
def sparsified(change, source, keep, threshold, scratch, count):
    for _ in range(count):
        change[:] = source
        keep_largest(change, keep, threshold, scratch)


@entry
def copied(change, source, count):
    for _ in range(count):
        change[:] = source


@entry
def writes(array, change, source, count):
    for _ in range(count):
        change[:] = source
        write(array, change)


@entry
def copies_read(net, work, features, count):
    for _ in range(count):
        kernels.read_copies(net, work, features)


def microseconds(work: Callable[..., object], *arguments: Any, count: int = 100) -> float:
    """CPU time of one of `count` rounds, the median of several turns after one that compiles."""
    found = []
    for _ in range(REPEATS + 1):
        began = time.process_time()
        work(*arguments, count)
        found.append((time.process_time() - began) / count * 1e6)
    return statistics.median(found[1:])


def steps(made: M2RU) -> dict[str, float]:
    """Microseconds by step; what belongs to an update is for both arrays."""
    net, rule, work, memory = made.net, made.rule, made.work, made.memory
    hidden, classes = work.trace.state.size, work.error.size
    draw = np.random.default_rng(0)
    source = [draw.normal(0, 1e-4, a.state.weight.shape).astype(np.float32) for a in (net.hidden, net.output)]
    few = [s * (draw.random(s.shape) < 0.25) for s in source]
    change = [np.zeros_like(s) for s in source]
    scratch = [np.zeros(max(hidden, classes), np.float32) for _ in range(2)]
    copy = sum(microseconds(copied, c, s) for c, s in zip(change, source, strict=True))

    def both(work_on: Callable[[int], float]) -> float:
        return work_on(0) + work_on(1) - copy

    x, y = examples(100, 3)
    share, slots = np.full((100, classes), 0.1, np.float32), np.zeros(100, np.int64)

    def keep(n: int) -> float:
        rows, columns = change[n].shape
        lines = [line[:columns] for line in scratch]
        return microseconds(sparsified, change[n], source[n], max(1, rows // 4), *lines)

    arrays = (net.hidden, net.output)
    return {
        "forward, with answer": microseconds(answers, net, rule, work),
        "propose changes": microseconds(proposals, rule, work),
        "write all cells": both(lambda n: microseconds(writes, arrays[n], change[n], source[n])),
        "write a quarter of the cells": both(lambda n: microseconds(writes, arrays[n], change[n], few[n])),
        "find the largest quarter of each column": both(keep),
        "recall an example": microseconds(lambda _: recall_many(memory, slots, x)),
        "store an example (while the memory fills)": microseconds(lambda _: store_all(memory, x, y, share)),
        "read the feedback copies (once in a while)": microseconds(
            copies_read, net, work, SHAPE.features, count=5
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hidden", type=int, default=100, help="hidden units (default 100)")
    parser.add_argument("--set", action="append", default=[], metavar="PART.KEY=VALUE")
    given = parser.parse_args()
    settings = {"network.hidden": given.hidden, "replay.slots": 100_000, "rule.batch": 1}
    settings |= dict(item.split("=", 1) for item in given.set)
    made = M2RU(chips.parameters("m2ru", settings), SHAPE, seed=0)
    x, y = examples(200, 1)
    made.learn(x[:20], y[:20])
    whole = microseconds(lambda _: made.learn(x, y), count=len(x))
    print(f"{given.hidden} hidden units: microseconds of CPU time")
    for name, each in steps(made).items():
        print(f"  {name:<46}{each:>10.1f}")
    name = f"a new example in all, replay {made.rule.ratio}, batch {made.rule.batch}"
    print(f"  {name:<46}{whole:>10.1f}")


if __name__ == "__main__":
    main()
