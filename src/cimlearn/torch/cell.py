"""Recurrent cells on arrays: nn.RNNCell, nn.GRUCell and nn.LSTMCell, one step for each call."""

from __future__ import annotations

from typing import Any

from cimlearn.errors import InputError
from cimlearn.torch.array import Array, Work
from cimlearn.torch.gates import gate_work, step
from cimlearn.torch.layers import Maker, empty
from cimlearn.torch.library import nn, torch
from cimlearn.torch.recurrent import layout_of

Tensor = torch.Tensor


class ChipCell(nn.Module):
    """nn.RNNCell, nn.GRUCell or nn.LSTMCell on arrays, with its parameters."""

    def __init__(self, plain: Any, make: Maker, largest: int) -> None:
        """Take over the parameters of `plain`; tiles have at most `largest` rows."""
        super().__init__()
        self.kind, self.sizes, self.bias = type(plain), (plain.input_size, plain.hidden_size), plain.bias
        modes = {nn.LSTMCell: "LSTM", nn.GRUCell: "GRU"}
        self.mode = modes.get(self.kind) or f"RNN_{plain.nonlinearity.upper()}"
        for name, parameter in plain.named_parameters(recurse=False):
            self.register_parameter(name, parameter)
        self.weight_ih, self.weight_hh = plain.weight_ih, plain.weight_hh
        self.input_array = make("weight_ih", layout_of(plain.weight_ih, largest), plain.weight_ih)
        self.state_array = make("weight_hh", layout_of(plain.weight_hh, largest), plain.weight_hh)
        self.train(plain.training)

    def forward(self, x: Tensor, state: Any = None) -> Any:
        """The next state of x (examples, inputs) or (inputs,) and the state before, in the shapes of `kind`."""
        if x.dim() not in (1, 2) or x.shape[-1] != self.sizes[0]:
            raise InputError(f"an input of shape {tuple(x.shape)} does not fit {self.sizes[0]} features")
        alone = x.dim() == 1
        x = x[None] if alone else x
        parts = 2 if self.mode == "LSTM" else 1
        if state is None:
            before = tuple(x.new_zeros(len(x), self.sizes[1]) for _ in range(parts))
        else:
            given = tuple(state) if parts == 2 else (state,)
            before = tuple(part[None] for part in given) if alone else given
        i, g = self.input_array(x, self.weight_ih), self.state_array(before[0], self.weight_hh)
        if self.bias:
            i, g = i + self.bias_ih, g + self.bias_hh
        after = step(self.mode, i, g, before)
        after = tuple(part[0] for part in after) if alone else after
        return after if parts == 2 else after[0]

    def held(self) -> dict[str, tuple[Array, Tensor]]:
        """Name of each weight -> its array, and itself as (outputs, rows)."""
        return {
            "weight_ih": (self.input_array, self.weight_ih),
            "weight_hh": (self.state_array, self.weight_hh),
        }

    def plain(self) -> nn.Module:
        """An empty layer of the kind that this one replaced."""
        activation = (self.mode.removeprefix("RNN_").lower(),) if self.mode.startswith("RNN") else ()
        return empty(self.kind, self.weight_ih, self.training, *self.sizes, self.bias, *activation)

    def work(self) -> Work:
        """Digital operations of the gates."""
        return gate_work(self.mode, [self.state_array])
