"""How much faster two workers are than one on a Monte Carlo of 32 chips, and how a worker's memory grows.

    python benchmarks/sweep_speed.py [--chips 32] [--examples 1437] [--tasks 3] [--quick]

The same study twice on processes of this machine, everything from the first import to the data set. Compiled code is
there before. Wanted: a ratio of at least 1.8 on an idle machine of two cores; the load is printed, because on a busy
one the ratio says little. Memory is that of one worker after 1, 10 and 30 chips.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from cimlearn.studies.run import run_study
from cimlearn.studies.study import Study, load
from cimlearn.studies.workers.base import Ended, Job
from cimlearn.studies.workers.local import LocalWorkers

TEXT = """
name = "speed"
chip = "m2ru"
[stream]
name = "permuted-digits"
examples = {examples}
tasks = {tasks}
[monte_carlo]
chips = {chips}
cell.variation = {{mean = 0.1, std = 0.02, low = 0.0}}
"""
LOOKS = (1, 10, 30)  # chips after which memory is read


def resident(parent: int) -> int:
    """Bytes of memory that the one child of a process holds."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    pages = int(Path(f"/proc/{children[-1]}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def seconds(study: Study, folder: Path, workers: int) -> float:
    """Wall time of the whole study."""
    began = time.perf_counter()
    done = run_study(study, folder, on=LocalWorkers(workers))
    assert not done.outcome.failures, done.outcome.failures
    return time.perf_counter() - began


def memory(study: Study, folder: Path) -> dict[int, int]:
    """Bytes of one worker after some numbers of chips."""
    found, workers = {}, LocalWorkers(1)
    for number, point in enumerate(study.points(), start=1):
        workers.submit(Job(point.name, point.experiment, folder / str(number)))
        end = workers.next()
        assert isinstance(end, Ended) and end.reason is None, end
        if number in LOOKS:
            found[number] = resident(os.getpid())
    workers.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chips", type=int, default=32)
    parser.add_argument("--examples", type=int, default=1437, help="per task; digits have 1437")
    parser.add_argument("--tasks", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a quarter of the chips, short tasks")
    given = parser.parse_args()
    chips, examples = (given.chips // 4, 200) if given.quick else (given.chips, given.examples)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "s.toml").write_text(TEXT.format(chips=chips, examples=examples, tasks=given.tasks))
        study = load(folder / "s.toml")
        study.points()[0].experiment.run(folder / "warm")  # compiles, if that was not done before
        print(f"  {'load of the machine (1 min)':<44}{os.getloadavg()[0]:>8.1f}")
        two = seconds(study, folder / "two", 2)
        one = seconds(study, folder / "one", 1)
        same = (folder / "one/results.parquet").read_bytes() == (folder / "two/results.parquet").read_bytes()
        print(f"  {f'seconds of {chips} chips, one worker':<44}{one:>8.1f}")
        print(f"  {f'seconds of {chips} chips, two workers':<44}{two:>8.1f}")
        print(f"  {'ratio (>= 1.8 wanted)':<44}{one / two:>8.2f}")
        print(f"  {'the same bytes':<44}{'yes' if same else 'NO':>8}")
        for number, size in memory(study, folder / "memory").items():
            print(f"  {f'MB of a worker after {number} chips':<44}{size / 1e6:>8.1f}")
        print(f"  {'load of the machine at the end':<44}{os.getloadavg()[0]:>8.1f}")


if __name__ == "__main__":
    main()
