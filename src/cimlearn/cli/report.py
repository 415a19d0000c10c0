"""`cimlearn report`: everything that can be redone from records alone."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from cimlearn.cli.output import stdout
from cimlearn.report.html import write_report
from cimlearn.report.records import read_run
from cimlearn.report.summary import summarise
from cimlearn.report.terminal import matrix_table, summary_table


def command(arguments: Namespace) -> None:
    """Print the accuracy matrix and the summary of each run folder, and write its page again."""
    console = stdout()
    for folder in arguments.folders:
        run = read_run(Path(folder))
        if run.records:
            console.print(matrix_table(run))
        console.print(summary_table(summarise(run)))
        print(f"report: {write_report(run.folder)}", flush=True)
