"""How long the runs that are left will take, at the pace of the later half of those that ended.

The first runs of a study compile their kernels, which takes longer than many runs: a mean over all would count that for
each run to come.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Is told of each run that ends."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` answers seconds."""
        self._clock = clock
        self._times = [clock()]

    def left(self, rest: int) -> str:
        """A run ended, `rest` are left: 'about 3:20 left', and nothing after the first one alone."""
        self._times.append(self._clock())
        ended = len(self._times) - 1
        if ended < 2:
            return ""
        half = ended // 2
        seconds = round((self._times[-1] - self._times[half]) / (ended - half) * max(0, rest))
        return f"about {seconds // 60}:{seconds % 60:02d} left"
