"""How fast the chip learns, beside the machine's limit and plain PyTorch programs; and that memory stays.

    python benchmarks/learning_speed.py [--hidden 100] [--batch 1] [--repeats 7] [--quick]
    python benchmarks/learning_speed.py --rules [--design m2ru-highohmic] [--batch 8] [--set KEY=VALUE ...]

Examples of 28 x 28, 10 classes, one core, all hardware effects of the default chip, a write after each new
example; a new example and a replayed one each count as learned. The programs take turns; medians count.
`--rules` times probed feedback, by rows and by parallel writes, beside feedback through time instead.
"""

from __future__ import annotations

import argparse
import gc
import resource
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from programs import machine
from programs.batched import Batched
from programs.eager import Eager
from programs.record import record

from cimlearn import chips
from cimlearn.arrays.base import PULSES
from cimlearn.chips.m2ru import loop
from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.streams.base import StreamShape

SHAPE = StreamShape(steps=28, features=28, classes=10, signed=False)
MIDDLE = 60_000  # examples that the full replay memory is said to have seen: few new ones are stored by then
# at least so many times as fast, by new examples between writes
WANTED = {"limit": {1: 0.5, 8: 0.5}, "batched": {1: 5.0, 8: 2.0, 64: 1.0}}


class Time(NamedTuple):
    """Seconds of one turn."""

    cpu: float
    wall: float


