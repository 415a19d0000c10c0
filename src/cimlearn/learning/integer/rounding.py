"""What is lost when frozen weights and their sums become int8, made small: sums of weights kept, outliers clipped.

Neighbouring pixels, and the inputs of a filter after a ReLU, have a mean; it is multiplied with the sum of a filter's
rounding errors. So a few values are rounded the other way, those nearest to a half, until the errors of each kernel
add up to less than half a step, and then those of each filter.

Source: SQuant, Guo et al., ICLR 2022, arXiv 2202.07471: no data is needed, and no value moves by a whole step.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from cimlearn.learning.integer.tensor import LARGEST, MAGNITUDE, Tensor, bits, torch

TRIED: Final = 3  # smaller shifts that are looked at
FINER: Final = 7  # bits of a sum that are kept below the last one of int8 to measure errors
SAMPLE: Final = 2**15  # sums that are looked at, about: evenly spaced


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
    moved = (
        _flipped(worst, torch.zeros_like(worst), surplus.abs()) - worst
    )  # -1 in the kernels that are moved
    return whole + torch.zeros_like(whole).scatter_(2, place.unsqueeze(2), moved.unsqueeze(2)) * sign


def least_error(sums: Tensor, most: int) -> int:
    """The shift with which int8 comes nearest to sums (any shape, whole numbers, the largest of size `most`).

    The largest sum may be far above all others; to clip it and keep more bits of the others may then lose less. Of the
    shift that clips nothing and the TRIED below it, the one of least squared error on a sample counts, all in integers.
    """
    top = max(bits(most) - MAGNITUDE, 0)
    if top == 0:
        return 0
    sample = sums.reshape(-1)[:: sums.numel() // SAMPLE | 1].abs()
    sample = sample.mul_(2.0 ** -max(top - FINER, 0)).to(
        torch.int32
    )  # below 2^15: exact, and cut off as >> does
    lost = _lost(min(top, FINER), min(TRIED, top), sums.device)
    count = torch.bincount(sample, minlength=lost.shape[1])  # of each size; fewer sizes than sums
    errors = (lost @ count.double()).tolist()
    return top - errors.index(min(errors))


@cache
def _lost(finer: int, tried: int, device: Any) -> Tensor:
    """(tried + 1, sizes) squared error of each size, `finer` bits below the last one, by how much finer int8 is.

    float64, where sums over a sample are exact: below 2^28 each, and there are fewer than 2^25.
    """
    size = torch.arange((1 << (finer + MAGNITUDE)) + 1)
    found = []
    for step in range(finer, finer - tried - 1, -1):
        rounded = ((size << 1 >> step) + 1 >> 1).clamp(max=LARGEST) << step
        found.append((rounded - size).square())
    return torch.stack(found).to(device, torch.float64)
