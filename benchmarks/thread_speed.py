"""What threads inside a chip gain: wall time of one thread over that of two, learning and predicting.

    python benchmarks/thread_speed.py [--sizes 100x8 100x64 256x8] [--threads 2] [--turns 9] [--busy 0.15]

A size is hidden units x new examples between writes, of the default chip with images as sparse as digits. Both numbers
of threads take turns. Threads need cores, so a turn counts where all other programs together used at most `--busy` of
one meanwhile (/proc/stat); how many turns that were stands beside the ratio. All state is compared in the end.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from learning_speed import chip, examples
from programs.record import record

from cimlearn.chips.m2ru.chip import M2RU

TICK = 1 / os.sysconf("SC_CLK_TCK")  # seconds


class Turn(NamedTuple):
    """Seconds of one turn."""

    wall: float
    cpu: float
    others: float  # cores that other programs used meanwhile


def busy() -> float:
    """Seconds that all cores were busy so far, and those that a host took away; 0 where nobody says."""
    file = Path("/proc/stat")
    if not file.exists():
        return 0.0
    user, nice, system, _, _, irq, soft, steal = map(int, file.read_text().split("\n", 1)[0].split()[1:9])
    return (user + nice + system + irq + soft + steal) * TICK


def timed(work: Callable[[], object]) -> Turn:
    """One turn of `work`."""
    before, wall, cpu = busy(), time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Turn(wall, cpu, max(0.0, busy() - before - cpu) / wall)


def told(what: str, one: list[Turn], more: list[Turn], most: float, each: float) -> None:
    """Print and keep how many times as fast the second is."""
    quiet = [k for k in range(len(one)) if max(one[k].others, more[k].others) <= most]
    if not quiet:
        print(f"  {what:<34} no quiet turn of {len(one)}")
        return
    walls = [statistics.median(turns[k].wall for k in quiet) for turns in (one, more)]
    ratio = statistics.median(one[k].wall / more[k].wall for k in quiet)
    cpu = statistics.median(more[k].cpu / one[k].cpu for k in quiet)
    print(
        f"  {what:<34}{walls[0] / each * 1e6:>8.1f}{walls[1] / each * 1e6:>8.1f} us an example, {ratio:.2f} times as "
        f"fast for {cpu:.2f} of the CPU time; {len(quiet)} of {len(one)} turns"
    )
    record(f"threads inside a chip: {what}", ratio)


def compare(hidden: int, batch: int, threads: int, turns: int, most: float) -> None:
    """Both numbers of threads in turn."""
    alone, helped = chip(hidden, batch), chip(hidden, batch)
    helped.use_threads(threads)
    new = max(batch, 1600 * 100 // hidden)
    learn: dict[int, list[Turn]] = {1: [], threads: []}
    test: dict[int, list[Turn]] = {1: [], threads: []}
    both: tuple[tuple[int, M2RU], ...] = ((1, alone), (threads, helped))
    for turn in range(turns + 1):  # the first one warms up
        x, y = examples(new, 10 + turn)
        for count, made in both:
            learn[count].append(timed(lambda made=made, x=x, y=y: made.learn(x, y)))
            test[count].append(timed(lambda made=made, x=x: made.predict(x)))
    name = f"{hidden} units, batch {batch}"
    told(f"{name}: learn", learn[1][1:], learn[threads][1:], most, new * (1 + alone.rule.ratio))
    told(f"{name}: predict", test[1][1:], test[threads][1:], most, new)
    same = alone.state()[0], helped.state()[0]
    if not all(np.array_equal(same[0][key], same[1][key]) for key in same[0]):
        raise SystemExit(f"thread_speed.py: {name}: {threads} threads gave other bits")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=["100x8", "100x64", "256x8", "400x8"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--busy", type=float, default=0.15)
    given = parser.parse_args()
    print(f"{given.threads} threads beside one")
    for size in given.sizes:
        hidden, batch = (int(word) for word in size.split("x"))
        compare(hidden, batch, given.threads, given.turns, given.busy)


if __name__ == "__main__":
    main()
