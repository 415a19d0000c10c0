"""Convolutions and linear layers in integers: int8 weights, a 16-bit bias, sums narrowed to int8.

A frozen layer keeps nothing for the way back; one that learns keeps its input.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from cimlearn.arrays.training import Layer
from cimlearn.errors import InputError
from cimlearn.learning.integer import products
from cimlearn.learning.integer.limits import Limit, Limits, limited, limited_error
from cimlearn.learning.integer.operands import Operands
from cimlearn.learning.integer.products import Geometry
from cimlearn.learning.integer.rounding import kept_sums, least_error
from cimlearn.learning.integer.tensor import (
    ACCUMULATOR,
    MAGNITUDE,
    SINGLE,
    Int8,
    Sums,
    Tensor,
    bits,
    fits,
    fitting,
    largest,
    narrowed,
    relu_error,
    shifted,
    torch,
)
from cimlearn.learning.integer.update import (
    BELOW,
    VELOCITY_BITS,
    UpdateRule,
    accelerated,
    pushed,
    updated,
    with_momentum,
    with_residue,
)

BIAS: Final = 15  # bits of a bias without its sign
HEADROOM: Final = 2  # bits of an accumulator that a bias leaves free
FAR: Final = 40  # a bias shifted down this far is 0


@dataclass
class Narrowing:
    """Where sums become int8: the exponent that is fixed, if any, the largest seen, and how many there were."""

    accumulator: int = ACCUMULATOR
    fixed: int | None = None
    seen: int | None = None
    count: int = 0
    clip: bool = False  # outliers, where that loses less, see `introunding.least_error`
    follows: bool = False  # exponents are those that the batch before would have chosen, see `learned`
    back: tuple[int | None, ...] = (None, None)  # such exponents of the errors that come back, by place
    wanted: list[int | None] = field(
        default_factory=lambda: [None, None, None]
    )  # by this batch: forward, back

    def forward(self, acc: Sums) -> Int8:
        """`acc` as int8, at the fixed exponent if there is one."""
        self.count += acc.sums.numel()
        if self.follows:
            self.wanted[0] = self._chosen(acc, self.clip)
            return narrowed(acc, exponent=self._or(self.fixed, 0), accumulator=self.accumulator)
        most = largest(acc.sums)
        exponent = self._exponent(acc, most)
        y = narrowed(acc, exponent=exponent, accumulator=self.accumulator, most=most)
        self.seen = y.exponent if self.seen is None else max(self.seen, y.exponent)
        return y

    def _exponent(self, acc: Sums, most: int) -> int | None:
        """The exponent that `acc`, whose largest sum is `most`, gets; None where that decides."""
        if self.fixed is not None or not self.clip:
            return self.fixed
        fits(most, self.accumulator)
        return acc.exponent + least_error(acc.sums, most)

    def backward(self, acc: Sums, place: int = 0) -> Int8:
        """`acc` as int8; errors find their own exponent, or follow. `place` tells a layer's roundings apart."""
        self.count += acc.sums.numel()
        if not self.follows:
            return narrowed(acc, accumulator=self.accumulator)
        self.wanted[1 + place] = self._chosen(acc, False)
        return narrowed(acc, exponent=self._or(self.back[place], 1 + place), accumulator=self.accumulator)

    def learned(self) -> None:
        """A batch was learned: the next gets the exponents that this one would have chosen."""
        if not self.follows:
            return
        first, *back = self.wanted
        if first is not None:
            self.fixed = first
        self.back = tuple(old if new is None else new for old, new in zip(self.back, back, strict=True))

    def _chosen(self, acc: Sums, clip: bool) -> int:
        """The exponent that these sums alone ask for."""
        most = largest(acc.sums)
        fits(most, self.accumulator)
        if clip:
            return acc.exponent + least_error(acc.sums, most)
        return acc.exponent + max(bits(most) - MAGNITUDE, 0)

    def _or(self, register: int | None, place: int) -> int | None:
        return self.wanted[place] if register is None else register


class Bias(NamedTuple):
    """A number for each output: value = mantissa 2^exponent, 16 bits."""

    mantissa: Tensor  # (outputs,) int64
    exponent: int


def bias_from_float(values: Tensor) -> Bias:
    """16-bit mantissas and one exponent for values (outputs,)."""
    exponent = fitting(float(values.abs().max())) - (BIAS - MAGNITUDE)
    limit = 2**BIAS - 1
    return Bias((values.double() * 2.0**-exponent).round().clamp(-limit, limit).to(torch.int64), exponent)


