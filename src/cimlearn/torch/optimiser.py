"""The optimiser of a model that learns in situ: gradients of layers on arrays become writes, the rest is digital.

chip = to_chip(model, sample, crossbar(), learn="in-situ").train()
optimiser = InSituSGD(chip, rate=0.05)
loss_of(chip(x), y).backward()
optimiser.step()
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cimlearn.errors import InputError
from cimlearn.torch import convert, direct
from cimlearn.torch.attention import ChipAttention
from cimlearn.torch.embedding import ChipEmbedding
from cimlearn.torch.insitu import InSituArray
from cimlearn.torch.library import nn, torch


class InSituSGD(torch.optim.Optimizer):
    """Gradient descent by writes to cells.

    Parameters
    ----------
    model
        what `to_chip(..., learn="in-situ")` returned
    rate
        learning rate of every parameter; `param_groups` have one entry, so schedulers of PyTorch work
    keep
        share of the changes of each column of an array that are written, the largest ones, in (0, 1]
    update
        'cells': changes are gathered and written cell by cell; 'pulses': each vector's rank-one change is written by
        random pulses that coincide on rows and columns (`write.pulse_step`, `write.pulse_slots`), without products
    momentum
        must be 0: a chip has no memory for it (the error says how much that would be)

    Raises
    ------
    InputError
        For a model without in-situ arrays, or a value out of range.
    """

    def __init__(
        self,
        model: nn.Module,
        rate: float,
        *,
        keep: float = 1.0,
        update: str = "cells",
        momentum: float = 0.0,
    ) -> None:
        self._arrays = [
            (array, layer, name)
            for _, layer in convert.layers(model)
            for name, (array, _) in layer.held().items()
            if isinstance(array, InSituArray)
        ]
        if not self._arrays:
            raise InputError(
                "no layer of the model learns in situ on crossbars; give what to_chip(..., learn='in-situ') returned "
                "(bit-serial arrays have IntegerSGD)"
            )
        if not 0 < rate < float("inf"):
            raise InputError(f"rate = {rate}: give a number above 0")
        if not 0 < keep <= 1:
            raise InputError(f"keep = {keep}: give a share above 0, up to 1")
        if update not in ("cells", "pulses"):
            raise InputError(f"update = {update!r}: give 'cells' or 'pulses'")
        if update == "pulses" and keep < 1:
            raise InputError(
                f"keep = {keep} needs the changes themselves, and pulses form none; set keep = 1"
            )
        if momentum:
            numbers = sum(array.layout.outputs * array.layout.rows for array, _, _ in self._arrays)
            raise InputError(
                f"momentum = {momentum:g} needs a memory of {numbers:,} numbers beside the arrays, "
                f"{numbers * 2 / 1e3:,.1f} kB in 16 bits, which this chip doesn't have; set momentum to 0, or gather "
                "changes in digital accumulators, which are simulated and priced: crossbar({'write.least': 0.01})"
            )
        _check_shared(self._arrays)
        held = {id(owner) for _, layer, name in self._arrays for owner in _owners(layer, name)}
        self._digital = [p for p in model.parameters() if id(p) not in held]
        self.keep, self._pulses = keep, update == "pulses"
        for array, layer, name in self._arrays:
            if not isinstance(layer, (ChipAttention, ChipEmbedding)):
                direct.link(getattr(layer, name), array)
        for array, layer, _ in self._arrays if self._pulses else ():
            if isinstance(layer, (ChipAttention, ChipEmbedding)):
                raise InputError(
                    f"{array.name}: pulses need the vectors of a layer, and an attention's or embedding's gradient "
                    "comes as a sum; freeze it, keep it digital, or use update='cells'"
                )
            array.by_pulses()
        super().__init__(list(model.parameters()), {"lr": rate})

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients; they are never kept as zeros."""
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
        rate = float(self.param_groups[0]["lr"])
        wrote = False
        for array, layer, name in self._arrays:
            weight, gradient = layer.held()[name][1], None
            if self._pulses:
                if direct.formed(getattr(layer, name)):
                    raise InputError(
                        f"{array.name}: its gradient was looked at or has another part (clipping, a penalty), so its "
                        "vectors are gone; use update='cells'"
                    )
                if array.waits:
                    array.pulse(rate, weight)
                    wrote = True
                continue
            if not array.waits or direct.formed(getattr(layer, name)):
                gradient = _gradient(layer, name)
                if gradient is None:
                    continue
                gradient = gradient.reshape(array.layout.outputs, array.layout.rows)
            array.descend(gradient, rate, self.keep, weight)
            wrote = True
        if not wrote:
            raise InputError(
                "no gradient reached a layer on arrays, so there is nothing to write; call train() before the "
                "forward pass and backward() after it"
            )
        for parameter in self._digital:
            if parameter.grad is not None:
                parameter.add_(parameter.grad, alpha=-rate)
        return loss


def _owners(layer: convert.Layer, name: str) -> list[torch.Tensor]:
    """The parameters that hold the weight `name` of a layer."""
    return layer.owners() if isinstance(layer, ChipAttention) else [getattr(layer, name)]


def _gradient(layer: convert.Layer, name: str) -> torch.Tensor | None:
    """The gradient of the weight `name` of a layer."""
    if isinstance(layer, ChipAttention):
        return layer.gradient(name)
    found: torch.Tensor | None = getattr(layer, name).grad
    return found.t() if found is not None and isinstance(layer, ChipEmbedding) else found


def _check_shared(arrays: list[tuple[InSituArray, convert.Layer, str]]) -> None:
    """Raise InputError for a weight that two arrays hold: each would learn its own."""
    seen: dict[int, str] = {}
    for array, layer, name in arrays:
        if isinstance(layer, ChipAttention):
            continue
        first = seen.setdefault(id(getattr(layer, name)), array.name)
        if first != array.name:
            raise InputError(
                f"{first} and {array.name} are one weight in the model and two arrays on the chip, which would learn "
                "apart; give each layer a weight of its own, or keep one of them digital"
            )
