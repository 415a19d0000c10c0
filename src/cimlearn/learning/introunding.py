"""Rounding frozen weights so that what they add up to stays right.

Neighbouring pixels, and the inputs of a filter after a ReLU, have a mean; it is multiplied with the sum of a filter's
rounding errors. So a few values are rounded the other way, those nearest to a half, until the errors of each kernel
add up to less than half a step, and then those of each filter.

Source: SQuant, Guo et al., ICLR 2022, arXiv 2202.07471: no data is needed, and no value moves by a whole step.
"""

from __future__ import annotations

from cimlearn.learning.int8 import LARGEST, Tensor, torch


def kept_sums(values: Tensor) -> Tensor:
    """values (out, in, ...) in steps as whole numbers from -127 to 127, the sums of kernels and filters kept."""
    exact = values.double().flatten(2) if values.dim() > 2 else values.double().unsqueeze(2)
    whole = exact.round()
    if exact.shape[2] > 1:
        whole = _flipped(whole, exact, (whole - exact).sum(2).round())
    filters = _across(whole, exact)
    return filters.reshape(values.shape).clamp(-LARGEST, LARGEST)


def _flipped(whole: Tensor, exact: Tensor, surplus: Tensor) -> Tensor:
    """`whole` with |surplus| values (along the last axis) moved by one step against its sign, the worst first."""
    sign = surplus.sign().unsqueeze(-1)
    worst = torch.argsort((whole - exact) * sign, dim=-1, descending=True, stable=True)
    rank = worst.argsort(-1)
    return whole - torch.where(rank < surplus.abs().unsqueeze(-1), sign, torch.zeros_like(sign))


def _across(whole: Tensor, exact: Tensor) -> Tensor:
    """The same for whole filters (out, in, places): at most one value of a kernel is moved."""
    error = whole - exact
    surplus = error.sum((1, 2)).round()
    sign = surplus.sign().view(-1, 1, 1)
    worst, place = (error * sign).max(2)  # (out, in): of each kernel
    moved = _flipped(worst, torch.zeros_like(worst), surplus.abs()) - worst  # -1 in the kernels that are moved
    return whole + torch.zeros_like(whole).scatter_(2, place.unsqueeze(2), moved.unsqueeze(2)) * sign
