"""The three products of a training step on bit-serial sub-arrays, and where the awkward two are computed.

    forward   Y = W X           W is stored
    error     E_in = W^T E      W is stored, but the other way round; then overlapping windows are added (col2im)
    gradient  dW = E X^T        nothing is stored: one operand has to be written first
    bias      db = sum E        every error is added to its channel's sum as it is rounded: additions, no cycles

Where the transpose and the gradient are computed is not published. `Place` offers what the literature does:
a second, transposed copy of the weights; sub-arrays that can be read in both directions; a separate SRAM unit
(NeuroSim V2.1 keeps weight gradients in SRAM because they are rewritten so often).
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from cimlearn.arrays.bitserial import (
    Counts,
    Shape,
    SubArray,
    added,
    moved,
    multiplied,
    multiplied_transposed,
)
from cimlearn.errors import InputError

Transpose = Literal["copy", "transposable", "sram"]
Gradient = Literal["mram", "sram"]
TRANSPOSES: Final = ("copy", "transposable", "sram")
GRADIENTS: Final = ("mram", "sram")
# of the three products: the numbers that drive rows, and those that are stored
OPERANDS: Final = tuple(
    f"{p}_{side}" for p in ("forward", "error", "gradient") for side in ("driven", "stored")
)
BIAS_WORDS: Final = 2  # int8 words of a 16-bit bias
STATISTICS_BITS: Final = 64  # of a channel's running statistics, in SRAM


class Place(NamedTuple):
    """Where the transposed product and the weight gradient are computed."""

    mram: SubArray
    sram: SubArray
    transpose: Transpose
    gradient: Gradient
    hybrid: bool = (
        False  # weights that don't learn are in a memory of their own: counted as `frozen`, not `mram`
    )
    slow: bool = (
        False  # the unit is no SRAM: cycles that write operands into it are counted (`operand_cycles`)
    )

    def unit(self, layer: Layer) -> str:
        """Where a layer's weights are counted."""
        return "frozen" if self.hybrid and not layer.trained else "mram"


class Layer(NamedTuple):
    """A layer's work in one step: `windows` positions of the output over the whole batch, as matrix products.

    A convolution of kernel h x w: fan_in = in_channels / groups * h * w, outputs = out_channels / groups,
    windows = batch * output height * output width. A linear layer: one window for each example.
    """

    name: str
    fan_in: int
    outputs: int
    windows: int
    groups: int
    trained: bool
    error: bool  # the error goes on to the layer below
    inputs: int = 0  # values of the layer's input over the whole batch; 0: as many as its windows see
    bias: bool = False  # its biases learn
    norm: bool = False  # an integer norm follows, whose scale and offset learn
    kept: tuple[int, int] = (0, 0)  # N of M weights of a filter are stored; (0, 0): all
    folded: bool = False  # the norm has the statistics of its last folding, not those of the batch

    @property
    def forward(self) -> Shape:
        """W (fan_in, outputs) stored, a vector for each window; of N:M, the rows that are kept."""
        return Shape(self.stored_rows, self.outputs, self.windows, self.groups)

    @property
    def stored_rows(self) -> int:
        """Weights of a filter that are stored."""
        n, m = self.kept
        return self.fan_in * n // m if m else self.fan_in

    @property
    def index_bits(self) -> int:
        """Bits beside each stored weight that say which input drives it."""
        return (self.kept[1] - 1).bit_length() if self.kept[1] else 0

    @property
    def backward(self) -> Shape:
        """W^T (outputs, fan_in) stored, a vector of errors for each window."""
        return Shape(self.outputs, self.fan_in, self.windows, self.groups)

    @property
    def gradient(self) -> Shape:
        """The errors (windows, outputs) stored, a vector for each weight of a filter."""
        return Shape(self.windows, self.outputs, self.fan_in, self.groups)


def forward(layer: Layer, place: Place) -> Counts:
    """The work of Y = W X. Of N:M, all inputs are driven past the kept rows; index bits are read once an input."""
    found = multiplied(layer.forward, place.mram, part=place.unit(layer))
    if layer.index_bits:
        (n, m), unit = layer.kept, found[place.unit(layer)]
        unit["row_activations"] = unit["row_activations"] * m // n
        unit["index_bits_read"] = layer.forward.products * layer.index_bits
    return found


def error(layer: Layer, place: Place) -> Counts:
    """The work of E_in = W^T E; the windows that overlap are added up in `adders` (window_adds).

    'sram': the weights are read out and written, transposed, into the SRAM unit for every product.
    """
    _checked(place)
    overlap: Counts = {"adders": {"window_adds": layer.backward.columns * layer.windows * layer.groups}}
    if place.transpose == "copy":
        return added([multiplied(layer.backward, place.mram, part=place.unit(layer)), overlap])
    if place.transpose == "transposable":
        return added([multiplied_transposed(layer.forward, place.mram, part=place.unit(layer)), overlap])
    out = moved(layer.forward, place.mram, part=place.unit(layer), write=False)
    into = _into_unit(layer.backward, place)
    return added([out, into, multiplied(layer.backward, place.sram, part="sram"), overlap])


