"""What a calibrated column takes per product, by kind of calibration (arrays/calibrate.py)."""

from __future__ import annotations

from typing import Final

MULTIPLIES: Final = {"none": 0, "offset": 0, "gain": 1, "sum": 2}  # per column of a tile and product
ADDS: Final = {"none": 0, "offset": 1, "gain": 1, "sum": 2}
NUMBERS: Final = {"none": 0, "offset": 1, "gain": 2, "sum": 3}  # kept for each column of a tile


def compares(kind: str) -> bool:
    """Whether sums of stored vectors are kept over a rest."""
    return MULTIPLIES[kind] > 0
