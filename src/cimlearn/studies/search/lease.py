"""A lease on trials: who runs one, and whether that process still lives; on one machine or on several with one folder.

A search holds a lock on a file of its own (search/*.lease) for as long as it lives; a killed one holds nothing. Where
locks don't reach other machines, the file's time tells, which a live search renews. One at a time may take a trial.
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from cimlearn.runfolder.files import make

_BEAT = 10.0  # seconds between two signs of life
_SILENT = 120.0  # seconds without one after which a search on another machine counts as dead


class Lease:
    """That of this process, in the folder of a search. Use it in a `with`."""

    def __init__(self, folder: Path) -> None:
        self._folder = make(folder, exist_ok=True)
        self.host = socket.gethostname()
        self.name = f"{self.host}-{os.getpid()}-{time.time_ns()}"
        self._ended = threading.Event()
        self._beats = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        with self.alone():
            self._file = self._path(self.name).open("w")
            with suppress(OSError):  # a file system without locks
                fcntl.flock(self._file, fcntl.LOCK_EX)
            for file in self._folder.glob("*.lease"):
                if not self.alive(file.stem):
                    file.unlink(missing_ok=True)
        self._beats.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._beats.join()
        self._path(self.name).unlink(missing_ok=True)
        self._file.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While no other search of this folder is in here."""
        with (self._folder / ".taking").open("w") as file:
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def alive(self, name: str | None) -> bool:
        """Whether the search that holds the lease `name` still lives."""
        file = self._path(name or "nobody")
        try:
            with file.open("r") as opened:
                fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        except OSError:
            return self._recent(file)  # no locks here
        return not file.stem.startswith(f"{self.host}-") and self._recent(file)

    def _recent(self, file: Path) -> bool:
        """Whether there was a sign of life lately, by the clock of the disk."""
        mine = self._path(self.name)
        os.utime(mine)
        with suppress(FileNotFoundError):
            return mine.stat().st_mtime - file.stat().st_mtime < _SILENT
        return False

    def _beat(self) -> None:
        """Renew the time of the file."""
        while not self._ended.wait(_BEAT):
            with suppress(OSError):
                os.utime(self._path(self.name))

    def _path(self, name: str) -> Path:
        """The file of a lease."""
        return self._folder / f"{name}.lease"
