"""Products on a CPU in compiled kernels: torch multiplies the matrices and carries the gradient, nothing more.

Everything around the matrix product is one pass over the inputs and one over the sums (arrays/vectors.py). The
equations are those of torch/crossbar.py, which does the same in tensor operations on other devices and in double
precision.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.vectors import Converter, Encoder, convert, encode, multiply
from cimlearn.arrays.wanted import wanted
from cimlearn.torch.library import torch
from cimlearn.torch.quantisers import through

Tensor = torch.Tensor
Array = NDArray[Any]
NONE: Any = {
    (kind, sides): np.empty((0,) * sides, kind)
    for kind, sides in (
        (np.float32, 1),
        (np.float64, 1),
        (np.float32, 2),
        (np.float32, 3),
        (np.bool_, 2),
        (np.bool_, 3),
    )
}


FEW = 8  # vectors that one kernel multiplies faster than torch
ALONE = (
    1 << 25
)  # multiply-adds of a product that is learned from up to which one kernel, on one thread, is faster


class Views(NamedTuple):
    """The memory of an array's tensors, as kernels take it."""

    encoder: Encoder
    converter: Converter
    tiles: NDArray[np.int64]  # (3, tiles) first input, rows, first output
    input_range: NDArray[np.float32]  # ()
    reach: NDArray[np.float32]  # ()
    bound: NDArray[np.float32]  # (outputs,) or (1,) weight range of the cells
    weight: NDArray[np.float32]  # (tiles, tall, columns) of the cells
    variance: NDArray[np.float32]  # (tiles, tall, columns) of a read; (0, 0, 0): without noise of reads
    row_on: NDArray[np.float64]  # (inputs,) [S]
    outputs: int


def fits(x: Tensor, *others: Tensor) -> bool:
    """Whether the kernels know these tensors: float32 on a CPU."""
    return all(one.dtype == torch.float32 and one.device.type == "cpu" for one in (x, *others))


