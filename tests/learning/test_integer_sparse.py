"""N:M sparsity in integers: which weights stay, that they alone learn and are stored, what doesn't divide."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cimlearn.arrays.bitserial import SubArray  # noqa: E402
from cimlearn.arrays.training import Layer, Place, forward, stored_bits  # noqa: E402
from cimlearn.errors import InputError  # noqa: E402
from cimlearn.learning.integer.graph import IntGraph  # noqa: E402
from cimlearn.learning.integer.sparse import mask  # noqa: E402
from cimlearn.learning.integer.tensor import Int8, from_float  # noqa: E402
from cimlearn.learning.integer.update import UpdateRule  # noqa: E402
from cimlearn.networks.layers import layers  # noqa: E402
from cimlearn.networks.sparsity import Pattern, pattern  # noqa: E402

nn = torch.nn


def test_the_largest_of_each_group_stay() -> None:
    w = torch.tensor([[1.0, -7, 3, 2, 0, 0, 0, 0], [5, 5, 5, -6, -1, 0, 2, 0]])
    assert mask(w, Pattern(2, 4)).tolist() == [[0, 1, 1, 0, 1, 1, 0, 0], [0, 1, 0, 1, 1, 0, 1, 0]]
    assert (
        mask(torch.zeros(4, 8), Pattern(2, 4)).sum(0).tolist() == [2.0] * 8
    )  # of zeros, every input is seen
    assert mask(w, Pattern(1, 4)).sum() == 4


def test_only_what_is_kept_learns_and_fails() -> None:
    torch.manual_seed(0)
    graph = IntGraph(nn.Sequential(nn.Conv2d(4, 8, 3), nn.ReLU(), nn.Conv2d(8, 6, 1)), trained=True)
    graph.sparsify(Pattern(1, 4))
    kept = graph.masks()
    assert {name: int(one.sum()) for name, one in kept.items()} == {"0": 8 * 9, "2": 6 * 2}
    before = graph.weights()
    y = graph.forward(from_float(torch.randn(4, 4, 6, 6)))
    graph.backward(Int8(torch.ones_like(y.mantissa) * 9, -7))
    graph.update(UpdateRule(5))
    for name, after in graph.weights().items():
        assert not after[~kept[name]].any()
        assert (after != before[name])[kept[name]].any()
    graph.load({"2": np.full((6, 8, 1, 1), 7, np.int8)})
    assert graph.weights()["2"].sum() == 7 * 12


def test_work_of_a_compressed_product() -> None:
    """64 x 8 weights, one vector, 2 of 4 kept: half the reads, all inputs driven, 2 index bits a weight."""
    place = Place(SubArray(128, 64, 32), SubArray(256, 256, 256), "copy", "sram")
    dense = Layer("one", 64, 8, 1, 1, True, False)
    sparse = dense._replace(kept=(2, 4))
    whole, half = forward(dense, place)["mram"], forward(sparse, place)["mram"]
    assert half["bits_read"] * 2 == whole["bits_read"]
    assert half["row_activations"] == whole["row_activations"]
    assert half["index_bits_read"] == 32 * 8 * 2 and "index_bits_read" not in whole
    assert stored_bits([sparse], place)["weights"] == 32 * 8 * (8 + 2)


@pytest.mark.parametrize("text", ["4:2", "4:4", "0:4", "2:64", "half", "2:4:8", "-1:4"])
def test_patterns_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match=r"give N:M with 1 <= N < M <= 32"):
        pattern(text)
    assert pattern("dense") is None and pattern("2:4") == (2, 4)


def test_what_does_not_divide_is_named() -> None:
    graph = IntGraph(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3)), trained=True)
    graph.sparsify(Pattern(2, 4))
    assert set(graph.masks()) == {"1"}  # a layer that reads three colours stays dense
    with pytest.raises(InputError, match="filters of 1 have 72 weights, which 7 doesn't divide"):
        graph.sparsify(Pattern(2, 7))
    with pytest.raises(InputError, match="which 7 doesn't divide"):
        layers("resnet8", 32, 10, kept=(2, 7))
