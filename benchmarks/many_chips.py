"""Many chips of one design in one process: what a second thread gains, and what a chip costs beside a chip run alone.

    python benchmarks/many_chips.py [--chips 8] [--examples 2000] [--threads 1 2]

Permuted MNIST's shape with random images, the default design, a seed each; kernels let go of the interpreter's lock.
Wall time of learning alone; a warm-up compiles before. CPU time beside it shows how much of a core there was.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from learning_speed import SHAPE, examples
from programs.record import record

from cimlearn import chips
from cimlearn.chips.m2ru.chip import M2RU


class Took(NamedTuple):
    """Seconds."""

    wall: float
    cpu: float


def learned(count: int, threads: int, x: np.ndarray, y: np.ndarray) -> Took:
    """`count` new chips learn the same examples, `threads` at a time."""
    parameters = chips.parameters("m2ru", {})
    made = [M2RU(parameters, SHAPE, seed=seed) for seed in range(count)]
    wall, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda chip: chip.learn(x, y), made))
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chips", type=int, default=8)
    parser.add_argument("--examples", type=int, default=2000, help="new ones of each chip")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    given = parser.parse_args()
    x, y = examples(given.examples, 0)
    learned(1, 1, x[:200], y[:200])
    alone = min(learned(1, 1, x, y) for _ in range(3))
    print(f"one chip alone: {alone.wall:.2f} s, of CPU {alone.cpu:.2f} s")
    first: Took | None = None
    for threads in given.threads:
        took = learned(given.chips, threads, x, y)
        first = first or took
        if threads == 2:
            record("many chips: 2 threads / 1", first.wall / took.wall, wanted=1.9)
        print(
            f"{given.chips} chips, {threads} threads: {took.wall:.2f} s, {first.wall / took.wall:.2f} times as fast as "
            f"{given.threads[0]} thread; a chip costs {took.wall / given.chips / alone.wall:.2f} of one alone, "
            f"{took.cpu / took.wall:.2f} cores were there"
        )


if __name__ == "__main__":
    main()
