"""Where the chip's time goes: microseconds of each piece of a learned example beside the bound of its arithmetic.

    python benchmarks/breakdown.py [--hidden 100] [--set PART.KEY=VALUE ...]

The default chip, its weights as a stream leaves them; pieces run alone, 1,000 times each, medians of CPU time. Bound:
the multiply-adds and normals of a piece at the rates that this machine reaches in a matrix product and in nothing but
normals; encoding, conversion, tanh, state, cells and counting come on top. Pieces marked * are per write of a batch.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any, NamedTuple

import numpy as np
from learning_speed import chip as made_chip
from learning_speed import examples
from programs import machine

from cimlearn.arrays.base import write
from cimlearn.chips.m2ru import side
from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.compiled import entry, kernel
from cimlearn.learning.dfa import add_products
from cimlearn.learning.probe import probed_deltas, teach
from cimlearn.learning.sparsify import keep_largest
from cimlearn.networks import miru

REPEATS, SIDE = 7, 8
FORWARD, TWO, AGAIN, LINED, ANSWER, BACK, OUTER, TEACH, KEEP, WRITE, COPY = range(11)


class Piece(NamedTuple):
    """A piece, and what of it belongs to one learned example."""

    name: str
    which: int
    divide: float  # how many examples one call serves
    adds: float  # multiply-adds of a call
    normals: float  # of a call


@kernel
def forward(net, trace, last):
    miru.begin(net, trace, np.int64(0), last)
    miru.run(net, trace, np.int64(0), last, 0, 0.0)


@entry
def pieces(which, net, memory, rule, work, x, y, change, count):
    scratch = work.scratch
    trace = scratch.trace
    for n in range(count):
        if which == FORWARD:
            forward(net, trace, SIDE)
        elif which == TWO:
            forward(net, trace, 2)
        elif which == AGAIN:
            miru.run(net, scratch.again, 0, 4, trace.x.shape[1], 0.1)
        elif which == LINED:
            side.line_up(memory, rule, work, x[n % SIDE], y[n % SIDE], 0)
        elif which == ANSWER:
            side.answer(rule.circuit, False, scratch.trace.out[n % SIDE], scratch.share[n % SIDE])
        elif which == BACK:
            probed_deltas(
                work.probed,
                scratch.error[0],
                np.float32(0.5),
                trace.candidate[0],
                1.0 - rule.keep,
                scratch.delta[0],
            )
        elif which == OUTER:
            add_products(work.state.hidden, trace.rows[n % SIDE], scratch.delta[0])
        elif which == TEACH:
            teach(work.probed, trace.out[0], scratch.again, n % 4, np.float32(1), work.parallel)
        elif which == KEEP:
            work.state.hidden[:] = change
            keep_largest(work.state.hidden, rule.keep_hidden, scratch.bounds)
        elif which == WRITE:
            work.state.hidden[:] = change
            write(net.hidden, work.state.hidden)
        else:
            work.state.hidden[:] = change


def microseconds(which: int, made: M2RU, *more: Any, count: int = 1000) -> float:
    """CPU time of one of `count` rounds, the median of several turns after one that compiles."""
    found = []
    for _ in range(REPEATS + 1):
        began = time.process_time()
        pieces(which, made.net, made.memory, made.rule, made.work, *more, count)
        found.append((time.process_time() - began) / count * 1e6)
    return statistics.median(found[1:])


def listed(made: M2RU) -> list[Piece]:
    """The pieces of the default chip."""
    steps, _, classes, _ = made.shape
    rows, hidden = made.net.hidden.state.weight.shape
    one = 2 * (steps * rows * hidden + (hidden + 1) * classes)
    drawn = steps * hidden + classes
    back = 2 * steps * classes * hidden
    kept = made.rule.keep_hidden * hidden
    return [
        Piece("forward, 8 side by side", FORWARD, SIDE, SIDE * one, SIDE * drawn),
        Piece("forward, 2 side by side", TWO, 2, 2 * one, 2 * drawn),
        Piece("a probe's second half pass, 4 side by side", AGAIN, 8, 2 * one, 2 * drawn),
        Piece("line up a new and an old example", LINED, 2, 0, 0),
        Piece("answer", ANSWER, 1, 0, 0),
        Piece("error to all steps", BACK, 1, back, steps * hidden),
        Piece("outer products", OUTER, 1, steps * rows * hidden, 0),
        Piece("a probe's lesson, read and written", TEACH, 2, 2 * classes * hidden, 2 * classes * hidden),
        Piece("* copy of the changes (in the two below)", COPY, 1, 0, 0),
        Piece("* the largest changes", KEEP, 1, 0, 0),
        Piece("* write and renewal of the weights", WRITE, 1, 0, kept),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hidden", type=int, default=100, help="hidden units (default 100)")
    parser.add_argument("--set", action="append", default=[], metavar="PART.KEY=VALUE")
    given = parser.parse_args()
    made = made_chip(given.hidden, SIDE, more=dict(item.split("=", 1) for item in given.set))
    if made.work.probed.groups == 0:
        raise SystemExit("breakdown.py: only the pieces of rule.feedback = probed are listed")
    x, y = examples(400, 1)
    made.learn(x, y)
    draw = np.random.default_rng(0)
    made.work.scratch.error[:] = draw.normal(0, 0.1, made.work.scratch.error.shape)
    made.work.scratch.again.start[:] = made.shape.steps // 2
    every = draw.normal(0, 1e-4, made.work.state.hidden.shape).astype(np.float32)
    border = np.sort(np.abs(every), axis=0)[-made.rule.keep_hidden] if made.rule.keep_hidden else 0
    few = np.where(np.abs(every) >= border, every, 0)
    rates = machine.multiply_adds(), machine.normals()
    print(
        f"{given.hidden} hidden units; {rates[0] / 1e9:.1f} G multiply-adds/s, {rates[1] / 1e9:.2f} G normals/s"
    )
    print(f"{'microseconds of CPU time':<46}{'piece':>8}{'bound':>8}")
    for one in listed(made):
        took = microseconds(one.which, made, x, y, few if one.which == WRITE else every)
        bound = (one.adds / rates[0] + one.normals / rates[1]) * 1e6
        print(f"  {one.name:<44}{took / one.divide:>8.2f}{bound / one.divide:>8.2f}")


if __name__ == "__main__":
    main()
