"""Wrong bits of masks, kept inputs, operands and words that only learning needs."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from cimlearn.learning.integer.graph import IntGraph  # noqa: E402
from cimlearn.learning.integer.tensor import from_float  # noqa: E402
from cimlearn.learning.integer.wrong import WrongBits  # noqa: E402

RATE, WORDS = 0.01, 20000


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_each_bit_of_a_word_is_wrong_as_often(bits: int) -> None:
    rng = np.random.default_rng(0)
    before = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), WORDS)
    after = WrongBits(RATE, rng).words(torch.from_numpy(before), bits).numpy()
    changed = (before ^ after) & (2**bits - 1)
    counts = np.array([(changed >> bit & 1).sum() for bit in range(bits)])
    assert (abs(counts - RATE * WORDS) < 5 * (RATE * WORDS) ** 0.5).all()
    assert after.min() >= -(2 ** (bits - 1)) and after.max() < 2 ** (bits - 1)
    whole = torch.from_numpy(before)
    assert WrongBits(0.0, rng).words(whole, bits) is whole


def test_a_wrong_mask_passes_what_it_should_stop_and_the_other_way_round() -> None:
    rng = np.random.default_rng(1)
    error = torch.ones(WORDS)
    passed = error * torch.from_numpy(rng.integers(0, 2, WORDS))
    found = WrongBits(RATE, rng).mask(error, passed)
    wrong = (found != passed).numpy()
    assert abs(wrong.sum() - RATE * WORDS) < 5 * (RATE * WORDS) ** 0.5
    assert set(found.unique().tolist()) == {0.0, 1.0} and found[wrong].unique().numel() == 2


def test_a_pass_with_wrong_bits_differs_on_its_way_back_only() -> None:
    """The answer is the same; gradients and errors are not, and are again once nothing errs."""
    torch.manual_seed(0)
    block = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))
    graph = IntGraph(block, trained=True)
    x, e = from_float(torch.randn(4, 3, 8, 8)), from_float(torch.randn(4, 8, 8, 8))

    def passes() -> list[torch.Tensor]:
        y = graph.forward(x)
        back = graph.backward(e)
        assert back is not None
        return [y.mantissa, back.value(), *(g.clone() for g in graph.gradients.values())]

    right = passes()
    graph.err(WrongBits(RATE, np.random.default_rng(2)))
    wrong = passes()
    graph.err(None)
    again = passes()
    assert torch.equal(right[0], wrong[0]) and all(map(torch.equal, right, again))
    assert not any(torch.equal(a, b) for a, b in zip(right[1:], wrong[1:], strict=True))
