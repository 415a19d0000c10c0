"""Progress on stderr: a bar on a terminal, plain lines elsewhere; a row of the accuracy matrix per task."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from cimlearn.experiments.loop import Evaluated, Learned
from cimlearn.experiments.scheduler import Progress, Started
from cimlearn.report.terminal import row_text
from cimlearn.runfolder.records import Record
from cimlearn.units import count

_LINE_SECONDS = 10.0  # between plain lines


class _Meter:
    """Where the run stands: new examples learned, of how many, and how fast, replayed ones included."""

    def __init__(self, event: Started) -> None:
        self.tasks = len(event.tasks)
        self.total = len(event.seeds) * sum(task.examples for task in event.tasks)
        self.learned = event.learned
        self._began: float | None = None  # when the first chunk was learned, which may hold compiling
        self._new = self._replayed = 0  # examples learned since then
        self.task = ""

    def add(self, event: Learned) -> None:
        """Count a chunk."""
        self.learned += event.examples
        self.task = f"seed {event.seed} task {event.task + 1} of {self.tasks}"
        if self._began is None:
            self._began = time.monotonic()
        else:
            self._new += event.examples
            self._replayed += event.replayed

    def text(self) -> str:
        """Rate and time left; time spent on held-out examples counts."""
        if self._began is None or self._new == 0:
            return "first examples learned"
        passed = max(time.monotonic() - self._began, 1e-6)
        minutes, seconds = divmod(round((self.total - self.learned) * passed / self._new), 60)
        what = "new and replayed examples/s" if self._replayed else "examples/s"
        return f"{count((self._new + self._replayed) / passed)} {what}, {minutes}:{seconds:02d} left"


@contextmanager
def shown() -> Iterator[Callable[[Progress], None]]:
    """Show the events of a run on stderr while the context lasts."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[rate]}"))
    with Bar(*columns, console=console, transient=True) as bar:
        yield _OnBar(bar)


class _Lines:
    """A line for the first chunk, then one every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0
        self._meter: _Meter | None = None

    def __call__(self, event: Progress) -> None:
        """Print what is due."""
        if isinstance(event, Started):
            self._meter = _Meter(event)
            self._console.print(_opening(event), markup=False)
        elif isinstance(event, Evaluated):
            self._console.print(_row(event, self._meter))
        elif self._meter is not None:
            self._meter.add(event)
            if event.first or time.monotonic() >= self._next:
                self._next = time.monotonic() + (0 if event.first else _LINE_SECONDS)
                done = f"{self._meter.learned} of {self._meter.total} examples"
                self._console.print(f"{self._meter.task}: {done}, {self._meter.text()}", markup=False)


class _OnBar:
    """A bar over the whole run, all seeds together."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._meter: _Meter | None = None

    def __call__(self, event: Progress) -> None:
        """Move the bar; print rows above it."""
        if isinstance(event, Started):
            self._meter = _Meter(event)
            self._bar.console.print(_opening(event), markup=False)
            self._task = self._bar.add_task(
                "starting (new code is compiled once)",
                total=self._meter.total,
                completed=event.learned,
                rate="",
            )
        elif isinstance(event, Evaluated):
            self._bar.console.print(_row(event, self._meter))
        elif self._meter is not None:
            self._meter.add(event)
            self._bar.update(
                self._task,
                completed=self._meter.learned,
                description=self._meter.task,
                rate=self._meter.text(),
            )


def _opening(event: Started) -> str:
    """What is about to be run, and where it is written."""
    seeds = "seed" if len(event.seeds) == 1 else "seeds"
    names = ", ".join(str(seed) for seed in event.seeds[:10]) + (", ..." if len(event.seeds) > 10 else "")
    return f"{len(event.tasks)} tasks, {seeds} {names}; run folder {event.folder}"


def _row(event: Evaluated, meter: _Meter | None) -> object:
    """The row of the accuracy matrix that a task adds."""
    return row_text(Record.from_json(event.record), meter.tasks if meter else event.task + 1)
