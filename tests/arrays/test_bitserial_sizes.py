"""Sub-arrays sized by the largest layer, feature maps and held sums: worked out on paper."""

from __future__ import annotations

import warnings

import pytest

from cimlearn.arrays.bitserial import tiling
from cimlearn.arrays.bitserial_counts import (
    batch_work,
    inventory,
    largest_layer,
    phase_counts,
    place,
    sum_bits,
)
from cimlearn.arrays.training import Layer
from cimlearn.chips import parameters

SMALL = Layer("small", 9, 4, 100, 1, False, True, 100)
LARGE = Layer("large", 600, 40, 10, 1, True, True, 6000)


def settings(**changes: object) -> object:
    return parameters(
        "sas-mram", {"array.rows": 128, **{n.replace("__", "."): v for n, v in changes.items()}}
    )


@pytest.mark.parametrize(("terms", "bits"), [(1, 16), (2, 17), (128, 23), (129, 24), (576, 26)])
def test_a_sum_needs_16_bits_and_the_logarithm_of_its_terms(terms: int, bits: int) -> None:
    assert sum_bits(terms) == bits


def test_as_many_sub_arrays_work_as_the_largest_layer_needs() -> None:
    """600 rows / 128 and 40 words / 32: 5 x 2; its transposed copy 1 x 19, the most."""
    p = settings()
    where = place(p, [SMALL, LARGE])
    assert tiling(LARGE.forward, where.mram).arrays == 10 and tiling(LARGE.backward, where.mram).arrays == 19
    assert largest_layer([SMALL, LARGE], where) == 19 == where.mram.available == where.sram.available
    assert largest_layer([SMALL, LARGE], place(settings(array__transpose="sram"))) == 10
    found = inventory([SMALL, LARGE], 1, p, {})
    assert found["digital"]["adders"] == 19 * p["array.columns"]
    assert found["digital"]["forward_bits"] == sum_bits(600)
    assert found["digital"]["error_bits"] == sum_bits(40)
    assert found["digital"]["gradient_bits"] == sum_bits(10 * p["rule.batch"])
    assert place(settings(array__available=7), [SMALL, LARGE]).mram.available == 7


def test_a_warning_where_more_than_half_stand_idle() -> None:
    many = [LARGE._replace(name=str(n)) for n in range(4)]  # 4 x (10 + 19) sub-arrays
    with pytest.warns(
        UserWarning, match=r"array\.available = 40: the largest layer needs 19 .*set array\.available=0"
    ):
        inventory(many, 1, settings(array__available=40), {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inventory(many, 1, settings(array__available=38), {})


def test_feature_maps_and_held_sums() -> None:
    """Forward: 100 + 6,000 values read, 400 + 400 written, as sums of 20 and 26 bits. Back: 400 + 400 errors read, 900
    + 6,000 rounded, the sums of windows that overlap 16 + log2(fan-in x outputs) wide, one for each input.
    """
    work = batch_work([SMALL, LARGE], learning=False)
    assert (work.read, work.narrowed, work.sum_bits) == (6100, 800, 400 * 20 + 400 * 26)
    back = batch_work([SMALL, LARGE], learning=True)
    assert back.read == 6100 + 800 and back.narrowed == 800 + 900 + 6000
    assert back.sum_bits == work.sum_bits + 100 * sum_bits(36) + 6000 * sum_bits(24000)
    where = place(settings(), [SMALL, LARGE])
    memory = phase_counts([(work, 3)], where, learning=False, examples=3, features=True, held=True)["memory"]
    assert memory["feature_bits_read"] == 3 * 8 * 6100 and memory["feature_bits_written"] == 3 * 8 * 800
    assert memory["sum_bits_read"] == memory["sum_bits_written"] == 3 * work.sum_bits
    static = phase_counts([(work, 3)], where, learning=False, examples=3, features=True)["memory"]
    assert static["sum_bits_read"] == 0
    assert "feature_bits_read" not in phase_counts([(work, 3)], where, learning=False, examples=3)["memory"]
