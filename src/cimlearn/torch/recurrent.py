"""Recurrent layers on arrays: nn.RNN, nn.GRU and nn.LSTM, any number of layers, one or both directions.

Each weight matrix is an array. Inputs of all steps go through the input array in one product; the recurrent array
takes the state of the step before. Biases, gates and the state itself are digital (gates.py).
"""

from __future__ import annotations

from typing import Any, cast

from cimlearn.errors import InputError
from cimlearn.torch.array import Array, Work
from cimlearn.torch.gates import State, gate_work, step
from cimlearn.torch.layers import Maker, empty
from cimlearn.torch.layout import Layout
from cimlearn.torch.library import functional, nn, torch

Tensor = torch.Tensor


class ChipRecurrent(nn.Module):
    """nn.RNN, nn.GRU or nn.LSTM on arrays, with its parameters."""

    def __init__(self, plain: Any, make: Maker, largest: int) -> None:
        """Take over the parameters of `plain`; tiles have at most `largest` rows."""
        super().__init__()
        self.kind, self.mode = type(plain), plain.mode
        self.sizes = (plain.input_size, plain.hidden_size, plain.num_layers)
        self.bias, self.batch_first, self.dropout = plain.bias, plain.batch_first, plain.dropout
        self.bidirectional = plain.bidirectional
        self.arrays = nn.ModuleDict()
        for name, parameter in plain.named_parameters(recurse=False):
            self.register_parameter(name, parameter)
            if name.startswith("weight"):
                self.arrays[name] = make(name, layout_of(parameter, largest), parameter)
        self.train(plain.training)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """The outputs of all steps and the last state, of x and a first state, in the shapes of `kind`."""
        if not isinstance(x, Tensor):
            raise InputError(f"{self.kind.__name__} on arrays takes no packed sequence; pad it to a tensor")
        features, _, layers = self.sizes
        alone = x.dim() == 2
        if x.dim() not in (2, 3) or x.shape[-1] != features:
            raise InputError(f"an input of shape {tuple(x.shape)} does not fit {features} features")
        if alone:
            x = x[:, None]
        elif self.batch_first:
            x = x.transpose(0, 1)
        before = self._first(x, state, alone)
        last: list[State] = []
        for layer in range(layers):
            outputs = []
            for way in ("", "_reverse") if self.bidirectional else ("",):
                one = tuple(part[len(last)] for part in before)
                y, after = self._run(f"l{layer}{way}", x, one)
                outputs.append(y)
                last.append(after)
            x = torch.cat(outputs, 2)
            if self.dropout and layer < layers - 1:
                x = functional.dropout(x, self.dropout, self.training)
        final = tuple(torch.stack(part) for part in zip(*last, strict=True))
        if alone:
            x, final = x[:, 0], tuple(part[:, 0] for part in final)
        elif self.batch_first:
            x = x.transpose(0, 1)
        return x, final if self.mode == "LSTM" else final[0]

    def _first(self, x: Tensor, state: Any, alone: bool) -> State:
        """Each part of the first state as (layers x ways, examples, hidden); zeros where none is given."""
        layers = self.sizes[2] * (2 if self.bidirectional else 1)
        shape = (layers, x.shape[1], self.sizes[1])
        parts = 2 if self.mode == "LSTM" else 1
        if state is None:
            return tuple(x.new_zeros(shape) for _ in range(parts))
        given = tuple(state) if parts == 2 else (state,)
        if alone:
            given = tuple(part[:, None] for part in given)
        for part in given:
            if tuple(part.shape) != shape:
                raise InputError(f"a first state of shape {tuple(part.shape)} does not fit; give {shape}")
        return given

    def _run(self, name: str, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(steps, examples, hidden) and the last state of one layer in one direction, of x (steps, examples, ...)."""
        inputs, back = f"weight_ih_{name}", f"weight_hh_{name}"
        i = self.arrays[inputs](x.reshape(-1, x.shape[2]), getattr(self, inputs))
        if self.bias:
            i = i + getattr(self, f"bias_ih_{name}")
        i = i.reshape(*x.shape[:2], -1)
        array = cast(Array, self.arrays[back])
        prepared = array.prepare(getattr(self, back))
        bias = getattr(self, f"bias_hh_{name}") if self.bias else None
        order = range(len(x)) if not name.endswith("_reverse") else reversed(range(len(x)))
        outputs: dict[int, Tensor] = {}
        for t in order:
            g = array.product(state[0], prepared)
            state = step(self.mode, i[t], g if bias is None else g + bias, state)
            outputs[t] = state[0]
        return torch.stack([outputs[t] for t in range(len(x))]), state

    def held(self) -> dict[str, tuple[Array, Tensor]]:
        """Name of each weight -> its array, and itself as (outputs, rows)."""
        return {name: (cast(Array, one), getattr(self, name)) for name, one in self.arrays.items()}

    def plain(self) -> nn.Module:
        """An empty layer of the kind that this one replaced."""
        options = (self.bias, self.batch_first, self.dropout, self.bidirectional)
        activation = {"RNN_TANH": ("tanh",), "RNN_RELU": ("relu",)}.get(self.mode, ())
        return empty(
            self.kind, cast(Tensor, self.weight_ih_l0), self.training, *self.sizes, *activation, *options
        )

    def work(self) -> Work:
        """Digital operations of the gates."""
        return gate_work(self.mode, [array for name, (array, _) in self.held().items() if "_hh_" in name])


def layout_of(weight: Tensor, largest: int) -> Layout:
    """The layout of weight (outputs, rows)."""
    return Layout(weight.shape[1], weight.shape[0], 1, largest)
