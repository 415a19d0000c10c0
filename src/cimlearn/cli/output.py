"""Where tables are printed."""

from __future__ import annotations

import sys

from rich.console import Console

_WIDE = 160  # columns where there is no terminal, so that a file or a pager gets whole lines


def stdout() -> Console:
    """The console of stdout. Text is text: nothing in it is markup."""
    return Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else _WIDE)