@dataclass
class Weighted:
    """A convolution or (geometry None) a linear layer; `steps` are exponents of single output channels.

        channel c:  value = mantissa 2^(exponent + steps_c)

    A folded batch normalisation makes channels very unequal. Exponents never change: a layer that learns moves each
    channel in its own steps, see `intupdate`.
    """

    name: str
    weight: Int8  # (out, in / groups, kh, kw) or (out, in)
    bias: Bias | None
    geometry: Geometry | None
    trained: bool = False
    steps: Tensor | None = None  # (out,) whole numbers >= 0
    rectified: bool = False  # max(sum, 0) before narrowing, so that only what is left sets the exponent
    limit: Limit = None  # and at most this: 6 for ReLU6
    narrowing: Narrowing = field(default_factory=Narrowing)
    gradient: Sums | None = None  # of the weight's shape; set by `backward`
    bias_learns: bool = False
    bias_gradient: Sums | None = None  # (out,); set by `backward`
    seen: Operands | None = None  # where the ones of operands are counted, while somebody asks for it
    norm: Any = None  # a `norm.Norm` of the sums, before they are narrowed
    sparsity: Any = None  # a `sparse.Pattern`
    mask: Tensor | None = None  # of the weight's shape, 0 where nothing is stored; see `sparse`
    wrong: Any = None  # a `wrong.WrongBits` of what is kept for the way back, and of the gradient's operand
    velocity: Tensor | None = None  # of the weight's shape, int64; see `update.with_momentum`
    residue: Tensor | None = None  # of the weight's shape, int64; see `update.with_residue`
    _unit: tuple[Tensor, Tensor] | None = None  # steps, and 2^steps
    _size: tuple[int, ...] = ()
    _input: Int8 | None = None
    _output: Int8 | None = None
    _aligned: tuple[Bias, dict[int, Any]] | None = None  # what `_bias` found for this bias, by exponent
    _top: Tensor | None = None  # (out,) mantissas at which limits by channel stop `_output`

    def forward(self, *inputs: Int8, keep: bool) -> Int8:
        """W x + b, rectified where it is to be, narrowed."""
        (x,) = inputs
        self._size, self._input = tuple(x.mantissa.shape), (x if keep and self.trained else None)
        if self.wrong is not None and self._input is not None:
            self._input = self.wrong.int8(x)
        exponent = x.exponent + self.weight.exponent
        bias, lift = self._bias(exponent)
        if self.geometry is not None:
            acc = products.convolved(x, self.weight, self.geometry, bias)
        else:
            acc = products.connected(x, self.weight, bias)
        self._note("forward", x.mantissa, self.weight.mantissa, acc.sums)
        if self.norm is not None:
            fits(largest(acc.sums), self.narrowing.accumulator)
            acc = self.norm.forward(acc, keep=keep)
        elif self.steps is not None:
            acc.sums.mul_(self._channels(self._units(), acc.sums.dim()))
        if lift is not None:
            acc = lift(acc)
        if self.rectified:
            acc = self._rectify(acc)
        unit = acc.exponent
        y = self.narrowing.forward(acc)
        self._output = y if keep and self.rectified else None
        if keep and isinstance(self.limit, Limits):
            self._top = shifted(self.limit.at(unit), y.exponent - unit)
        return y

    def backward(self, error: Int8, *, wanted: bool) -> tuple[Int8, ...]:
        """The gradient if the layer learns, the input's error if it is wanted."""
        if self.rectified:
            if self._output is None:
                raise InputError(f"{self.name} can't go back: it kept nothing; call forward with keep=True")
            error = self._passed(error, self._output)
        if self.norm is not None:
            error = self.narrowing.backward(self.norm.backward(error), 1)
        if self.trained:
            if self._input is None:
                raise InputError(f"{self.name} can't learn: it kept no input; call forward with keep=True")
            self._note("gradient", self._input.mantissa, error.mantissa, error.mantissa)
            written = error if self.wrong is None else self.wrong.int8(error)
            self.gradient = self._gradient(self._input, written)
            fits(largest(self.gradient.sums), self.narrowing.accumulator)
        if self.bias_learns:
            self.bias_gradient = _summed(error)
            fits(largest(self.bias_gradient.sums), self.narrowing.accumulator)
        if not wanted:
            return ()
        if self.steps is not None and self.norm is None:
            scaled = error.mantissa * self._channels(self._units(), error.mantissa.dim())
            error = self.narrowing.backward(Sums(scaled, error.exponent), 1)
        self._note("error", error.mantissa, self.weight.mantissa, error.mantissa)
        if self.geometry is not None:
            acc = products.convolution_error(error, self.weight, self.geometry, self._size)
        else:
            acc = products.connection_error(error, self.weight)
        return (self.narrowing.backward(acc),)

    def _note(self, product: str, driven: Tensor, stored: Tensor, outputs: Tensor) -> None:
        """Count the ones of a product's operands while somebody asks for it; `outputs` is as large as the layer's."""
        if self.seen is not None:
            self.seen.note(product, driven, stored, outputs.numel() * self.weight.mantissa[0].numel())

    def learn(self, gradient: Sums, rule: UpdateRule) -> None:
        """w <- clip(w - g), with what `rule` keeps beside the weight."""
        steps, w = (None if self.norm is not None else self.steps), self.weight
        if not (rule.momentum or rule.residue):
            self.weight = updated(w, gradient, rule, examples=self.examples, steps=steps)
            return
        none = torch.zeros_like(w.mantissa, dtype=torch.int64)
        if rule.momentum:
            old = none if self.velocity is None else self.velocity
            if rule.residue:
                self.velocity = accelerated(w, gradient, old, rule, steps=steps)
                push = shifted(self.velocity, BELOW - rule.residue, rule.rounding, generator=rule.generator)
            else:
                self.weight, self.velocity = with_momentum(w, gradient, old, rule, steps=steps)
            self.velocity = self._beside(self.velocity, VELOCITY_BITS)
        else:
            push = pushed(w, gradient, rule, examples=self.examples, steps=steps)
        if rule.residue:
            old = none if self.residue is None else self.residue
            self.weight, old = with_residue(w, push, old, rule)
            self.residue = self._beside(old, rule.residue + 1)

    def _beside(self, words: Tensor, bits: int) -> Tensor:
        """Words that are kept beside the weights, as they are read again."""
        return words if self.wrong is None else self.wrong.words(words, bits)

    def kept_bits(self) -> int:
        """The input, 8 bits each, where the layer learns; a bit for each output where it is rectified."""
        inputs = self._input.mantissa.numel() * 8 if self._input is not None else 0
        normed = self.norm.kept_bits() if self.norm is not None else 0
        return inputs + normed + (self._output.mantissa.numel() if self._output is not None else 0)

    def move(self, device: Any) -> None:
        """Move the weights to a device."""
        self.weight = Int8(self.weight.mantissa.to(device), self.weight.exponent)
        if self.bias is not None:
            self.bias = Bias(self.bias.mantissa.to(device), self.bias.exponent)
        if self.steps is not None:
            self.steps = self.steps.to(device)
        if isinstance(self.limit, Limits):
            self.limit = self.limit.to(device)

    def products(self, output: tuple[int, ...], *, error: bool) -> Layer:
        """The layer's matrix products for an output of this size (examples, out, ...)."""
        out, fan_in = self.weight.mantissa.shape[0], self.weight.mantissa[0].numel()
        groups = self.geometry.groups if self.geometry is not None else 1
        windows = 1
        for n in (output[0], *output[2:]):
            windows *= n
        inputs = output[0]  # values of the input: examples x those of one
        for n in self._size[1:]:
            inputs *= n
        kept = (0, 0) if self.sparsity is None else tuple(self.sparsity)
        return Layer(
            self.name,
            fan_in,
            out // groups,
            windows,
            groups,
            self.trained,
            error,
            inputs,
            self.bias_learns,
            self.norm is not None,
            kept,
        )

    def _passed(self, error: Int8, y: Int8) -> Int8:
        """error where the output y was neither 0 nor at its limit."""
        if isinstance(self.limit, Limits):
            assert self._top is not None
            passed = limited_error(error, y, self._top)
        else:
            passed = relu_error(error, y, self.limit)
        if self.wrong is None:
            return passed
        return Int8(self.wrong.mask(error.mantissa, passed.mantissa), passed.exponent)

    def _rectify(self, acc: Sums) -> Sums:
        """max(acc, 0), at most the limit; what is cut off must have fitted in the accumulator too."""
        accumulator = self.narrowing.accumulator
        if acc.sums.dtype != torch.float32 or self.steps is not None or 2 ** (accumulator - 1) < SINGLE:
            fits(largest(acc.sums), accumulator)
        if isinstance(self.limit, Limits):
            return Sums(limited(acc.sums, self.limit.at(acc.exponent)), acc.exponent)
        top = None
        if self.limit is not None and acc.exponent > -99:  # finer, and no sum gets there
            top = round(self.limit * 2.0**-acc.exponent)
        return Sums(acc.sums.clamp_(0, top), acc.exponent)

    @property
    def examples(self) -> int:
        """Of the last `forward`."""
        return self._size[0]

    def _gradient(self, x: Int8, error: Int8) -> Sums:
        if self.geometry is not None:
            shape = tuple(self.weight.mantissa.shape)
            return products.convolution_gradient(x, error, self.geometry, shape)
        return products.connection_gradient(x, error)

    def _units(self) -> Tensor:
        """(out,) 2^steps; there are some."""
        assert self.steps is not None
        if self._unit is None or self._unit[0] is not self.steps:
            self._unit = (self.steps, 2.0**self.steps)
        return self._unit[1]

    def _channels(self, values: Tensor, dimensions: int) -> Tensor:
        """values (out,) so that they multiply the channels of (examples, out, ...)."""
        return values.view(1, -1, *[1] * (dimensions - 2))

    def _bias(self, exponent: int) -> tuple[Tensor | None, Lift | None]:
        """The bias in units of the accumulator (2^exponent, channel by channel), or what adds it afterwards.

        Afterwards where the accumulator's unit is so fine that the bias would leave it: sums are shifted first.
        """
        if self.bias is None:
            return None, None
        if self._aligned is None or self._aligned[0] is not self.bias:
            self._aligned = (self.bias, {})
        known = self._aligned[1]
        if exponent not in known:
            known[exponent] = self._bias_at(self.bias, exponent)
        return known[exponent]

    def _bias_at(self, bias: Bias, exponent: int) -> tuple[Tensor | None, Lift | None]:
        """As `_bias`, worked out."""
        mantissa, up = bias.mantissa, bias.exponent - exponent
        if largest(mantissa).bit_length() + up > self.narrowing.accumulator - 1 - HEADROOM:
            return None, Lift(bias, self.narrowing.accumulator)
        if self.steps is None:
            return shifted(mantissa, min(-up, FAR)).double(), None
        return _shifted_each(mantissa, self.steps.to(torch.int64) - up).double(), None


