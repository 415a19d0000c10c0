"""`cimlearn report`: everything that can be redone from records alone."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from cimlearn.cli.output import stdout
from cimlearn.errors import InputError
from cimlearn.report.html import write_report
from cimlearn.report.records import Run, read_run
from cimlearn.report.summary import summarise
from cimlearn.report.terminal import matrix_table, summary_table


def command(arguments: Namespace) -> None:
    """Print the accuracy matrix and the summary of each run folder, and write its page again."""
    console = stdout()
    runs = [read_run(Path(folder)) for folder in arguments.folders]
    for run in runs:
        if run.records:
            console.print(matrix_table(run))
        console.print(summary_table(summarise(run)))
        print(f"report: {write_report(run.folder)}", flush=True)
    if arguments.compare:
        _compare(runs, Path(arguments.compare))


def _compare(runs: list[Run], file: Path) -> None:
    """Draw the accuracy of all the runs on one axis in `file`."""
    from cimlearn.report.drawing import png
    from cimlearn.report.figures import compare

    if file.suffix != ".png":
        raise InputError(f"--compare {file}: the picture is a PNG; name it {file.with_suffix('.png')}")
    try:
        png(compare(runs), file)
    except OSError as error:
        raise InputError(f"can't write {file}: {error.strerror}") from None
    print(f"picture: {file}", flush=True)
