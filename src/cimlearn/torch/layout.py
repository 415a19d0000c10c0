"""How the weights of a layer lie on tiles: groups side by side, rows cut into tiles, all tiles equally tall.

A layer's weight is (groups x columns, rows): outputs by inputs, as PyTorch keeps it. Each group is a matrix of its own
(rows, columns) on tiles of its own; the last rows of a short tile are empty. Tiles are numbered group by group.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.crossbar import row_tiles
from cimlearn.torch.library import functional, torch

Tensor = torch.Tensor


class Layout:
    """`groups` matrices of rows x columns on row tiles of at most `largest` rows."""

    def __init__(self, rows: int, columns: int, groups: int, largest: int) -> None:
        """Cut each group's rows into the fewest tiles, as even as can be (arrays.crossbar.row_tiles)."""
        self.rows, self.columns, self.groups = rows, columns, groups
        self.borders = row_tiles(rows, largest)
        self.tiles = len(self.borders) - 1  # of one group
        self.tall = int(np.diff(self.borders).max())

    @property
    def outputs(self) -> int:
        """Outputs of all groups."""
        return self.groups * self.columns

    @property
    def inputs(self) -> int:
        """Inputs of all groups."""
        return self.groups * self.rows

    @property
    def padded(self) -> bool:
        """Whether tiles have empty rows."""
        return self.tiles * self.tall != self.rows

    @cached_property
    def _places(self) -> NDArray[np.int64] | None:
        """(groups x tiles x tall,) the input in each row of each tile, `inputs` where it is empty; None: in order."""
        if self.tiles * self.tall == self.rows:
            return None
        within = np.full((self.tiles, self.tall), -1)
        for tile, (first, last) in enumerate(zip(self.borders[:-1], self.borders[1:], strict=True)):
            within[tile, : last - first] = np.arange(first, last)
        start = np.arange(self.groups)[:, None, None] * self.rows
        return np.where(within < 0, self.inputs, within + start).reshape(-1)

    @cached_property
    def table(self) -> NDArray[np.int64]:
        """(3, tiles of all groups) first input, rows and first output of each tile."""
        group = np.repeat(np.arange(self.groups), self.tiles)
        first = np.tile(self.borders[:-1], self.groups) + group * self.rows
        return np.array([first, np.tile(np.diff(self.borders), self.groups), group * self.columns])

    def spread(self, x: Tensor) -> Tensor:
        """(tiles of all groups, vectors, tall) of x (vectors, inputs)."""
        places = self._places
        if places is not None:
            index = torch.as_tensor(places, device=x.device)
            x = functional.pad(x, (0, 1)).index_select(1, index)
        # (vectors, tiles, tall) -> (tiles, vectors, tall)
        return x.reshape(len(x), self.groups * self.tiles, self.tall).transpose(0, 1)

    def matrices(self, weight: Tensor) -> Tensor:
        """(tiles of all groups, tall, columns) of weight (outputs, rows)."""
        grouped = weight.reshape(self.groups, self.columns, self.rows)
        if self.groups == 1:
            return self.spread(grouped[0]).transpose(1, 2)
        # (groups, columns, rows) -> (columns, groups x rows): every group's inputs side by side
        side = grouped.transpose(0, 1).reshape(self.columns, self.inputs)
        return self.spread(side).transpose(1, 2)

    def tiled(self, stacked: Tensor) -> Tensor:
        """(tiles of all groups, tall, columns) of stacked (inputs, columns); the same memory where tiles are full."""
        places = self._places
        if places is not None:
            index = torch.as_tensor(places, device=stacked.device)
            stacked = functional.pad(stacked, (0, 0, 0, 1)).index_select(0, index)
        return stacked.reshape(self.groups * self.tiles, self.tall, self.columns)

    def untiled(self, tiles: Tensor) -> Tensor:
        """(inputs, n) of tiles (tiles of all groups, tall, n); empty rows are left out."""
        flat = tiles.reshape(-1, tiles.shape[-1])
        places = self._places
        return flat if places is None else flat[torch.as_tensor(places < self.inputs, device=tiles.device)]

    def gathered(self, sums: Tensor) -> Tensor:
        """(vectors, outputs) of sums (tiles of all groups, vectors, columns): tiles added up, groups side by side."""
        if self.tiles > 1:
            sums = sums.reshape(self.groups, self.tiles, *sums.shape[1:]).sum(1)
        if self.groups == 1:
            return sums[0]
        return sums.transpose(0, 1).reshape(sums.shape[1], self.outputs)

    def stacked(self, weight: Any) -> Any:
        """(inputs, columns) of weight (outputs, rows), a NumPy array or tensor: groups one above the other."""
        grouped = weight.reshape(self.groups, self.columns, self.rows)
        return grouped.swapaxes(1, 2).reshape(self.inputs, self.columns)

    def unstacked(self, cells: Any) -> Any:
        """(..., outputs, rows) of cells (..., inputs, columns)."""
        before = cells.shape[:-2]
        grouped = cells.reshape(*before, self.groups, self.rows, self.columns)
        return grouped.swapaxes(-1, -2).reshape(*before, self.outputs, self.rows)
