"""Batch norms in integers against floating point, velocities, exponents that move or follow the last batch."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cimlearn.learning.integer.graph import IntGraph  # noqa: E402
from cimlearn.learning.integer.norm import Norm, from_batch_norm, new_norm  # noqa: E402
from cimlearn.learning.integer.tensor import Int8, Sums, from_float  # noqa: E402
from cimlearn.learning.integer.update import UpdateRule, rate_rule, refitted, with_momentum  # noqa: E402

nn = torch.nn
NEAR = 0.03  # 8 bits of x are kept for the way back


def drawn(seed: int = 0) -> tuple[Any, Any]:
    """Sums (8, 3, 5, 5) whose channels are of very different size and middle, and an int8 error."""
    rng = np.random.default_rng(seed)
    size = np.array([200.0, 3000.0, 20000.0]).reshape(1, 3, 1, 1)
    s = np.round(rng.normal(0.7, 1, (8, 3, 5, 5)) * size)
    g = rng.integers(-127, 128, (8, 3, 5, 5)).astype(np.float32)
    return torch.from_numpy(s), torch.from_numpy(g)


def real(s: Any, gamma: Any, beta: Any) -> Any:
    """The same in float64 with means of magnitudes, by autograd."""
    m = s.mean((0, 2, 3), keepdim=True)
    d = (s - m).abs().mean((0, 2, 3), keepdim=True)
    return (s - m) / (1.25 * d) * gamma.view(1, -1, 1, 1) + beta.view(1, -1, 1, 1)


def made(gamma: list[float], beta: list[float]) -> Norm:
    norm = new_norm(3, 0.0, -14)
    for name, values in (("gamma", gamma), ("beta", beta)):
        one = getattr(norm, name)
        setattr(norm, name, one._replace(mantissa=torch.tensor([round(v * 2**14) for v in values])))
    norm.learning = True
    return norm


@pytest.mark.parametrize("unit", [0, -9])
def test_forward_and_backward_equal_autograd(unit: int) -> None:
    (s, g), gamma, beta = drawn(), [0.5, 1.5, -0.7], [0.1, 0.0, -1.0]
    norm = made(gamma, beta)
    y = norm.forward(Sums(s.clone(), unit), keep=True)
    back = norm.backward(Int8(g, -7))
    x = (s.double() * 2.0**unit).requires_grad_()
    weights = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (gamma, beta)]
    wanted = real(x, *weights)
    wanted.backward(g.double() * 2.0**-7)
    pairs = [
        (y.sums * 2.0**y.exponent, wanted.detach()),
        (back.sums * 2.0**back.exponent, x.grad),
        (norm.gamma_gradient.sums * 2.0**norm.gamma_gradient.exponent, weights[0].grad),  # type: ignore[union-attr]
        (norm.beta_gradient.sums * 2.0**norm.beta_gradient.exponent, weights[1].grad),  # type: ignore[union-attr]
    ]
    for found, right in pairs:
        assert float((found - right).norm() / right.norm()) < NEAR
    assert torch.equal(y.sums, y.sums.round()) and torch.equal(back.sums, back.sums.round())
    assert float(y.sums.abs().max()) < 2**31 > float(back.sums.abs().max())


def test_running_statistics_follow_and_serve_single_images() -> None:
    """After many alike batches they are those of the batches; an answer then doesn't depend on its batch."""
    norm = made([1.0] * 3, [0.0] * 3)
    for seed in range(60):
        norm.forward(Sums(drawn(seed)[0], 2), keep=False)
    s, norm.learning = drawn(99)[0], False
    whole = norm.forward(Sums(s.clone(), 2), keep=False)
    alone = norm.forward(Sums(s[:1].clone(), 2), keep=False)
    assert torch.equal(whole.sums[:1], alone.sums)
    wanted = real(s.double(), torch.ones(3), torch.zeros(3))
    assert float((whole.sums * 2.0**whole.exponent - wanted).norm() / wanted.norm()) < 0.1
    finer = norm.forward(Sums(s * 4, 0), keep=False)  # the same values in a finer unit
    assert float((finer.sums - whole.sums).abs().max() / whole.sums.abs().max()) < NEAR
    other = new_norm(3, 1.0, -14)
    other.load(norm.state())
    assert np.array_equal(other.state(), norm.state()) and other.unit == norm.unit


def test_a_folded_norm_is_affine_between_two_foldings() -> None:
    """m and d of the last folding are constants, on the way back too; every third batch they are the running ones."""
    norm, gamma, beta = made([0.5, 1.5, -0.7], [0.1, 0.0, -1.0]), [0.5, 1.5, -0.7], [0.1, 0.0, -1.0]
    norm.refolded(3)
    norm.forward(Sums(drawn(0)[0], 0), keep=False)
    first = norm.running.clone()
    (s, g), constant = drawn(1), norm.running.double().view(2, 1, 3, 1, 1) * 2.0**norm.unit  # type: ignore[operator]
    y = norm.forward(Sums(s.clone(), 0), keep=True)
    back = norm.backward(Int8(g, -7))
    x = s.double().requires_grad_()
    weights = [torch.tensor(v, dtype=torch.float64).view(1, 3, 1, 1) for v in (gamma, beta)]
    wanted = (x - constant[0]) / (1.25 * constant[1]) * weights[0] + weights[1]
    wanted.backward(g.double() * 2.0**-7)
    for found, right in ((y, wanted.detach()), (back, x.grad)):
        assert float((found.sums * 2.0**found.exponent - right).norm() / right.norm()) < NEAR
    assert torch.equal(norm.folded, first) and not torch.equal(norm.running, first)
    other = new_norm(3, 1.0, -14)
    other.refolded(3)
    other.learning = True
    other.load(norm.state())
    for one in (norm, other):
        for seed in (2, 3):
            one.forward(Sums(drawn(seed)[0], 0), keep=False)
        assert torch.equal(one.folded, one.running)
    assert np.array_equal(other.state(), norm.state())


