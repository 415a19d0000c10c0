"""Layers of an integer network without weights: each goes forward, and back with an error.

`forward` takes and gives Int8 and, if asked, keeps what `backward` needs: one bit for each element of a ReLU, the
places of maxima. Layers with weights are in `intweighted`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from cimlearn.errors import InputError
from cimlearn.learning.integer import pool
from cimlearn.learning.integer.limits import Limit, Limits, limited, limited_error
from cimlearn.learning.integer.pool import Window
from cimlearn.learning.integer.tensor import Int8, Tensor, added, relu, relu_error, torch
from cimlearn.learning.integer.weighted import Narrowing


class Operation(Protocol):
    """What every layer can do."""

    name: str

    def forward(self, *inputs: Int8, keep: bool) -> Int8:
        """The output."""

    def backward(self, error: Int8, *, wanted: bool) -> tuple[Int8, ...]:
        """Errors of the inputs, in their order; empty if no input's error is `wanted`."""

    def kept_bits(self) -> int:
        """Bits that hardware has to keep from `forward` for `backward`."""


@dataclass
class Relu:
    """max(x, 0), at most `limit`."""

    name: str
    limit: Limit = None
    wrong: Any = None  # a `wrong.WrongBits` of the mask
    _output: Int8 | None = None

    def forward(self, *inputs: Int8, keep: bool) -> Int8:
        """The output, which is also the mask."""
        (x,) = inputs
        if isinstance(self.limit, Limits):
            y = Int8(limited(x.mantissa.clone(), self.limit.at(x.exponent)), x.exponent)
        else:
            y = relu(x, self.limit)
        self._output = y if keep else None
        return y

    def backward(self, error: Int8, *, wanted: bool) -> tuple[Int8, ...]:
        """error where the mask is 1."""
        if not wanted:
            return ()
        y = kept(self._output, self.name)
        if isinstance(self.limit, Limits):
            passed = limited_error(error, y, self.limit.at(y.exponent))
        else:
            passed = relu_error(error, y, self.limit)
        if self.wrong is not None:
            passed = Int8(self.wrong.mask(error.mantissa, passed.mantissa), passed.exponent)
        return (passed,)

    def kept_bits(self) -> int:
        """One for each element."""
        return self._output.mantissa.numel() if self._output is not None else 0


@dataclass
class Add:
    """a + b."""

    name: str
    narrowing: Narrowing = field(default_factory=Narrowing)

    def forward(self, *inputs: Int8, keep: bool) -> Int8:
        """The sum, narrowed."""
        a, b = inputs
        return self.narrowing.forward(added(a, b))

    def backward(self, error: Int8, *, wanted: bool) -> tuple[Int8, ...]:
        """The same error for both."""
        return (error, error) if wanted else ()

    def kept_bits(self) -> int:
        """None."""
        return 0


@dataclass
class Average:
    """Average pooling; window None = over the whole map."""

    name: str
    window: Window | None
    narrowing: Narrowing = field(default_factory=Narrowing)
    _size: tuple[int, ...] = ()

    def forward(self, *inputs: Int8, keep: bool) -> Int8:
        """The averages, narrowed."""
        self._size = tuple(inputs[0].mantissa.shape)
        return self.narrowing.forward(pool.averaged(inputs[0], self._window()))

    def backward(self, error: Int8, *, wanted: bool) -> tuple[Int8, ...]:
        """error / n to each value."""
        if not wanted:
            return ()
        return (self.narrowing.backward(pool.average_error(error, self._window(), self._size)),)

    def kept_bits(self) -> int:
        """None."""
        return 0

    def _window(self) -> Window:
        height, width = self._size[2:]
        return self.window or Window((height, width), (height, width))


