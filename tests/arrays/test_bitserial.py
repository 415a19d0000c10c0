"""INT8 products by bit planes: exact, counted, and with bits that are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cimlearn.arrays import faults, training
from cimlearn.arrays.bitserial import (
    Shape,
    SubArray,
    added,
    from_planes,
    moved,
    multiplied,
    multiplied_transposed,
    planes,
    product,
    tiling,
)
from cimlearn.arrays.faults import ErrorRates, Flips, StoredBits
from cimlearn.arrays.training import Layer, Place
from cimlearn.errors import InputError

RNG = np.random.default_rng(5)
SIGMAS = 5.0  # of a binomial count


def int8(*shape: int) -> np.ndarray:
    return RNG.integers(-128, 128, shape, dtype=np.int8)


def test_planes_and_back() -> None:
    values = np.arange(-128, 128, dtype=np.int8).reshape(16, 16)
    assert planes(values).shape == (8, 16, 16)
    assert np.array_equal(from_planes(planes(values)), values)
    signs = np.array([1, 2, 4, 8, 16, 32, 64, -128]).reshape(8, 1, 1)
    assert np.array_equal((planes(values).astype(int) * signs).sum(0), values)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 40), st.integers(1, 6), st.integers(0, 2**31), st.booleans())
def test_product_is_exact(vectors: int, rows: int, columns: int, seed: int, extreme: bool) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, (vectors, rows), dtype=np.int8)
    w = rng.integers(-128, 128, (rows, columns), dtype=np.int8)
    if extreme:
        x, w = np.where(x < 0, -128, 127).astype(np.int8), np.where(w < 0, -128, 127).astype(np.int8)
    assert np.array_equal(product(x, w), x.astype(np.int64) @ w.astype(np.int64))


def counted(shape: Shape, array: SubArray) -> dict[str, int]:
    """The work of a product, found by walking through every cycle of every sub-array."""
    words = array.columns // 8
    found = dict.fromkeys(("row_activations", "bits_read", "plane_cycles", "popcounts"), 0)
    for _ in range(shape.groups * shape.vectors * 8):  # an input bit
        for top in range(0, shape.rows, array.rows):
            for left in range(0, shape.columns, words):
                inside = min(words, shape.columns - left)
                rows = min(array.rows, shape.rows - top)
                for first in range(0, rows, array.active):
                    driven = min(array.active, rows - first)
                    found["plane_cycles"] += 1
                    found["row_activations"] += driven
                    found["bits_read"] += driven * inside * 8
                    found["popcounts"] += inside * 8
    return found


@pytest.mark.parametrize("shape", [(9, 1, 4, 6), (144, 16, 3, 1), (70, 5, 2, 2), (1, 1, 1, 1), (64, 8, 2, 3)])
@pytest.mark.parametrize("array", [(64, 64, 64), (64, 64, 1), (32, 40, 5), (128, 8, 128)])
def test_counts_equal_a_walk_through_every_cycle(shape: tuple[int, ...], array: tuple[int, ...]) -> None:
    s, a = Shape(*shape), SubArray(*array)
    counts, walked = multiplied(s, a), counted(s, a)
    for action in ("row_activations", "bits_read", "plane_cycles"):
        assert counts["mram"][action] == walked[action]
    assert counts["adders"]["popcounts"] == counts["adders"]["shift_adds"] == walked["popcounts"]
    t = tiling(s, a)
    assert counts["adders"]["partial_adds"] == s.groups * s.vectors * s.columns * (t.down - 1)
    at_once = counts["time"]["serial_cycles"] * t.arrays
    assert at_once >= walked["plane_cycles"]  # no sub-array does more than one thing at a time


def test_one_sub_array_by_hand() -> None:
    counts = multiplied(Shape(64, 8, 10), SubArray(64, 64, 64))
    assert counts == {
        "mram": {"row_activations": 10 * 8 * 64, "bits_read": 10 * 8 * 64 * 64, "plane_cycles": 80},
        "adders": {"popcounts": 10 * 8 * 64, "shift_adds": 10 * 8 * 64, "partial_adds": 0},
        "time": {"serial_cycles": 80},
    }
    one_row = multiplied(Shape(64, 8, 10), SubArray(64, 64, 1))
    assert one_row["time"]["serial_cycles"] == 80 * 64
    few = multiplied(Shape(64, 32, 10), SubArray(64, 64, 64, available=3))  # 4 sub-arrays needed
    assert few["time"]["serial_cycles"] == 160


def test_small_groups_share_a_sub_array_and_take_turns() -> None:
    depthwise, array = Shape(9, 1, 5, 16), SubArray(64, 64, 9)
    t = tiling(depthwise, array)
    assert (t.stacked, t.arrays) == (7, 3)
    assert multiplied(depthwise, array)["time"]["serial_cycles"] == 5 * 8 * 7


def test_transposed_read_uses_the_same_cells_eight_times_longer() -> None:
    shape, array = Shape(64, 8, 10), SubArray(64, 64, 64)
    there, back = multiplied(shape, array), multiplied_transposed(shape, array)
    assert back["mram"]["bits_read"] == there["mram"]["bits_read"]
    assert back["time"]["serial_cycles"] == 8 * there["time"]["serial_cycles"]


def test_moving_counts_rows_and_bits() -> None:
    counts = moved(Shape(70, 10, 1), SubArray(64, 64, 64), part="sram", write=True)
    assert counts == {
        "sram": {"bits_written": 5600, "rows_written": 140},
        "time": {"serial_cycles": 64},
    }


def test_a_sub_array_must_hold_a_weight() -> None:
    with pytest.raises(InputError, match="columns >= 8"):
        tiling(Shape(1, 1, 1), SubArray(8, 7, 1))
    with pytest.raises(InputError, match="is empty"):
        tiling(Shape(1, 0, 1), SubArray(8, 8, 1))


MRAM, SRAM = SubArray(256, 128, 256), SubArray(128, 128, 128)
LAYERS = [
    Layer("first", 27, 16, 2048, 1, False, False),
    Layer("second", 144, 16, 2048, 1, True, True),
    Layer("head", 64, 10, 2, 1, True, True),
]


@pytest.mark.parametrize("transpose", training.TRANSPOSES)
@pytest.mark.parametrize("gradient", training.GRADIENTS)
def test_a_step_has_three_products(transpose: training.Transpose, gradient: training.Gradient) -> None:
    place = Place(MRAM, SRAM, transpose, gradient)
    step = training.step(LAYERS, place)
    macs = {name: sum(layer.forward.products for layer in kept) for name, kept in (
        ("forward", LAYERS), ("error", LAYERS[1:]), ("gradient", LAYERS[1:]))}  # fmt: skip
    for phase, expected in macs.items():
        read = sum(part.get("bits_read", 0) for part in step[phase].values())
        assert read == 64 * expected  # 64 pairs of bit planes for each multiply-add
    assert ("sram" in step["error"]) == (transpose == "sram")
    assert (gradient == "sram") == ("sram" in step["gradient"])
    copies = 2 if transpose == "copy" else 1
    bits = (144 * 16 + 64 * 10) * 8
    assert step["update"]["mram"]["bits_written"] == copies * bits
    assert training.stored_bits(LAYERS, place)["copy"] == (copies - 1) * bits
    assert step["gradient"][gradient]["bits_written"] == (2048 * 16 + 2 * 10) * 8


def test_unknown_places_are_refused() -> None:
    with pytest.raises(InputError, match="transpose = 'dram'"):
        training.error(LAYERS[1], Place(MRAM, SRAM, "dram", "sram"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="gradient = 'dram'"):
        training.gradient(LAYERS[1], Place(MRAM, SRAM, "copy", "dram"))  # type: ignore[arg-type]


def test_counts_add_up() -> None:
    assert added([{"a": {"x": 1}}, {"a": {"x": 2, "y": 3}, "b": {"z": 4}}]) == {
        "a": {"x": 3, "y": 3},
        "b": {"z": 4},
    }
    assert added([]) == {}


def near(count: int, trials: int, rate: float) -> bool:
    return abs(count - trials * rate) <= SIGMAS * (trials * rate * (1 - rate)) ** 0.5


@pytest.mark.parametrize(
    "rates", [ErrorRates(0.01, 0.03), ErrorRates(0.0, 0.2), ErrorRates(0.5, 0.5), ErrorRates(1.0, 0.0)]
)
def test_upset_flips_at_exactly_its_rates(rates: ErrorRates) -> None:
    values = int8(300, 400)
    ones = int(np.bitwise_count(values.view(np.uint8)).sum())
    changed = faults.flips(values, faults.upset(values, rates, generator=np.random.default_rng(1)))
    assert near(changed.up, values.size * 8 - ones, rates.up)
    assert near(changed.down, ones, rates.down)


def test_every_bit_place_is_hit() -> None:
    values = int8(400, 400)
    wrong = planes(values) ^ planes(faults.upset(values, ErrorRates(0.1, 0.1), generator=RNG))
    assert all(near(int(plane.sum()), values.size, 0.1) for plane in wrong)


def test_failed_writes_keep_the_old_bit() -> None:
    old, new = int8(300, 300), int8(300, 300)
    rates = ErrorRates(0.02, 0.1)
    stored = faults.written(old, new, rates, generator=np.random.default_rng(2))
    asked, missed = faults.flips(old, new), faults.flips(stored, new)
    assert near(missed.up, asked.up, rates.up)
    assert near(missed.down, asked.down, rates.down)
    assert not ((old ^ stored) & ~(old ^ new)).any()  # no other bit was touched
    assert np.array_equal(faults.written(old, new, ErrorRates(), generator=RNG), new)
    assert np.array_equal(faults.written(old, new, ErrorRates(1, 1), generator=RNG), old)


def test_what_lasts_and_what_does_not() -> None:
    values = int8(200, 200)
    memory = StoredBits(
        values, write=ErrorRates(), read=ErrorRates(0.01, 0.01), generator=np.random.default_rng(3)
    )
    first, second = memory.read(), memory.read()
    assert not np.array_equal(first, second)
    assert np.array_equal(memory.stored, values)  # a misread leaves the cells alone
    lost = memory.rest(ErrorRates(0.001, 0.01))
    assert lost == faults.flips(values, memory.stored)
    assert lost.up > 0
    assert lost.down > 0
    assert memory.write(values) == Flips(lost.down, lost.up)
    assert np.array_equal(memory.stored, values)


def test_same_seed_same_faults() -> None:
    values = int8(50, 50)
    one, other = (
        faults.upset(values, ErrorRates(0.1, 0.2), generator=np.random.default_rng(9)) for _ in range(2)
    )
    assert np.array_equal(one, other)


def test_faults_refuse_nonsense() -> None:
    with pytest.raises(InputError, match="no pair of probabilities"):
        faults.upset(int8(2), ErrorRates(-0.1, 0), generator=RNG)
    with pytest.raises(InputError, match="do not fit"):
        StoredBits(int8(2), write=ErrorRates(), read=ErrorRates(), generator=RNG).write(int8(3))
