"""Integer training arithmetic: exact against literal bit planes and float64, rounding alike for both signs."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cimlearn.arrays import bitserial
from cimlearn.errors import InputError

torch = pytest.importorskip("torch")

from cimlearn.learning.integer import pool, products  # noqa: E402
from cimlearn.learning.integer.loss import softmax_error  # noqa: E402
from cimlearn.learning.integer.pool import Window  # noqa: E402
from cimlearn.learning.integer.products import Geometry  # noqa: E402
from cimlearn.learning.integer.tensor import (  # noqa: E402
    Int8,
    Sums,
    add,
    bits,
    fits,
    from_float,
    largest,
    narrowed,
    relu,
    relu_error,
    shifted,
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tensor(values: np.ndarray, exponent: int = 0) -> Int8:
    return Int8(torch.from_numpy(np.asarray(values, np.float32)), exponent)


def whole(t: torch.Tensor) -> np.ndarray:
    out = t.double().numpy()
    assert np.array_equal(out, np.round(out))
    return out.astype(np.int64)


def columns(x: np.ndarray, kernel: tuple[int, int], geometry: Geometry) -> np.ndarray:
    """(groups, windows, fan_in) the patches that a convolution multiplies, x (examples, in, h, w)."""
    (sy, sx), (py, px), groups = geometry
    kh, kw = kernel
    padded = np.pad(x, ((0, 0), (0, 0), (py, py), (px, px)))
    n, _, h, w = padded.shape
    rows = []
    for i in range(n):
        for top in range(0, h - kh + 1, sy):
            for left in range(0, w - kw + 1, sx):
                patch = padded[i, :, top : top + kh, left : left + kw]
                rows.append(patch.reshape(groups, -1))
    return np.array(rows, x.dtype).transpose(1, 0, 2)


def flat(e: np.ndarray, groups: int) -> np.ndarray:
    """(groups, windows, outputs / groups) of e (examples, out, h, w)."""
    return e.transpose(0, 2, 3, 1).reshape(-1, groups, e.shape[1] // groups).transpose(1, 0, 2)


CASES = st.tuples(
    st.integers(1, 3),  # examples
    st.sampled_from([(1, 2, 3), (2, 1, 2), (4, 1, 1), (1, 5, 1), (3, 2, 2)]),  # groups, in and out of each
    st.sampled_from([(1, 1), (3, 3), (3, 1), (5, 5)]),  # kernel
    st.sampled_from([(1, 1), (2, 2), (2, 1)]),  # stride
    st.integers(0, 2),  # padding
    st.integers(5, 8),  # map
    st.integers(0, 2**31),
    st.booleans(),  # only extreme values
)


def drawn(case: tuple) -> tuple[np.ndarray, np.ndarray, np.ndarray, Geometry]:
    examples, (groups, inside, out), kernel, stride, padding, side, seed, extreme = case
    rng = np.random.default_rng(seed)
    geometry = Geometry(stride, (padding, padding), groups)
    x = rng.integers(-127, 128, (examples, groups * inside, side, side), dtype=np.int8)
    w = rng.integers(-128, 128, (groups * out, inside, *kernel), dtype=np.int8)  # a failed bit may give -128
    high, wide = ((side + 2 * padding - k) // s + 1 for k, s in zip(kernel, stride, strict=True))
    e = rng.integers(-127, 128, (examples, groups * out, high, wide), dtype=np.int8)
    if extreme:
        x, e = (np.where(v < 0, -127, 127).astype(np.int8) for v in (x, e))
        w = np.where(w < 0, -128, 127).astype(np.int8)
    return x, w, e, geometry


@settings(max_examples=25, deadline=None)
@given(CASES)
def test_convolution_and_gradient_equal_bit_planes(case: tuple) -> None:
    x, w, e, geometry = drawn(case)
    patches, errors = columns(x, w.shape[2:], geometry), flat(e, geometry.groups)
    filters = w.reshape(geometry.groups, -1, patches.shape[2])  # (groups, outputs, fan_in)
    y = products.convolved(tensor(x, 3), tensor(w, -9), geometry)
    assert y.exponent == -6
    expected = [bitserial.product(p, f.T) for p, f in zip(patches, filters, strict=True)]
    assert np.array_equal(flat(whole(y.sums), geometry.groups), expected)
    g = products.convolution_gradient(tensor(x, 3), tensor(e, -2), geometry, w.shape)
    assert g.exponent == 1
    expected = [bitserial.product(v.T.copy(), p) for v, p in zip(errors, patches, strict=True)]
    assert np.array_equal(whole(g.sums).reshape(filters.shape), expected)


@settings(max_examples=25, deadline=None)
@given(CASES)
def test_error_equals_bit_planes_and_overlapping_windows(case: tuple) -> None:
    """E_in = col2im(W^T E): col2im is the transpose of columns, found by numbering the input's values."""
    x, w, e, geometry = drawn(case)
    numbers = columns(np.arange(1, x.size + 1).reshape(x.shape), w.shape[2:], geometry)
    filters = w.reshape(geometry.groups, -1, numbers.shape[2])
    expected = np.zeros(x.size + 1, np.int64)  # place 0 takes the padding
    for number, one, filt in zip(numbers, flat(e, geometry.groups), filters, strict=True):
        np.add.at(expected, number, bitserial.product(one, filt))
    found = products.convolution_error(tensor(e), tensor(w), geometry, x.shape)
    assert np.array_equal(whole(found.sums).reshape(-1), expected[1:])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(1, 60), st.integers(1, 9), st.integers(0, 2**31))
