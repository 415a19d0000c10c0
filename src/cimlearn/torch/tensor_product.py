"""A crossbar's product in tensor operations, for other devices than a CPU and for double precision.

The equations are those of torch/crossbar.py; `array` is the crossbar.
"""

from __future__ import annotations

from typing import Any

from cimlearn.torch.library import torch
from cimlearn.torch.quantisers import codes, converted, streamed

Tensor = torch.Tensor


def product(array: Any, x: Tensor, w: Tensor, variance: Tensor | None) -> Tensor:
    """(vectors, outputs) of x (vectors, inputs) in -1 .. 1 and w (tiles, tall, columns)."""
    squares: Tensor | None = None
    if array.p["periphery.input_bits"] is not None:
        code = codes(x, array.code.shape[1])
        seen = streamed(x, code, array.code[0])
        squares = array.code[1][code] if array.read_variance else None
        lit = array.ones[code] if not array.training else None
    else:
        seen, squares = x, x.detach().square()
        lit = (x != 0).to(x.dtype) if not array.training else None
    if lit is not None:
        array.tally.drive(lit, array.row_on if array.programmed else array.wanted_on(w))
    total = torch.bmm(array.layout.spread(seen), w)  # (tiles, vectors, columns)
    if array.read_variance or array.thermal:
        total = total + _noise(array, total.detach(), squares, variance)
    if not array.ranged:
        gathered: Tensor = array.layout.gathered(total * array.gain)
        return gathered
    z = (total * (array.gain / array.reach) + array.offset).clamp(-1, 1)
    if array.converter is not None:
        z = converted(z, array.converter)
    found: Tensor = array.layout.gathered(z) * array.reach
    return found


@torch.no_grad()
def _noise(array: Any, like: Tensor, squares: Tensor | None, variance: Tensor | None) -> Tensor:
    """(tiles, vectors, columns) noise of cells and integrators."""
    power: Tensor = like.new_zeros(()) + array.thermal * array.reach.square()
    if squares is not None and variance is not None and array.read_variance:
        power = power + torch.bmm(array.layout.spread(squares), variance)
    draw = torch.randn(
        like.shape, generator=array.chance.next(like.device), device=like.device, dtype=like.dtype
    )
    return draw.mul_(power.sqrt())
