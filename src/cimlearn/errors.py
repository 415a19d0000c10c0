"""The one error a user may cause: it names the thing, its value and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

SHOWN: Final = 40  # names in a message
_LONGEST: Final = 2000  # characters of a message


class InputError(ValueError):
    """What was given can't be used; the message is one line, and says what to do instead.

    A message quotes names and values of files. What can't be printed in them (ends of lines, codes of terminals,
    changes of direction) is shown as an escape, and a message without end is cut.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


def printable(text: str) -> str:
    r"""`text` as one line of at most 2,000 characters, what can't be printed as an escape such as \x1b."""
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 2 :]}"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name closest to `name`, as the end of an error message."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'?"
    return "known: " + ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