def test_linear_equals_bit_planes(examples: int, inside: int, out: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, e = (rng.integers(-127, 128, (examples, n), dtype=np.int8) for n in (inside, out))
    w = rng.integers(-128, 128, (out, inside), dtype=np.int8)
    bias = rng.integers(-(2**20), 2**20, out)
    y = products.connected(tensor(x), tensor(w), torch.from_numpy(bias))
    assert np.array_equal(whole(y.sums), bitserial.product(x, w.T) + bias)
    back = products.connection_error(tensor(e), tensor(w))
    assert np.array_equal(whole(back.sums), bitserial.product(e, w))
    g = products.connection_gradient(tensor(x), tensor(e))
    assert np.array_equal(whole(g.sums), bitserial.product(e.T.copy(), x))


@pytest.mark.parametrize("size", [40, 127])
@pytest.mark.parametrize("shape", [(6, 4, 3, 33, 31), (1, 2, 2, 40, 41), (3, 1, 1, 64, 64)])
def test_long_sums_are_exact_too(shape: tuple[int, ...], size: int) -> None:
    """Sums beyond 2^24 of odd numbers, which float32 would round: one piece, many, or float64."""
    examples, inside, out, high, wide = shape
    x = np.full((examples, inside, high, wide), size)
    e = np.full((examples, out, high, wide), size - 1 + size % 2)
    x[:, :, 0, 0] = 1
    g = products.convolution_gradient(tensor(x), tensor(e), Geometry(), (out, inside, 1, 1))
    expected = np.einsum("niyx,noyx->oi", x, e)
    assert np.array_equal(whole(g.sums)[:, :, 0, 0], expected)
    w = np.full((out, high * wide), 127)
    y = products.connected(tensor(x[:, 0].reshape(examples, -1)), tensor(w))
    assert np.array_equal(whole(y.sums), x[:, 0].reshape(examples, -1) @ w.T)
    back = products.connection_error(tensor(x[:, 0].reshape(examples, -1)), tensor(w.T))
    assert np.array_equal(whole(back.sums), x[:, 0].reshape(examples, -1) @ w.T)


def test_sums_of_any_size_are_caught_when_they_overflow() -> None:
    high = 2**17 + 1
    x = tensor(np.full((1, 1, high, 1), 127))
    acc = products.convolution_gradient(x, x, Geometry(), (1, 1, 1, 1))
    assert int(acc.sums) == 127 * 127 * high
    assert narrowed(Sums(acc.sums.clone(), 0)).exponent == 24
    with pytest.raises(InputError, match=f"{127 * 127 * high} overflows an accumulator of 31 bits"):
        narrowed(acc, accumulator=31)
    fits(2**31 - 1)
    with pytest.raises(InputError, match="overflows an accumulator of 32"):
        fits(2**31)


def test_bits() -> None:
    assert [bits(n) for n in (0, 1, 2, 3, 4, 5, 127, 128, 129, 2**24, 2**24 + 1)] == [
        0, 0, 1, 2, 2, 3, 7, 7, 8, 24, 25,
    ]  # fmt: skip
    assert largest(torch.tensor([-5.0, 3.0])) == 5
    assert largest(torch.empty(0)) == 0


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 24), st.integers(0, 2**31), st.booleans())
def test_narrowing_rounds_half_away_from_zero(power: int, seed: int, double: bool) -> None:
    rng = np.random.default_rng(seed)
    top = min(2**power, 2**24 - 1)
    values = rng.integers(-top, top + 1, 500)
    halves = (rng.integers(-254, 255, 500) * 2 ** max(power - 7, 0)) // 2
    near_half = halves[np.abs(halves) < top]
    values = np.concatenate([values, near_half, near_half + 1, near_half - 1, [top, -top]])
    values = values[np.abs(values) <= top]
    sums = torch.from_numpy(values.astype(np.float64 if double else np.float32))
    y = narrowed(Sums(sums, -3))
    shift = max(bits(top) - 7, 0)
    assert y.exponent == shift - 3
    size = (np.abs(values) + (1 << shift >> 1)) >> shift
    assert np.array_equal(whole(y.mantissa), np.sign(values) * np.minimum(size, 127))


