"""stdin, stdout and stderr as a program finds them: closed, full, or of an encoding that lacks our letters."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress


def mend() -> None:
    """Make printing safe: what can't be written is escaped, and what is closed swallows what it is given.

    A closed stdout would otherwise get the number of the next file that is opened, such as a record.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None and not _is_open(number):
            handle = os.open(os.devnull, os.O_RDWR)
            if handle != number:
                os.dup2(handle, number)
                os.close(handle)
            setattr(
                sys, name, os.fdopen(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False)
            )
        elif number and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def drop_stdout() -> None:
    """Throw away what is still to be printed: the reader has gone, or the disk is full."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
