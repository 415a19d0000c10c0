"""MiRU-2 learned by backpropagation through time with Adam, in PyTorch: what software can reach.

    c_t = tanh(W x_t + U (beta h_{t-1}) + b)   h_t = lambda h_{t-1} + (1 - lambda) c_t   o = W_o h_T + b_o

Mini-batches, float32, one thread. Adam: Kingma and Ba, ICLR 2015, arXiv 1412.6980. PyTorch is an optional
extra.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.learning.penalty import Penalty, PenaltySettings

Float = NDArray[np.float32]


class AdamSettings(NamedTuple):
    """Constants of the network and of Adam."""

    keep: float  # lambda
    feed: float  # beta
    rate: float  # largest change of a weight in one step, about
    mean: float  # beta_1: what stays of the mean gradient in one step
    square: float  # beta_2: what stays of the mean squared gradient
    epsilon: float
    clip: float  # largest norm of a gradient; infinity = no limit
    linear: bool = False  # the loss is half the squared error of the outputs, instead of the cross entropy


def pytorch() -> Any:
    """The module torch, set to one thread; raises InputError if it isn't installed."""
    try:
        import torch
    except ImportError:
        raise InputError("the Adam twin needs PyTorch: install cimlearn[torch]") from None
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)
    return torch


class AdamMiru:
    """Weights, Adam's two moments of each, and the number of steps taken."""

    def __init__(
        self, first: Float, second: Float, settings: AdamSettings, penalty: PenaltySettings | None = None
    ) -> None:
        """Start from first (features + hidden + 1, hidden) = W, U, b and second (hidden + 1, classes)."""
        self._torch = pytorch()
        self.settings = settings
        self.taken = np.zeros(1, np.int64)
        self._weights = [self._aligned(w.shape, w).requires_grad_() for w in (first, second)]
        self._means = [self._torch.zeros_like(w) for w in self._weights]
        self._squares = [self._torch.zeros_like(w) for w in self._weights]
        self.penalty = None if penalty is None else Penalty(self._torch, self._weights, penalty)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything that changes, by name, as views: writing into them changes the network."""
        found: dict[str, NDArray[Any]] = {"taken": self.taken}
        for n, name in enumerate(("hidden", "output")):
            found[f"{name}.weight"] = self._weights[n].detach().numpy()
            found[f"{name}.mean"] = self._means[n].numpy()
            found[f"{name}.square"] = self._squares[n].numpy()
        return found if self.penalty is None else found | self.penalty.tensors()

    def outputs(self, x: Float) -> Float:
        """(examples, classes) o for x (examples, steps, features)."""
        with self._torch.no_grad():
            return np.asarray(self._forward(x).numpy())

    def gradients(self, x: Float, target: Float, weight: Float) -> tuple[tuple[Any, Any], Float]:
        """Gradients of the loss by both weight tensors, and the answers (examples, classes).

            loss = sum_n weight_n (- sum_k target_nk log softmax_k(o_n)) / examples
            loss = sum_n weight_n sum_k (o_nk - target_nk)^2 / 2 / examples        where `linear`: answers are o

        x (examples, steps, features), target (examples, classes), weight (examples,).
        """
        torch = self._torch
        out, wanted = self._forward(x), self._aligned(target.shape, target)
        if self.settings.linear:
            answers = out
            each = 0.5 * (out - wanted).square().sum(dim=1)
        else:
            answers = torch.log_softmax(out, dim=1)
            each = -(wanted * answers).sum(dim=1)
        loss = (self._aligned(weight.shape, weight) * each).sum() / len(x)
        first, second = torch.autograd.grad(loss, self._weights)
        answers = answers.detach()
        return (first, second), np.asarray((answers if self.settings.linear else answers.exp_()).numpy())

    def step(self, x: Float, target: Float, weight: Float) -> Float:
        """One step of Adam, arguments as in `gradients`; the answers (examples, classes) from before it."""
        gradients, answers = self.gradients(x, target, weight)
        if self.penalty is None:
            self._adam(gradients)
        else:
            before = [w.detach().clone() for w in self._weights]
            self._adam(self.penalty.pulled(gradients))
            self.penalty.gather(gradients, before, len(x))
        return answers

    def _adam(self, gradients: tuple[Any, ...]) -> None:
        """One step of Adam with these gradients, which it may change."""
        s = self.settings
        scale = 1.0
        if s.clip < float("inf"):
            norm = float(sum(float(g.square().sum()) for g in gradients)) ** 0.5
            scale = min(1.0, s.clip / norm) if norm > 0 else 1.0
        self.taken[0] += 1
        taken = int(self.taken[0])
        root = (1 - s.square**taken) ** 0.5  # corrects the start from 0, as does the rate
        rate = s.rate / (1 - s.mean**taken)
        with self._torch.no_grad():
            for w, g, m, v in zip(self._weights, gradients, self._means, self._squares, strict=True):
                if scale < 1:
                    g.mul_(scale)
                m.lerp_(g, 1 - s.mean)
                v.mul_(s.square).addcmul_(g, g, value=1 - s.square)
                w.addcdiv_(m, (v.sqrt() / root).add_(s.epsilon), value=-rate)

    def _forward(self, x: Float) -> Any:
        """(examples, classes) o for x (examples, steps, features), ready for backpropagation."""
        torch, s = self._torch, self.settings
        examples, steps, features = x.shape
        first, second = self._weights
        driven = self._aligned((steps, examples, features), x.transpose(1, 0, 2)).view(-1, features)
        driven = torch.addmm(first[-1], driven, first[:features]).view(steps, examples, -1)
        recurrent = s.feed * first[features:-1]
        state = torch.zeros(driven.shape[1:])  # (examples, hidden)
        for now in driven.unbind():
            state = torch.lerp(state, torch.tanh(torch.addmm(now, state, recurrent)), 1 - s.keep)
        return torch.addmm(second[-1], state, second[:-1])

    def _aligned(self, shape: tuple[int, ...], values: Float) -> Any:
        """A copy in PyTorch's own memory: the last bits of a product may depend on where its operands lie."""
        tensor = self._torch.empty(shape)
        tensor.numpy()[...] = values
        return tensor
