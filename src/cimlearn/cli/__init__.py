"""The command line: each command (`cimlearn run`, `price`, `reproduce`, ...) is a module, loaded when called."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from cimlearn.cli.parser import make_parser
from cimlearn.errors import InputError

_USER_ERROR = 2
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit status (0, 2 for wrong input, 130 after Ctrl-C).

    A command may answer a status of its own: `sweep` says 1 when some of its runs failed.
    """
    arguments = make_parser().parse_args(argv)
    status = 0
    try:
        status = import_module(f"cimlearn.cli.{arguments.command}").command(arguments) or 0
        sys.stdout.flush()
    except InputError as error:
        return _say(f"cimlearn: error: {error}", _USER_ERROR)
    except KeyboardInterrupt as stop:
        return _say(
            f"cimlearn: stopped; {stop.args[0] if stop.args else 'nothing was left half written'}",
            _INTERRUPTED,
        )
    except BrokenPipeError:  # the reader of our output (head, less) has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # a folder without permission, a disk that is full while a figure is written
        return _say(f"cimlearn: error: {error.filename or 'a file'}: {error.strerror or error}", _USER_ERROR)
    return status


def _say(message: str, status: int) -> int:
    """Print one line on stderr; returns `status`."""
    print(" ".join(message.split()), file=sys.stderr)
    return status
