"""N:M sparsity of weights that learn: of M successive weights of a filter, N are kept and the others are 0.

The mask is found once, when a task begins: the N largest start weights of each M stay; of equal ones those from place
`output` mod M on, so that the filters of a layer that starts at zero see all inputs. It never changes: dropped cells
are not stored, read or written.

Of a compressed filter N of M weights are stored, each with ceil(log2 M) bits that say which input drives it, as
sparse tensor cores do (Mishra et al., arXiv 2104.08378). The forward product reads no others. The transposed copy is
compressed along the wrong axis, so errors and gradients are computed as if weights were dense.
"""

from __future__ import annotations

from typing import Final

from cimlearn.learning.integer.tensor import Tensor, torch
from cimlearn.networks.sparsity import Pattern

IMAGE: Final = 3  # input channels of a layer that reads the image, which stays dense


def is_dense(channels: int, groups: int) -> bool:
    """Whether a layer stays dense: it reads the image, whose three colours no usual M divides."""
    return channels == IMAGE and groups == 1


def mask(weights: Tensor, one: Pattern) -> Tensor:
    """(out, ...) 1 for weights that stay and 0 for others, by size."""
    size = weights.abs().flatten(1)
    grouped = size.view(len(size), -1, one.of)
    turned = (torch.arange(one.of) - torch.arange(len(size)).view(-1, 1, 1)) % one.of  # (out, 1, M)
    score = grouped * one.of - turned.to(grouped)  # whole numbers: size first, then place
    order = torch.argsort(score, dim=2, descending=True, stable=True)[:, :, : one.kept]
    found = torch.zeros_like(grouped).scatter_(2, order, 1.0)
    return found.view(weights.shape)