def test_narrowing_at_a_fixed_exponent_clips() -> None:
    sums = np.array([0, 1, -3, 500, -100000, 24, -24, 8, -8])
    y = narrowed(Sums(torch.from_numpy(sums.astype(np.float32)), -8), exponent=-4)
    assert np.array_equal(whole(y.mantissa), [0, 0, 0, 31, -127, 2, -2, 1, -1])
    finer = narrowed(Sums(torch.tensor([3.0, -40.0]), -2), exponent=-4)
    assert np.array_equal(whole(finer.mantissa), [12, -127])
    assert narrowed(Sums(torch.zeros(3), -2)).exponent == -2


def test_no_rounding_favours_a_sign() -> None:
    values = torch.arange(-5000, 5001)
    for shift in range(9):
        for rounding in ("half", "pseudo"):
            y = shifted(values, shift, rounding)
            assert torch.equal(y, -y.flip(0))
    generator = torch.Generator().manual_seed(3)
    for value in (-37, 37, -1, 1, 8):
        y = shifted(torch.full((200_000,), value), 4, "stochastic", generator=generator)
        assert set(y.tolist()) <= {int(np.floor(value / 16)), int(np.ceil(value / 16))}
        assert float(y.double().mean()) == pytest.approx(value / 16, abs=5 * 0.5 / 200_000**0.5)


def test_pseudo_stochastic_as_published() -> None:
    """Upper half of the dropped bits against the lower half; NITI doubles the lower half of an odd number."""
    assert shifted(torch.tensor([0b1_10_01, 0b1_01_10, 0b1_11_11, -0b1_10_01]), 4, "pseudo").tolist() == [
        2, 1, 1, -2,
    ]  # fmt: skip
    assert shifted(torch.tensor([0b1_11_1, 0b1_10_1, 0b1_01_0]), 3, "pseudo").tolist() == [2, 1, 2]
    dropped = torch.arange(2**10)
    assert float(shifted(dropped, 10, "pseudo").double().mean()) == pytest.approx(0.5, abs=2**-5)


