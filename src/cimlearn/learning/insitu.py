"""Changes of a whole layer become writes to its cells: what a model of one's own learns with, on the chip."""

from __future__ import annotations

from cimlearn.arrays.base import write
from cimlearn.compiled import entry
from cimlearn.learning.sparsify import keep_largest


@entry
def descend(bar, change, keep, threshold, count):
    """Ask the weights of `bar` for change (rows, columns), of which only the `keep` largest of each column are written.

    threshold, count
        (columns,) float32, scratch
    """
    keep_largest(change, keep, threshold, count)
    write(bar, change)
