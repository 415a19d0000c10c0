"""What the estimators share: ranges of input lines, and answers whose read noise belongs to the example."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hardware import QUIET, SIGMAS
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cimlearn.chips import parameters
from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.online.learner import Learner
from cimlearn.online.ranges import Ranges, scaled
from cimlearn.streams.base import StreamShape

SHAPE = StreamShape(2, 3, 3, False)
NUMBERS = st.floats(allow_nan=True, allow_infinity=False)
NONE = np.array([[[np.nan]]])


def running(x: np.ndarray, borders: tuple[int, ...]) -> np.ndarray:
    """x scaled as it would be learned, in calls that end at the borders."""
    ranges, out = Ranges(x.shape[2]), []
    for part in np.split(x, borders):
        if len(part):
            low, high = ranges.running(part)
            out.append(scaled(part, low, high))
            ranges.low, ranges.high = low[-1, 0], high[-1, 0]
    return np.concatenate(out)


@given(arrays(np.float64, (7, 2, 3), elements=NUMBERS), st.integers(0, 7), st.integers(0, 7))
def test_scaled_values_do_not_depend_on_the_borders_of_calls(x: np.ndarray, a: int, b: int) -> None:
    whole = running(x, ())
    np.testing.assert_array_equal(running(x, tuple(sorted((a, b)))), whole)
    assert whole.dtype == np.float32
    assert ((whole >= 0) & (whole <= 1)).all()


def test_scaled_values_by_hand() -> None:
    x = np.array([[[10.0]], [[20.0]], [[12.5]], [[np.nan]], [[0.0]]])
    assert running(x, ()).ravel().tolist() == [0, 1, 0.25, 0, 0]
    low, high = np.array([-1.0]), np.array([3.0])
    assert scaled(NONE, low, high) == 0.25  # missing is 0 in its own unit
    assert scaled(np.array([[[9.0]]]), low, high) == 1
    assert scaled(np.array([[[9.0]]]), high, high) == 0  # one value makes no range
    assert scaled(NONE, np.array([np.inf]), np.array([-np.inf])) == 0


def test_the_largest_numbers_do_not_overflow() -> None:
    most = np.finfo(np.float64).max
    x = np.array([[[-most]], [[most]], [[0.0]]])
    assert scaled(x, np.array([-most]), np.array([most])).ravel().tolist() == [0, 1, 0.5]


def test_the_smallest_numbers_make_no_range() -> None:
    least = np.finfo(np.float64).smallest_subnormal
    x = np.array([[[0.0]], [[least]]])
    assert scaled(x, np.array([0.0]), np.array([least])).ravel().tolist() == [0, 0]


def chip(on: str = "chip", seed: int = 0, **changes: object) -> M2RU:
    settings = {"network.hidden": 8, "replay.slots": 20, "write.first_tries": 0, "rule.feedback": "through"}
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return M2RU(parameters("m2ru-lowohmic", {**settings, **named}), SHAPE, seed=seed, on=on)


def examples(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    return draw.random((count, *SHAPE[:2]), np.float32), draw.integers(0, SHAPE.classes, count)


@pytest.mark.parametrize("answer", ["softmax", "kwta"])
def test_shares_are_the_answer_of_the_network(answer: str) -> None:
    """Against float64: MiRU-2 by its equations, then softmax or K-WTA of two winners."""
    made = chip("float", rule__answer=answer, rule__winners=2, rule__centre_over=0)
    x, _ = examples(30)
    first, second = (w.astype(float) for w in made.weights().values())
    state = np.zeros((len(x), 8))
    for t in range(SHAPE.steps):
        row = np.hstack([x[:, t], made.net.feed * state, np.ones((len(x), 1))])
        state = made.net.keep * state + (1 - made.net.keep) * np.tanh(row @ first)
    out = np.hstack([state, np.ones((len(x), 1))]) @ second
    if answer == "softmax":
        wanted = np.exp(out) / np.exp(out).sum(axis=1, keepdims=True)
    else:
        lead = out - out.max(axis=1, keepdims=True)  # of three outputs two win, and share one current
        lead[np.arange(len(x)), out.argmin(axis=1)] = -np.inf
        low, high = np.full((len(x), 1), -2.0), np.zeros((len(x), 1))
        for _ in range(60):  # the common node, by bisection
            middle = 0.5 * (low + high)
            over = (np.maximum(lead * made.rule.circuit.gain - middle, 0) ** 2 / 4).sum(axis=1, keepdims=True)
            low, high = np.where(over > 1, middle, low), np.where(over > 1, high, middle)
        wanted = np.maximum(lead * made.rule.circuit.gain - low, 0) ** 2 / 4
    np.testing.assert_allclose(made.shares(x), wanted, atol=2e-5)


def test_without_noise_the_largest_share_is_the_class() -> None:
    made = chip(**{name.replace(".", "__"): value for name, value in QUIET.items()})
    x, y = examples(300)
    made.learn(x, y)
    assert (made.shares(x).argmax(axis=1) == made.predict(x)).all()


def test_an_answer_depends_on_the_example_alone() -> None:
    made = chip(cell__read_noise=0.2)
    x, y = examples(50)
    made.learn(x, y)
    whole = made.shares(x)
    np.testing.assert_array_equal(made.shares(x[::-1].copy())[::-1], whole)
    np.testing.assert_array_equal(np.concatenate([made.shares(row[None]) for row in x]), whole)
    made.predict(x)
    np.testing.assert_array_equal(made.shares(x), whole)
    swapped = x[:, :, ::-1].copy()
    assert (made.shares(swapped) != whole).any(axis=1).all()


def test_the_noise_of_an_answer_is_that_of_a_read() -> None:
    """The largest share wins as often as `predict` chooses it: 4,000 neighbours of one example, for both."""
    made, count = chip(cell__read_noise=0.5, periphery__converter_bits=None), 4000
    near = made.shares(examples(200)[0])
    x = examples(200)[0][np.sort(near, axis=1)[:, -1].argmin()]  # the least sure one
    steps = np.arange(count, dtype=np.float32) * np.float32(1e-9)
    x = np.repeat(x[None], count, axis=0)
    x[:, 0, 0] = np.float32(0.001) + steps  # far below a step of the input, but each of its own digest
    assert len(np.unique(x[:, 0, 0])) == count
    asked = np.bincount(made.shares(x).argmax(axis=1), minlength=3) / count
    drawn = np.bincount(made.predict(x), minlength=3) / count
    mean = (asked + drawn) / 2
    assert np.sort(mean)[-1] < 0.95, "the example is too easy to show noise"
    assert (abs(asked - drawn) <= SIGMAS * np.sqrt(2 * mean * (1 - mean) / count) + 1e-9).all()


def test_asking_is_counted_and_changes_nothing_else() -> None:
    x, y = examples(60)
    asked, left = chip(), chip()
    for start in range(0, 60, 20):
        for made in (asked, left):
            made.learn(x[start : start + 20], y[start : start + 20])
        asked.shares(x)
    counted = (
        "classified",
        "hidden.predict.counts",
        "output.predict.counts",
        "hidden.predict.on",
        "output.predict.on",
    )
    for name, tensor in left.state()[0].items():
        assert np.array_equal(asked.state()[0][name], tensor) == (name not in counted), name
    left.predict(x)
    left.predict(x)
    left.predict(x)
    one, two = (made.ledger().counts["predict"] for made in (asked, left))
    assert one["time"] == two["time"]
    assert one["hidden"]["vectors"] == two["hidden"]["vectors"] == 3 * 60 * SHAPE.steps


def test_threads_may_ask_at_the_same_time() -> None:
    learner = Learner(1, 30, 3, settings={"network.hidden": 60})
    x = np.random.default_rng(0).random((400, 1, 30))
    learner.learn(x, np.arange(400) % 3)
    wanted, found = learner.shares(x), [np.empty(0)] * 8

    def ask(n: int) -> None:
        found[n] = learner.shares(x)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for shares in found:
        np.testing.assert_array_equal(shares, wanted)