def test_rounding_asks_for_what_it_needs() -> None:
    with pytest.raises(InputError, match="seeded generator"):
        shifted(torch.tensor([1]), 1, "stochastic")
    with pytest.raises(InputError, match="not one of: half, pseudo, stochastic"):
        shifted(torch.tensor([1]), 1, "floor")  # type: ignore[arg-type]
    draws = [
        shifted(torch.arange(99), 3, "stochastic", generator=torch.Generator().manual_seed(1)) for _ in "ab"
    ]
    assert torch.equal(*draws)


def test_from_float() -> None:
    x = from_float(torch.tensor([1.0, -0.5, 0.3]))
    assert (x.mantissa.tolist(), x.exponent) == ([127.0, -64.0, 38.0], -7)  # 128 is clipped
    assert from_float(torch.tensor([1.01])).exponent == -6
    assert from_float(torch.zeros(2)).exponent == -7
    assert torch.equal(from_float(torch.tensor([3.0]), exponent=-3).value(), torch.tensor([3.0]))
    with pytest.raises(InputError, match="can't be int8"):
        from_float(torch.tensor([float("inf")]))


@settings(max_examples=60, deadline=None)
@given(st.integers(-30, 30), st.sampled_from([1, -1]), st.integers(0, 2**31))
def test_add_is_right_to_its_last_bit(apart: int, sign: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(-127, 128, 50) for _ in "ab")
    y = add(tensor(a, apart), tensor(b, 0), sign=sign)
    exact = a * 2.0**apart + sign * b
    worst = 0.5 * 2.0**y.exponent + 0.5 * 2.0 ** (max(apart, 0) - 16)
    clipped = np.abs(exact) > 127 * 2.0**y.exponent
    assert (np.abs(whole(y.mantissa) * 2.0**y.exponent - exact)[~clipped] <= worst).all()
    assert np.abs(exact).max() > 63 * 2.0**y.exponent or y.exponent == min(apart, 0) or apart < -16


def test_relu_and_its_mask() -> None:
    x = tensor(np.array([-5, 0, 1, 95, 96, 97, 127]), -4)
    assert relu(x).mantissa.tolist() == [0, 0, 1, 95, 96, 97, 127]
    six = relu(x, 6)
    assert six.mantissa.tolist() == [0, 0, 1, 95, 96, 96, 96]
    e = tensor(np.full(7, -3), 2)
    assert relu_error(e, relu(x)).mantissa.tolist() == [0, 0, -3, -3, -3, -3, -3]
    assert relu_error(e, six, 6).mantissa.tolist() == [0, 0, -3, -3, 0, 0, 0]
    assert relu(tensor(np.array([1, 2, 3]), 2), 6).mantissa.tolist() == [1, 2, 2]  # 6 / 4 is 2, half up
    assert relu(tensor(np.array([5, -1]), -60), 6).mantissa.tolist() == [5, 0]


