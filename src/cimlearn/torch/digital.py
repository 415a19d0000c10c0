"""What a model computes outside of its arrays: counted on the sample, operation by operation, as PyTorch does it.

    multiply_add   products of matrices and convolutions that stay digital, norms, multiplications
    add            additions, comparisons (ReLU, pooling), sums
    tanh           look-ups in a function table: tanh, sigmoid, GELU, square roots, quotients
    exp            elements of a softmax

Views, copies and embeddings cost nothing here. Fused attention counts as what it does: scaling of queries and keys, two
products of matrices, a softmax. Operations that no table knows are named, and make every total a lower bound.
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
_NO_ARITHMETIC: Final = (  # what moves, makes or draws values without arithmetic that a chip would do
    "clone copy contiguous cat stack index index_select gather scatter embedding embedding_bag zeros "
    "zeros_like ones ones_like empty empty_like empty_strided new_zeros new_ones new_empty new_full "
    "arange full full_like fill zero detach _to_copy to constant_pad_nd reflection_pad1d reflection_pad2d "
    "reflection_pad3d replication_pad1d replication_pad2d replication_pad3d _pad_circular roll flip "
    "repeat repeat_interleave native_dropout bernoulli rand rand_like randn randn_like normal uniform "
    "random lift_fresh lift_fresh_copy scalar_tensor eye tril triu upsample_nearest1d upsample_nearest2d "
    "upsample_nearest3d unfold as_strided im2col col2im pixel_shuffle channel_shuffle _reshape_copy view_copy "
    "_unsafe_view alias reshape slice_scatter select_scatter index_put masked_select sort topk isnan "
    "isinf isfinite logical_not logical_and logical_or bitwise_not bitwise_and bitwise_or "
    "_local_scalar_dense item _nested_tensor_from_mask nonzero _thnn_fused_lstm_cell _thnn_fused_gru_cell "
    "resize set_ _resize_output _assert_async sym_size resolve_conj resolve_neg one_hot "
)
_FREE: Final = frozenset(_NO_ARITHMETIC.split())
_ATTENTION: Final = ("_scaled_dot_product", "scaled_dot_product")
_OF_OUTPUT: Final = {name: action for action, names in _OUTPUT.items() for name in names.split()}
_OF_INPUT: Final = {name: action for action, names in _INPUT.items() for name in names.split()}


class DigitalWork(TorchDispatchMode):
    """While active, counts what is computed wherever `inside` is 0."""

    def __init__(self) -> None:
        """Nothing counted yet."""
        super().__init__()
        self.inside = 0  # arrays that are at work now: what they do isn't digital
        self.counts: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()  # operations that no table knows -> how often they ran

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do what was asked, and count it."""
        out = func(*args, **(kwargs or {}))
        if not self.inside:
            self._count(func, args, kwargs or {}, out)
        return out

    def _count(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        """Count one operation."""
        packet = func._overloadpacket
        if packet.__name__.startswith(_ATTENTION):
            self._attention(*args[:3])
            return
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
        elif name not in _FREE and not func.is_view:
            self.unknown[name] += 1

    def _attention(self, q: Any, k: Any, v: Any) -> None:
        """Scaled dot products of q (..., queries, d), k (..., keys, d) and v (..., keys, d_v)."""
        pairs = q.numel() // q.shape[-1] * k.shape[-2]
        self.counts["multiply_add"] += q.numel() + k.numel() + pairs * (q.shape[-1] + v.shape[-1])
        self.counts["exp"] += pairs

    def enter(self, *_: Any) -> None:
        """An array begins to work."""
        self.inside += 1

    def leave(self, *_: Any) -> None:
        """It is done."""
        self.inside -= 1
