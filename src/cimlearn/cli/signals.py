"""Ctrl-C, SIGTERM and a closed terminal: the first saves and stops, the second waits, the third leaves at once.

Leaving at once loses nothing that was written, since files are replaced in one step.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

INTERRUPTED: Final = 130  # exit status after Ctrl-C, as shells give it
_SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
_PATIENCE: Final = 2  # the number of the signal that is only answered


class Interrupts:
    """Counts signals; `hint` says how to go on."""

    def __init__(self) -> None:
        self.hint = "nothing was left half written"
        self.count = 0
        self.last = signal.SIGINT.value

    @property
    def status(self) -> int:
        """The exit status that a shell gives a process that the signal has ended."""
        return 128 + self.last

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        self.count += 1
        self.last = number
        if self.count < _PATIENCE:
            raise KeyboardInterrupt(self.hint)
        if self.count == _PATIENCE:
            _say("saving where the run stands; once more leaves at once")
            return
        _say(f"stopped; {self.hint}")
        os._exit(self.status)


def _say(text: str) -> None:
    """A line on stderr, past every buffer and lock."""
    with suppress(OSError):
        os.write(2, f"cimlearn: {' '.join(text.split())}\n".encode(errors="backslashreplace"))


@contextmanager
def counted() -> Iterator[Interrupts]:
    """Interrupts of this process while the context lasts; a signal that is ignored (nohup, a shell's &) stays so."""
    interrupts = Interrupts()
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                before[number] = signal.signal(number, interrupts)
    try:
        yield interrupts
    finally:
        for number, handler in before.items():  # while a stopped process ends, more of them change nothing
            signal.signal(number, signal.SIG_IGN if interrupts.count else handler)
