"""Penalties of online EWC and synaptic intelligence, for gradients in PyTorch: old tasks pull weights back.

    loss += s / 2 sum_i F_i (w_i - w*_i)^2          gradient s F_i (w_i - w*_i); w* = weights at the last task's end

    EWC, at a task's end      F <- gamma F + f,  f a running mean of B g^2 in the task: of a batch of B this is about
                              the mean squared gradient of one example (empirical Fisher information)
    SI, at a task's end       F <- F + 2 max(0, p) / ((w - w*)^2 + xi),  p -= g (w_after - w_before) at each step

g is the gradient of the loss without penalty. Both must be told where a task ends. Sources: Kirkpatrick et al., PNAS
2017; Schwarz et al., ICML 2018 (online EWC); Chaudhry et al., ECCV 2018 (running mean: EWC++); Zenke, Poole and
Ganguli, ICML 2017 (SI, whose penalty c sum Omega d^2 is s = c and F = 2 Omega).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class PenaltySettings(NamedTuple):
    """Constants of the penalty."""

    kind: str  # 'ewc' or 'si'
    strength: float  # s
    mean: float  # EWC: what stays of the running mean in one step
    decay: float  # EWC: gamma
    damping: float  # SI: xi


class Penalty:
    """Anchor w*, importance F and what is gathered in the task, of each weight tensor (PyTorch)."""

    def __init__(self, torch: Any, weights: list[Any], settings: PenaltySettings) -> None:
        self._torch, self.settings = torch, settings
        self._weights = weights
        self._anchor = [w.detach().clone() for w in weights]
        self._importance = [torch.zeros_like(w) for w in weights]
        self._gathered = [torch.zeros_like(w) for w in weights]
        self.steps = np.zeros(1, np.int64)  # taken in this task

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything that changes, by name, as views."""
        found: dict[str, NDArray[Any]] = {"penalty.steps": self.steps}
        for n, name in enumerate(("hidden", "output")):
            found[f"{name}.anchor"] = self._anchor[n].detach().numpy()
            found[f"{name}.importance"] = self._importance[n].detach().numpy()
            found[f"{name}.gathered"] = self._gathered[n].detach().numpy()
        return found

    def pulled(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        """The gradients of the loss with the penalty."""
        s = self.settings.strength
        with self._torch.no_grad():
            parts = zip(gradients, self._weights, self._anchor, self._importance, strict=True)
            return tuple(g + s * f * (w - a) for g, w, a, f in parts)

    def gather(self, gradients: tuple[Any, ...], before: list[Any], examples: int) -> None:
        """Take in one step: `gradients` without penalty, weights `before` it, its number of examples."""
        self.steps[0] += 1
        with self._torch.no_grad():
            for g, w, old, total in zip(gradients, self._weights, before, self._gathered, strict=True):
                if self.settings.kind == "ewc":
                    total.mul_(self.settings.mean).addcmul_(g, g, value=examples * (1 - self.settings.mean))
                else:
                    total.sub_(g * (w - old))

    def end_task(self) -> None:
        """Turn what was gathered into importance, and anchor the weights where they are."""
        s = self.settings
        start = 1 - s.mean ** int(self.steps[0])  # a running mean that began at 0
        with self._torch.no_grad():
            parts = zip(self._weights, self._anchor, self._importance, self._gathered, strict=True)
            for w, anchor, importance, total in parts if self.steps[0] else ():
                if s.kind == "ewc":
                    importance.mul_(s.decay).add_(total / start)
                else:
                    importance.add_(2 * total.clamp(min=0) / ((w - anchor).square() + s.damping))
                anchor.copy_(w)
                total.zero_()
        self.steps[0] = 0
