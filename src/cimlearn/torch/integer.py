"""The optimiser of a model that learns in INT8 on bit-serial arrays.

chip = to_chip(model, sample, bit_serial(), learn="in-situ").train()
optimiser = IntegerSGD(chip, 1.0, digital=0.01)
loss_of(chip(x), y).backward()
optimiser.step()
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cimlearn.errors import InputError
from cimlearn.learning.integer.update import WHOLE, rate_rule
from cimlearn.torch import convert
from cimlearn.torch.insitu_bits import InSituBits
from cimlearn.torch.library import nn, torch

MOST: Final = 127.0  # steps of a weight


class IntegerSGD(torch.optim.Optimizer):
    """The integer rule of SAS-MRAM for layers on arrays, plain gradient descent for what is digital.

    Parameters
    ----------
    model
        what `to_chip(..., bit_serial(...), learn="in-situ")` returned
    rate
        steps of a weight that the largest change of each output takes, 1/16 to 127 (learning/integer/update.py); the
        size of the loss plays no part
    digital
        learning rate of biases and of all else that stays digital; needed where any of it learns

    Raises
    ------
    InputError
        For a model without such arrays, or a value out of range.
    """

    def __init__(self, model: nn.Module, rate: float, *, digital: float | None = None) -> None:
        self._arrays = [
            (array, getattr(layer, name))
            for _, layer in convert.layers(model)
            for name, (array, _) in layer.held().items()
            if isinstance(array, InSituBits)
        ]
        if not self._arrays:
            raise InputError(
                "no layer of the model learns on bit-serial arrays; give what to_chip(..., bit_serial(), "
                "learn='in-situ') returned; crossbars have InSituSGD"
            )
        if not 1 / WHOLE <= rate <= MOST:
            raise InputError(f"rate = {rate}: give the steps of a weight's largest change, 1/16 to 127")
        held = {id(weight) for _, weight in self._arrays}
        self._digital = [p for p in model.parameters() if id(p) not in held]
        if digital is None and any(p.requires_grad for p in self._digital):
            raise InputError(
                "biases or other digital parameters learn by plain gradient descent, and `rate` counts steps of INT8 "
                "weights; give digital = their learning rate, or freeze them"
            )
        if digital is not None and not 0 < digital < float("inf"):
            raise InputError(f"digital = {digital}: give a number above 0")
        self._rate_digital = digital or 0.0
        super().__init__(list(model.parameters()), {"lr": rate})

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients."""
        for array, _ in self._arrays:
            array.waiting = None
        for parameter in self.param_groups[0]["params"]:
            parameter.grad = None

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Write the changes of arrays; change what is digital.

        Raises
        ------
        InputError
            If no gradient reached a layer on arrays.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        due = [(array, weight) for array, weight in self._arrays if array.waiting is not None]
        if not due:
            raise InputError(
                "no gradient reached a layer on arrays, so there is nothing to write; call train() before the "
                "forward pass and backward() after it"
            )
        rule = rate_rule(float(self.param_groups[0]["lr"]))
        for array, weight in due:
            array.learn(rule, weight)
        for parameter in self._digital:
            if parameter.grad is not None:
                parameter.add_(parameter.grad, alpha=-self._rate_digital)
        return loss
