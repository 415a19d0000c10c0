"""`cimlearn sweep`: run a study, on this machine or on a Dask cluster."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from cimlearn.cli.sweep_progress import shown_points
from cimlearn.errors import InputError
from cimlearn.runfolder.files import to_json
from cimlearn.studies.run import Studied, run_study
from cimlearn.studies.study import load
from cimlearn.studies.sweep import cores
from cimlearn.studies.workers.base import Workers
from cimlearn.studies.workers.local import LocalWorkers

_FAILED = 1  # exit status: the study is done, but some runs failed


def command(arguments: Namespace) -> int:
    """Run what is not finished, then write and name the results; 1 if a run failed."""
    if arguments.workers is not None and arguments.workers < 1:
        raise InputError(f"--workers {arguments.workers}: give a whole number from 1 on")
    if arguments.timeout is not None and not arguments.timeout > 0:
        raise InputError(f"--timeout {arguments.timeout:g}: give seconds above 0")
    study = load(arguments.study)
    arguments.interrupts.hint = "the same command goes on"
    total = len(study.points())
    with shown_points(arguments.quiet) as shown:
        done = run_study(
            study,
            Path(arguments.out) if arguments.out is not None else None,
            on=_workers(arguments, total),
            tell=shown.tell,
            retried=shown.retried,
        )
    _print(done, total, json=arguments.json)
    return _FAILED if done.outcome.failures else 0


def _workers(arguments: Namespace, total: int) -> Workers:
    """Processes of this machine, or a cluster's."""
    if arguments.scheduler is None:
        if arguments.states is not None:
            raise InputError(
                "--states is for workers of a --scheduler; here runs keep their states in their folders"
            )
        return LocalWorkers(min(arguments.workers or cores(), total), arguments.timeout)
    if arguments.workers is not None:
        raise InputError("both --scheduler and --workers; a cluster has the workers that it has")
    from cimlearn.studies.workers.cluster import DaskWorkers

    cluster = DaskWorkers(arguments.scheduler, arguments.timeout, arguments.states)
    if cluster.count == 0 and not arguments.quiet:
        print(f"{arguments.scheduler} has no workers yet; waiting for some", file=sys.stderr)
    return cluster


def _print(done: Studied, total: int, *, json: bool) -> None:
    """What became of the study."""
    failures = done.outcome.failures
    if json:
        print(
            to_json(
                {
                    "folder": str(done.folder),
                    "results": str(done.results),
                    "runs": total,
                    "finished": len(done.outcome.folders),
                    "failures": dict(failures),
                }
            )
        )
        return
    for name, why in failures.items():
        print(f"failed: {name}: {why}")
    print(f"{len(done.outcome.folders)} of {total} runs finished")
    print(f"results: {done.results}")
    print(f'look: cimlearn query {done.folder} "select run, accuracy from results where final"')
