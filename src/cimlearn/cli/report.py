"""`cimlearn report`: everything that can be redone from records alone, of a run or of a whole study."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from cimlearn.cli.comparing import over_of, show
from cimlearn.cli.output import stdout
from cimlearn.errors import InputError
from cimlearn.report.compare.read import read_study
from cimlearn.report.run.page import write_report
from cimlearn.report.run.summary import summarise
from cimlearn.report.terminal import matrix_table, summary_table
from cimlearn.runfolder.records import Run, read_run


def command(arguments: Namespace) -> None:
    """Of each run folder print accuracy matrix and summary and write its page; of a folder of runs one page of all."""
    folders = [Path(folder) for folder in arguments.folders]
    studies = [folder for folder in folders if not (folder / "run.json").is_file()]
    if studies:
        _study(arguments, studies[0], alone=len(folders) == 1)
        return
    for name in ("json", "runs", "over"):
        if getattr(arguments, name):
            raise InputError(f"--{name} goes with a study: a folder that holds run folders")
    console = stdout()
    runs = [read_run(folder) for folder in folders]
    for run in runs:
        if run.records:
            console.print(matrix_table(run))
        console.print(summary_table(summarise(run)))
        print(f"report: {write_report(run.folder)}", flush=True)
    if arguments.compare:
        _compare(runs, Path(arguments.compare))


def _study(arguments: Namespace, study: Path, *, alone: bool) -> None:
    """One page of all runs in a folder, as FOLDER/index.html; with --runs the page of each run too."""
    if not alone:
        raise InputError(
            f"report takes run folders, or one folder of runs, and {study} stands beside another; "
            "cimlearn compare puts several in one page"
        )
    if arguments.compare:
        raise InputError(
            "--compare draws run folders that are named; the page of a study has the curves of all"
        )
    compared = read_study(study)
    over = over_of(arguments.over, compared)
    if arguments.runs:
        for entry in compared.entries:
            write_report(entry.run.folder)
    show(compared, study, over, as_json=arguments.json)


def _compare(runs: list[Run], file: Path) -> None:
    """Draw the accuracy of all the runs on one axis in `file`."""
    from cimlearn.report.html.drawing import png
    from cimlearn.report.run.accuracy_figures import compare

    if file.suffix != ".png":
        raise InputError(f"--compare {file}: the picture is a PNG; name it {file.with_suffix('.png')}")
    try:
        png(compare(runs), file)
    except OSError as error:
        raise InputError(f"can't write {file}: {error.strerror}") from None
    print(f"picture: {file}", flush=True)