def examples(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Images as sparse as handwritten digits: a fifth of the pixels is lit."""
    rng = np.random.default_rng(seed)
    shape = (count, SHAPE.steps, SHAPE.features)
    x = rng.random(shape, dtype=np.float32) * (rng.random(shape, dtype=np.float32) < 0.2)
    return x, rng.integers(0, SHAPE.classes, count)


def chip(
    hidden: int, batch: int, slots: int = 2000, design: str = "m2ru", more: dict[str, str] | None = None
) -> M2RU:
    """A chip in the middle of a stream: compiled, its replay memory full."""
    settings: dict[str, Any] = {"network.hidden": hidden, "rule.batch": batch, "replay.slots": slots}
    settings |= more or {}
    made = M2RU(chips.parameters(design, settings), SHAPE, seed=0)
    while made.memory.state.seen[0] < slots:
        made.learn(*examples(200, int(made.memory.state.seen[0])))
    made.memory.state.seen[0] = MIDDLE
    return made


def timed(work: Callable[[], object]) -> Time:
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Time(time.process_time() - cpu, time.perf_counter() - wall)


def written(made: M2RU) -> int:
    """Cells written so far."""
    return int(made.net.hidden.state.counts[PULSES] + made.net.output.state.counts[PULSES])


def compare(hidden: int, batch: int, repeats: int, new: int) -> dict[str, list[float]]:
    """Examples learned per second by program, a figure of CPU time and one of wall time."""
    made = chip(hidden, batch)
    passes, through = 1 + made.rule.ratio, made.rule.refresh > 0
    made.learn(*examples(50 * batch, 1))
    pulses, updates = written(made), int(made.work.state.progress[loop.UPDATES])
    began = machine.work(made.ledger().counts["learn"])
    weights = made.weights()
    sizes: dict[str, Any] = {
        "features": SHAPE.features,
        "keep": made.rule.keep,
        "feed": made.rule.feed,
        "through": through,
        "batch": batch,
    }
    plain = {
        name: kind(weights["hidden"], weights["output"], **sizes)
        for name, kind in (("eager", Eager), ("batched", Batched))
    }
    for one in plain.values():
        one.learn(*examples(4 * batch, 2))
    times: dict[str, list[Time]] = {"chip": [], "eager": [], "batched": []}
    few = max(4, new // 20)
    for turn in range(repeats):
        x, y = examples(new, 10 + turn)
        times["chip"].append(timed(lambda x=x, y=y: made.learn(x, y)))
        times["eager"].append(timed(lambda x=x, y=y: plain["eager"].learn(x[:few], y[:few])))
        times["batched"].append(timed(lambda x=x, y=y: plain["batched"].learn(x, y)))
    learned = repeats * new * passes
    cells = (written(made) - pulses) / (int(made.work.state.progress[loop.UPDATES]) - updates)
    sums, drawn = (
        (a - b) / learned for a, b in zip(machine.work(made.ledger().counts["learn"]), began, strict=True)
    )
    rates = machine.multiply_adds(), machine.normals()
    print(
        f"{hidden} hidden units, {cells:,.0f} cells written after every {batch} new examples; {repeats} turns"
    )
    print(
        f"a learned example: {sums / 1e6:.3f} M multiply-adds at {rates[0] / 1e9:.1f} G/s here, {drawn:,.0f} "
        f"normals at {rates[1] / 1e9:.2f} G/s"
    )
    count = {"chip": new * passes, "eager": few * passes, "batched": new * passes}
    bound = 1 / (sums / rates[0] + drawn / rates[1])
    return {"limit": [bound, bound]} | {
        name: [count[name] / statistics.median(getattr(t, clock) for t in turns) for clock in Time._fields]
        for name, turns in times.items()
    }


RULES: dict[str, dict[str, str]] = {
    "through time": {"rule.feedback": "through"},
    "probed": {"rule.feedback": "probed"},
    "probed, parallel writes": {"rule.feedback": "probed", "rule.update": "parallel"},
}


def rules(design: str, hidden: int, batch: int, repeats: int, new: int, more: dict[str, str]) -> None:
    """Examples learned per second by each rule, and beside feedback through time."""
    made = {name: chip(hidden, batch, design=design, more=own | more) for name, own in RULES.items()}
    times: dict[str, list[Time]] = {name: [] for name in made}
    for turn in range(repeats + 1):  # the first turn warms up
        x, y = examples(new, 10 + turn)
        for name, one in made.items():
            times[name].append(timed(lambda one=one, x=x, y=y: one.learn(x, y)))
    print(f"{design}, {hidden} hidden units, batch {batch}; {repeats} turns, CPU time")
    passes = new * (1 + made["probed"].rule.ratio)
    rates = {name: passes / statistics.median(t.cpu for t in turns[1:]) for name, turns in times.items()}
    for name, rate in rates.items():
        print(f"  {name:<26}{rate:>9,.0f} examples/s{rate / rates['through time']:>7.2f} of through time")


def show(rates: dict[str, list[float]], batch: int) -> None:
    what = {
        "chip": "the chip, simulated",
        "limit": "its arithmetic and random numbers alone",
        "eager": "plain PyTorch, one by one, no hardware",
        "batched": "plain PyTorch in batches, no hardware",
    }
    print(f"{'examples learned per second':<44}{'CPU time':>12}{'wall time':>12}")
    for name, pair in rates.items():
        print(f"  {what[name]:<42}{pair[0]:>12,.0f}{pair[1]:>12,.0f}")
    for name in ("limit", "eager", "batched"):
        cpu, wall = (a / b for a, b in zip(rates["chip"], rates[name], strict=True))
        least = WANTED.get(name, {}).get(batch)
        verdict = (
            "" if least is None else f"wanted {least:g}: {'as wanted' if cpu >= least else 'TOO LITTLE'}"
        )
        print(f"  {'chip / ' + name:<42}{cpu:>12.2f}{wall:>12.2f}  {verdict}")
        record(f"learned examples, batch {batch}: chip / {name}", cpu, wanted=least)


def resident() -> float:
    """Largest memory of this process so far [MB]."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def memory(hidden: int, batch: int, marks: tuple[int, int]) -> None:
    """Memory after each of two numbers of examples of a long stream."""
    made = chip(hidden, batch, slots=500)
    tracemalloc.start()
    learned = 0
    print(f"{'memory after new examples':<34}{'of Python':>12}{'of the process, at most':>26}")
    for mark in marks:
        for x, y in _chunks(learned, mark):
            made.learn(x, y)
        learned = mark
        gc.collect()
        print(f"  {mark:<32,}{tracemalloc.get_traced_memory()[0] / 1e6:>9.2f} MB{resident():>23.1f} MB")
    tracemalloc.stop()


def _chunks(start: int, end: int) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    for number in range(start, end, 500):
        yield examples(min(500, end - number), number)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hidden", type=int, default=100, help="hidden units (default 100)")
    parser.add_argument("--batch", type=int, default=1, help="new examples between writes (default 1)")
    parser.add_argument("--repeats", type=int, default=7, help="turns of each program (default 7)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the examples")
    parser.add_argument("--rules", action="store_true", help="rules of feedback beside each other")
    parser.add_argument("--design", default="m2ru", help="with --rules: the chip (default m2ru)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="with --rules: a setting"
    )
    given = parser.parse_args()
    new = 40 if given.quick else 400
    if given.rules:
        more = dict(word.split("=", 1) for word in given.set)
        rules(given.design, given.hidden, given.batch, given.repeats, new, more)
        return
    show(compare(given.hidden, given.batch, given.repeats, new), given.batch)
    memory(given.hidden, given.batch, (200, 2_000) if given.quick else (2_000, 20_000))


if __name__ == "__main__":
    main()