@pytest.mark.parametrize("n", [(2, 2), (3, 3), (7, 7), (8, 8), (5, 3), (28, 28)])
def test_average_pooling(n: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(-127, 128, (2, 3, 2 * n[0], 2 * n[1]))
    window = Window(n, n)
    acc = pool.averaged(tensor(x, 1), window)
    assert largest(acc.sums) < 2**31
    exact = x.reshape(2, 3, 2, n[0], 2, n[1]).mean((3, 5)) * 2
    found = whole(acc.sums) * 2.0**acc.exponent
    power = window.values & (window.values - 1) == 0
    assert np.allclose(found, exact, rtol=0 if power else 2.0**-13, atol=0)
    e = rng.integers(-127, 128, (2, 3, 2, 2))
    back = pool.average_error(tensor(e), window, x.shape)
    spread = e.repeat(n[0], 2).repeat(n[1], 3) / window.values
    assert np.allclose(whole(back.sums) * 2.0**back.exponent, spread, rtol=0 if power else 2.0**-13, atol=0)


def test_overlapping_windows_equal_autograd() -> None:
    rng = np.random.default_rng(2)
    x, e = rng.integers(-127, 128, (2, 3, 9, 9)), rng.integers(-127, 128, (2, 3, 5, 5))
    twin = torch.from_numpy(x.astype(np.float64)).requires_grad_()
    for maximal in (True, False):
        window = Window((3, 3), (2, 2), (1, 1))
        reduced = torch.nn.functional.max_pool2d if maximal else torch.nn.functional.avg_pool2d
        (expected,) = torch.autograd.grad(
            reduced(twin, 3, 2, 1), twin, torch.from_numpy(e.astype(np.float64))
        )
        if maximal:
            y, places = pool.maximal(tensor(x), window)
            assert torch.equal(y.mantissa.double(), reduced(twin, 3, 2, 1))
            back = pool.maximal_error(tensor(e), places, x.shape)
        else:
            back = pool.average_error(tensor(e), window, x.shape)
        found = back.sums.double() * 2.0**back.exponent
        assert torch.allclose(found, expected, rtol=0 if maximal else 2.0**-12, atol=1e-9)


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("sizes", [(4, 8), (4, 16), (8, 4), (8, 2), (5, 5), (1, 4), (7, 14), (5, 7), (6, 4)])
def test_resizing_equals_the_library_s(mode: str, sizes: tuple[int, int]) -> None:
    old, new = sizes
    rng = np.random.default_rng(3)
    x, e = rng.integers(-127, 128, (2, 3, old, 3)), rng.integers(-127, 128, (2, 3, new, 6))
    twin = torch.from_numpy(x.astype(np.float64)).requires_grad_()
    corners = {} if mode == "nearest" else {"align_corners": False}
    y = torch.nn.functional.interpolate(twin, (new, 6), mode=mode, **corners)
    (back,) = torch.autograd.grad(y, twin, torch.from_numpy(e.astype(np.float64)))
    found, found_back = (
        pool.resized(tensor(x), (new, 6), mode),
        pool.resized_error(tensor(e), (old, 3), mode),
    )
    ratio = max(sizes) / min(sizes)
    exact = mode == "nearest" or ratio in (1, 2, 4, 8)
    for acc, right in ((found, y), (found_back, back)):
        whole(acc.sums)
        worst = 0 if exact else 127 * 2 * 2.0**-8 * ratio
        assert float((acc.sums * 2.0**acc.exponent - right.detach()).abs().max()) <= worst


def test_softmax_error_is_softmax_minus_target() -> None:
    rng = np.random.default_rng(4)
    logits, target = rng.integers(-127, 128, (40, 10)), torch.from_numpy(rng.integers(0, 10, 40))
    for exponent, fraction, worst in (
        (-4, 8, 0.05),
        (-4, 0, 0.3),
        (-8, 0, 0.02),
        (-12, 0, 0.02),
        (2, 0, 0.3),
    ):
        x = tensor(logits, exponent)
        e = softmax_error(x, target, fraction=fraction)
        right = torch.softmax(x.value().double(), 1)
        right[torch.arange(40), target] -= 1
        assert e.exponent == -7
        assert float((e.value() - right).abs().max()) < worst
    for exponent in (-100, -30, 40):  # nothing overflows
        assert torch.isfinite(softmax_error(tensor(logits, exponent), target).mantissa).all()
    with pytest.raises(InputError, match="too many"):
        softmax_error(tensor(np.zeros((1, 2**20))), torch.tensor([0]))


@pytest.mark.parametrize("classes", [100, 1000, 3000])
def test_softmax_error_of_many_classes_is_right_on_average(classes: int) -> None:
    """Uniform logits: every other class has 128 / C, below half a step; over 2,000 draws the means are within 5 sigma,
    sqrt(p (1 - p) / 2000) with p = 128 / C (frac), and every example's errors add up to 0,
    or to 1 where -128 at the target is clipped to -127.
    """
    x, target = tensor(np.zeros((2000, classes)), -4), torch.zeros(2000, dtype=torch.int64)
    e = softmax_error(x, target, generator=torch.Generator().manual_seed(3)).mantissa.double()
    assert 0 <= float(e.sum(1).min()) <= float(e.sum(1).max()) <= 1
    wanted = 128 / classes
    part = wanted % 1
    sigma = (part * (1 - part) / 2000) ** 0.5
    assert float((e.mean(0)[1:] - wanted).abs().max()) < 5 * sigma
    assert float(e[:, 0].mean()) == pytest.approx(wanted - 128, abs=1.0)
    unseeded = softmax_error(x, target).mantissa.double()
    assert float((unseeded.mean(0)[1:] - wanted).abs().max()) < 5 * sigma


def test_softmax_error_of_many_classes_follows_the_softmax() -> None:
    """Mean error of 4,000 draws against float64, and the extremes of the exponent."""
    logits = np.random.default_rng(6).integers(-60, 60, (1, 200))
    x = tensor(np.repeat(logits, 4000, 0), -4)
    target = torch.full((4000,), 7)
    e = (
        softmax_error(x, target, fraction=8, generator=torch.Generator().manual_seed(1))
        .value()
        .double()
        .mean(0)
    )
    right = torch.softmax(x.value()[:1].double(), 1)[0]
    right[7] -= 1
    others = torch.arange(200) != 7
    assert (
        float((e - right)[others].abs().max()) < 2e-3
    )  # 2^f = 1 + f is at most 6 % off, the largest share is 0.03
    assert float((e - right)[7].abs()) < 1 / 127  # clipped
    for exponent in (-100, -30, 40):
        assert torch.isfinite(softmax_error(tensor(logits, exponent), target[:1]).mantissa).all()


def test_without_pytorch_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "cimlearn.learning.integer.tensor")
    with pytest.raises(InputError, match=r"install cimlearn\[torch\]"):
        import cimlearn.learning.integer.tensor  # noqa: F401


