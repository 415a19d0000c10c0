"""Dask clusters as docs/studies.md makes them; prints the scheduler's address, and ends when stdin does.

python clusters.py slurm FOLDER | ssh FOLDER PORT KEY
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

TOY = str(Path(__file__).with_name("toy.py"))
PAGES = "127.0.0.1:0"  # of the dashboard; without, Dask shows it to every network
PASSED = ("PYTHONPATH", "TOY_PAUSE", "TOY_CHECKPOINT", "XDG_CACHE_HOME")  # to the workers


def on_slurm(folder: str) -> Any:
    """Two jobs of one worker each; a job that ends is replaced."""
    from dask_jobqueue import SLURMCluster

    cluster = SLURMCluster(
        cores=1, processes=1, nanny=False, memory="500MB", walltime="00:10:00", log_directory=folder,
        local_directory=folder, interface="lo", scheduler_options={"dashboard_address": PAGES},
        worker_extra_args=["--preload", TOY, "--dashboard-address", PAGES],
        job_script_prologue=[f"export {name}={shlex.quote(os.environ[name])}" for name in PASSED if name in os.environ],
    )  # fmt: skip
    cluster.adapt(minimum=2, maximum=2, interval="200ms")
    return cluster


def on_ssh(folder: str, port: str, key: str) -> Any:
    """A scheduler and a worker, each reached by SSH."""
    from distributed import SSHCluster

    start = Path(folder) / "python"  # SSH passes no environment
    passed = " ".join(f"{name}={shlex.quote(os.environ[name])}" for name in PASSED if name in os.environ)
    start.write_text(f'#!/bin/sh\nexec env {passed} {sys.executable} "$@"\n')
    start.chmod(0o755)
    return SSHCluster(
        ["127.0.0.1", "127.0.0.1"],
        connect_options={"port": int(port), "client_keys": [key], "known_hosts": None},
        scheduler_options={"host": "127.0.0.1", "port": 0, "dashboard_address": PAGES},
        worker_options={
            "nthreads": 1, "host": "127.0.0.1", "dashboard_address": PAGES, "preload": [TOY], "local_directory": folder,
        },
        worker_class="distributed.Worker",
        remote_python=str(start),
    )  # fmt: skip


def main() -> None:
    """Keep a cluster until stdin ends."""
    kind, folder, *more = sys.argv[1:]
    with on_slurm(folder) if kind == "slurm" else on_ssh(folder, *more) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
