"""What a model computes outside of its arrays: counted on the sample, operation by operation, as PyTorch does it.

    multiply_add   products of matrices and convolutions that stay digital, norms, multiplications
    add            additions, comparisons (ReLU, pooling), sums
    tanh           look-ups in a function table: tanh, sigmoid, GELU, square roots, quotients
    exp            elements of a softmax

Views, copies and embeddings cost nothing here. A fused operation that this table doesn't know counts as nothing too.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from cimlearn.torch.library import torch

_OUTPUT: Final = {  # actions of one element of the output
    "multiply_add": "mul addcmul lerp leaky_relu prelu native_batch_norm cudnn_batch_norm miopen_batch_norm "
    "_native_batch_norm_legit _native_batch_norm_legit_no_training _batch_norm_with_update",
    "add": "add sub rsub relu threshold clamp clamp_min clamp_max hardtanh maximum minimum abs neg gt ge lt le eq "
    "ne where masked_fill round floor",
    "tanh": "tanh sigmoid gelu silu mish elu hardsigmoid hardswish softplus log_sigmoid_forward erf exp log sqrt "
    "rsqrt reciprocal div pow sin cos",
    "exp": "_softmax _log_softmax",
}
_INPUT: Final = {  # actions of one element of the input
    "multiply_add": "native_layer_norm native_group_norm var var_mean std",
    "add": "mean sum amax amin max min argmax cumsum _adaptive_avg_pool2d adaptive_max_pool2d "
    "_adaptive_avg_pool3d linalg_vector_norm",
}
_POOLS: Final = ("max_pool2d_with_indices", "avg_pool2d", "avg_pool3d", "max_pool3d_with_indices")
_FUSED: Final = ("mkldnn_rnn_layer", "_cudnn_rnn")  # recurrent layers that stay digital; gates are not in it
_OF_OUTPUT: Final = {name: action for action, names in _OUTPUT.items() for name in names.split()}
_OF_INPUT: Final = {name: action for action, names in _INPUT.items() for name in names.split()}


class DigitalWork(TorchDispatchMode):
    """While active, counts what is computed wherever `inside` is 0."""

    def __init__(self) -> None:
        """Nothing counted yet."""
        super().__init__()
        self.inside = 0  # arrays that are at work now: what they do isn't digital
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do what was asked, and count it."""
        out = func(*args, **(kwargs or {}))
        if not self.inside:
            self._count(func, args, kwargs or {}, out)
        return out

    def _count(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        """Count one operation."""
        packet = func._overloadpacket
        if packet in flop_registry:
            self.counts["multiply_add"] += flop_registry[packet](*args, **kwargs, out_val=out) // 2
            return
        name = packet.__name__.rstrip("_")
        if name in _FUSED:  # a product of every vector (steps x examples) with every weight matrix
            flat = [one for arg in args for one in (arg if isinstance(arg, list | tuple) else [arg])]
            matrices = [w.numel() for w in flat if isinstance(w, torch.Tensor) and w.dim() == 2]
            self.counts["multiply_add"] += args[0].shape[0] * args[0].shape[1] * sum(matrices)
            return
        first = out[0] if isinstance(out, tuple) else out
        if not isinstance(first, torch.Tensor) or not first.is_floating_point():
            return
        if name in _OF_OUTPUT:
            self.counts[_OF_OUTPUT[name]] += first.numel()
        elif name in _OF_INPUT:
            self.counts[_OF_INPUT[name]] += args[0].numel()
        elif name in _POOLS:
            window = 1
            for size in args[1]:
                window *= int(size)
            self.counts["add"] += first.numel() * window

    def enter(self, *_: Any) -> None:
        """An array begins to work."""
        self.inside += 1

    def leave(self, *_: Any) -> None:
        """It is done."""
        self.inside -= 1
