"""Equalised backbones: the same function, channels of one size; limits by channel, kept sums, clipped outliers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from cimlearn.chips.sas_mram.images import fitted  # noqa: E402
from cimlearn.chips.sas_mram.task import image_exponent  # noqa: E402
from cimlearn.learning.integer.graph import IntGraph  # noqa: E402
from cimlearn.learning.integer.rounding import kept_sums, least_error  # noqa: E402
from cimlearn.learning.integer.tensor import Int8, from_float  # noqa: E402
from cimlearn.learning.integer.weighted import per_channel  # noqa: E402
from cimlearn.networks.backbone import Backbone, prepare  # noqa: E402
from cimlearn.networks.backbones import build, names, shipped  # noqa: E402
from cimlearn.networks.equalise import Limited, equalised  # noqa: E402

SAME = 1e-5  # of features, relative


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def uneven(name: str) -> Backbone:
    """Random weights, and batch norms whose channels differ by a factor of about 30."""
    backbone = build(name, 5, seed=1)
    generator = torch.Generator().manual_seed(4)
    for m in backbone.modules():
        if isinstance(m, nn.BatchNorm2d):
            size = torch.exp(torch.randn(m.num_features, generator=generator) * 1.2)
            m.weight.data = size * (2 * torch.randint(0, 2, (m.num_features,), generator=generator) - 1)
            m.bias.data = size * torch.randn(m.num_features, generator=generator) * 0.5
    return backbone


def pictures(count: int, side: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def apart(a: Any, b: Any) -> float:
    return float((a - b).norm() / b.norm())


def normalised(images: np.ndarray, backbone: Backbone) -> Any:
    """`prepare` in float64."""
    mean, deviation = (np.array(v) for v in (backbone.facts.mean, backbone.facts.deviation))
    return torch.from_numpy(((images / 255 - mean) / deviation).transpose(0, 3, 1, 2).copy())


def settled(backbone: Backbone, images: np.ndarray) -> Backbone:
    """Running statistics from `images`, as training would have left them."""
    for m in backbone.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.momentum = 1.0
    with torch.no_grad():
        backbone.train().features(prepare(images, backbone))
    return backbone.eval()


@pytest.mark.parametrize("name", names())
def test_the_features_stay(name: str) -> None:
    small = name in ("resnet8", "resnet20")
    images = pictures(2, 32 if small else 64)
    plain = settled(uneven(name), images).double()
    made = equalised(plain)
    with torch.no_grad():
        before, after = (b.features(normalised(images, b)) for b in (plain, made))
    assert apart(after, before) < SAME
    changed = [m for m in made.modules() if isinstance(m, Limited)]
    assert bool(changed) == (not name.startswith("resnet"))
    assert made.public_state().keys() == plain.public_state().keys()
    assert not torch.equal(next(made.parameters()), next(plain.parameters()))  # images are scaled at least


def test_a_folded_network_comes_back_as_it_is() -> None:
    plain, made = shipped(), equalised(shipped())
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), made.parameters(), strict=True))
    assert made.facts == plain.facts


def test_channels_get_about_one_size() -> None:
    """How unequal the largest values of channels are, in powers of two, after each of the first blocks."""
    images = pictures(4, 64)
    plain = settled(uneven("mobilenet_v2"), images)
    spreads = []
    for backbone in (plain, equalised(plain)):
        x = prepare(images, backbone)
        with torch.no_grad():
            for block in backbone.blocks[:4]:
                x = block(x)
                spreads.append(float(x.abs().amax((0, 2, 3)).clamp(min=1e-6).log2().std()))
    # After blocks 1 and 3: 0 ends in a ReLU, some of its channels are never active; 2 shares its scales with 3.
    assert min(spreads[1], spreads[3]) > 1.0
    assert max(spreads[5], spreads[7]) < 0.5


def test_every_colour_fills_its_range() -> None:
    made = equalised(uneven("mobilenet_v2"))
    black_white = np.stack([np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 255, np.uint8)])
    x = from_float(prepare(black_white, made), exponent=image_exponent(made))
    assert x.mantissa.abs().amax((0, 2, 3)).tolist() == [127, 127, 127]


def limited_layer(limits: list[float]) -> Any:
    """A depthwise convolution that multiplies by 1, and limits."""
    conv = nn.Conv2d(len(limits), len(limits), 1, groups=len(limits), bias=False)
    conv.weight.data.fill_(1.0)
    return nn.Sequential(conv, Limited(torch.tensor(limits)))


def test_limits_by_channel_by_hand() -> None:
    """Channels with limits 0.5, 3 and 100; errors pass where the output is above 0 and below its limit."""
    values = torch.tensor([-4.0, 0.25, 1.0, 7.0])
    x = Int8(values.mul(4).view(1, 1, 1, 4).expand(1, 3, 1, 4).clone(), -2)
    for after_weights in (True, False):
        block = limited_layer([0.5, 3.0, 100.0])
        if not after_weights:
            block = nn.Sequential(nn.Identity(), block[1])
        graph = IntGraph(block, exponents={"0": -6})
        assert len(graph.steps) == 1
        y = graph.forward(x)
        assert y.value().view(3, 4).tolist() == [[0, 0.25, 0.5, 0.5], [0, 0.25, 1, 3], [0, 0.25, 1, 7]]
        back = graph.backward(Int8(torch.full((1, 3, 1, 4), 5.0), 0))
        assert back is not None
        assert back.value().view(3, 4).tolist() == [[0, 5, 0, 0], [0, 5, 5, 0], [0, 5, 5, 5]]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(-12, 3))
@example(527576, 0)  # the largest sum is 256 times a power of two: 128 steps, of which int8 has 127
def test_errors_stop_exactly_where_sums_reached_their_limit(seed: int, exponent: int) -> None:
    rng = np.random.default_rng(seed)
    limits = np.exp(rng.normal(0, 1.5, 6)).astype(np.float32)
    graph = IntGraph(limited_layer([float(v) for v in limits]), exponents={"0": -6})
    x = Int8(torch.from_numpy(rng.integers(-127, 128, (3, 6, 4, 4)).astype(np.float32)), exponent)
    y = graph.forward(x)
    back = graph.backward(Int8(torch.ones_like(y.mantissa), 0))
    assert back is not None
    step, near = (
        2.0**y.exponent,
        2.0 ** (exponent - 7) + 2.0**-15 * limits.max(),
    )  # limits are rounded to sums
    value, limit = x.value().numpy(), limits.reshape(1, -1, 1, 1)
    lost = np.where(y.mantissa.numpy() == 127, step, 0.5 * step)
    assert (np.abs(y.value().numpy() - np.clip(value, 0, limit)) <= lost + near).all()
    passed = back.mantissa.numpy() != 0
    seen = limit <= 127 * step  # a limit at the 128th step stops nothing: int8 ends below it
    assert not passed[(value <= 0) | (seen & (value > limit + near))].any()
    assert passed[(value >= 0.5 * step) & (value < limit - step - near)].all()


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([(4, 3, 3, 3), (6, 1, 5, 5), (5, 40, 1, 1), (3, 17), (2, 1, 1, 1), (4, 2, 1, 3)]),
    st.integers(0, 2**31),
)
def test_rounding_keeps_the_sums(shape: tuple[int, ...], seed: int) -> None:
    values = torch.from_numpy(np.random.default_rng(seed).uniform(-120, 120, shape))
    whole = kept_sums(values)
    assert torch.equal(whole, whole.round())
    error = whole - values
    assert float(error.abs().max()) < 1  # no value moves by a step
    assert float(error.flatten(1).sum(1).abs().max()) <= 0.5 + 1e-9  # filters
    if len(shape) == 4 and shape[2] * shape[3] > 1:
        assert (
            float(error.flatten(2).sum(2).abs().max()) <= 1.5 + 1e-9
        )  # kernels: a half, and one move for the filter
    assert torch.equal(kept_sums(values.round()), values.round())


def test_outliers_are_clipped_where_that_loses_less() -> None:
    rng = np.random.default_rng(0)
    normal = torch.from_numpy(rng.normal(0, 1000, 20_000).round())
    assert least_error(normal, int(normal.abs().max())) == 5  # +-4 sigma in 7 bits: nothing is to be won
    with_outlier = normal.clone()
    with_outlier[0] = 8_200  # at 7 bits a step is 128, 64 clips it by 72, 32 by 4,136
    assert least_error(with_outlier, 8_200) == 6
    assert least_error(torch.tensor([3.0, -100.0]), 100) == 0
    flat = torch.from_numpy(rng.integers(-16_000, 16_001, 5000).astype(np.float64))
    assert least_error(flat, 16_000) == 7  # all values are as large


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(8, 22))
def test_no_other_shift_loses_less(seed: int, power: int) -> None:
    """Against the errors of all shifts, in float64."""
    rng = np.random.default_rng(seed)
    sums = (rng.standard_t(2, 900) * 2**power / 60).round()
    most = int(np.abs(sums).max())
    shift = least_error(torch.from_numpy(sums), most)
    top = max((most - 1).bit_length() - 7, 0)

    def lost(s: int) -> float:
        whole = np.minimum(np.floor(np.abs(sums) / 2**s + 0.5), 127) * 2**s
        return float(np.square(whole - np.abs(sums)).sum())

    best = min(lost(s) for s in range(max(top - 3, 0), top + 1))
    assert lost(shift) <= 1.05 * best + 1e-9


def test_images_are_enlarged_in_whole_numbers() -> None:
    images = pictures(3, 8)
    assert np.array_equal(fitted(images, 8, "resize"), images)
    padded = fitted(images, 12, "pad")
    assert padded.shape == (3, 12, 12, 3)
    assert np.array_equal(padded[:, 2:10, 2:10], images)
    assert int(padded.sum()) == int(images.sum())
    for side in (16, 12, 33):
        found = fitted(images, side, "resize")
        x = torch.from_numpy(images).permute(0, 3, 1, 2).double()
        wanted = torch.nn.functional.interpolate(x, (side, side), mode="bilinear", align_corners=False)
        assert found.dtype == np.uint8
        assert (
            np.abs(found.astype(float) - wanted.permute(0, 2, 3, 1).numpy()).max() <= 0.5 + 2.0
        )  # 8-bit weights
    exact = fitted(images, 16, "resize")  # a power of two: weights are exact, rounded half up
    x = torch.from_numpy(images).permute(0, 3, 1, 2).double()
    wanted = torch.nn.functional.interpolate(x, (16, 16), mode="bilinear", align_corners=False)
    assert np.array_equal(exact, np.floor(wanted.permute(0, 2, 3, 1).numpy() + 0.5))
    assert (fitted(np.full((1, 8, 8, 1), 255, np.uint8), 20, "resize") == 255).all()


@pytest.mark.parametrize("spread", [0, 1, 3])
@pytest.mark.parametrize("zero", ["all", "a row", "none"])
def test_layers_of_zeros_are_exact(spread: int, zero: str) -> None:
    """Whatever is zero stays zero and finite, and the rest is as near as its step."""
    values = torch.linspace(-1, 1, 4 * 6, dtype=torch.float64).view(4, 6, 1, 1)
    values = values * 0 if zero == "all" else values
    if zero == "a row":
        values[2] = 0
    found, steps = per_channel(values, spread)
    exact = found.mantissa.double() * 2.0 ** (found.exponent + steps.double()).view(-1, 1, 1, 1)
    assert torch.isfinite(exact).all() and torch.isfinite(steps).all()
    assert (exact[values.flatten(1).abs().sum(1) == 0] == 0).all()
    assert (exact - values).abs().max() <= 2.0**-7


@pytest.mark.parametrize("name", ["resnet8", "resnet20"])
def test_a_network_of_zeros_works(name: str) -> None:
    network = build(name, seed=0)
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.zero_()
    for block in network.eval().blocks:
        graph = IntGraph(block, spread=3)
        size = next(m for m in block.modules() if isinstance(m, nn.Conv2d)).in_channels
        answer = graph.forward(from_float(torch.ones(1, size, 8, 8)), keep=False)
        assert torch.isfinite(answer.mantissa).all()