def test_a_batch_norm_keeps_its_answers() -> None:
    """A trained BatchNorm2d kept as an integer norm gives what the folded one gives, whatever its channels' size."""
    torch.manual_seed(0)
    block = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU())
    block[0].weight.data *= torch.tensor([1.0, 30, 0.01, 1, 1, 5]).view(-1, 1, 1, 1)
    with torch.no_grad():
        for _ in range(20):
            block(torch.randn(32, 3, 8, 8))
    block[1].weight.data = torch.rand(6) + 0.5
    block.eval()
    x = torch.randn(4, 3, 8, 8)
    graph = IntGraph(block, trained=True, norm=True)
    y = graph.forward(from_float(x)).value()
    wanted = block(x).detach()
    assert float((y - wanted).norm() / wanted.norm()) < 0.05
    assert set(graph.learned()) == {"0", "0.gamma", "0.beta"}
    own = graph.read("0.gamma")
    graph.load({"0.gamma": own // 2})
    assert not np.array_equal(graph.read("0.gamma"), own)
    assert isinstance(from_batch_norm(block[1], None), Norm)


def test_a_velocity_is_that_of_floating_point() -> None:
    rng = np.random.default_rng(1)
    weight, v = Int8(torch.zeros(4, 50), -7), torch.zeros(4, 50, dtype=torch.int64)
    rule = rate_rule(0.5, "tensor", "stochastic", torch.Generator().manual_seed(0), momentum=3)
    steady = rng.integers(-1000, 1001, (4, 50))
    speed, moved = np.zeros((4, 50)), np.zeros((4, 50))
    for _ in range(64):
        weight, v = with_momentum(weight, Sums(torch.from_numpy(steady), 0), v, rule)
        speed = speed * 7 / 8 + steady / 1024 * 0.5 / 8
        moved -= speed
    slope = float((weight.mantissa.numpy() * moved).sum() / (moved**2).sum())
    assert abs(slope - 1) < 0.03  # each step's rounding leaves about 3 steps of a weight by chance
    assert np.abs(weight.mantissa.numpy() - moved).mean() < 4
    before = weight
    weight, later = with_momentum(weight, Sums(torch.zeros(4, 50), 0), v, rule)
    assert not torch.equal(weight.mantissa, before.mantissa)  # it goes on without a gradient
    assert float(later.abs().sum()) < float(v.abs().sum())


def test_exponents_of_weights_move_with_their_size() -> None:
    clips = Int8(torch.tensor([127.0] * 8 + [-127.0] * 8 + [3.0] * 48), -9)
    up = refitted(clips)
    assert up.exponent == -8 and up.mantissa.abs().max() == 64 and up.mantissa[-1] == 2
    small = Int8(torch.tensor([31.0, -8.0, 0.0]), -9)
    assert refitted(small) == (pytest.approx(small.mantissa * 2), -10)
    for stays in (Int8(torch.tensor([90.0, 3.0]), 0), Int8(torch.zeros(3), 0)):
        assert refitted(stays) is stays


def test_exponents_of_the_last_batch() -> None:
    """The first batch finds its own, later ones take those of the batch before, answers those of the last learned."""
    torch.manual_seed(0)
    graph = IntGraph(nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 1)), trained=True)
    twin = copy.deepcopy(graph)
    graph.follow()
    x = from_float(torch.randn(6, 2, 6, 6))
    big = Int8(x.mantissa, x.exponent + 3)

    def learned(one: IntGraph, image: Int8) -> Int8:
        y = one.forward(image)
        one.backward(Int8(torch.ones_like(y.mantissa), -7))
        one.update(UpdateRule(0))
        return y

    first = learned(graph, x)
    assert torch.equal(first.mantissa, learned(twin, x).mantissa)
    clipped = learned(graph, big)  # eight times as large: what the batch before asked for cuts it off
    assert clipped.exponent == first.exponent and float(clipped.mantissa.abs().max()) == 127
    assert learned(twin, big).exponent > first.exponent
    assert learned(graph, big).exponent > first.exponent
    whole, alone = (
        graph.forward(big, keep=False),
        graph.forward(Int8(big.mantissa[:1], big.exponent), keep=False),
    )
    assert torch.equal(whole.mantissa[:1], alone.mantissa) and whole.exponent == alone.exponent
    other = copy.deepcopy(graph)
    other.remember(graph.memory())
    assert all(np.array_equal(a, other.memory()[k]) for k, a in graph.memory().items())
