"""Runs the loops of several seeds in threads, and keeps the files that belong to all of them.

The kernels let go of the interpreter's lock, so seeds in threads run side by side. Loops only tell what
happened; this thread alone writes the files of the whole run and calls `progress`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Event

from cimlearn.chips.base import Chip
from cimlearn.experiments.checkpoint import SeedFolder
from cimlearn.experiments.loop import Evaluated, Learned, SeedLoop
from cimlearn.runfolder.files import read_timing, write_atomic, write_json
from cimlearn.streams.base import Stream, TaskInfo


class Stopped(KeyboardInterrupt):
    """Ctrl-C, after every running seed has saved where it stands."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"go on with: cimlearn run --resume {folder}")
        self.folder = folder


@dataclass(frozen=True)
class Started:
    """The run begins, or goes on."""

    folder: Path
    seeds: tuple[int, ...]
    tasks: tuple[TaskInfo, ...]
    learned: int  # examples learned before, over all seeds


@dataclass(frozen=True)
class _Ended:
    """A loop came to its end."""

    error: BaseException | None


Progress = Started | Learned | Evaluated
_LOOK_SECONDS = 0.05  # between looks whether a run was stopped
_TIMING_SECONDS = 30.0  # how often timing.json is written between records


@dataclass
class _Board:
    """What the run's own files hold."""

    folder: Path
    seeds: tuple[int, ...]
    timing: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    written: float = field(default_factory=time.monotonic)

    def add(self, event: Learned) -> None:
        """Count the time of a chunk, but not of a seed's first, which may hold compiling."""
        if event.first:
            return
        entry = self.timing.setdefault(str(event.seed), {}).setdefault(
            str(event.task), {"seconds": 0.0, "examples": 0}
        )
        entry["seconds"] += event.seconds
        entry["examples"] += event.examples
        if time.monotonic() - self.written >= _TIMING_SECONDS:
            self.write_timing()

    def write_timing(self) -> None:
        """Write timing.json."""
        write_json(self.folder / "timing.json", self.timing)
        self.written = time.monotonic()

    def write_records(self) -> None:
        """Write the records of all seeds, in seed then task order."""
        lines = b"".join(SeedFolder(self.folder, seed).lines() for seed in self.seeds)
        write_atomic(self.folder / "records.jsonl", lines)


def run_seeds(
    seeds: tuple[int, ...],
    tasks: tuple[TaskInfo, ...],
    build: Callable[[int], tuple[Stream, Chip]],
    folder: Path,
    progress: Callable[[Progress], None] | None,
    threads: int,
    checkpoint_seconds: float,
) -> None:
    """Run the loops of `seeds` that are not at their end, at most `threads` at a time."""
    positions = {seed: SeedFolder(folder, seed).settle() for seed in seeds}
    tell = progress or (lambda event: None)
    done = [sum(task.examples for task in tasks[: p.task]) + p.example for p in positions.values()]
    tell(Started(folder, seeds, tasks, sum(done)))
    board = _Board(folder, seeds, read_timing(folder))
    events: SimpleQueue[Learned | Evaluated | _Ended] = SimpleQueue()
    stop = Event()
    waiting = [seed for seed in seeds if positions[seed].task < len(tasks)]

    def told(event: Learned | Evaluated) -> None:
        """Tell of an event; a seed goes on after a task when that was followed, so whoever stops it there stops it."""
        events.put(event)
        while isinstance(event, Evaluated) and not event.followed.wait(_LOOK_SECONDS) and not stop.is_set():
            pass

    with ThreadPoolExecutor(threads) as pool:
        try:
            for seed in waiting:
                loop = SeedLoop(seed, folder, build, told, stop, checkpoint_seconds)
                pool.submit(_told, loop, events)
            _follow(events, len(waiting), board, tell)
        except KeyboardInterrupt:
            stop.set()
            pool.shutdown()
            board.write_timing()
            raise Stopped(folder) from None
        finally:
            stop.set()
    board.write_records()


def _told(loop: SeedLoop, events: SimpleQueue[Learned | Evaluated | _Ended]) -> None:
    """Run a loop, and tell how it ended."""
    try:
        loop.run()
    except BaseException as error:
        events.put(_Ended(error))
    else:
        events.put(_Ended(None))


def _follow(
    events: SimpleQueue[Learned | Evaluated | _Ended],
    loops: int,
    board: _Board,
    tell: Callable[[Progress], None],
) -> None:
    """Handle events until all loops have ended; raises the error of the first that failed."""
    while loops:
        event = events.get()
        match event:
            case _Ended(error):
                loops -= 1
                if error is not None:
                    raise error
            case Learned():
                board.add(event)
                tell(event)
            case Evaluated():
                board.write_records()
                board.write_timing()
                tell(event)
                event.followed.set()
