"""Ratios that a benchmark found, for the table of `make bench`: into the file that BENCH_RECORD names, if it does."""

from __future__ import annotations

import json
import os
from pathlib import Path

FILE = "BENCH_RECORD"


def record(work: str, ratio: float, *, wanted: float | None = None, most: bool = False) -> None:
    """Keep a ratio of `work`, in which both sides were measured in this run.

    Parameters
    ----------
    work
        what was measured against what, the same words in every run
    ratio
        how many times as fast as what stands beside it; with `most` how many times as long
    wanted
        at least so much, with `most` at most; None where nothing was asked for
    most
        whether less is better
    """
    file = os.environ.get(FILE)
    if file:
        with Path(file).open("a") as out:
            out.write(json.dumps({"work": work, "ratio": ratio, "wanted": wanted, "most": most}) + "\n")