class _Converted(torch.autograd.Function):
    """Sums (tiles, vectors, columns) -> outputs (vectors, outputs), whose gradient is the gain where nothing is cut."""

    @staticmethod
    def forward(
        ctx: Any, sums: Tensor, bound: Tensor, views: Views, key: int, groups: int, power: Array
    ) -> Tensor:
        """What the converters tell; `sums` is overwritten in a copy."""
        inside = np.empty(sums.shape, np.bool_) if views.converter.ranged else NONE[np.bool_, 3]
        out = _convert(sums.detach().clone(), bound, views, key, groups, power, inside)
        ctx.save_for_backward(
            bound * float(views.input_range), torch.from_numpy(inside), torch.from_numpy(views.converter.gain)
        )
        ctx.shape, ctx.groups = sums.shape, groups
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """gain_tj s_j where sum tj lies within the range."""
        scale, inside, gain = ctx.saved_tensors
        tiles, vectors, columns = ctx.shape
        through_scale = (gradients[0] * scale).reshape(vectors, ctx.groups, columns).transpose(0, 1)
        found = through_scale.repeat_interleave(tiles // ctx.groups, 0) * gain[:, None]
        if inside.numel():
            found = found * inside
        return found, None, None, None, None, None


class _Wanted(torch.autograd.Function):
    """Weights -> weights on cells, whose gradient is 1 / bound where nothing is cut."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, bound: Tensor, w: Tensor, inside: Tensor) -> Tensor:
        """`w` as it is."""
        ctx.save_for_backward(bound, inside)
        return w

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """The gradient, cut where the weight was."""
        bound, inside = ctx.saved_tensors
        return gradients[0] * inside / bound[:, None], None, None, None


def wanted_weights(
    weight: Tensor, bound: Tensor, error: Array, noise: float, read: tuple[float, ...], key: int
) -> tuple[Tensor, Tensor | None]:
    """W and the variance of its reads, both (outputs, rows), of weight (outputs, rows): arrays/wanted.py."""
    source = weight.detach().contiguous().numpy()
    learns = weight.requires_grad and torch.is_grad_enabled()
    w = np.empty(source.shape, np.float32)
    variance = np.empty(source.shape, np.float32) if read[0] else NONE[np.float32, 2]
    inside = np.empty(source.shape, np.bool_) if learns else NONE[np.bool_, 2]
    wanted(
        source,
        bound.numpy(),
        error,
        np.float32(noise),
        np.array(read, np.float32),
        np.uint64(key),
        w,
        variance,
        inside,
    )
    on_cells = torch.from_numpy(w)
    if learns:
        on_cells = _Wanted.apply(weight, bound, on_cells, torch.from_numpy(inside))
    return on_cells, torch.from_numpy(variance) if read[0] else None


def inputs(
    x: Tensor, views: Views, *, noisy: bool, row_on: NDArray[np.float64]
) -> tuple[Tensor, Array, tuple[int, float]]:
    """What drives the rows, (vectors, inputs), with the gradient of x; the squares of its noise, or nothing; counts.

    Counts are the bits that are 1 and the conductance that they switch on [S], of rows of row_on (inputs,) [S].
    """
    x = x.contiguous()
    source = x.detach().numpy()
    seen = np.empty(source.shape, np.float32)
    squares = np.empty(source.shape, np.float32) if noisy else NONE[np.float32, 2]
    learns = x.requires_grad and torch.is_grad_enabled()
    inside = np.empty(source.shape, np.bool_) if learns and len(views.encoder.ones) else NONE[np.bool_, 2]
    counts = encode(views.encoder, source, views.input_range[()], row_on, seen, squares, inside)
    driven = torch.from_numpy(seen)
    if not learns:
        return driven, squares, counts
    unit = float(views.input_range)
    cut = torch.from_numpy(inside) if inside.size else torch.ones((), dtype=torch.bool)
    return through(x / unit, driven, cut), squares, counts


def asked(x: Tensor, bias: Tensor | None, views: Views, key: int) -> tuple[Any, ...]:
    """What a kernel of the whole product of the cells with x (vectors, inputs) takes, before what it fills."""
    return (
        views.encoder,
        views.converter,
        views.tiles,
        x.detach().contiguous().numpy(),
        views.input_range[()],
        views.row_on,
        views.weight,
        views.variance,
        np.uint64(key),
        views.reach[()],
        views.bound,
        NONE[np.float32, 1] if bias is None else bias.detach().numpy(),
    )


def few(x: Tensor, bias: Tensor | None, views: Views, key: int) -> tuple[Tensor, tuple[int, float]]:
    """The whole product of the cells with x (vectors, inputs) in one call, without a gradient; and counts of inputs."""
    out = np.empty((x.shape[0], views.outputs), np.float32)
    counts = multiply(*asked(x, bias, views, key), out)
    return torch.from_numpy(out), counts


def outputs(sums: Tensor, bound: Tensor, views: Views, *, key: int, groups: int, power: Array) -> Tensor:
    """(vectors, outputs) that the converters tell of sums (tiles, vectors, columns), times bound (outputs,) or (1,)."""
    if sums.requires_grad and torch.is_grad_enabled():
        out: Tensor = _Converted.apply(sums, bound, views, key, groups, power)
        return out
    return _convert(sums, bound, views, key, groups, power, NONE[np.bool_, 3])


def _convert(
    sums: Tensor, bound: Tensor, views: Views, key: int, groups: int, power: Array, inside: Array
) -> Tensor:
    """The kernel's answer; `sums` is overwritten."""
    _, vectors, columns = sums.shape
    out = np.empty((vectors, groups * columns), np.float32)
    convert(
        views.converter,
        np.uint64(key),
        groups,
        sums.contiguous().numpy(),
        power,
        views.reach[()],
        views.input_range[()],
        bound.numpy(),
        inside,
        out,
    )
    return torch.from_numpy(out)
