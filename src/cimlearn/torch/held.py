"""What programmed cells hold: their conductance after a time, and the weights that it stands for."""

from __future__ import annotations

import numpy as np

from cimlearn.parameters import ParameterSet
from cimlearn.random import generator
from cimlearn.torch.cells import Mapping
from cimlearn.torch.library import torch

Tensor = torch.Tensor


def drifted(p: ParameterSet, cells: Tensor, age: float, *, seed: int, name: str) -> Tensor:
    """(layers, outputs, rows) conductance at `age` [S]: G (t / start)^-nu, each cell with its own nu."""
    ratio = max(1.0, age / p["drift.start"])
    if ratio == 1 or p["drift.exponent"] == p["drift.spread"] == 0:
        return cells
    draw = generator(seed, name, "drift").standard_normal(cells.shape, np.float32)
    exponent = np.maximum(p["drift.exponent"] + p["drift.spread"] * draw, 0.0)
    return cells * torch.as_tensor(ratio**-exponent, dtype=cells.dtype, device=cells.device)


def stored(p: ParameterSet, m: Mapping, cells: Tensor, written: Tensor) -> Tensor:
    """(outputs, rows) W of cells (layers, outputs, rows), with drift since `written` made good where that is asked."""
    sign = cells.new_ones(m.layers)
    if p["mapping.kind"] == "pair":
        sign[m.layers // 2 :] = -1
    w = m.scale * ((sign[:, None, None] * cells).sum(0) - m.reference)
    if p["drift.compensated"]:
        w = w * (written.sum() / cells.sum())
    return w