def gradient(layer: Layer, place: Place) -> Counts:
    """The work of dW = E X^T: the errors are written, the inputs are driven."""
    _checked(place)
    if place.gradient == "sram":
        return added([_into_unit(layer.gradient, place), multiplied(layer.gradient, place.sram, part="sram")])
    written = moved(layer.gradient, place.mram, part="mram", write=True)
    return added([written, multiplied(layer.gradient, place.mram, part="mram")])


def _into_unit(operand: Shape, place: Place) -> Counts:
    """The work of writing an operand into the unit for transposes and gradients."""
    found = moved(operand, place.sram, part="sram", write=True)
    if place.slow:
        found["operands"] = {"cycles": found["time"]["serial_cycles"]}
    return found


def bias_gradient(layer: Layer) -> Counts:
    """The work of adding up the errors of every channel."""
    return {"adders": {"bias_adds": layer.outputs * layer.groups * layer.windows}}


def norm_work(layer: Layer, *, learning: bool) -> Counts:
    """The work of a norm (`learning.integer.norm`): additions and multiplications for each output.

    Forward: s - m, beta; 1/d and gamma. Learning also sums s and |s - m|, and on the way back g and g x, sign x, and
    takes two means off: 9 additions and 4 multiplications in all. Two divisions of 32 bits a channel: 64 additions.
    With folded statistics no mean is taken off on the way back: 6 additions; the divisions of a folding are counted in
    each step, an upper limit, and the folded statistics are read beside the running ones.
    """
    if not layer.norm:
        return {}
    values = layer.outputs * layer.groups * layer.windows
    channels = layer.outputs * layer.groups
    adds, products = (6 if layer.folded else 9, 4) if learning else (2, 2)
    return {
        "norm": {
            "add": adds * values + (64 * channels if learning else 0),
            "multiply": products * values,
            "state_bits": (2 + layer.folded if learning else 1) * STATISTICS_BITS * channels,
        }
    }


def bias_update(layer: Layer, place: Place) -> Counts:
    """The work of writing every bias once: two int8 words for each output, below its weights."""
    return moved(_biases(layer), place.mram, part="mram", write=True)


def update(layer: Layer, place: Place) -> Counts:
    """The work of writing every weight of a trained layer once, and its transposed copy where there is one.

    An upper limit: weights that do not change need no write; `arrays.faults` counts the bits that did change.
    """
    _checked(place)
    written = [moved(layer.forward, place.mram, part="mram", write=True)]
    if place.transpose == "copy":
        written.append(moved(layer.backward, place.mram, part="mram", write=True))
    return added(written)


def step(layers: list[Layer], place: Place) -> dict[str, Counts]:
    """A training step: 'forward', 'error', 'gradient' and 'update' -> counts, layers one after the other."""
    trained, biased = [layer for layer in layers if layer.trained], [one for one in layers if one.bias]
    words = [*biased, *(one for one in layers if one.norm for _ in range(2))]  # gamma and beta are two
    return {
        "forward": added(forward(layer, place) for layer in layers),
        "error": added(error(layer, place) for layer in layers if layer.error),
        "gradient": added(
            [*(gradient(layer, place) for layer in trained), *(bias_gradient(one) for one in biased)]
        ),
        "update": added(
            [*(update(layer, place) for layer in trained), *(bias_update(one, place) for one in words)]
        ),
    }


def stored_bits(layers: list[Layer], place: Place) -> dict[str, int]:
    """Bits of memory that hold weights: 'weights', and 'copy', the transposed copies of layers that pass errors."""
    _checked(place)
    bits = {
        layer.name: layer.stored_rows * layer.outputs * layer.groups * (8 + layer.index_bits)
        for layer in layers
    }
    dense = (layer.fan_in * layer.outputs * layer.groups * 8 for layer in layers if layer.error)
    copies = sum(dense) if place.transpose == "copy" else 0
    return {"weights": sum(bits.values()), "copy": copies}


def bias_bits(layers: list[Layer]) -> int:
    """Bits of memory that hold biases, scales and offsets that learn."""
    words = sum(layer.outputs * layer.groups * (layer.bias + 2 * layer.norm) for layer in layers)
    return BIAS_WORDS * 8 * words


def _biases(layer: Layer) -> Shape:
    """The biases of a layer as a matrix of int8 words."""
    return Shape(BIAS_WORDS, layer.outputs, 1, layer.groups)


def _checked(place: Place) -> None:
    if place.transpose not in TRANSPOSES:
        raise InputError(f"transpose = {place.transpose!r} is not one of: {', '.join(TRANSPOSES)}")
    if place.gradient not in GRADIENTS:
        raise InputError(f"gradient = {place.gradient!r} is not one of: {', '.join(GRADIENTS)}")
