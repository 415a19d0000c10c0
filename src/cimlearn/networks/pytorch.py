"""PyTorch for the convolutional networks: an optional extra, so its absence is said in one line."""

from __future__ import annotations

from cimlearn.errors import InputError

try:
    import torch
    from torch import nn
    from torch.nn import functional
except ImportError:
    raise InputError("convolutional networks need PyTorch: install cimlearn[torch]") from None

__all__ = ["functional", "nn", "torch"]
