"""Embeddings on arrays: a row for each word; an index drives its row alone, and only rows that were used are written.

    z = Q(clip((g_t / r) (x' W_i + n) + o_t))        of row i, in tile t: gain, offset, range r, converter Q
    y = s_x b r z                                    x': the largest code, which an index drives its row with

Only the tile that holds the row reads and converts. The gradient of a row is the sum of the errors at its outputs,
which needs no multiplication and no transposed read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.torch.array import Work
from cimlearn.torch.crossbar import CrossbarArray, Prepared
from cimlearn.torch.layers import Maker, empty
from cimlearn.torch.layout import Layout
from cimlearn.torch.library import nn, torch
from cimlearn.torch.quantisers import converted

Tensor = torch.Tensor


class ChipEmbedding(nn.Module):
    """nn.Embedding on an array, with its parameter."""

    def __init__(self, plain: nn.Embedding, make: Maker, largest: int) -> None:
        """Take over the parameter of `plain`; tiles have at most `largest` rows."""
        super().__init__()
        self.num_embeddings, self.embedding_dim = plain.num_embeddings, plain.embedding_dim
        self.padding_idx, self.weight = plain.padding_idx, plain.weight
        layout = Layout(plain.num_embeddings, plain.embedding_dim, 1, largest)
        array = make("weight", layout, plain.weight.t())
        assert isinstance(array, CrossbarArray)
        array.by_row = True
        self.array = array
        self.train(plain.training)

    def forward(self, index: Tensor) -> Tensor:
        """(..., embedding_dim) of whole numbers index (...)."""
        if index.dtype not in (torch.int64, torch.int32):
            raise InputError(f"{self.array.name}: indices are {index.dtype}; give whole numbers, as x.long()")
        flat = index.reshape(-1).long()
        if flat.numel() and not 0 <= int(flat.min()) <= int(flat.max()) < self.num_embeddings:
            raise InputError(
                f"{self.array.name}: indices reach from {int(flat.min())} to {int(flat.max())}; "
                f"there are {self.num_embeddings} rows, from 0 on"
            )
        y = rows_of(self.array, flat, self.array.prepare(self.weight.t()))
        if self.padding_idx is not None:  # its row never learns
            y = torch.where((flat == self.padding_idx)[:, None], y.detach(), y)
        return y.reshape(*index.shape, self.embedding_dim)

    def held(self) -> dict[str, tuple[CrossbarArray, Tensor]]:
        """Name of the weight -> its array, and itself as (outputs, rows)."""
        return {"weight": (self.array, self.weight.t())}

    def plain(self) -> nn.Module:
        """An empty layer of the kind that this one replaced."""
        sizes = (self.num_embeddings, self.embedding_dim, self.padding_idx)
        return empty(nn.Embedding, self.weight, self.training, *sizes)

    def work(self) -> Work:
        """Digital operations: none beyond the array's, which scales an output."""
        return {}

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.num_embeddings}, {self.embedding_dim}"


def reason(plain: nn.Embedding, kind: str) -> str | None:
    """Why an embedding stays digital; None if it can be on arrays of `kind`."""
    if kind != "crossbar":
        return "a table that is looked up, not multiplied; crossbars hold one"
    if plain.max_norm is not None or plain.scale_grad_by_freq or plain.sparse:
        return "max_norm, scale_grad_by_freq and sparse are not known on arrays"
    return None


def rows_of(array: CrossbarArray, index: Tensor, prepared: Prepared) -> Tensor:
    """(vectors, outputs) the rows that index (vectors,) drives, each read by the tile that holds it."""
    if array.recorder is not None:  # a row is driven with 1, and its sum is one weight
        array.recorder.saw(torch.ones(len(index), 1), torch.ones(1))
    tile, place = (torch.from_numpy(one).to(index.device)[index] for one in _places(array.layout))
    sums = prepared.w[tile, place]
    if array.recorder is not None:
        return sums * prepared.bound
    exact = array.p["periphery.input_bits"] is None
    driven = array.input_range.reciprocal() if exact else array.code[0, -1]
    _count(array, index, prepared)
    total = sums * driven
    power = _power(array, prepared.variance, tile, place, driven if exact else array.code[1, -1])
    if power is not None:
        like = total.detach()
        key = torch.Generator(device=like.device).manual_seed(array.key())
        noise = torch.randn(like.shape, generator=key, device=like.device, dtype=like.dtype)
        total = total + noise * power.sqrt()
    gain, offset = array.gain[tile, 0], array.offset[tile, 0]
    if not array.ranged:
        return total * gain * (array.input_range * prepared.bound)
    z = (total * (gain / array.reach) + offset).clamp(-1, 1)
    if array.converter is not None:
        z = converted(z, array.converter)
    return z * (array.reach * array.input_range * prepared.bound)


def _places(layout: Layout) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(rows,) the tile of each row, and its place in it."""
    row = np.arange(layout.rows)
    tile = np.searchsorted(layout.borders, row, side="right") - 1
    return tile, row - np.asarray(layout.borders)[tile]


def _power(
    array: CrossbarArray, variance: Tensor | None, tile: Tensor, place: Tensor, squares: Tensor
) -> Any:
    """(vectors, columns) or () variance of the sums; None without noise."""
    if variance is not None:
        return variance[tile, place] * squares + array.thermal * array.reach.square()
    return array.thermal * array.reach.square() if array.thermal else None


def _count(array: CrossbarArray, index: Tensor, prepared: Prepared) -> None:
    """Count the rows that were driven, with their conductance."""
    on = array.conducting(prepared.w)
    if on.size:
        bits = int(array.ones[-1]) if array.p["periphery.input_bits"] is not None else 1
        switched = float(on[index.cpu().numpy()].sum())
        array.counting().drove(len(index), (bits * len(index), bits * switched))
