"""How gradients become changes: shifts by hand, a filter on its own, and quantisation-aware scaling as plain SGD."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cimlearn.errors import InputError

torch = pytest.importorskip("torch")

from cimlearn.learning.integer.graph import IntGraph  # noqa: E402
from cimlearn.learning.integer.tensor import Int8, Sums, bits, bits_each, shifted  # noqa: E402
from cimlearn.learning.integer.update import (  # noqa: E402
    AWARE,
    UpdateRule,
    pushed,
    rate_rule,
    updated,
    with_residue,
)


def weights(values: Any, exponent: int = -9) -> Int8:
    return Int8(torch.tensor(values, dtype=torch.float32), exponent)


def sums(values: Any, exponent: int = 0) -> Sums:
    return Sums(torch.tensor(values, dtype=torch.float64), exponent)


def change(weight: Int8, gradient: Sums, rule: UpdateRule, **more: int) -> list[Any]:
    """What was subtracted."""
    found: list[Any] = (weight.mantissa - updated(weight, gradient, rule, **more).mantissa).tolist()
    return found


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=20))
def test_bits_of_each_is_bits(values: list[int]) -> None:
    assert bits_each(torch.tensor(values)).tolist() == [bits(v) for v in values]


@given(
    arrays.arrays(np.int64, (3, 7), elements=st.integers(-(2**40), 2**40)),
    st.lists(st.integers(-5, 70), min_size=3, max_size=3),
    st.sampled_from(["half", "pseudo"]),
)
def test_a_shift_for_each_row_is_that_shift_of_the_row(values: Any, shifts: list[int], rounding: Any) -> None:
    whole = torch.from_numpy(values)
    each = shifted(whole, torch.tensor(shifts).view(3, 1), rounding)
    for row, shift in enumerate(shifts):
        assert torch.equal(each[row], shifted(whole[row], shift, rounding))


def test_a_shift_for_each_row_is_fair_in_stochastic_rounding() -> None:
    """E[round(37 / 2^s)] = 37 / 2^s for both signs; s = 4: 2.3125, s = 6: 0.578."""
    whole = torch.tensor([[37], [-37]]).expand(2, 100_000)
    found = shifted(
        whole, torch.tensor([[4], [6]]), "stochastic", generator=torch.Generator().manual_seed(2)
    ).double()
    assert found.mean(1).tolist() == pytest.approx([37 / 16, -37 / 64], abs=0.01)


@pytest.mark.parametrize("kept", [0, 3, 5, 7])
def test_the_largest_change_of_a_tensor_has_so_many_bits(kept: int) -> None:
    """1000 has 10 bits: it is shifted by 10 - kept, and rounded half up; weights stay within +-127."""
    w, g = weights([[0, 126, -126, 5]]), sums([[1000, -1000, 1000, 0]])
    step = round(1000 / 2 ** (10 - kept) + 1e-9) if kept else 1
    new = updated(w, g, UpdateRule(kept, "tensor", "half"))
    expected = np.clip(np.array([[0, 126, -126, 5]]) - np.array([[1, -1, 1, 0]]) * step, -127, 127)
    assert np.array_equal(new.mantissa.numpy(), expected)
    assert new.exponent == -9


def test_each_filter_finds_its_own_shift() -> None:
    """1000 of 10 bits, 60 of 6, 3 of 2: with 4 bits shifts of 6, 2 and 0; of the tensor 6 for all."""
    w = weights(np.zeros((3, 2)))
    g = sums([[1000, -500], [60, 30], [3, 0]])
    assert change(w, g, UpdateRule(4, "filter", "half")) == [[16, -8], [15, 8], [3, 0]]
    assert change(w, g, UpdateRule(4, "tensor", "half")) == [[16, -8], [1, 0], [0, 0]]


@pytest.mark.parametrize(
    ("rate", "kept", "part"),
    [(16, 4, 16), (15, 4, 15), (8.5, 4, 9), (8, 3, 16), (3.1, 2, 13), (1, 0, 16), (0.25, 0, 4), (0, 0, 1), (99, 7, 12)],
)  # fmt: skip
def test_a_rate_is_bits_and_a_part_of_sixteen(rate: float, kept: int, part: int) -> None:
    rule = rate_rule(rate)
    assert (rule.bits_kept, rule.part) == (kept, part)


def test_a_part_of_a_change_is_made() -> None:
    """Rate 12 is 12/16 of 4 bits: 1000 / 64 12 / 16 = 11.7; rate 1/4 of a step: 1000 / 1024 / 4 = 0.244 on average."""
    w, g = weights(np.zeros((1, 2))), sums([[1000, -500]])
    assert change(w, g, rate_rule(12, rounding="half")) == [[12, -6]]
    many = sums(np.full((1, 100_000), 1000))
    rule = rate_rule(0.25, "filter", "stochastic", torch.Generator().manual_seed(1))
    moved = torch.tensor(change(weights(np.zeros((1, 100_000))), many, rule))
    assert set(moved.unique().tolist()) == {0.0, 1.0}
    assert float(moved.mean()) == pytest.approx(1000 / 1024 / 4, abs=0.006)  # 4 standard errors


@pytest.mark.parametrize("factor", [2, 1024])
@pytest.mark.parametrize("scale", ["tensor", "filter"])
def test_the_scale_of_the_error_plays_no_part(scale: Any, factor: int) -> None:
    w, g = weights(np.zeros((2, 3, 1, 1))), np.array([[[[700]], [[-80]], [[9]]], [[[90]], [[-70]], [[64]]]])
    rule = UpdateRule(3, scale, "half")
    assert change(w, sums(g), rule) == change(w, sums(g * factor, 5), rule)


def test_quantisation_aware_scaling_is_plain_sgd() -> None:
    """dw = -rate G / n in real numbers: G = 96 2^-8, n = 4, rate 2^(6 - 5) = 2, step of the weight 2^-9.

    96 2^-8 2 / 4 = 0.1875 = 96 2^-9: 96 steps; a tenfold gradient would leave int8, so it stops at the border.
    """
    assert AWARE == 5
    rule = UpdateRule(6, "aware", "half")
    assert change(weights([[0.0]]), sums([[96]], -8), rule, examples=4) == [[96]]
    assert change(weights([[0.0]]), sums([[960]], -8), rule, examples=4) == [[127]]
    assert change(weights([[0.0]]), sums([[1]], 100), rule) == [[127]]  # shifted far up
    assert change(weights([[0.0]]), sums([[2**40]], -100), rule) == [[0]]  # and down


@pytest.mark.parametrize("scale", ["tensor", "filter", "aware"])
def test_no_gradient_no_change(scale: Any) -> None:
    w = weights([[1, 2], [3, 4]])
    assert updated(w, sums([[0, 0], [0, 0]]), UpdateRule(4, scale)) is w
    half = updated(w, sums([[0, 0], [64, 0]]), UpdateRule(4, scale, "half"))
    assert half.mantissa[0].tolist() == [1, 2]


def test_what_is_not_allowed_is_named() -> None:
    w, g = weights([[0.0]]), sums([[1]])
    with pytest.raises(InputError, match="bits_kept = 8 is out of range; allowed: 0 to 7"):
        updated(w, g, UpdateRule(8))
    with pytest.raises(InputError, match="scale = 'row' is not one of: tensor, filter, aware"):
        updated(w, g, UpdateRule(4, "row"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="needs a seeded generator"):
        updated(w, sums([[100]]), UpdateRule(0, "filter", "stochastic"))


@pytest.mark.parametrize("rounding", ["half", "stochastic"])
def test_a_residue_carries_what_one_update_is_too_small_for(rounding: Any) -> None:
    """After many updates a weight has moved by the sum of all changes, to half a step; without a residue it has not."""
    draw = np.random.default_rng(0)
    gradients = draw.integers(-60, 61, (200, 4, 9)) + 7
    gradients[:, :, 0] = 128  # sets the shift: 2^7, a change of one quarter step, and of less elsewhere
    rule = rate_rule(0.25, "filter", rounding, torch.Generator().manual_seed(0), residue=8)
    weight, residue = weights(np.zeros((4, 9))), torch.zeros(4, 9, dtype=torch.int64)
    exact = np.zeros((4, 9))
    for gradient in gradients:
        push = pushed(weight, sums(gradient), rule)
        weight, residue = with_residue(weight, push, residue, rule)
        exact -= gradient / 128 * 0.25
    assert np.abs(weight.mantissa.numpy() - np.clip(exact, -127, 127)).max() < 0.5 + 200**0.5 / 256 * 4
    assert int(residue.abs().max()) <= 128
    plain = weights(np.zeros((4, 9)))
    for gradient in gradients:
        plain = updated(plain, sums(gradient), rule._replace(rounding="half"))
    assert float(plain.mantissa.abs().max()) == 0


def test_a_velocity_with_a_residue_is_floating_point_s() -> None:
    """Momentum 7/8 on one layer: the weight follows v <- 7/8 v + g / 8 within two steps: v has 4 bits below one."""
    block = torch.nn.Sequential(torch.nn.Linear(6, 4, bias=False))
    graph = IntGraph(block, trained=True)
    start = graph.read("0").astype(float)
    draw, speed, moved = np.random.default_rng(1), np.zeros((4, 6)), np.zeros((4, 6))
    rule = rate_rule(0.5, "tensor", "stochastic", torch.Generator().manual_seed(0), momentum=3, residue=8)
    for _ in range(20):
        gradient = draw.integers(-1000, 1001, (4, 6))
        gradient[0, 0] = 1000
        graph.forward(Int8(torch.ones(2, 6), 0))
        graph.backward(Int8(torch.ones(2, 4), 0), input_error=False)
        layer = graph.steps[0].operation
        layer.gradient = sums(gradient)  # type: ignore[attr-defined]
        graph.update(rule)
        speed = speed * 7 / 8 + gradient / 1024 * 0.5 / 8
        moved -= speed
    assert np.abs(graph.read("0") - np.clip(start + moved, -127, 127)).max() < 2
    assert set(graph.memory()) == {"0.exponent", "0.velocity", "0.residue"}
