"""M2RU with a circuit that is not exact: wires solved while it learns, and what is read into feedback copies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cimlearn.chips import parameters
from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.state import copied
from cimlearn.streams.base import StreamShape

SHAPE = StreamShape(steps=3, features=5, classes=3, signed=False)
SMALL: dict[str, Any] = {
    "network.hidden": 6, "rule.batch": 2, "replay.slots": 8, "rule.refresh": 10, "rule.feedback": "through",
}  # fmt: skip
WIRES = SMALL | {"periphery.wire": 20.0, "periphery.reference_group": 3, "periphery.wire_interval": 3}
QUIET = {
    "cell.read_noise": 0, "periphery.thermal": 0, "periphery.cycle_mismatch": 0, "periphery.column_mismatch": 0,
    "periphery.converter_bits": 15,
}  # fmt: skip


def examples(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x, y = rng.random((200, 3, 5)).astype(np.float32), rng.integers(0, 3, 200)
    return x[:count], y[:count]


def learned(settings: dict[str, Any], sizes: list[int]) -> M2RU:
    chip = M2RU(parameters("m2ru-lowohmic", settings), SHAPE, seed=1)
    x, y = examples(sum(sizes))
    for end, size in zip(np.cumsum(sizes), sizes, strict=True):
        chip.learn(x[end - size : end], y[end - size : end])
    return chip


def test_chunks_do_not_move_the_solutions() -> None:
    one, many = (learned(WIRES, sizes).state()[0] for sizes in ([40], [1, 5, 7, 6, 13, 8]))
    assert one.keys() == many.keys() and "hidden.seen.path" in one
    assert all(np.array_equal(one[name], many[name]) for name in one)


def test_a_chip_with_wires_goes_on_from_its_state() -> None:
    x, y = examples(40)
    whole, first = learned(WIRES, [40]), learned(WIRES, [17])
    tensors, values = first.state()
    again = M2RU(parameters("m2ru-lowohmic", WIRES), SHAPE, seed=1)
    again.load(tensors, values)
    again.learn(x[17:], y[17:])
    one, other = whole.state()[0], again.state()[0]
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_shares_between_solutions_err_little() -> None:
    """Against solving at every update: a fraction of what the wires change."""
    often, seldom = (
        learned(WIRES | {"periphery.wire_interval": interval}, [120]).weights()["hidden"]
        for interval in (1, 30)
    )
    without = learned(SMALL, [120]).weights()["hidden"]
    assert 0 < np.abs(often - seldom).max() < 0.5 * np.abs(often - without).max()


def test_an_exact_circuit_is_never_solved() -> None:
    chip = learned(SMALL, [20])
    assert not chip._circuits
    assert [
        array.size for name, array in copied(chip.net.hidden.state).items() if name.startswith("seen")
    ] == [0, 0, 0]


@pytest.mark.parametrize("zero_read", [False, True])
def test_a_zero_read_takes_the_offset_out_of_feedback_copies(zero_read: bool) -> None:
    """Offsets of 0.04 V are 0.26 in the units of the hidden array's weights; a copy is a weight times 127 / 128."""
    settings = (
        SMALL
        | QUIET
        | {"periphery.offset": 0.04, "periphery.zero_read": zero_read, "rule.feedback": "through"}
    )
    chip = M2RU(parameters("m2ru-lowohmic", settings), SHAPE, seed=1)
    weights = {name: weight.copy() for name, weight in chip.weights().items()}
    x, y = examples(1)
    chip.learn(x, y)
    state = chip.work.state
    wrong = max(
        np.abs(state.recurrent_copy.T - weights["hidden"][5:-1] * 127 / 128).max(),
        np.abs(state.output_copy.T - weights["output"][:-1] * 127 / 128).max(),
    )
    assert wrong < 0.002 if zero_read else wrong > 0.1
