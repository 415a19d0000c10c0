"""Weights as they are wanted, before they are written: their range, what reads of them would draw, how writing errs."""

from __future__ import annotations

import numpy as np

from cimlearn.parameters import ParameterSet
from cimlearn.torch.cells import Mapping
from cimlearn.torch.chance import Chance
from cimlearn.torch.layout import Layout
from cimlearn.torch.library import torch

Tensor = torch.Tensor


def bounds(p: ParameterSet, weight: Tensor) -> Tensor:
    """(outputs,) or (1,) the range of weight (outputs, rows); 1 where all is 0."""
    size = weight.detach().abs()
    size = size if p["mapping.scale"] == "column" else size.reshape(1, -1)
    share = p["range.weight"]
    found = size.amax(1) if share == 1 else torch.quantile(size, share, dim=1)
    return torch.where(found > 0, found, 1.0)


def variance(m: Mapping, read_variance: float, w: Tensor) -> Tensor:
    """Variance of a read of w (...): every cell of a weight shares it, G_l = middle + s_l w / (scale layers)."""
    at_rest = m.scale * m.middle
    cells = m.layers * at_rest**2 + 2 * at_rest * m.signs / m.layers * w + w.square() / m.layers
    return read_variance * cells


def conducting(m: Mapping, layout: Layout, w: Tensor) -> Tensor:
    """(inputs,) conductance of the cells of a row [S], for w (tiles, tall, columns)."""
    on = (m.layers * m.middle + w.detach() * m.signs / (m.scale * m.layers)).sum(2)
    on = on.reshape(layout.groups, layout.tiles, layout.tall)
    heights = np.diff(layout.borders)
    return torch.cat([on[:, t, :tall] for t, tall in enumerate(heights)], 1).reshape(-1)


@torch.no_grad()
def programming_error(error: Tensor, chance: Chance, noise: float, w: Tensor) -> Tensor:
    """A draw of the error that programming w (...) leaves, between the points of the curve `error` (2, points)."""
    last = error.shape[1] - 1
    place = (w + 1) * (0.5 * last)
    left = place.floor().clamp_(0, last - 1).long()
    mean, spread = torch.lerp(error[:, left], error[:, left + 1], place - left)
    draw = torch.randn(w.shape, generator=chance.next(w.device), device=w.device, dtype=w.dtype)
    return (draw.mul_(spread) + mean) * noise
