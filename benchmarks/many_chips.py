"""Many chips of one design in one process: what a second thread gains, and what a chip costs beside a chip run alone.

    python benchmarks/many_chips.py [--chips 8] [--examples 2000] [--threads 1 2] [--turns 3]

Permuted MNIST's shape with random images, the default design, a seed each; kernels let go of the interpreter's lock.
Learning alone, after a warm-up that compiles; one chip and many take turns, medians count. Threads are compared by wall
time, a chip of many with one alone by CPU time: a busy machine changes the first and hardly the second.
"""

from __future__ import annotations

import argparse
import statistics
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
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    x, y = examples(given.examples, 0)
    learned(1, 1, x[:200], y[:200])
    alone: list[float] = []
    took: dict[int, list[Took]] = {threads: [] for threads in given.threads}
    for _ in range(given.turns):
        for threads, turns in took.items():
            alone += [learned(1, 1, x, y).cpu for _ in range(2)]
            turns.append(learned(given.chips, threads, x, y))
    one = statistics.median(alone)
    print(f"one chip alone: {one:.2f} s of CPU time")
    walls = {threads: statistics.median(turn.wall for turn in turns) for threads, turns in took.items()}
    for threads, turns in took.items():
        cpu, faster = statistics.median(turn.cpu for turn in turns), walls[given.threads[0]] / walls[threads]
        if threads == 2:
            record("many chips: 2 threads / 1", faster, wanted=1.9)
        print(
            f"{given.chips} chips, {threads} threads: {walls[threads]:.2f} s, {faster:.2f} times as fast as "
            f"{given.threads[0]} thread, {cpu / walls[threads]:.2f} cores were there; "
            f"a chip costs {cpu / given.chips / one:.2f} of one alone"
        )


if __name__ == "__main__":
    main()
