"""A matrix drawn as shaded cells, each with its number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from cimlearn.report.html import drawing

_WEAKEST, _STRONGEST = 0.08, 0.95  # opacity of the smallest and the largest value
_LIGHT_INK = 0.74  # opacity from which numbers are light


def cells(
    axes: Axes, values: ArrayLike, texts: Sequence[Sequence[str]] | None, low: float = 0.0, high: float = 1.0
) -> None:
    """Draw values (rows, columns), NaN left out, with `texts` in the cells: row i, column j lies at (j + 1, i + 1).

    `low` has the weakest shade and `high` the strongest.
    """
    table = np.asarray(values, float)
    rows, columns = table.shape
    for i, j in zip(*np.nonzero(~np.isnan(table)), strict=True):
        strength = _STRONGEST - (_STRONGEST - _WEAKEST) * (high - table[i, j]) / (high - low)
        cell = Rectangle((j + 0.52, i + 0.52), 0.96, 0.96, linewidth=0)
        cell.set(facecolor=drawing.ACCENT, alpha=strength)
        axes.add_patch(cell)
        if texts is not None:
            ink = drawing.ON_ACCENT if strength > _LIGHT_INK else drawing.INK
            axes.text(
                j + 1, i + 1, texts[i][j], color=ink, ha="center", va="center", size=_size(max(rows, columns))
            )
    axes.set(xlim=(0.5, columns + 0.5), ylim=(rows + 0.5, 0.5))
    axes.spines[:].set_visible(False)


def _size(cells: int) -> float:
    """Size of the numbers [pt] where there are so many cells a row or column."""
    return 8.5 if cells <= 6 else 7.5 if cells <= 10 else 6.5 if cells <= 16 else 5
