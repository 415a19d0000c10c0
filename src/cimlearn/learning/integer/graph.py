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

from cimlearn.arrays.training import Layer
from cimlearn.errors import InputError, nearest
from cimlearn.learning.integer.bias import bias_from_words, bias_updated, bias_words
from cimlearn.learning.integer.layers import Relu
from cimlearn.learning.integer.operands import Operands
from cimlearn.learning.integer.sparse import is_dense, mask
from cimlearn.learning.integer.tensor import ACCUMULATOR, Int8, added, torch
from cimlearn.learning.integer.trace import INPUT, Step, TraceSettings, traced
from cimlearn.learning.integer.update import UpdateRule, refitted
from cimlearn.learning.integer.weighted import Narrowing, Weighted
from cimlearn.learning.integer.wrong import WrongBits
from cimlearn.networks.sparsity import Pattern, check_divides

BIAS: Final = ".bias"  # after a layer's name
NORM: Final = ("gamma", "beta")  # of a layer's norm
WORDS: Final = ("velocity", "residue")  # of each weight that learns, beside it
NONE: Final = -(10**6)  # stands for no exponent


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
        norm: bool = False,
    ) -> None:
        """Trace `block`, an nn.Module of one input and one output; it is not changed.

        trained: all layers with weights, none, or the named ones. accumulator: its width in bits. spread: how far
        exponents of a frozen layer's output channels may differ (0 = one for the layer). clip: outliers of
        activations, where that loses less than coarser steps. exponents: of the weights of named layers, where
        their values should not decide (all zero at the start, say). norm: batch norms behind layers that learn stay.
        Raises InputError naming what can't be run.
        """
        precision = torch.get_float32_matmul_precision()
        if precision != "highest":
            raise InputError(
                f"PyTorch's matmul precision is '{precision}', which is not exact; "
                "call torch.set_float32_matmul_precision('highest')"
            )
        self.steps: list[Step] = traced(
            block, TraceSettings(trained, accumulator, spread, clip, exponents or {}, norm)
        )
        self._weighted = {
            s.operation.name: s.operation for s in self.steps if isinstance(s.operation, Weighted)
        }
        self._last = _last_uses(self.steps)
        self._needs = {from_input: _needs(self.steps, from_input) for from_input in (True, False)}
        self._merged, self._accumulator = 0, accumulator
        self._merges = {n: Narrowing(accumulator) for n in range(INPUT, len(self.steps))}

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
                    errors[i] = self._sum(i, errors[i], e) if i in errors else e
        return errors.get(INPUT)

    def update(self, rule: UpdateRule, norm: UpdateRule | None = None) -> None:
        """w <- clip(w - g) in every layer that learns, g scaled by `rule`.

        Scales and offsets of norms take the rule `norm`; None: the same.

        Uses the gradients up: the next update needs another `backward`.
        """
        for name, layer in self._weighted.items():
            if not layer.trained:
                continue
            if layer.gradient is None:
                raise InputError(f"{name} has no gradient yet; call forward and backward first")
            gradient, layer.gradient = layer.gradient, None
            layer.learn(gradient, rule)
            if layer.mask is not None:
                layer.weight = Int8(layer.weight.mantissa * layer.mask, layer.weight.exponent)
            if rule.moving and layer.norm is None:
                layer.weight = refitted(layer.weight)
        self.commit()
        self._update_biases(rule)
        self._update_norms(rule if norm is None else norm)

    def _update_norms(self, rule: UpdateRule) -> None:
        """The same for gamma and beta of norms."""
        for name, layer in self._weighted.items():
            if layer.norm is None:
                continue
            for part in NORM:
                gradient = getattr(layer.norm, f"{part}_gradient")
                if gradient is None:
                    raise InputError(f"{name}.{part} has no gradient yet; call forward and backward first")
                after = bias_updated(getattr(layer.norm, part), gradient, rule, examples=layer.examples)
                setattr(layer.norm, part, after)
            layer.norm.gamma_gradient = layer.norm.beta_gradient = None

    def commit(self) -> None:
        """A batch was learned: exponents that follow move to what it asked for."""
        for one in self._registers():
            one.learned()

    def again(self, block: Any) -> IntGraph:
        """`block`, of which this is the frozen form, traced with everything in it learning and its norms kept."""
        one = self._narrowings()
        made = IntGraph(
            block, trained=True, accumulator=self._accumulator, clip=any(n.clip for n in one), norm=True
        )
        for layer in made._weighted.values():
            layer.bias_learns = layer.bias is not None
        made._needs = {from_input: _needs(made.steps, from_input) for from_input in (True, False)}
        return made

    def sparsify(self, one: Pattern) -> None:
        """Keep N of M weights of each filter that learns, for good; InputError where M doesn't divide a filter."""
        for name, layer in self._weighted.items():
            w = layer.weight.mantissa
            groups = layer.geometry.groups if layer.geometry is not None else 1
            if not layer.trained or is_dense(w.shape[1], groups):
                continue
            check_divides(name, w[0].numel(), one)
            layer.sparsity, layer.mask = one, mask(w, one)
            layer.weight = Int8(w * layer.mask, layer.weight.exponent)

    def masks(self) -> dict[str, NDArray[np.bool_]]:
        """Layer -> (outputs, ...) which of its weights are stored, where not all are."""
        layers = self._weighted.items()
        return {
            name: np.asarray(layer.mask.bool().numpy()) for name, layer in layers if layer.mask is not None
        }

    def statistics(self, *, learning: bool) -> None:
        """Let norms take the statistics of each batch, and follow them, or the running ones."""
        for layer in self._weighted.values():
            if layer.norm is not None:
                layer.norm.learning = learning

    def refold(self, every: int) -> None:
        """Let norms have the statistics of their last folding, one every so many batches."""
        for layer in self._weighted.values():
            if layer.norm is not None:
                layer.norm.refolded(every)

    def follow(self) -> None:
        """Let every exponent be the one that the last learned batch would have chosen."""
        for one in (*self._narrowings(), *self._merges.values()):
            one.follows = True

    def memory(self) -> dict[str, NDArray[np.int64]]:
        """What changes beside weights and biases: running statistics, velocities, exponents that move or follow."""
        found: dict[str, NDArray[np.int64]] = {}
        for name, layer in self._weighted.items():
            if layer.trained:
                found[f"{name}.exponent"] = np.array([layer.weight.exponent], np.int64)
            if layer.norm is not None:
                found[f"{name}.statistics"] = layer.norm.state()
            for word in WORDS:
                value = getattr(layer, word)
                if value is not None:
                    found[f"{name}.{word}"] = np.asarray(value.numpy())
        rows = [(one.fixed, *one.back) for one in self._registers() if one.follows]
        if rows:
            found["registers"] = np.array([[NONE if v is None else v for v in row] for row in rows], np.int64)
        return found

    def remember(self, memory: Mapping[str, NDArray[np.int64]]) -> None:
        """Go on from `memory`."""
        for name, layer in self._weighted.items():
            if f"{name}.exponent" in memory:
                layer.weight = Int8(layer.weight.mantissa, int(memory[f"{name}.exponent"][0]))
            if layer.norm is not None:
                layer.norm.load(memory[f"{name}.statistics"])
            for word in WORDS:
                if f"{name}.{word}" in memory:
                    setattr(layer, word, torch.from_numpy(memory[f"{name}.{word}"].copy()))
        if "registers" in memory:
            for one, row in zip(self._registers(), memory["registers"].tolist(), strict=True):
                one.fixed, *back = (None if v == NONE else v for v in row)
                one.back = tuple(back)

    def _registers(self) -> list[Narrowing]:
        return [*self._narrowings(), *self._merges.values()]

    def _update_biases(self, rule: UpdateRule) -> None:
        """The same for biases that learn."""
        for name, layer in self._weighted.items():
            if layer.bias is None or not layer.bias_learns:
                continue
            if layer.bias_gradient is None:
                raise InputError(f"{name}{BIAS} has no gradient yet; call forward and backward first")
            gradient, layer.bias_gradient = layer.bias_gradient, None
            layer.bias = bias_updated(layer.bias, gradient, rule, examples=layer.examples)

    def learning(self, *, weights: bool) -> IntGraph:
        """A copy that shares what does not change, and in which all biases learn, and all `weights` if asked for.

        Layers keep the exponents, those of single channels too, that they have; a layer without a bias stays so.
        """
        made = self.copied()
        for operation in (step.operation for step in made.steps):
            if isinstance(operation, Weighted):
                operation.trained, operation.bias_learns = weights, operation.bias is not None
        made._needs = {from_input: _needs(made.steps, from_input) for from_input in (True, False)}
        return made

    def copied(self) -> IntGraph:
        """A copy that shares what does not change, with weights and exponents of its own from here on."""
        made = copy(self)
        made._merges = {n: replace(one) for n, one in self._merges.items()}
        made.steps = [step._replace(operation=copy(step.operation)) for step in self.steps]
        for operation in (step.operation for step in made.steps):
            if hasattr(operation, "narrowing"):
                operation.narrowing = replace(operation.narrowing)
        made._weighted = {
            s.operation.name: s.operation for s in made.steps if isinstance(s.operation, Weighted)
        }
        return made

    def observe(self, seen: Operands | None) -> None:
        """Count the ones of all operands in `seen`, or stop counting."""
        for layer in self._weighted.values():
            layer.seen = seen

    def err(self, wrong: WrongBits | None) -> None:
        """Let what is kept for the way back, velocities and running statistics have wrong bits, or none again."""
        for operation in (step.operation for step in self.steps):
            if isinstance(operation, Weighted | Relu):
                operation.wrong = wrong
            if isinstance(operation, Weighted) and operation.norm is not None:
                operation.norm.wrong = wrong

    def weights(self) -> dict[str, NDArray[np.int8]]:
        """Layer -> its int8 weights, copied."""
        return {name: _stored(layer.weight) for name, layer in self._weighted.items()}

    def learned(self) -> dict[str, NDArray[np.int8]]:
        """What learns, copied: layer -> its int8 weights, layer.bias -> (outputs, 2) the words of its 16-bit biases."""
        layers = self._weighted.items()
        found = {name: _stored(layer.weight) for name, layer in layers if layer.trained}
        norms = {
            f"{name}.{part}": getattr(layer.norm, part)
            for name, layer in layers
            if layer.norm is not None
            for part in NORM
        }
        biases = {name + BIAS: layer.bias for name, layer in layers if layer.bias_learns}
        found |= {name: bias_words(bias) for name, bias in biases.items() if bias is not None}
        return found | {name: bias_words(one) for name, one in norms.items()}

    def sizes(self) -> dict[str, int]:
        """How many int8 weights each layer has."""
        return {name: layer.weight.mantissa.numel() for name, layer in self._weighted.items()}

    def read(self, name: str) -> NDArray[np.int8]:
        """One of `weights` or `learned`."""
        owner, part = self._words(name)
        if owner is not None:
            return bias_words(getattr(owner, part))
        return _stored(self._named(name).weight)

    def load(self, weights: Mapping[str, NDArray[np.int8]]) -> None:
        """Replace the mantissas of the named layers or biases: a checkpoint, or bits that failed (-128 is allowed)."""
        for name, values in weights.items():
            owner, part = self._words(name)
            if owner is not None:
                setattr(owner, part, bias_from_words(values, getattr(owner, part)))
                continue
            layer = self._named(name)
            old = layer.weight.mantissa
            if values.shape != tuple(old.shape):
                raise InputError(
                    f"weights of shape {values.shape} do not fit {name}, which has {tuple(old.shape)}"
                )
            loaded = torch.from_numpy(values.astype(np.float32)).to(old.device)
            if layer.mask is not None:
                loaded *= layer.mask  # what isn't stored doesn't fail
            layer.weight = Int8(loaded, layer.weight.exponent)

    def _words(self, name: str) -> tuple[Any, str]:
        """What holds the 16-bit numbers called `name` (layer.bias, layer.gamma), and where; None where none do."""
        layer, _, part = name.rpartition(".")
        owner: Any = self._weighted.get(layer)
        if owner is not None and part in NORM:
            owner = owner.norm
        held = getattr(owner, part, None) if part in (BIAS[1:], *NORM) else None
        return (owner, part) if held is not None else (None, part)

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
            if isinstance(operation, Weighted) and operation.norm is not None:
                operation.norm = replace(operation.norm, learning=False)
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

    def _sum(self, place: int, a: Int8, b: Int8) -> Int8:
        self._merged += a.mantissa.numel()
        return self._merges[place].backward(added(a, b))


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