class Lift(NamedTuple):
    """Adds a bias much larger than the sums: they are shifted down to where it has room."""

    bias: Bias
    accumulator: int

    def __call__(self, acc: Sums) -> Sums:
        """acc + bias, at a coarser exponent."""
        fits(largest(acc.sums), self.accumulator)
        room = self.accumulator - 1 - HEADROOM - largest(self.bias.mantissa).bit_length()
        exponent = self.bias.exponent - room
        sums = shifted(acc.sums, min(exponent - acc.exponent, 62)).double()
        bias = shifted(self.bias.mantissa, -room).double()
        return Sums(sums + bias.view(1, -1, *[1] * (sums.dim() - 2)), exponent)


def _summed(error: Int8) -> Sums:
    """(out,) errors (examples, out, ...) summed over all but `out`; whole numbers, exact in float64."""
    axes = [n for n in range(error.mantissa.dim()) if n != 1]
    return Sums(error.mantissa.sum(axes, dtype=torch.float64), error.exponent)


def _shifted_each(values: Tensor, shift: Tensor) -> Tensor:
    """values / 2^shift, each by its own shift, rounded half away from zero; negative shifts go up."""
    down = shift.clamp(min=0, max=62)
    size = ((values.abs() << 1 >> down) + 1) >> 1
    size = size << (-shift).clamp(min=0)
    return torch.where(values < 0, -size, size)


def per_channel(values: Tensor, spread: int) -> tuple[Int8, Tensor]:
    """(weights, steps): values (out, ...) with an exponent for each output, at most `spread` above the smallest.

    Rounded so that sums are kept, see `introunding`.
    """
    flat = values.reshape(len(values), -1)
    lowest = (
        fitting(0.0) if not flat.any() else -(10**6)
    )  # a row of zeros takes the smallest step of the others
    exponents = torch.tensor([fitting(float(row.abs().max())) if row.any() else lowest for row in flat])
    exponents = exponents.clamp(min=int(exponents.max()) - spread)
    lowest = int(exponents.min())
    scale = (2.0 ** -exponents.double()).view(-1, *[1] * (values.dim() - 1))
    mantissa = kept_sums(values.double() * scale).float()
    return Int8(mantissa, lowest), (exponents - lowest).float()
