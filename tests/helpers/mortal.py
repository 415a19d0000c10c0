"""Dask workers that end by SIGKILL some seconds after they have begun a run, as at the end of a job's walltime.

`python mortal.py ADDRESS SECONDS SCRATCH COUNT` keeps COUNT workers there, a new one as one has ended, and prints a
line for each. They are forked from this process, which has loaded everything: no worker waits for imports. Of three
one is killed at once; one gets SIGTERM first, as Slurm does it; one retires, as with `dask worker --lifetime`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from pathlib import Path

import distributed
import toy

import cimlearn.studies.workers.remote  # noqa: F401  what a worker needs


async def live(address: str, seconds: float, scratch: str, end_of_life: int) -> None:
    """Work until the end of this process."""
    async with distributed.Worker(address, nthreads=1, local_directory=scratch, host="127.0.0.1") as worker:
        loop = asyncio.get_running_loop()
        close = worker.close if end_of_life == 1 else worker.close_gracefully
        loop.add_signal_handler(signal.SIGTERM, lambda: loop.create_task(close()))
        begun = threading.Event()
        toy.BEGUN.append(begun.set)

        def end() -> None:
            begun.wait()
            time.sleep(seconds)
            if end_of_life:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(1.0)
            os.kill(os.getpid(), signal.SIGKILL)

        threading.Thread(target=end, daemon=True).start()
        await worker.finished()


def main() -> None:
    """Keep workers alive until this process is told to end."""
    address, seconds, scratch = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    count = int(sys.argv[4])
    toy.install()
    alive: set[int] = set()
    signal.signal(
        signal.SIGTERM, lambda number, frame: [os.kill(pid, signal.SIGKILL) for pid in alive] and sys.exit()
    )
    for number in range(1000):
        if (pid := os.fork()) == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            place = Path(scratch) / str(number)
            place.mkdir()
            asyncio.run(live(address, seconds, str(place), number % 3))
            os._exit(0)
        alive.add(pid)
        print("worker", flush=True)
        if len(alive) == count:
            alive.discard(os.wait()[0])


if __name__ == "__main__":
    main()