@dataclass
class Maximum:
    """Max pooling."""

    name: str
    window: Window
    narrowing: Narrowing = field(default_factory=Narrowing)
    _size: tuple[int, ...] = ()
    _places: Tensor = None

    def forward(self, *inputs: Int8, keep: bool) -> Int8:
        """The maxima."""
        self._size = tuple(inputs[0].mantissa.shape)
        y, places = pool.maximal(inputs[0], self.window)
        self._places = places if keep else None
        return y

    def backward(self, error: Int8, *, wanted: bool) -> tuple[Int8, ...]:
        """Errors where the maxima were; narrowed, as windows may overlap."""
        if not wanted:
            return ()
        acc = pool.maximal_error(error, kept(self._places, self.name), self._size)
        return (self.narrowing.backward(acc),)

    def kept_bits(self) -> int:
        """The place of each maximum inside its window."""
        places = self._places
        return 0 if places is None else places.numel() * (self.window.values - 1).bit_length()


@dataclass
class Resize:
    """Nearest or bilinear resizing, to `size` or by `factor`."""

    name: str
    size: tuple[int, int] | None
    mode: str = "nearest"
    factor: tuple[float, float] | None = None
    narrowing: Narrowing = field(default_factory=Narrowing)
    _size: tuple[int, ...] = ()

    def forward(self, *inputs: Int8, keep: bool) -> Int8:
        """The map at its new size, narrowed."""
        self._size = tuple(inputs[0].mantissa.shape)
        size = self.size
        if size is None:
            down, across = self.factor or (1.0, 1.0)
            size = int(self._size[2] * down), int(self._size[3] * across)
        return self.narrowing.forward(pool.resized(inputs[0], size, self.mode))

    def backward(self, error: Int8, *, wanted: bool) -> tuple[Int8, ...]:
        """Errors by the same weights, the other way round."""
        if not wanted:
            return ()
        acc = pool.resized_error(error, (self._size[2], self._size[3]), self.mode)
        return (self.narrowing.backward(acc),)

    def kept_bits(self) -> int:
        """None."""
        return 0


@dataclass
class Flat:
    """All but the examples on one axis."""

    name: str
    _size: tuple[int, ...] = ()

    def forward(self, *inputs: Int8, keep: bool) -> Int8:
        """(examples, everything else)."""
        (x,) = inputs
        self._size = tuple(x.mantissa.shape)
        return Int8(x.mantissa.flatten(1), x.exponent)

    def backward(self, error: Int8, *, wanted: bool) -> tuple[Int8, ...]:
        """The error in the input's shape."""
        return (Int8(error.mantissa.reshape(self._size), error.exponent),) if wanted else ()

    def kept_bits(self) -> int:
        """None."""
        return 0


@dataclass
class Part:
    """Some of the input, by index: the strided shortcut of a ResNet without weights."""

    name: str
    index: Any  # a tuple of slices
    _size: tuple[int, ...] = ()

    def forward(self, *inputs: Int8, keep: bool) -> Int8:
        """The part."""
        (x,) = inputs
        self._size = tuple(x.mantissa.shape)
        return Int8(x.mantissa[self.index], x.exponent)

    def backward(self, error: Int8, *, wanted: bool) -> tuple[Int8, ...]:
        """The error in its place, zeros elsewhere."""
        if not wanted:
            return ()
        whole = error.mantissa.new_zeros(self._size)
        whole[self.index] = error.mantissa
        return (Int8(whole, error.exponent),)

    def kept_bits(self) -> int:
        """None."""
        return 0


@dataclass
class Padded:
    """The input with zeros around it."""

    name: str
    pads: tuple[int, ...]  # before and after, last axis first

    def forward(self, *inputs: Int8, keep: bool) -> Int8:
        """The input and its zeros."""
        (x,) = inputs
        return Int8(torch.nn.functional.pad(x.mantissa, self.pads), x.exponent)

    def backward(self, error: Int8, *, wanted: bool) -> tuple[Int8, ...]:
        """The error without what belongs to the zeros."""
        if not wanted:
            return ()
        inner = tuple(-n for n in self.pads)
        return (Int8(torch.nn.functional.pad(error.mantissa, inner), error.exponent),)

    def kept_bits(self) -> int:
        """None."""
        return 0


def kept(value: Any, name: str) -> Any:
    """`value`; InputError if forward kept none."""
    if value is None:
        raise InputError(f"{name} can't go back: it kept nothing; call forward with keep=True")
    return value
