"""How many writes a cell takes before it sticks: log-normal between cells (assumed law).

    E = M exp(s z)      M median, s standard deviation of ln E, z standard normal

`costs.lifetime` predicts from this law, the simulated cells draw from it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def endurances(
    median: float, spread: float, shape: tuple[int, ...], draw: np.random.Generator
) -> NDArray[np.float64]:
    """(shape) writes until each cell sticks, whole numbers of 1 or more."""
    from cimlearn.compiled import exp_each  # a compiler, which prices don't need

    drawn = median * exp_each(spread * draw.standard_normal(shape))
    return np.maximum(np.rint(drawn), 1.0)