@pytest.mark.parametrize("full", [True, False])
def test_wide_layers_are_exact(full: bool) -> None:
    """Fan-in 2304: in float32 where the weights are small enough for it, else in float64."""
    rng = np.random.default_rng(6)
    x = np.full((1, 256, 4, 4), 127)
    w = np.full((8, 256, 3, 3), 127) if full else rng.integers(-20, 21, (8, 256, 3, 3))
    w[0, 0, 0, 0] += -1 if full else 0
    e = np.full((1, 8, 4, 4), -127)
    geometry = Geometry((1, 1), (1, 1))
    y = products.convolved(tensor(x), tensor(w), geometry)
    assert y.sums.dtype == (torch.float64 if full else torch.float32)
    patches = columns(x, (3, 3), geometry)[0]
    assert np.array_equal(flat(whole(y.sums), 1)[0], patches @ w.reshape(8, -1).T)
    wide = w.reshape(8, 256, 9).transpose(1, 0, 2).reshape(8, 256, 3, 3)  # 256 errors into 8
    back = products.convolution_error(tensor(x), tensor(wide.transpose(1, 0, 2, 3)), geometry, e.shape)
    twin = torch.zeros(e.shape, dtype=torch.float64, requires_grad=True)
    kernel = torch.from_numpy(wide.transpose(1, 0, 2, 3).astype(np.float64))
    out = torch.nn.functional.conv2d(twin, kernel, padding=1)
    (right,) = torch.autograd.grad(out, twin, torch.from_numpy(x.astype(np.float64)))
    assert np.array_equal(whole(back.sums), whole(right))


def test_ones_of_operands_are_counted_by_their_work() -> None:
    """0, 1, 3, -1: 0, 1, 2 and 8 ones of 32; 5 multiply-adds: 40 x 11 / 32 = 13.75 -> 14. 127, -128: 8 of 16."""
    from cimlearn.learning.integer.operands import Operands, ones

    driven = torch.tensor([0.0, 1.0, 3.0, -1.0])
    assert ones(driven) == 11
    seen = Operands()
    seen.note("forward", driven, torch.tensor([127.0, -128.0]), 5)
    assert dict(seen.counts) == {
        "forward_driven_bits": 40, "forward_driven_ones": 14, "forward_stored_bits": 40, "forward_stored_ones": 20,
    }  # fmt: skip
