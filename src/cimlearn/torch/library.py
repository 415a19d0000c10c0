"""PyTorch for models on chips: an optional extra, so its absence is said in one line."""

from __future__ import annotations

from cimlearn.errors import InputError
from cimlearn.install import install

try:
    import torch
    from torch import nn
    from torch.nn import functional
except ImportError:
    raise InputError(f"cimlearn.torch needs PyTorch: {install('torch')}") from None

__all__ = ["functional", "nn", "torch"]
