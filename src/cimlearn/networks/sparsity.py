"""N:M sparsity: of M successive weights of a filter N are kept. What such a pattern is, and which layers it fits."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from cimlearn.errors import InputError

MOST: Final = 32  # of M


class Pattern(NamedTuple):
    """N of M."""

    kept: int
    of: int


def pattern(text: str) -> Pattern | None:
    """'2:4' -> (2, 4); None for 'dense'. Raises InputError for anything else."""
    if text == "dense":
        return None
    found = re.fullmatch(r"(\d{1,3}):(\d{1,3})", text)
    n, m = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= n < m <= MOST:
        raise InputError(f"rule.sparsity = {text}: give N:M with 1 <= N < M <= {MOST}, such as 2:4, or dense")
    return Pattern(n, m)


def check_divides(name: str, fan_in: int, one: Pattern) -> None:
    """Raise InputError if the filters of a layer can't be cut into groups of M."""
    if fan_in % one.of:
        raise InputError(
            f"rule.sparsity = {one.kept}:{one.of}: filters of {name} have {fan_in} weights, which {one.of} doesn't "
            "divide; give another M, or dense"
        )
