"""Whole layers of MobileNetV2 at 224 pixels against literal bit planes, at places drawn at random."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest

from cimlearn.arrays import bitserial

torch = pytest.importorskip("torch")

from cimlearn.learning.integer import products  # noqa: E402
from cimlearn.learning.integer.graph import IntGraph  # noqa: E402
from cimlearn.learning.integer.products import Geometry  # noqa: E402
from cimlearn.learning.integer.repnet import Fixed  # noqa: E402
from cimlearn.learning.integer.tensor import Int8  # noqa: E402
from cimlearn.networks.backbones import build  # noqa: E402
from cimlearn.networks.repnet import RepNet  # noqa: E402

EXAMPLES, PLACES = 2, 6
EXACT = (2**24 - 1) // 127  # sums of |w| up to which int8 inputs stay exact in float32


class Case(NamedTuple):
    """A convolution of the network: which block, which convolution in it, the side of its input."""

    block: str
    layer: str
    side: int


CASES = (
    Case("features.0", "0", 224),  # first: 3 x 3, stride 2
    Case("features.2", "conv.1.0", 112),  # depthwise, stride 2
    Case("features.4", "conv.0.0", 28),  # expansion
    Case("features.17", "conv.2", 7),  # projection
    Case("features.18", "0", 7),  # last 1 x 1: 1280 outputs
    Case("features.2", "module", 28),  # of Rep-Net, on the image pooled by 8
    Case("features.14", "module", 7),  # of Rep-Net, 5 x 5 in 2 groups
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def net() -> RepNet:
    return RepNet(build("mobilenet_v2"), norm="none", resize="nearest")


def layer_of(net: RepNet, case: Case) -> tuple[tuple[int, ...], Geometry]:
    """The weight's shape and the geometry, from the integer graph of the real block or module."""
    if case.layer == "module":
        number = [c.block for c in net.connectors].index(case.block)
        graph, name = IntGraph(Fixed(net.reprogram[number], (14, 14), True), trained=True), "conv1"
    else:
        graph, name = IntGraph(net.backbone.blocks[net.backbone.index(case.block)], spread=3), case.layer
    layer = next(s.operation for s in graph.steps if s.operation.name == name)
    return tuple(layer.weight.mantissa.shape), layer.geometry


def drawn(rng: np.random.Generator, shape: tuple[int, ...], low: int, extreme: bool) -> np.ndarray:
    values = rng.integers(low, 128, shape, dtype=np.int8)
    return np.where(values < 0, low, 127).astype(np.int8) if extreme else values


def int8(values: np.ndarray) -> Int8:
    return Int8(torch.from_numpy(values.astype(np.float32)), 0)


def literal(a: np.ndarray, b: np.ndarray) -> int:
    """sum a b of int8 values, bit plane by bit plane."""
    return int(bitserial.product(a.reshape(1, -1), b.reshape(-1, 1))[0, 0])


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.block}-{case.layer}")
def test_forward_error_and_gradient_at_224_pixels(net: RepNet, case: Case, extreme: bool) -> None:
    (out, inside, kh, kw), geometry = layer_of(net, case)
    rng = np.random.default_rng(3)
    (sy, sx), (py, px), groups = geometry
    x = drawn(rng, (EXAMPLES, inside * groups, case.side, case.side), -127, extreme)
    w = drawn(rng, (out, inside, kh, kw), -128, extreme)  # a failed bit may give -128
    if extreme:
        x[0], w[0] = 127, 127  # the largest sum there can be, of one sign
    high, wide = ((case.side + 2 * p - k) // s + 1 for p, k, s in ((py, kh, sy), (px, kw, sx)))
    e = drawn(rng, (EXAMPLES, out, high, wide), -127, extreme)
    y = products.convolved(int8(x), int8(w), geometry).sums
    back = products.convolution_error(int8(e), int8(w), geometry, x.shape).sums
    gradient = products.convolution_gradient(int8(x), int8(e), geometry, w.shape).sums
    assert y.shape == e.shape
    padded = np.pad(x, ((0, 0), (0, 0), (py, py), (px, px)))
    each = out // groups  # outputs of a group
    for turn in range(PLACES):
        n, o = int(rng.integers(EXAMPLES)), int(rng.integers(out))
        i, j, c = int(rng.integers(high)), int(rng.integers(wide)), int(rng.integers(inside))
        ky, kx = int(rng.integers(kh)), int(rng.integers(kw))
        if turn == 0:
            n, o, i, j = 0, 0, 0, 0  # a corner, where zeros pad; the extreme filter
        start = o // each * inside
        patch = padded[n, start : start + inside, i * sy : i * sy + kh, j * sx : j * sx + kw]
        assert int(y[n, o, i, j]) == literal(patch, w[o])
        seen = padded[:, start + c, ky : ky + sy * high : sy, kx : kx + sx * wide : sx][:, :high, :wide]
        assert int(gradient[o, c, ky, kx]) == literal(e[:, o], seen)
        assert int(back[n, start + c, i, j]) == from_windows(e[n], w, geometry, (start + c, i, j))


def from_windows(e: np.ndarray, w: np.ndarray, geometry: Geometry, place: tuple[int, int, int]) -> int:
    """The error of the input value at (channel, row, column): what every window over it sends back."""
    (sy, sx), (py, px), groups = geometry
    (out, inside, kh, kw), (channel, row, column) = w.shape, place
    first = channel // inside * (out // groups)
    own = range(first, first + out // groups)
    errors, weights = [], []
    for ky in range(kh):
        for kx in range(kw):
            (i, a), (j, b) = divmod(row + py - ky, sy), divmod(column + px - kx, sx)
            if a == b == 0 and 0 <= i < e.shape[1] and 0 <= j < e.shape[2]:
                errors.append(e[own, i, j])
                weights.append(w[own, channel % inside, ky, kx])
    return literal(np.array(errors, np.int8), np.array(weights, np.int8)) if errors else 0


@pytest.mark.parametrize("total", [EXACT - 1, EXACT, EXACT + 1, EXACT + 2])
def test_where_float32_ends_for_products(total: int) -> None:
    """Filters whose |w| add up to just so much; one more, and the largest sum is odd and above 2^24."""
    w = np.full((1, -(-total // 127)), 127, np.int8)
    w[0, -1] = total - 127 * (w.size - 1)
    x = np.full((2, w.size), 127, np.int8)
    x[1, 0] = -126
    found = products.connected(int8(x), int8(w)).sums
    assert found.dtype == (torch.float32 if total <= EXACT else torch.float64)
    assert [int(v) for v in found[:, 0]] == [int(v) for v in bitserial.product(x, w.T)[:, 0]]
    back = products.connection_error(int8(x), int8(w.T.copy())).sums
    assert int(back[0, 0]) == 127 * total


@pytest.mark.parametrize("side", [32, 33])  # 1024 and 1089 products of 127 x 127: below and above 2^24
@pytest.mark.parametrize("examples", [1, 3])
def test_where_float32_ends_for_gradients(side: int, examples: int) -> None:
    x, e = (np.full((examples, 1, side, side), 127, np.int8) for _ in "xe")
    e[:, :, 0, 0] = -1
    found = products.convolution_gradient(int8(x), int8(e), Geometry(), (1, 1, 1, 1)).sums
    assert int(found) == literal(x, e)
