"""What a pulsed cell costs: seconds of a learned example beside those of the continuous cell, side by side.

    python benchmarks/pulsed_speed.py [--batch 8] [--repeats 7] [--cells gokmen,reram-es] [--quick]

Both chips learn the same examples in turns on one core; the median of the turns counts. Wanted: at most 1.5 times.
"""

from __future__ import annotations

import argparse
import statistics
import time

from learning_speed import SHAPE, examples
from programs.record import record

from cimlearn import chips
from cimlearn.chips.m2ru.chip import M2RU

WANTED = 1.5


def chip(kind: str, batch: int) -> M2RU:
    """A chip on `kind` of cell, compiled, its replay memory full."""
    settings = {"device.kind": kind, "rule.batch": batch, "replay.slots": 200}
    made = M2RU(chips.parameters("m2ru-lowohmic", settings), SHAPE, seed=0)  # one circuit for all cells
    made.learn(*examples(400, 0))
    return made


def seconds(made: M2RU, new: int, turn: int) -> float:
    """CPU seconds of a learned example, new or replayed."""
    x, y = examples(new, 10 + turn)
    began = time.process_time()
    made.learn(x, y)
    return (time.process_time() - began) / (new * (1 + made.rule.ratio))


def main() -> None:
    """Print a row for each kind of cell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batch", type=int, default=8, help="new examples between writes (default 8)")
    parser.add_argument("--repeats", type=int, default=7, help="turns (default 7)")
    parser.add_argument("--cells", default="gokmen,ecram,reram-es,array-om", help="kinds of cell")
    parser.add_argument("--quick", action="store_true", help="a tenth of the examples")
    given = parser.parse_args()
    new = 80 if given.quick else 800
    made = {kind: chip(kind, given.batch) for kind in ["continuous", *given.cells.split(",")]}
    times: dict[str, list[float]] = {kind: [] for kind in made}
    for turn in range(given.repeats):
        for kind, one in made.items():
            times[kind].append(seconds(one, new, turn))
    base = statistics.median(times["continuous"])
    for kind, found in times.items():
        ratio = statistics.median(found) / base
        verdict = "" if kind == "continuous" else "as wanted" if ratio <= WANTED else "TOO MUCH"
        if kind != "continuous":
            record(f"{kind} / continuous cells, a learned example", ratio, wanted=WANTED, most=True)
        print(f"{kind:<16}{1e6 * ratio * base:>10.1f} us a learned example{ratio:>8.2f}  {verdict}")


if __name__ == "__main__":
    main()
