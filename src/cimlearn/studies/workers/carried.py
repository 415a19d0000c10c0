"""The states of a run that a cluster's worker may die over: what outlives the worker, and where it is kept.

In a folder that all workers share (`--states DIR`), or else as bytes on the scheduler, if they are few. Either way the
next worker goes on from the last state that was saved. A place is named by the run and by everything that decides its
bytes, so other sources or another experiment never meet these states.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from cimlearn.errors import InputError
from cimlearn.experiments.loop import Learned
from cimlearn.experiments.scheduler import Progress, Started
from cimlearn.runfolder.files import Busy, held, make, remove_own, write_atomic
from cimlearn.studies.workers.attempt import Unwanted, code

MOST: Final = 1 << 24  # bytes of a run that may be kept on the scheduler
_WAIT = (
    600.0  # seconds that a run in a shared folder is waited for, which a worker that was given up still holds
)
_LATE = 10.0  # seconds that such a worker is waited for at the end, before its states stay behind
_STATES: Final = "seed-*/state.safetensors"
_CARRIED = re.compile(r"run\.json|timing\.json|records\.jsonl|seed-\d+/(records\.jsonl|state\.safetensors)")


def place_of(folder: Path, experiment: Mapping[str, Any]) -> str:
    """The name of the place where the states of a run are kept; `experiment` as it travels, `folder` the sweep's."""
    told = json.dumps([str(folder.resolve()), code(), experiment], sort_keys=True)
    return f"{folder.name[:100]},{hashlib.sha256(told.encode()).hexdigest()[:16]}"


def packed(run: Path) -> dict[str, bytes]:
    """The files from which the run in `run` goes on: name -> content.

    A state is read before the records that it counts: while the run goes on there may be one more, never one less.
    """
    names = [
        *sorted(run.glob(_STATES)),
        *sorted(run.glob("seed-*/records.jsonl")),
        *(run / name for name in ("records.jsonl", "timing.json", "run.json")),
    ]
    return {file.relative_to(run).as_posix(): file.read_bytes() for file in names if file.exists()}


def unpack(files: Mapping[str, bytes], run: Path) -> None:
    """Write what `packed` made into the new folder `run`; run.json last, which makes it a run."""
    if strange := sorted(name for name in files if not _CARRIED.fullmatch(name)):
        raise InputError(f"the scheduler keeps the file {strange[0]!a}, which is none of a run's")
    for name, content in files.items():
        make((run / name).parent, exist_ok=True)
        write_atomic(run / name, content)


@contextmanager
def shared(states: str, place: str, wanted: Callable[[], bool]) -> Iterator[Path]:
    """The folder of a run below the shared folder `states`, which this process alone has.

    Raises
    ------
    Busy
        If another worker has it, and keeps it for ten minutes.
    InputError
        If it can't be made.
    Unwanted
        If `wanted` becomes false meanwhile.
    """
    try:
        folder = make(Path(states) / place, exist_ok=True)
        lock = _lock(folder)
        lock.touch()
    except (InputError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error).split("; ")[0]
        raise InputError(
            f"the worker can't keep states in {states} ({why}); name another folder with --states"
        ) from None
    until = time.monotonic() + _WAIT
    while True:
        if not wanted():
            raise Unwanted
        try:
            with held(lock):
                yield folder
                return
        except Busy:
            if time.monotonic() > until:
                raise
        time.sleep(0.2)


def forget(states: str, place: str) -> None:
    """Remove the states of a run from the shared folder; only files of a run's names.

    A worker that was given up may hold them for a moment more, until it sees that nobody wants the run.
    """
    folder, until = Path(states) / place, time.monotonic() + _LATE
    with suppress(OSError, Busy):
        while (folder / "run.json").exists():
            try:
                with held(_lock(folder)):
                    remove_own(folder)
                break
            except Busy:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
        folder.rmdir()
        _lock(folder).unlink(missing_ok=True)


def _lock(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


class Watch:
    """Follows the run in `run`: calls `begun` and `saved` with how far it is, which no two moments share.

    How far is the number of examples learned, over all seeds, and of records.
    """

    def __init__(self, run: Path, begun: Callable[[int], None], saved: Callable[[int], None]) -> None:
        self._run, self._begun, self._saved = run, begun, saved
        self._far, self._seen = 0, self._stamps()

    def __call__(self, event: Progress) -> None:
        """An event of the run."""
        if isinstance(event, Started):
            self._far = event.learned
            self._begun(self._far)
        else:
            self._far += event.examples if isinstance(event, Learned) else 1
        self.look()

    def look(self) -> None:
        """Tell of a state that is new since the last look."""
        if (now := self._stamps()) != self._seen:
            self._seen = now
            self._saved(self._far)

    def _stamps(self) -> dict[str, tuple[int, int]]:
        """When which state was written."""
        found = {}
        for file in self._run.glob(_STATES):
            with suppress(FileNotFoundError):
                stat = file.stat()
                found[file.parent.name] = (stat.st_mtime_ns, stat.st_ino)
        return found
