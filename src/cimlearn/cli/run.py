"""`cimlearn run`: describe the experiment, run it, print its summary."""

from __future__ import annotations

import os
from argparse import Namespace
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from cimlearn import api
from cimlearn.cli.output import stdout
from cimlearn.cli.wanted import wanted
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment, described_in
from cimlearn.experiments.file import first_stream
from cimlearn.experiments.scheduler import Progress, Started
from cimlearn.loggers import Following, Logger, opened
from cimlearn.loggers.console import shown
from cimlearn.report.terminal import summary_table
from cimlearn.runfolder.files import to_json

INSIDE: Final = (
    2  # threads of a chip where nobody says: as many as were measured (docs/decisions/0037-threads.md)
)


def command(arguments: Namespace) -> None:
    """Run, or go on; then print the summary on stdout."""
    given = wanted(arguments)
    if arguments.on_device is not None:
        given["on_device"] = arguments.on_device
    loggers = opened(arguments.log)
    experiment = _experiment(given, arguments.resume)
    if arguments.resume is None or given != {"settings": {}} or not _is_finished(Path(arguments.resume)):
        out = given.get("out") if arguments.resume is None else arguments.out
        folder = _run(experiment, arguments, out, loggers)
    else:
        folder = Path(arguments.resume)
        Following(loggers).finish(folder)
    result = api.finished(folder)
    page = None if arguments.no_report else result.report()
    if arguments.json:
        print(to_json(result.summary))
        return
    stdout().print(summary_table(result.summary))
    if page is not None:
        print(f"report: {page}")


def _experiment(given: dict[str, Any], resume: str | None) -> Experiment:
    """What the user describes; without a chip, what is not given comes from the run to go on with."""
    fields = {key: value for key, value in given.items() if key != "out"}
    if resume is not None and "chip" not in given:
        before = described_in(Path(resume))
        return replace(before, **{**fields, "settings": {**before.settings, **given["settings"]}})
    if "chip" not in given:
        raise InputError(
            "name a chip (cimlearn run m2ru), a TOML file, or a run to go on with (--resume DIR)"
        )
    fields.setdefault("stream", None)
    if fields["stream"] is None:
        chosen = first_stream(given["chip"], given["settings"], given.get("data"))
        fields["stream"], fields["settings"] = chosen
    return Experiment(**fields)


def _run(experiment: Experiment, arguments: Namespace, out: str | None, loggers: list[Logger]) -> Path:
    """Run with progress on stderr, and in the logs."""
    threads = _threads(len(experiment.seeds)) if arguments.threads is None else arguments.threads
    with nullcontext() if arguments.quiet else shown() as show:
        follow = Following(loggers, show)

        def told(event: Progress) -> None:
            if isinstance(event, Started):
                arguments.interrupts.hint = f"go on with: cimlearn run --resume {event.folder}"
            follow(event)

        folder = experiment.run(out, resume=arguments.resume, progress=told, threads=threads)
    follow.finish(folder)
    return folder


def _threads(seeds: int) -> int:
    """As many seeds side by side as there are cores; INSIDE threads for each where so many cores have nothing to do."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    side = min(seeds, cores)
    idle = (os.cpu_count() or 1) - os.getloadavg()[0]
    return INSIDE * side if min(cores, round(idle)) >= INSIDE * side else side


def _is_finished(folder: Path) -> bool:
    """Whether the run in `folder` came to its end."""
    return (folder / "summary.json").exists()
