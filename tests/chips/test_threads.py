"""Threads inside a chip: no number of them, nor whether they come, late or not at all, changes a bit."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from cimlearn import team
from cimlearn.arrays.base import VECTORS
from cimlearn.chips import parameters
from cimlearn.chips.m2ru import helpers, kernels
from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.streams.base import StreamShape

pytestmark = pytest.mark.skipif(team.ALONE, reason="without a compiler nobody can help")

SHAPE = StreamShape(6, 4, 3, False)  # steps, features, classes
BASE: dict[str, Any] = {"network.hidden": 17, "rule.batch": 9, "replay.slots": 12}
THROUGH: dict[str, Any] = {"rule.feedback": "through", "rule.refresh": 7}
CASES: dict[str, dict[str, Any]] = {
    "probed": {"rule.feedback": "probed"},
    "probed-in-groups": {"rule.feedback": "probed", "rule.feedback_steps": 2, "rule.probe_every": 3},
    "through": THROUGH,
    "direct": {"rule.feedback": "direct"},
    "kwta": {"rule.answer": "kwta", "rule.winners": 2},
    "no-replay": {"replay.slots": 0},
    "three-replayed": {"replay.ratio": 3},
    "telegraph": {"cell.telegraph": 0.05, "operation.age_interval": 5},
    "telegraph-through": THROUGH | {"cell.telegraph": 0.05, "operation.age_interval": 5},
    "parallel": {
        "rule.update": "parallel",
        "rule.keep_hidden": None,
        "rule.keep_output": None,
        "rule.follow": 0,
    },
    "tiles-of-five-rows": {"tile.rows": 5},
}


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small chips are helped too."""
    for name in ("LEAST_WEIGHTS", "LEAST_EXAMPLES", "LEAST_PASSES"):
        monkeypatch.setattr(helpers, name, 1)


def make(case: str = "probed", threads: int = 1, on: str = "chip") -> M2RU:
    chip = M2RU(parameters("m2ru", BASE | CASES[case]), SHAPE, seed=3, on=on)
    chip.use_threads(threads)
    return chip


def examples(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.random((count, SHAPE.steps, SHAPE.features), np.float32)
    return x, rng.integers(0, SHAPE.classes, count)


def assert_same(one: M2RU, other: M2RU) -> None:
    """All state, and the ledger."""
    states = one.state(), other.state()
    assert states[0][1] == states[1][1]
    assert states[0][0].keys() == states[1][0].keys()
    for name, tensor in states[0][0].items():
        assert np.array_equal(tensor, states[1][0][name], equal_nan=True), name
    assert one.ledger() == other.ledger()


def lesson(chip: M2RU) -> np.ndarray:
    """Chunks of many sizes, answers between them."""
    told = []
    for seed, count in enumerate((1, 30, 7, 64)):
        x, y = examples(count, seed)
        chip.learn(x, y)
        told.append(chip.predict(x))
    return np.concatenate(told)


@pytest.mark.parametrize("case", CASES)
def test_threads_change_no_bit(case: str) -> None:
    alone = make(case)
    told = lesson(alone)
    for threads in (2, 3):
        chip = make(case, threads)
        assert np.array_equal(lesson(chip), told)
        assert_same(alone, chip)


def test_the_float_twin_too() -> None:
    alone, chip = make(on="float"), make(threads=2, on="float")
    assert np.array_equal(lesson(alone), lesson(chip))
    assert_same(alone, chip)


def test_helpers_help(monkeypatch: pytest.MonkeyPatch) -> None:
    """They do passes of learning and of tests, sooner or later: a busy machine may keep them out of a call."""
    nets: list[Any] = []

    def kept(net: Any, own: Any = helpers._counting) -> Any:
        nets.append(own(net))
        return nets[-1]

    monkeypatch.setattr(helpers, "_counting", kept)
    chip, (x, y), end = make(threads=2), examples(300), time.monotonic() + 60
    for ask in (lambda: chip.learn(x, y), lambda: chip.predict(x)):
        nets.clear()
        while not any(net.hidden.state.counts[VECTORS] for net in nets):
            assert time.monotonic() < end
            ask()


def test_too_little_to_share_is_done_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is called for small arrays, short calls, and few passes between writes."""

    def called(*_: Any) -> None:
        raise AssertionError("a helper was called")

    monkeypatch.setattr(helpers, "_begin", called)
    chip, (x, y) = make(threads=2), examples(40)
    for name, least in (("LEAST_WEIGHTS", 10_000), ("LEAST_EXAMPLES", 41), ("LEAST_PASSES", 10)):
        with monkeypatch.context() as only:
            only.setattr(helpers, name, least)
            chip.learn(x, y)
    chip.shares(x)
    with pytest.raises(AssertionError, match="was called"):
        chip.learn(x, y)


class Late(threading.Thread):
    """The system runs it late."""

    def run(self) -> None:
        time.sleep(0.02)
        super().run()


class Never(threading.Thread):
    """The system never runs it."""

    def start(self) -> None:
        pass

    def join(self, timeout: float | None = None) -> None:
        pass


class Refused(threading.Thread):
    """The system makes no more threads."""

    def start(self) -> None:
        raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("kind", [Late, Never, Refused])
def test_helpers_that_do_not_come(kind: type[threading.Thread], monkeypatch: pytest.MonkeyPatch) -> None:
    alone = make()
    told = lesson(alone)
    monkeypatch.setattr(helpers, "Thread", kind)
    chip = make(threads=3)
    assert np.array_equal(lesson(chip), told)
    assert_same(alone, chip)


def test_other_threads_go_on_with_a_state() -> None:
    whole = make()
    lesson(whole)
    lesson(whole)
    parts = make(threads=2)
    lesson(parts)
    other = make(threads=3)
    other.load(*parts.state())
    other.use_threads(1)
    other.use_threads(2)
    lesson(other)
    assert_same(whole, other)


def test_helpers_go_home_when_the_call_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    chip, (x, y), serve = make(threads=3), examples(40), kernels.serve
    seen: list[int] = []

    def failing(*given: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            seen.append(threading.active_count())
            raise KeyboardInterrupt
        serve(*given)

    before = threading.active_count()
    monkeypatch.setattr(kernels, "serve", failing)
    with pytest.raises(KeyboardInterrupt):
        chip.learn(x, y)
    assert seen == [before + 2]
    assert threading.active_count() == before


def test_chips_in_threads_have_helpers_of_their_own() -> None:
    """Seeds side by side, each with a helper, on however many cores there are."""
    alone = make()
    told = lesson(alone)
    chips, answers = [make(threads=2) for _ in range(3)], {}
    side = [threading.Thread(target=lambda n=n: answers.update({n: lesson(chips[n])})) for n in range(3)]
    for one in side:
        one.start()
    for one in side:
        one.join()
    for n, chip in enumerate(chips):
        assert np.array_equal(answers[n], told)
        assert_same(alone, chip)
