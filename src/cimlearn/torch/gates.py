"""The digital half of a recurrent layer: gates and state, and the operations that they take.

    rnn   h = f(i + g)                                            i = W_ih x + b_ih,  g = W_hh h + b_hh
    gru   r, z = s(i + g);  n = tanh(i_n + r g_n);  h = n + z (h - n)
    lstm  i, f, o = s(i + g);  c = f c + i tanh(i_g + g_g);  h = o tanh(c)

The equations are PyTorch's; a look-up stands for tanh or the logistic function s.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from cimlearn.torch.array import Array, Work
from cimlearn.torch.library import torch

Tensor = torch.Tensor
State = tuple[Tensor, ...]  # (h,), or (h, c) of an LSTM; each (examples, hidden)


class Gates(NamedTuple):
    """Digital operations of one hidden unit in one step."""

    tables: int  # look-ups of tanh or the logistic function
    multiply_add: int
    add: int


GATES: Final = {
    "RNN_TANH": Gates(1, 0, 1),
    "RNN_RELU": Gates(0, 0, 2),
    "GRU": Gates(3, 2, 3),
    "LSTM": Gates(5, 3, 4),
}


def step(mode: str, i: Tensor, g: Tensor, state: State) -> State:
    """The next state from i and g (examples, gates x hidden)."""
    if mode == "LSTM":
        first, forget, new, out = (i + g).chunk(4, 1)
        c = forget.sigmoid() * state[1] + first.sigmoid() * new.tanh()
        return out.sigmoid() * c.tanh(), c
    if mode == "GRU":
        (i_r, i_z, i_n), (g_r, g_z, g_n) = i.chunk(3, 1), g.chunk(3, 1)
        n = (i_n + (i_r + g_r).sigmoid() * g_n).tanh()
        return (n + (i_z + g_z).sigmoid() * (state[0] - n),)
    return ((i + g).tanh() if mode == "RNN_TANH" else (i + g).relu(),)


def gate_work(mode: str, arrays: Iterable[Array]) -> Work:
    """Digital operations of the gates, by the vectors that the recurrent arrays were driven with."""
    units = sum(array.tally.vectors * array.layout.rows for array in arrays)
    per = GATES[mode]
    return {"tanh": units * per.tables, "multiply_add": units * per.multiply_add, "add": units * per.add}
