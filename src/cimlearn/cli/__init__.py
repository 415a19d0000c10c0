"""The command line: each command (`cimlearn run`, `price`, `reproduce`, ...) is a module, loaded when called."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module

from cimlearn.cli import channels
from cimlearn.cli.parser import make_parser
from cimlearn.cli.signals import counted
from cimlearn.errors import InputError
from cimlearn.untrusted.text import check_argument

_USER_ERROR = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the status: 0, 2 for wrong input, 130 after Ctrl-C, 143 after SIGTERM.

    A command may answer a status of its own: `sweep` says 1 when some of its runs failed.
    """
    channels.mend()
    arguments = make_parser().parse_args(argv)
    with counted() as interrupts:
        arguments.interrupts = interrupts
        try:
            return _done(arguments)
        except InputError as error:
            return _say(f"cimlearn: error: {error}", _USER_ERROR)
        except KeyboardInterrupt as stop:
            said = stop.args[0] if stop.args else interrupts.hint
            return _say(f"cimlearn: stopped; {said}", interrupts.status)
        except BrokenPipeError:  # the reader of our output (head, less) has gone
            channels.drop_stdout()
            return 0
        except MemoryError:
            return _say(
                "cimlearn: error: not enough memory; make the stream or the chip smaller", _USER_ERROR
            )
        except OSError as error:  # a folder without permission, a disk that is full while a figure is written
            channels.drop_stdout()
            where = error.filename or "a file or stdout"
            return _say(f"cimlearn: error: {where}: {error.strerror or error}", _USER_ERROR)


def _done(arguments: Namespace) -> int:
    """Load the command and do it."""
    for given in vars(arguments).values():
        for word in given if isinstance(given, list) else [given]:
            if isinstance(word, str):
                check_argument(word)
    status = import_module(f"cimlearn.cli.{arguments.command}").command(arguments) or 0
    sys.stdout.flush()
    return int(status)


def _say(message: str, status: int) -> int:
    """Print one line on stderr; returns `status`."""
    print(" ".join(message.split()), file=sys.stderr)
    return status
