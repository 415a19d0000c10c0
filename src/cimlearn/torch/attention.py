"""Attention on arrays: the four projections are layers on arrays, scores and sums of values are digital.

    y = W_o concat_h softmax((s q_h) (s k_h)^T + mask) v_h,     q = W_q x_q,  k = W_k x_k,  v = W_v x_v,  s = d^-1/4

(Vaswani et al., 2017; scaling both factors by the square root of 1 / sqrt(d) is PyTorch's own form.) It is counted the
same however a model writes it and whichever back end of PyTorch would run it.
"""

from __future__ import annotations

from typing import Any

from cimlearn.errors import InputError
from cimlearn.torch.array import Array, Work
from cimlearn.torch.layers import ChipLinear, Maker
from cimlearn.torch.layout import Layout
from cimlearn.torch.library import functional, nn, torch

Tensor = torch.Tensor
PACKED = "in_proj_weight"


class Projection(nn.Module):
    """One projection of an attention: an array, and its bias."""

    def __init__(self, array: Array) -> None:
        """On `array`."""
        super().__init__()
        self.array = array

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """(vectors, outputs) of x (vectors, inputs)."""
        return self.array.answer(x, weight, bias)


class ChipAttention(nn.Module):
    """nn.MultiheadAttention with its projections on arrays, and its parameters."""

    in_proj_weight: Tensor
    q_proj_weight: Tensor
    k_proj_weight: Tensor
    v_proj_weight: Tensor
    in_proj_bias: Tensor | None

    def __init__(self, plain: nn.MultiheadAttention, make: Maker, largest: int) -> None:
        """Take over the parameters of `plain`; tiles have at most `largest` rows."""
        super().__init__()
        self.embed_dim, self.num_heads, self.dropout = plain.embed_dim, plain.num_heads, plain.dropout
        self.kdim, self.vdim, self.batch_first = plain.kdim, plain.vdim, plain.batch_first
        self.head_dim, self._qkv_same_embed_dim = plain.head_dim, plain._qkv_same_embed_dim
        for name, parameter in plain._parameters.items():  # absent ones too: they are None
            self.register_parameter(name, parameter)
        self.projections = nn.ModuleDict(
            {
                part: Projection(
                    make(f"{part}_proj", Layout(weight.shape[1], len(weight), 1, largest), weight)
                )
                for part, weight in self._weights().items()
            }
        )
        self.out_proj = ChipLinear(
            plain.out_proj, lambda name, *rest: make(f"out_proj.{name}", *rest), largest
        )
        self.train(plain.training)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Outputs and, where asked for, the weights of attention, in the shapes of nn.MultiheadAttention."""
        alone = query.dim() == 2
        if query.dim() not in (2, 3):
            raise InputError(
                f"attention takes (steps, features) with or without examples, not {tuple(query.shape)}"
            )
        x = [
            one[None] if alone else one if self.batch_first else one.transpose(0, 1)
            for one in (query, key, value)
        ]
        q, k, v = (self._heads(part, one) for part, one in zip("qkv", x, strict=True))
        share = self._shares(q, k, self._mask(q, k, key_padding_mask, attn_mask, is_causal))
        y = (functional.dropout(share, self.dropout, self.training) @ v).transpose(1, 2).flatten(2)
        y = self.out_proj(y)
        weights = share.mean(1) if need_weights and average_attn_weights else share if need_weights else None
        if alone:
            return y[0], None if weights is None else weights[0]
        return y if self.batch_first else y.transpose(0, 1), weights

    def _heads(self, part: str, x: Tensor) -> Tensor:
        """(examples, heads, steps, head) the projection of x (examples, steps, features)."""
        bias = None if self.in_proj_bias is None else self.in_proj_bias.chunk(3)["qkv".index(part)]
        y: Tensor = self.projections[part](x.reshape(-1, x.shape[-1]), self._weights()[part], bias)
        return y.reshape(*x.shape[:2], self.num_heads, self.head_dim).transpose(1, 2)

    def _shares(self, q: Tensor, k: Tensor, mask: Tensor | None) -> Tensor:
        """(examples, heads, queries, keys) softmax of the scores."""
        root = self.head_dim**-0.25
        scores = (q * root) @ (k * root).transpose(2, 3)
        return torch.softmax(scores if mask is None else scores + mask, 3)

    def _mask(
        self, q: Tensor, k: Tensor, padding: Tensor | None, mask: Tensor | None, causal: bool
    ) -> Tensor | None:
        """What is added to the scores (examples, heads, queries, keys); None: nothing."""
        if mask is None and causal:
            raise InputError("attention with is_causal needs attn_mask too, as nn.MultiheadAttention does")
        found = None
        for one in (mask, padding):
            if one is None:
                continue
            added = (
                torch.zeros_like(one, dtype=q.dtype).masked_fill_(one, -torch.inf)
                if one.dtype == torch.bool
                else one
            )
            if one is padding:
                added = added.reshape(-1, 1, 1, k.shape[2])
            elif added.dim() == 3:
                added = added.reshape(-1, self.num_heads, *added.shape[1:])
            found = added if found is None else found + added
        return found

    def _weights(self) -> dict[str, Tensor]:
        """The three projections (outputs, rows), as they lie in the parameters."""
        if self._qkv_same_embed_dim:
            return dict(zip("qkv", self.in_proj_weight.chunk(3), strict=True))
        return {part: getattr(self, f"{part}_proj_weight") for part in "qkv"}

    def held(self) -> dict[str, tuple[Array, Tensor]]:
        """Name of each weight -> its array, and itself as (outputs, rows)."""
        arrays: Any = self.projections
        return {f"{part}_proj": (arrays[part].array, weight) for part, weight in self._weights().items()}

    def gradient(self, name: str) -> Tensor | None:
        """The gradient of the weight `name` of `held`, (outputs, rows)."""
        part = name[0]
        if not self._qkv_same_embed_dim:
            found: Tensor | None = getattr(self, f"{part}_proj_weight").grad
            return found
        whole = self.in_proj_weight.grad
        return None if whole is None else whole.chunk(3)["qkv".index(part)]

    def owners(self) -> list[Tensor]:
        """The parameters that `held` takes its weights from."""
        return [p for name, p in self.named_parameters(recurse=False) if name.endswith("_weight")]

    def plain(self) -> nn.Module:
        """An empty layer of the kind that this one replaced."""
        weight = next(iter(self._weights().values()))
        return nn.MultiheadAttention(
            self.embed_dim,
            self.num_heads,
            self.dropout,
            bias=self.in_proj_bias is not None,
            kdim=self.kdim,
            vdim=self.vdim,
            batch_first=self.batch_first,
            device="meta",
            dtype=weight.dtype,
        ).train(self.training)

    def work(self) -> Work:
        """Digital operations that no operation of PyTorch shows: none, scores and sums are seen as they are done."""
        return {}


def reason(plain: nn.MultiheadAttention) -> str | None:
    """Why an attention stays digital; None if it can be on arrays."""
    if plain.bias_k is not None or plain.add_zero_attn:
        return "add_bias_kv and add_zero_attn are not known on arrays"
    return None
