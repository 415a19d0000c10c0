"""The one error a user may cause: it names the thing, its value and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

SHOWN: Final = 40  # names in a message


class InputError(ValueError):
    """What was given can't be used; the message is one line, and says what to do instead."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name closest to `name`, as the end of an error message."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'?"
    return "known: " + ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
