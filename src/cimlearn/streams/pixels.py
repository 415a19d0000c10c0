"""What a task does to an image: nothing, a permutation of its pixels, a rotation, another size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cimlearn.streams.cutting import spans


class PixelMap(Protocol):
    """Stored images to values in [0, 1]."""

    def __call__(self, images: NDArray[np.uint8], full_scale: int) -> NDArray[np.float32]:
        """(images, values) stored values to (images, values of the task) floats, full_scale becoming 1."""


@dataclass(frozen=True)
class Plain:
    """Leaves the pixels where they are."""

    def __call__(self, images: NDArray[np.uint8], full_scale: int) -> NDArray[np.float32]:
        """Scaled values."""
        return images.astype(np.float32) / np.float32(full_scale)


@dataclass(frozen=True)
class Permuted:
    """Moves value source[i] to place i."""

    source: NDArray[np.int64]  # (values,)

    def __call__(self, images: NDArray[np.uint8], full_scale: int) -> NDArray[np.float32]:
        """Moved and scaled values."""
        return images.take(self.source, axis=1).astype(np.float32) / np.float32(full_scale)


@dataclass(frozen=True)
class Weighted:
    """Each value is a weighted mean of a few stored ones."""

    weights: Any  # (values of the task, stored values) sparse float32

    def __call__(self, images: NDArray[np.uint8], full_scale: int) -> NDArray[np.float32]:
        """Weighted and scaled values; a sparse product, as its sums don't depend on how many images there are."""
        turned = np.empty((len(images), self.weights.shape[0]), np.float32)
        for span in spans(len(images), 256):  # so many stay in the cache
            stored = images[span].astype(np.float32).T / np.float32(full_scale)  # (values, images)
            np.clip((self.weights @ stored).T, 0, 1, out=turned[span])
        return turned


def permutation(image: tuple[int, int, int], rng: np.random.Generator) -> Permuted:
    """A random permutation of the pixels of a (height, width, channels) image; channels stay together."""
    height, width, channels = image
    pixels = rng.permutation(height * width)
    return Permuted((pixels[:, None] * channels + np.arange(channels)).reshape(-1))


def rotation(image: tuple[int, int, int], angle: float) -> Weighted:
    """Rotation by `angle` [deg] counterclockwise about the centre, bilinear, black outside.

    The value at (row, column) comes from the image turned back:
        row'    = cy + (row - cy) cos(angle) + (column - cx) sin(angle)
        column' = cx - (row - cy) sin(angle) + (column - cx) cos(angle)
    """
    from scipy import sparse  # 0.3 s that only rotations need

    height, width, channels = image
    cy, cx = (height - 1) / 2, (width - 1) / 2
    row, column = np.mgrid[:height, :width].reshape(2, -1)  # (pixels,) each
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    # Rounded to 1e-9 pixel, so that quarter turns fall on pixels exactly.
    from_row = np.round(cy + (row - cy) * cos + (column - cx) * sin, 9)
    from_column = np.round(cx - (row - cy) * sin + (column - cx) * cos, 9)
    top, left = np.floor(from_row).astype(int), np.floor(from_column).astype(int)
    down, right = from_row - top, from_column - left
    total = sparse.csr_array((height * width, height * width), dtype=np.float32)
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = (down if dy else 1 - down) * (right if dx else 1 - right)
        y, x = top + dy, left + dx
        use = (weight > 0) & (y >= 0) & (y < height) & (x >= 0) & (x < width)
        here = (np.flatnonzero(use), (y * width + x)[use])
        total = total + sparse.csr_array((weight[use].astype(np.float32), here), shape=total.shape)
    return Weighted(sparse.csr_array(sparse.kron(total, sparse.eye_array(channels, dtype=np.float32))))


def resized(stored: tuple[int, int, int], wanted: tuple[int, int, int], *, pad: bool) -> PixelMap:
    """From (height, width, channels) to another size and number of channels (1 or 3).

    Sizes are changed by the triangle filter (bilinear where an image grows, averaging where it shrinks), as
    PyTorch does with antialias; `pad`: an image that is too small gets a black frame instead. Gray becomes
    colour by repetition, colour becomes gray as luma: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).
    """
    if stored == wanted:
        return Plain()
    from scipy import sparse

    rows, columns = (_resample(stored[k], wanted[k], pad=pad) for k in (0, 1))
    if stored[2] == wanted[2]:
        colours = np.eye(stored[2])
    else:
        colours = np.ones((3, 1)) if wanted[2] == 3 else np.array([[0.299, 0.587, 0.114]])
    pixels = sparse.kron(sparse.csr_array(rows), sparse.csr_array(columns))
    return Weighted(sparse.csr_array(sparse.kron(pixels, sparse.csr_array(colours)), dtype=np.float32))


def _resample(stored: int, wanted: int, *, pad: bool) -> NDArray[np.float64]:
    """(wanted, stored) weights along one axis; each row sums to 1, but to 0 in a frame."""
    if pad and stored <= wanted:
        return np.eye(wanted, stored, k=-((wanted - stored) // 2))
    ratio = stored / wanted  # stored pixels per new one
    centre = (np.arange(wanted) + 0.5) * ratio - 0.5  # of each new pixel, in stored pixels
    reach = max(ratio, 1.0)
    weights = np.clip(1 - np.abs(centre[:, None] - np.arange(stored)) / reach, 0, None)
    return weights / weights.sum(axis=1, keepdims=True)
