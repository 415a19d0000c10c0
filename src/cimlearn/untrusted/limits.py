"""How much is too much. What is larger than a limit is refused before it is built, with its size and the limit."""

from __future__ import annotations

import os
from typing import Final

from cimlearn.errors import InputError

ENVIRONMENT: Final = "CIMLEARN_MOST_BYTES"
_MOST: Final = 1 << 31  # bytes that one file may take in memory, unless CIMLEARN_MOST_BYTES says otherwise
TOML: Final = 1 << 22  # bytes of a configuration
JSON: Final = 1 << 28  # bytes of a JSON file
DEPTH: Final = 32  # tables in tables, lists in lists
DIGITS: Final = 40  # of a whole number in JSON: states of generators have 128 bits, which are 39
WHOLE: Final = 1 << 63  # a whole number in TOML is below this
MEMBERS: Final = 10_000  # arrays in an archive, columns of a table, tensors in a file
HEADER: Final = 1 << 16  # bytes of an array's header
LINE: Final = 1 << 24  # characters of a line of text
FOLDERS: Final = 50_000  # looked at for runs
PAGE: Final = 20_000  # runs on one page
WEIGHTS: Final = 50_000_000  # of a chip; each takes some 100 bytes with its cells
RUNS: Final = 1_000_000  # runs of a study


def most_bytes() -> int:
    """Bytes that one file may take in memory: CIMLEARN_MOST_BYTES, by default 2 GiB."""
    given = os.environ.get(ENVIRONMENT, "")
    if not given:
        return _MOST
    if not (given.isascii() and given.isdigit() and len(given) <= 18 and int(given) > 0):
        raise InputError(f"{ENVIRONMENT} = {given!r} is not a number of bytes; write 8000000000, or unset it")
    return int(given)


def check_weights(what: str, count: int) -> None:
    """Raise InputError if a chip has more weights than can be simulated."""
    if count > WEIGHTS:
        raise InputError(
            f"{what}: {count:,} weights; the limit is {WEIGHTS:,}: make the chip or the stream smaller"
        )


def check_bytes(what: str, count: int) -> None:
    """Raise InputError if `what` takes more memory than one file may."""
    most = most_bytes()
    if count > most:
        raise InputError(
            f"{what} takes {count:,} bytes in memory; the limit is {most:,}: use a folder of .npy files, "
            f"or raise it: {ENVIRONMENT}={count}"
        )
