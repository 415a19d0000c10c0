"""Images as SAS-MRAM's backbone takes them: kept as small as they come, brought to its size when they are used."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cimlearn.learning.integer.pool import resized
from cimlearn.learning.integer.tensor import Int8, torch

HALF: Final = 128  # grey, in 8-bit pixels


def fitted(images: NDArray[np.uint8], side: int, how: str) -> NDArray[np.uint8]:
    """(images, side, side, channels) of images (images, rows, rows, channels): zeros around them, or enlarged.

    'resize' is bilinear in whole numbers, rounded half up, so that it is the same everywhere.
    """
    rows = images.shape[1]
    if rows == side:
        return images
    if how == "pad":
        before = (side - rows) // 2
        around = (before, side - rows - before)
        return np.pad(images, ((0, 0), around, around, (0, 0)))
    centred = torch.from_numpy(images).permute(0, 3, 1, 2).float() - HALF  # -128 to 127
    acc = resized(Int8(centred, 0), (side, side), "bilinear")
    whole = (acc.sums.double() * 2.0**acc.exponent + 0.5).floor() + HALF
    return np.ascontiguousarray(whole.to(torch.uint8).permute(0, 2, 3, 1).numpy())
