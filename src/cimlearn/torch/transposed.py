"""Transposed reads: the error is brought back through the cells that the products went through.

The columns are driven with the error, streamed in the same bits, and integrators and converters at the rows tell the
sums,

    d_i = s m Q(clip(g_i sum_j x'_j W_ij + n_i + o_i)),     x' = streamed(s e / m),   m = max_j |e_j| of each vector

with a mismatch, offset and noise of their own. The digital part scales by m, which it knows (noise management: Gokmen,
Onen and Haensch, Frontiers in Neuroscience 11 (2017), 538). The range of the sums is that of the first vectors that
come back, times `training.headroom`; after that it stays. s is 1, or with `training.chopped` 1 and -1 in turn: offsets
o_i add to every d_i of a gradient alike, and in turn they cancel.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.build import describe_periphery
from cimlearn.arrays.periphery import periphery
from cimlearn.arrays.vectors import Converter, Encoder, convert, encode
from cimlearn.parameters import ParameterSet
from cimlearn.torch import fast
from cimlearn.torch.cells import mapping, settled
from cimlearn.torch.layout import Layout
from cimlearn.torch.library import torch
from cimlearn.torch.tally import Tally

Tensor = torch.Tensor


class Back(NamedTuple):
    """The periphery of transposed reads."""

    converter: Converter  # of each tile's rows
    reach: NDArray[np.float32]  # (1,) range of their sums; 0: not found yet
    headroom: float  # of that range
    chopped: bool = False  # every second vector is driven with the opposite sign


def back_periphery(
    p: ParameterSet, layout: Layout, *, name: str, seed: int, bits: int | None, ranged: bool
) -> Back:
    """What stands at the rows of the array called `name`, with converters of `bits`."""
    around = periphery(
        describe_periphery(settled(p, name, 1.0), name),
        scale=mapping(p).scale,
        tiles=layout.groups * layout.tiles,
        columns=layout.tall,
        seed=seed,
        name=f"{name}.back",
    )
    half = 0.0 if bits is None else 2.0 ** (bits - 1)
    gain, offset = np.ascontiguousarray(around.column[0]), np.ascontiguousarray(around.column[1])
    converter = Converter(gain, offset, ranged, half, around.thermal)
    return Back(converter, np.zeros(1, np.float32), float(p["training.headroom"]), p["training.chopped"])


def signs(back: Back, vectors: int, before: int) -> NDArray[np.float32]:
    """(vectors, 1) the sign s_n with which each of the next vectors is driven, after `before` of them."""
    odd = (before + np.arange(vectors, dtype=np.int64)[:, None]) % 2 if back.chopped else 0
    return np.broadcast_to(np.float32(1) - np.float32(2) * np.asarray(odd, np.float32), (vectors, 1))


def read_back(
    back: Back,
    error: Tensor,
    w: Tensor,
    variance: Tensor | None,
    *,
    encoder: Encoder,
    row_on: NDArray[np.float64],
    key: int,
    tally: Tally,
) -> Tensor:
    """(tiles, vectors, tall) of error (tiles, vectors, columns), w and variance of reads (tiles, tall, columns).

    row_on
        (inputs,) conductance of the rows' cells [S], of which each column has an even share
    key
        what noise is drawn from
    """
    tiles, vectors, columns = error.shape
    tall = w.shape[1]
    largest = error.abs().amax(2, keepdim=True)
    largest = largest * torch.from_numpy(signs(back, vectors, tally.vectors).copy())
    scaled = error / torch.where(largest != 0, largest, 1.0)
    steps = len(encoder.ones)
    unit = np.float32(steps / (steps - 1) if steps else 1.0)
    lit = np.full(columns, row_on.sum() / max(1, columns))
    seen = np.empty((tiles * vectors, columns), np.float32)
    squares = np.empty_like(seen) if variance is not None else fast.NONE[np.float32, 2]
    flat = scaled.reshape(tiles * vectors, columns).contiguous().numpy()
    bits, on = encode(encoder, flat, unit, lit, seen, squares, fast.NONE[np.bool_, 2])
    # A tile's columns are a part of the array's: all tiles together are one vector of the array.
    tally.drove(vectors, (bits, on / tiles))
    sums = torch.bmm(torch.from_numpy(seen).reshape(tiles, vectors, columns), w.transpose(1, 2))
    power = fast.NONE[np.float32, 3]
    if variance is not None:
        side = torch.from_numpy(squares).reshape(tiles, vectors, columns)
        power = torch.bmm(side, variance.transpose(1, 2)).numpy()
    if back.reach[0] == 0:
        back.reach[0] = back.headroom * float(sums.abs().max())
    reach = np.float32(max(float(back.reach[0]), 1e-30))
    out = np.empty((vectors, tiles * tall), np.float32)
    convert(
        back.converter, np.uint64(key), tiles, sums.contiguous().numpy(), power, reach, unit,
        np.ones(1, np.float32), fast.NONE[np.bool_, 3], out,
    )  # fmt: skip
    rows = torch.from_numpy(out).reshape(vectors, tiles, tall).transpose(0, 1)
    return rows * largest


class Held(torch.autograd.Function):
    """The cells' weights (tiles, tall, columns), whose gradient is that of the layer's weight (outputs, rows)."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, bound: Tensor, w: Tensor, layout: Layout, direct: bool) -> Tensor:
        """`w` as it is; `direct`: its gradient goes another way."""
        ctx.save_for_backward(bound)
        ctx.layout = layout
        ctx.set_materialize_grads(not direct)
        return w

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """d w = d W / bound, W = w / bound."""
        if gradients[0] is None:
            return (None,) * 5
        (bound,) = ctx.saved_tensors
        stacked = ctx.layout.untiled(gradients[0])
        return ctx.layout.unstacked(stacked) / bound[:, None], None, None, None, None


class Product(torch.autograd.Function):
    """x W of each tile; the error goes back by a transposed read of the same cells."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, variance: Tensor | None, array: Any) -> Tensor:
        """(tiles, vectors, columns) of x (tiles, vectors, tall) and w (tiles, tall, columns)."""
        ctx.save_for_backward(x, w.detach(), *(() if variance is None else (variance,)))
        ctx.array = array
        return torch.bmm(x, w)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """By x from the array, by w from the digital part."""
        x, w, *rest = ctx.saved_tensors
        error, array = gradients[0].contiguous(), ctx.array
        back = array.read_back(error, w, rest[0] if rest else None) if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[1]:
            return back, None, None, None
        if array.direct:
            array.factors.append((x.detach(), error))
            return back, None, None, None
        return back, torch.bmm(x.transpose(1, 2), error), None, None
