"""`cimlearn.run`: the command line's `run` as a function, with a result that notebooks can show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cimlearn import metrics
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.experiments.file import first_stream
from cimlearn.experiments.scheduler import Progress
from cimlearn.loggers import Following, Logger, opened
from cimlearn.report.run.summary import summarise
from cimlearn.report.samples import frame_rows
from cimlearn.runfolder.files import write_json
from cimlearn.runfolder.records import Record, Run, read_run
from cimlearn.streams.base import Stream

if TYPE_CHECKING:
    import pandas as pd


class Result:
    """A run folder, read when something is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def data(self) -> Run:
        """The run folder as plain values."""
        return read_run(self.folder)

    @property
    def records(self) -> tuple[Record, ...]:
        """One record per seed and task: accuracy row, ledger, writes."""
        return self.data.records

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What `cimlearn run --json` prints."""
        return summarise(self.data)

    @property
    def accuracy(self) -> SimpleNamespace:
        """The accuracy figures of the summary as attributes: average, std, forgetting, learning, ..."""
        return SimpleNamespace(**self.summary["accuracy"])

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(tasks, tasks) accuracy on task j after learning task i, mean over seeds; NaN where j > i."""
        rows = metrics.mean_matrix(self.data.matrices())
        matrix = np.full((len(rows), len(rows)), np.nan)
        for i, row in enumerate(rows):
            matrix[i, : i + 1] = row
        return matrix

    def to_frame(self) -> pd.DataFrame:
        """The accuracies as a pandas data frame: a row per seed, task learned, and task tested.

        Columns: seed, learned (number of the last task learned, from 1), tested (number of the task), task (its name),
        accuracy (0 to 1), and per seed and learned task examples, writes_per_cell, and every cost of the run's seed
        (learning_J, lifetime_years, ...), which are None for a software twin.

        Raises
        ------
        cimlearn.InputError
            If pandas is missing.
        """
        try:
            import pandas
        except ImportError:
            raise InputError("to_frame() needs pandas; install it: pip install pandas") from None
        return pandas.DataFrame(frame_rows(self.data))

    def report(self) -> Path:
        """Write report.html and its figures into the run folder; returns the page's path."""
        from cimlearn.report.run.page import write_report

        return write_report(self.folder)

    def __repr__(self) -> str:
        return f"Result({str(self.folder)!r})"

    def __str__(self) -> str:
        """The lines that `cimlearn run` ends with."""
        from cimlearn.costs.told import lined
        from cimlearn.report.terminal import summary_lines

        return lined(summary_lines(self.summary))

    def _repr_html_(self) -> str:
        """How a notebook shows the run."""
        from cimlearn.report.run.page import notebook_html

        return notebook_html(self.data)


def run(
    chip: str = "m2ru",
    *,
    stream: str | Stream | None = None,
    on: str = "chip",
    on_device: str = "cpu",
    seeds: int | Iterable[int] = 1,
    settings: Mapping[str, Any] | None = None,
    data: str | Path | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    progress: bool | Callable[[Progress], None] | None = None,
    threads: int = 1,
    log: str | Logger | Iterable[str | Logger] = (),
) -> Result:
    """Run an experiment and write its run folder.

    Parameters
    ----------
    chip
        Name of the chip.
    stream
        Name of a stream, path of a file or folder, or a stream object such as `cimlearn.ArrayStream`; None
        takes the best one that needs no download.
    on
        'chip', or the software twins 'float' (same rule, no physics) and 'adam' (backpropagation).
    on_device
        'cpu', or 'cuda': all seeds of an M2RU side by side on a GPU (docs/howto/gpu.md); `threads` is not used then.
    seeds
        How many seeds (0, 1, ...), or the seeds themselves.
    settings
        'part.key' -> value for parameters that differ from the presets.
    data
        Folder of data files.
    out, resume
        New folder to write, or folder of a run to go on with.
    progress
        True shows it on stderr; a function is called with each event.
    threads
        Threads in all: seeds run side by side, and what is left is shared out inside the chips (M2RU above a stated
        size, docs/decisions/0037-threads.md); the result is the same.
    log
        Where else points go: 'tensorboard=DIR', 'mlflow=URI', several of them, or loggers of one's own
        (`cimlearn.loggers`).

    Raises
    ------
    cimlearn.InputError
        If something given can't be used; the message is one line and says what to do.
    """
    chosen = dict(settings or {})
    if stream is None:
        stream, chosen = first_stream(chip, chosen, data)
    numbers = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    experiment = Experiment(chip, stream, on, numbers, chosen, None if data is None else str(data), on_device)
    from cimlearn.loggers.console import shown

    loggers = opened(log)
    with shown() if progress is True else nullcontext(progress or None) as show:
        follow = Following(loggers, show) if loggers else None
        folder = experiment.run(out, resume=resume, progress=follow or show, threads=threads)
    if follow is not None:
        follow.finish(folder)
    return finished(folder)


def finished(folder: Path) -> Result:
    """The result in `folder`, with its summary.json written."""
    result = Result(folder)
    write_json(folder / "summary.json", result.summary)
    return result
