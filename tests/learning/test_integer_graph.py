"""A PyTorch block in INT8: the same as its layers by hand, right gradients, and it learns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from cimlearn.arrays import faults
from cimlearn.errors import InputError

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from cimlearn.learning.integer.graph import IntGraph  # noqa: E402
from cimlearn.learning.integer.loss import softmax_error  # noqa: E402
from cimlearn.learning.integer.tensor import Int8, from_float  # noqa: E402
from cimlearn.learning.integer.update import UpdateRule  # noqa: E402
from cimlearn.learning.integer.weighted import Weighted  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(11)
    yield
    torch.set_num_threads(before)


class Shortcut(nn.Module):
    """Option A of ResNet: every second pixel, more channels of zeros."""

    def __init__(self, more: int) -> None:
        super().__init__()
        self.more = more

    def forward(self, x: Any) -> Any:
        return functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more // 2, self.more // 2))


class Block(nn.Module):
    """A block of ResNet-20, with a shortcut where it strides."""

    def __init__(self, inside: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU()
        self.shortcut = Shortcut(out - inside) if stride > 1 else nn.Identity()

    def forward(self, x: Any) -> Any:
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class Inverted(nn.Module):
    """A block of MobileNetV2: depthwise convolution, ReLU6, a residual."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = 3 * channels
        self.body = nn.Sequential(
            nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
            nn.Conv2d(wide, wide, 3, 1, 1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
            nn.Conv2d(wide, channels, 1, bias=False), nn.BatchNorm2d(channels),
        )  # fmt: skip

    def forward(self, x: Any) -> Any:
        return x + self.body(x)


class Head(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(channels, 5)

    def forward(self, x: Any) -> Any:
        x = functional.adaptive_avg_pool2d(x, (1, 1))
        return self.fc(torch.flatten(x, 1))


def settled(module: nn.Module) -> nn.Module:
    """Batch normalisations with statistics and factors of their own; in evaluation mode."""
    generator = torch.Generator().manual_seed(2)
    for m in module.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.running_mean.copy_(torch.randn(m.num_features, generator=generator) * 0.3)
            m.running_var.copy_(torch.rand(m.num_features, generator=generator) + 0.5)
            m.weight.data = torch.rand(m.num_features, generator=generator) + 0.5
            m.bias.data = torch.randn(m.num_features, generator=generator) * 0.2
    return module.eval()


def image(*shape: int) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(7))


BLOCKS: dict[str, Callable[[], nn.Module]] = {
    "resnet": lambda: Block(8, 8, 1),
    "strided": lambda: Block(8, 16, 2),
    "mobile": lambda: Inverted(8),
    "head": lambda: nn.Sequential(Block(8, 8, 1), Head(8)),
    "pools": lambda: nn.Sequential(
        nn.MaxPool2d(3, 2, 1), nn.BatchNorm2d(8), nn.AvgPool2d(2), nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.Dropout(), nn.Conv2d(8, 12, 3, groups=4), nn.Flatten(), nn.Linear(12 * 4, 3),
    ),
}  # fmt: skip
CLOSE = 0.08  # of int8 to floating point, relative error of a whole block


@pytest.mark.parametrize("spread", [0, 4])
@pytest.mark.parametrize("kind", BLOCKS)
def test_forward_and_backward_are_near_floating_point(kind: str, spread: int) -> None:
    block = settled(BLOCKS[kind]())
    x = from_float(image(4, 8, 8, 8)).value().requires_grad_()  # so that both find the same maxima
    y = block(x)
    e = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    graph = IntGraph(block, spread=spread)
    found = graph.forward(from_float(x.detach()))
    assert float((found.value() - y.detach()).norm() / y.detach().norm()) < CLOSE
    back = graph.backward(from_float(e))
    (expected,) = torch.autograd.grad(y, x, e)
    assert back is not None
    assert float((back.value() - expected).norm() / expected.norm()) < 2.5 * CLOSE


def bare(graph: IntGraph) -> nn.Module:
    """The float64 network of exactly the graph's integers, for a chain of convolutions and a linear layer."""
    made: list[nn.Module] = []
    for step in graph.steps:
        op = step.operation
        if isinstance(op, Weighted) and op.geometry is not None:
            out, inside, *kernel = op.weight.mantissa.shape
            g = op.geometry
            conv = nn.Conv2d(inside * g.groups, out, kernel, g.stride, g.padding, groups=g.groups, bias=False)
            conv.weight.data = op.weight.mantissa.double()
            made.append(conv)
            if op.rectified:
                made.append(nn.ReLU())
    return nn.Sequential(*made)


def test_before_anything_is_narrowed_all_is_exact() -> None:
    """Small integers fit in 7 bits all the way: forward, error and gradients equal float64 autograd."""
    block = nn.Sequential(
        nn.Conv2d(2, 4, 3, 2, 1, groups=2, bias=False), nn.ReLU(), nn.Conv2d(4, 3, 1, bias=False), nn.ReLU()
    )
    rng = np.random.default_rng(0)
    for m in block:
        if isinstance(m, nn.Conv2d):
            m.weight.data = torch.from_numpy(rng.integers(-1, 2, m.weight.shape).astype(np.float32))
    graph = IntGraph(block, trained=True, exponents={"0": 0, "2": 0})
    x = torch.from_numpy(rng.integers(-1, 2, (2, 2, 5, 5)).astype(np.float32))
    twin = bare(graph)
    inside = x.double().requires_grad_()
    y = twin(inside)
    e = torch.from_numpy(rng.integers(-1, 2, y.shape).astype(np.float32))
    found = graph.forward(Int8(x, 0))
    assert torch.equal(found.value().double(), y.detach())
    back = graph.backward(Int8(e, 0))
    y.backward(e.double())
    assert back is not None
    assert torch.equal(back.value().double(), inside.grad)
    for name in ("0", "2"):
        assert torch.equal(graph.gradients[name].double(), twin[int(name)].weight.grad)


@pytest.mark.parametrize("kind", ["resnet", "strided", "mobile"])
def test_each_layer_s_sums_equal_float64_of_the_same_integers(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every convolution in a whole block, forwards, back and gradient, against float64 autograd of its own operands."""
    graph = IntGraph(settled(BLOCKS[kind]()), trained=True)
    checked = []

    def spied(layer: Weighted) -> None:
        back = layer.backward

        def backward(error: Int8, *, wanted: bool) -> tuple[Int8, ...]:
            x = layer._input.mantissa.double().requires_grad_()
            w = layer.weight.mantissa.double().requires_grad_()
            g = layer.geometry
            y = functional.conv2d(x, w, None, g.stride, g.padding, groups=g.groups)
            if layer.rectified:
                out = layer._output.mantissa
                top = 200 if layer.limit is None else layer.limit * 2.0**-layer._output.exponent
                masked = Int8(error.mantissa * (out > 0) * (out < top), error.exponent)
            else:
                masked = error
            e_in, dw = torch.autograd.grad(y, (x, w), masked.mantissa.double())
            below = back(error, wanted=wanted)
            assert torch.equal(layer.gradient.sums.double(), dw)
            shift = below[0].exponent - error.exponent - layer.weight.exponent
            size = torch.floor(e_in.abs() / 2.0**shift + 0.5).clamp(max=127)  # half away from zero
            assert torch.equal(below[0].mantissa.double(), torch.sign(e_in) * size)
            checked.append(layer.name)
            return below

        monkeypatch.setattr(layer, "backward", backward)

    for step in graph.steps:
        if isinstance(step.operation, Weighted):
            spied(step.operation)
    y = graph.forward(from_float(image(3, 8, 8, 8)))
    graph.backward(from_float(torch.randn_like(y.mantissa)))
    assert len(checked) == sum(isinstance(step.operation, Weighted) for step in graph.steps)


def test_relu6_is_taken_before_sums_are_narrowed() -> None:
    """Sums far above 6 leave their exponent to what is at most 6; they still have to fit in the accumulator."""
    block = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU6())
    block[0].weight.data.fill_(1.0)
    x = Int8(torch.tensor([127.0, 64, 3, 2, -5]).view(1, 1, 1, 5), 0)
    y = IntGraph(block).forward(x)
    assert y.value().flatten().tolist() == [6, 6, 3, 2, 0]
    assert y.exponent == -4
    IntGraph(block, accumulator=15).forward(x)  # 127 * 127 needs 14 bits and a sign
    with pytest.raises(InputError, match="a sum of 16129 overflows an accumulator of 13 bits"):
        IntGraph(block, accumulator=13).forward(x)
    apart = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.Flatten(), nn.ReLU6())
    assert len(IntGraph(apart).steps) == 3
    both = IntGraph(Odd(lambda x: functional.relu(x) + x))
    assert both.forward(x).value().flatten().tolist() == [254, 128, 6, 4, -6]  # -5 / 2, half away from zero


def test_only_what_learns_keeps_its_input() -> None:
    frozen, learns = (IntGraph(settled(Block(8, 8, 1)), trained=t) for t in (False, ["conv2"]))
    x = from_float(image(2, 8, 8, 8))
    for graph in (frozen, learns):
        graph.forward(x)
    elements = 2 * 8 * 8 * 8
    assert frozen.kept_bits() == 2 * elements  # two ReLUs, a bit each
    assert learns.kept_bits() == 2 * elements + 8 * elements
    frozen.forward(x, keep=False)
    assert frozen.kept_bits() == 0
    with pytest.raises(InputError, match="keep=True"):
        frozen.backward(x)
    e = from_float(image(2, 8, 8, 8))
    assert learns.backward(e, input_error=False) is None
    assert list(learns.gradients) == ["conv2"]
    before = learns.weights()
    learns.update(UpdateRule(3))
    assert [name for name, w in learns.weights().items() if (w != before[name]).any()] == ["conv2"]
    with pytest.raises(InputError, match="conv2 has no gradient yet"):
        learns.update(UpdateRule(3))


def test_a_gradient_that_overflows_is_refused() -> None:
    graph = IntGraph(nn.Conv2d(1, 1, 1, bias=False), trained=True, accumulator=20)
    x = Int8(torch.full((1, 1, 8, 8), 127.0), 0)
    y = graph.forward(x)
    with pytest.raises(InputError, match=f"a sum of {127 * 127 * 64} overflows an accumulator of 20 bits"):
        graph.backward(Int8(torch.full_like(y.mantissa, 127.0), 0))


def test_products_of_each_layer() -> None:
    graph = IntGraph(settled(BLOCKS["head"]()), trained=["1.fc"])
    first, second, head = graph.layers((16, 8, 10, 12), input_error=False)
    assert (first.name, first.fan_in, first.outputs, first.windows) == ("0.conv1", 72, 8, 16 * 120)
    assert not first.error
    assert not second.error
    assert (head.fan_in, head.outputs, head.windows, head.trained, head.error) == (8, 5, 16, True, False)
    depthwise = IntGraph(settled(Inverted(4))).layers((2, 4, 6, 6))[1]
    assert (depthwise.fan_in, depthwise.outputs, depthwise.groups, depthwise.windows) == (9, 1, 12, 72)
    assert depthwise.error
    assert not depthwise.trained
    assert depthwise.forward.products == 9 * 12 * 72


def test_products_may_be_asked_for_between_forward_and_backward() -> None:
    graph = IntGraph(settled(Block(8, 16, 2)), trained=True)
    y = graph.forward(from_float(image(3, 8, 8, 8)))
    graph.layers((9, 8, 16, 16))
    assert graph.backward(y).mantissa.shape == (3, 8, 8, 8)


def test_fixed_exponents() -> None:
    block = settled(BLOCKS["head"]())
    graph = IntGraph(block)
    batches = [from_float(image(4, 8, 8, 8) * s) for s in (0.5, 1.0)]
    graph.calibrate(batches)
    alone = graph.forward(Int8(batches[1].mantissa[:1], batches[1].exponent), keep=False)
    together = graph.forward(batches[1], keep=False)
    assert torch.equal(alone.mantissa[0], together.mantissa[0])  # no example depends on the others
    wanted = block(image(4, 8, 8, 8)).detach()
    assert float((together.value() - wanted).norm() / wanted.norm()) < CLOSE
    far = graph.forward(Int8(batches[1].mantissa, 9), keep=False)
    assert far.exponent == together.exponent  # clipped
    graph.dynamic()
    assert graph.forward(Int8(batches[1].mantissa, 9), keep=False).exponent > together.exponent


def test_a_bias_far_above_the_sums() -> None:
    block = nn.Conv2d(2, 2, 1)
    block.weight.data.fill_(2.0**-6)
    block.bias.data = torch.tensor([3.0, -1.5])
    for spread in (0, 2):
        y = IntGraph(block, spread=spread).forward(Int8(torch.ones(1, 2, 2, 2), -40))
        assert torch.allclose(y.value()[0, :, 0, 0], torch.tensor([3.0, -1.5]), atol=0.02)
        small = IntGraph(block, spread=spread).forward(Int8(torch.ones(1, 2, 2, 2), 40))
        assert float(small.value()[0, 0, 0, 0]) == pytest.approx(2.0**35, rel=0.01)


def test_weights_go_out_and_come_back_with_faults() -> None:
    graph = IntGraph(settled(Block(8, 8, 1)), trained=["conv2"])
    x = from_float(image(2, 8, 8, 8))
    before = graph.forward(x).mantissa.clone()
    weights = graph.weights()
    memory = faults.StoredBits(
        weights["conv2"],
        write=faults.ErrorRates(),
        read=faults.ErrorRates(0.1, 0.1),
        generator=np.random.default_rng(1),
    )
    graph.load({"conv2": memory.read()})
    assert not torch.equal(graph.forward(x).mantissa, before)
    graph.load(weights)
    assert torch.equal(graph.forward(x).mantissa, before)
    with pytest.raises(InputError, match="did you mean 'conv2'"):
        graph.load({"conv3": weights["conv2"]})
    with pytest.raises(InputError, match="do not fit conv2"):
        graph.load({"conv2": weights["conv2"][:1]})


class Odd(nn.Module):
    def __init__(self, how: Callable[[Any], Any]) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: Any) -> Any:
        return self.how(x)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 1)

    def forward(self, x: Any) -> Any:
        return self.conv(self.conv(x))


class Own(nn.Conv2d):
    pass


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (nn.Sequential(nn.SiLU()), r"0 \(SiLU\) is not supported; supported: Conv2d"),
        (nn.Sequential(nn.Conv2d(2, 2, 3, dilation=2)), "dilation 1"),
        (nn.Sequential(Own(2, 2, 1)), r"0 \(Own\) is not supported"),
        (Odd(torch.sigmoid), "function sigmoid"),
        (Odd(lambda x: x + 1), "no tensor of the block"),
        (Odd(lambda x: functional.pad(x, (1, 1), value=2.0)), "pad with zeros"),
        (Odd(lambda x: x if x.sum() > 0 else -x), "can't be traced"),
        (Odd(lambda x: torch.flatten(x)), "from axis 1"),
        (Odd(lambda x: x.mean(1)), "axes|unusual"),
        (nn.Sequential(nn.AvgPool2d(3, 2, 1, count_include_pad=False)), "count_include_pad"),
        (nn.Sequential(nn.AdaptiveAvgPool2d(2)), "only to 1"),
        (nn.Sequential(nn.Upsample(size=4, mode="bicubic")), "mode bicubic"),
        (Twice(), "used twice"),
    ],
)
def test_what_is_not_supported_is_named(block: nn.Module, said: str) -> None:
    with pytest.raises(InputError, match=said):
        IntGraph(block)


def test_other_ways_to_write_the_same() -> None:
    ways: list[Callable[[Any], Any]] = [
        lambda x: x.view(x.size(0), -1),
        lambda x: x.reshape(x.shape[0], -1),
        lambda x: x.flatten(1),
        lambda x: x.mean((2, 3)),
        lambda x: functional.relu6(x).mean([2, 3], keepdim=True),
        lambda x: functional.max_pool2d(functional.relu(x), 2),
        lambda x: functional.avg_pool2d(functional.hardtanh(x, 0.0, 6.0), 2),
        lambda x: functional.interpolate(x, scale_factor=2, mode="nearest"),
        lambda x: functional.interpolate(x, size=(8, 8), mode="bilinear", align_corners=False),
        lambda x: functional.dropout(torch.add(x, x.relu()), training=False),
    ]
    x = image(2, 3, 4, 4)
    for way in ways:
        found = IntGraph(Odd(way)).forward(from_float(x)).value()
        assert found.shape == way(x).shape
        assert torch.allclose(found, way(x), atol=0.05)


def test_inexact_products_are_refused() -> None:
    torch.set_float32_matmul_precision("medium")
    try:
        with pytest.raises(InputError, match="not exact"):
            IntGraph(nn.Sequential(nn.ReLU()))
    finally:
        torch.set_float32_matmul_precision("highest")


def problem(seed: int, count: int) -> tuple[Any, Any]:
    """Images (count, 1, 12, 12): bars at 4 angles, somewhere, in noise."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 4, (count,), generator=generator)
    x = 0.4 * torch.randn(count, 1, 12, 12, generator=generator)
    at = torch.randint(2, 8, (count, 2), generator=generator)
    for n in range(count):
        r, c = (int(v) for v in at[n])
        for k in range(-2, 3):
            dr, dc = ((0, k), (k, 0), (k, k), (k, -k))[int(y[n])]
            x[n, 0, r + 2 + dr, c + 2 + dc] += 1.5
    return x, y


def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2, bias=False), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1, bias=False), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * 9, 4, bias=False),
    )  # fmt: skip


