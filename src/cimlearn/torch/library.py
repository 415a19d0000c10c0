"""PyTorch for models on chips: an optional extra, so its absence is said in one line."""

from __future__ import annotations

from cimlearn.errors import InputError

try:
    import torch
    from torch import nn
    from torch.nn import functional
except ImportError:
    raise InputError("cimlearn.torch needs PyTorch: pip install 'cimlearn[torch]'") from None

__all__ = ["functional", "nn", "torch"]
