"""A PyTorch block run in INT8, forwards and backwards: frozen layers pass errors, trained ones learn.

    graph = IntGraph(block, trained=["head"])
    y = graph.forward(x)              # Int8 -> Int8, keeps what the way back needs
    graph.backward(error)             # Int8 -> Int8; the gradients of trained layers
    graph.update(UpdateRule(4))             # w <- clip(w - g), g of 4 bits

Exponents of activations are found from the data (dynamic, as in NITI, over the whole batch) or, after `calibrate`,
fixed. Errors are always dynamic.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from copy import copy
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.faults import Flips, flips
from cimlearn.arrays.training import Layer
from cimlearn.errors import InputError, nearest
from cimlearn.learning.integer.bias import bias_from_words, bias_updated, bias_words
from cimlearn.learning.integer.operands import Operands
from cimlearn.learning.integer.tensor import ACCUMULATOR, Int8, add, torch
from cimlearn.learning.integer.trace import INPUT, Step, TraceSettings, traced
from cimlearn.learning.integer.update import UpdateRule, updated
from cimlearn.learning.integer.weighted import Narrowing, Weighted

BIAS: Final = ".bias"  # after a layer's name


class IntGraph:
    """The integer layers of a block, their weights, and what the last `forward` kept."""

    def __init__(
        self,
        block: Any,
        *,
        trained: bool | Collection[str] = False,
        accumulator: int = ACCUMULATOR,
        spread: int = 0,
        clip: bool = False,
        exponents: Mapping[str, int] | None = None,
    ) -> None:
        """Trace `block`, an nn.Module of one input and one output; it is not changed.

        trained: all layers with weights, none, or the named ones. accumulator: its width in bits. spread: how far
        exponents of a frozen layer's output channels may differ (0 = one for the layer). clip: outliers of
        activations, where that loses less than coarser steps. exponents: of the weights of named layers, where
        their values should not decide (all zero at the start, say).
        Raises InputError naming what can't be run.
        """
        precision = torch.get_float32_matmul_precision()
        if precision != "highest":
            raise InputError(
                f"PyTorch's matmul precision is '{precision}', which is not exact; "
                "call torch.set_float32_matmul_precision('highest')"
            )
        self.steps: list[Step] = traced(
            block, TraceSettings(trained, accumulator, spread, clip, exponents or {})
        )
        self._weighted = {
            s.operation.name: s.operation for s in self.steps if isinstance(s.operation, Weighted)
        }
        self._last = _last_uses(self.steps)
        self._needs = {from_input: _needs(self.steps, from_input) for from_input in (True, False)}
        self._merged, self._accumulator = 0, accumulator

    @property
    def gradients(self) -> dict[str, Any]:
        """Layer -> sums dW of the last `backward`, of the weight's shape, for layers that learn."""
        return {n: w.gradient.sums for n, w in self._weighted.items() if w.gradient is not None}

    def forward(self, x: Int8, *, keep: bool = True) -> Int8:
        """The block's output for x (examples, channels, h, w); with `keep`, `backward` may follow."""
        values = {INPUT: x}
        y = x
        for n, step in enumerate(self.steps):
            y = step.operation.forward(*[values[i] for i in step.inputs], keep=keep)
            for i in self._last[n]:
                del values[i]
            values[n] = y
        return y

    def backward(self, error: Int8, *, input_error: bool = True) -> Int8 | None:
        """The error of the block's input from that of its output; sets the gradients of layers that learn.

        Without `input_error` nothing is computed below the first layer that learns, and the answer is None.
        """
        needs = self._needs[input_error]
        errors: dict[int, Int8] = {len(self.steps) - 1: error}
        for n in range(len(self.steps) - 1, -1, -1):
            step = self.steps[n]
            wanted = any(needs[i] for i in step.inputs)
            if n not in errors or not needs[n]:
                continue
            below = step.operation.backward(errors.pop(n), wanted=wanted)
            for i, e in zip(step.inputs, below, strict=False):
                if needs[i]:
                    errors[i] = self._sum(errors[i], e) if i in errors else e
        return errors.get(INPUT)

    def update(self, rule: UpdateRule) -> dict[str, Flips]:
        """w <- clip(w - g) in every layer that learns, g scaled by `rule`; layer -> stored bits that changed.

        Uses the gradients up: the next update needs another `backward`.
        """
        changed: dict[str, Flips] = {}
        for name, layer in self._weighted.items():
            if not layer.trained:
                continue
            if layer.gradient is None:
                raise InputError(f"{name} has no gradient yet; call forward and backward first")
            before, gradient, layer.gradient = layer.weight, layer.gradient, None
            layer.weight = updated(before, gradient, rule, examples=layer.examples, steps=layer.steps)
            changed[name] = flips(_stored(before), _stored(layer.weight))
        return changed | self._update_biases(rule)

    def _update_biases(self, rule: UpdateRule) -> dict[str, Flips]:
        """The same for biases that learn; layer.bias -> stored bits that changed."""
        changed: dict[str, Flips] = {}
        for name, layer in self._weighted.items():
            if layer.bias is None or not layer.bias_learns:
                continue
            if layer.bias_gradient is None:
                raise InputError(f"{name}{BIAS} has no gradient yet; call forward and backward first")
            before, gradient, layer.bias_gradient = layer.bias, layer.bias_gradient, None
            layer.bias = bias_updated(before, gradient, rule, examples=layer.examples)
            changed[name + BIAS] = flips(bias_words(before), bias_words(layer.bias))
        return changed

    def learning(self, *, weights: bool) -> IntGraph:
        """A copy that shares what does not change, and in which all biases learn, and all `weights` if asked for.

        Layers keep the exponents, those of single channels too, that they have; a layer without a bias stays so.
        """
        made = copy(self)
        made.steps = [step._replace(operation=copy(step.operation)) for step in self.steps]
        for operation in (step.operation for step in made.steps):
            if hasattr(operation, "narrowing"):
                operation.narrowing = replace(operation.narrowing)
            if isinstance(operation, Weighted):
                operation.trained, operation.bias_learns = weights, operation.bias is not None
        made._weighted = {
            s.operation.name: s.operation for s in made.steps if isinstance(s.operation, Weighted)
        }
        made._needs = {from_input: _needs(made.steps, from_input) for from_input in (True, False)}
        return made

    def observe(self, seen: Operands | None) -> None:
        """Count the ones of all operands in `seen`, or stop counting."""
        for layer in self._weighted.values():
            layer.seen = seen

    def weights(self) -> dict[str, NDArray[np.int8]]:
        """Layer -> its int8 weights, copied."""
        return {name: _stored(layer.weight) for name, layer in self._weighted.items()}

    def learned(self) -> dict[str, NDArray[np.int8]]:
        """What learns, copied: layer -> its int8 weights, layer.bias -> (outputs, 2) the words of its 16-bit biases."""
        layers = self._weighted.items()
        found = {name: _stored(layer.weight) for name, layer in layers if layer.trained}
        biases = {name + BIAS: layer.bias for name, layer in layers if layer.bias_learns}
        return found | {name: bias_words(bias) for name, bias in biases.items() if bias is not None}

    def sizes(self) -> dict[str, int]:
        """How many int8 weights each layer has."""
        return {name: layer.weight.mantissa.numel() for name, layer in self._weighted.items()}

    def read(self, name: str) -> NDArray[np.int8]:
        """One of `weights` or `learned`."""
        layer = self._weighted.get(name.removesuffix(BIAS))
        if name.endswith(BIAS) and layer is not None and layer.bias is not None:
            return bias_words(layer.bias)
        return _stored(self._named(name).weight)

    def load(self, weights: Mapping[str, NDArray[np.int8]]) -> None:
        """Replace the mantissas of the named layers or biases: a checkpoint, or bits that failed (-128 is allowed)."""
        for name, values in weights.items():
            of_bias = self._weighted.get(name.removesuffix(BIAS)) if name.endswith(BIAS) else None
            if of_bias is not None and of_bias.bias is not None:
                of_bias.bias = bias_from_words(values, of_bias.bias)
                continue
            layer = self._named(name)
            old = layer.weight.mantissa
            if values.shape != tuple(old.shape):
                raise InputError(
                    f"weights of shape {values.shape} do not fit {name}, which has {tuple(old.shape)}"
                )
            layer.weight = Int8(
                torch.from_numpy(values.astype(np.float32)).to(old.device), layer.weight.exponent
            )

    def calibrate(self, batches: Iterable[Int8]) -> None:
        """Run `batches` and fix every activation's exponent at the largest that came up."""
        self.dynamic()
        narrowings = self._narrowings()
        for one in narrowings:
            one.seen = None
        for x in batches:
            self.forward(x, keep=False)
        for one in narrowings:
            one.fixed = one.seen

    def dynamic(self) -> None:
        """Find activations' exponents from the data again."""
        for one in self._narrowings():
            one.fixed = None

    def layers(self, size: tuple[int, int, int, int], *, input_error: bool = True) -> list[Layer]:
        """The matrix products of each layer with weights for an input of this size (examples, channels, h, w).

        `Layer.error`: whether the error goes below it. `arrays.training` counts their work.
        """
        needs, found = self._needs[input_error], []
        values = {INPUT: Int8(torch.zeros(1, *size[1:], device=self._device()), 0)}
        for n, step in enumerate(self.steps):
            operation = copy(step.operation)  # what the last forward kept stays
            if hasattr(operation, "narrowing"):
                operation.narrowing = Narrowing()
            values[n] = operation.forward(*[values[i] for i in step.inputs], keep=False)
            if isinstance(operation, Weighted):
                passed = any(needs[i] for i in step.inputs)
                shape = (size[0], *values[n].mantissa.shape[1:])
                found.append(operation.products(shape, error=passed))
        return found

    def kept_bits(self) -> int:
        """Bits that hardware keeps from the last `forward` for `backward`."""
        return sum(step.operation.kept_bits() for step in self.steps)

    def requantised(self) -> int:
        """Sums that have been rounded to int8 so far, in layers and where errors meet."""
        return sum(one.count for one in self._narrowings()) + self._merged

    def to(self, device: Any) -> None:
        """Move the weights to a device."""
        for layer in self._weighted.values():
            layer.move(device)

    def _device(self) -> Any:
        return next((layer.weight.mantissa.device for layer in self._weighted.values()), "cpu")

    def _named(self, name: str) -> Weighted:
        if name not in self._weighted:
            raise InputError(f"there is no layer '{name}'; {nearest(name, self._weighted)}")
        return self._weighted[name]

    def _narrowings(self) -> list[Narrowing]:
        found = [getattr(step.operation, "narrowing", None) for step in self.steps]
        return [one for one in found if isinstance(one, Narrowing)]

    def _sum(self, a: Int8, b: Int8) -> Int8:
        self._merged += a.mantissa.numel()
        return add(a, b, accumulator=self._accumulator)


def _stored(weight: Int8) -> NDArray[np.int8]:
    return np.asarray(weight.mantissa.to(torch.int8).cpu().numpy())


def _last_uses(steps: list[Step]) -> list[list[int]]:
    """For each step, the values that no later step needs."""
    last: dict[int, int] = {}
    for n, step in enumerate(steps):
        last.update(dict.fromkeys(step.inputs, n))
    found: list[list[int]] = [[] for _ in steps]
    for value, n in last.items():
        found[n].append(value)
    return found


def _needs(steps: list[Step], from_input: bool) -> dict[int, bool]:
    """Which values need an error: those that come from a layer that learns, or the input where it is asked for."""
    needs = {INPUT: from_input}
    for n, step in enumerate(steps):
        learns = isinstance(step.operation, Weighted) and (
            step.operation.trained or step.operation.bias_learns
        )
        needs[n] = learns or any(needs[i] for i in step.inputs)
    return needs