def learned_int8(x: Any, y: Any, *, rounding: Any = "pseudo", epochs: int = 8) -> IntGraph:
    graph = IntGraph(network(), trained=True)
    generator = torch.Generator().manual_seed(5)
    for epoch in range(epochs):
        for batch in torch.randperm(len(x), generator=generator).split(32):
            out = graph.forward(from_float(x[batch], exponent=-5))
            graph.backward(softmax_error(out, y[batch], fraction=4), input_error=False)
            graph.update(UpdateRule(4 if epoch < epochs // 2 else 3, "tensor", rounding, generator))
    return graph


def learned_float(x: Any, y: Any, epochs: int = 8) -> nn.Module:
    net = network()
    optimiser = torch.optim.SGD(net.parameters(), 0.2)
    generator = torch.Generator().manual_seed(5)
    for _ in range(epochs):
        for batch in torch.randperm(len(x), generator=generator).split(32):
            optimiser.zero_grad()
            functional.cross_entropy(net(x[batch]), y[batch]).backward()
            optimiser.step()
    return net


FEW_POINTS = 0.05


@pytest.mark.parametrize("rounding", ["pseudo", "stochastic"])
def test_int8_learns_as_well_as_floating_point(rounding: str) -> None:
    x, y = problem(0, 800)
    held_x, held_y = problem(1, 400)
    graph, net = learned_int8(x, y, rounding=rounding), learned_float(x, y)
    out = graph.forward(from_float(held_x, exponent=-5), keep=False).mantissa
    right = float((out.argmax(1) == held_y).double().mean())
    right_float = float((net(held_x).argmax(1) == held_y).double().mean())
    assert right_float > 0.9
    assert right > right_float - FEW_POINTS


def test_same_seed_same_integers_with_any_threads() -> None:
    x, y = problem(0, 128)
    found = []
    for threads in (1, 2, 1):
        torch.set_num_threads(threads)
        found.append(learned_int8(x, y, rounding="stochastic", epochs=1).weights())
    for other in found[1:]:
        assert all(np.array_equal(found[0][name], other[name]) for name in found[0])


def test_a_frozen_layer_of_zeros_answers_its_bias() -> None:
    """All scales of a batch norm 0: the weights are zeros, with whatever exponents, and the answer is the next bias."""
    torch.manual_seed(0)
    block = nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 1)
    ).eval()
    block[1].weight.data.zero_()
    y = IntGraph(block, spread=3).forward(from_float(torch.randn(2, 3, 8, 8))).value()
    wanted = block[3].bias.detach().view(1, -1, 1, 1).expand_as(y)
    assert float((y - wanted).abs().max() / wanted.abs().max()) < 1 / 127
