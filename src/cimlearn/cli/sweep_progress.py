"""Progress of a sweep on stderr: a bar on a terminal, a line per run elsewhere; failures as they happen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from cimlearn.cli.pace import Pace
from cimlearn.studies.sweep import Point


@contextmanager
def shown_points(quiet: bool) -> Iterator[Points]:
    """What to pass to `run_points` as `tell` and `retried`; nothing is shown if `quiet`."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False, quiet=quiet)
    if quiet or not console.is_terminal:
        yield Points(console)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[left]}"))
    with Bar(*columns, console=console, transient=True) as bar:
        yield Points(console, bar)


class Points:
    """Tells each run that ended, and the time left (pace.py)."""

    def __init__(self, console: Console, bar: Bar | None = None) -> None:
        self._console, self._bar = console, bar
        self._task = bar.add_task("first runs", total=None, left="") if bar is not None else None
        self._pace, self._failed = Pace(), 0

    def tell(self, point: Point, reason: str | None, ended: int, total: int) -> None:
        """Tell that `point` ended, as number `ended` of `total`."""
        self._failed += reason is not None
        left = self._pace.left(total - ended)
        said = f"failed: {reason}" if reason else "done"
        if self._bar is None or self._task is None:
            self._say(f"{ended} of {total}  {point.name}  {said}  {left}".rstrip())
            return
        if reason:
            self._say(f"{point.name}  {said}")
        failed = f", {self._failed} failed" if self._failed else ""
        self._bar.update(
            self._task,
            total=total,
            completed=ended,
            description=f"{ended} of {total} runs{failed}",
            left=left,
        )

    def retried(self, point: Point, reason: str) -> None:
        """Tell that `point` is tried again."""
        self._say(f"{point.name}  tried again: {reason}")

    def _say(self, line: str) -> None:
        """Print a line."""
        self._console.print(line, markup=False)
