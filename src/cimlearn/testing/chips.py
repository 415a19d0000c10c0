"""Checks of a chip: reproducible, resumable, and never disturbed by what it is asked.

Each check runs for each placement; its name is 'placement:check'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.chips.base import Chip, Kind
from cimlearn.ledger import Ledger
from cimlearn.state import StateError
from cimlearn.streams.base import StreamShape
from cimlearn.testing.base import Check, bound
from cimlearn.testing.objects import held

SHAPE = StreamShape(steps=4, features=4, classes=3, signed=False)
LEARNED = 41  # examples; no round number, so that batches and buffers stand half full
ALMOST = (
    0.1  # counts that depend on data, such as bits that were 1, may differ by so much from example to example
)
STOCHASTIC = ("buffer",)  # parts whose counts follow the clock of a reservoir, not the examples


@dataclass(frozen=True)
class Case:
    """A chip to check."""

    kind: Kind
    on: str
    settings: Mapping[str, Any]
    shape: StreamShape

    def build(self, seed: int = 3, **changes: Any) -> Chip:
        """A new chip, on its first task."""
        p = self.kind.parameters(self.settings)
        shape = self.shape._replace(**changes)
        chip = self.kind.build(self.on, parameters=p, shape=shape, seed=seed)
        chip.start_task(0)
        return chip

    def examples(self, count: int = LEARNED, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """x (count, steps, features) around a pattern for each class, y (count,)."""
        steps, features, classes, _ = self.shape
        patterns = np.random.default_rng(7).random((classes, steps, features))
        draw = np.random.default_rng(seed)
        y = draw.integers(0, classes, count)
        x = np.clip(patterns[y] + 0.1 * draw.standard_normal((count, steps, features)), 0, 1)
        return x.astype(np.float32), y.astype(np.int64)


def _same_state(one: Chip, two: Chip, why: str, besides: tuple[str, ...] = ()) -> None:
    """Both chips have the same state dict."""
    (mine, mine_values), (other, other_values) = one.state(), two.state()
    assert mine.keys() == other.keys(), f"{why}: the states have other tensors"
    for name in mine:
        if name not in besides:
            same = mine[name].tobytes() == other[name].tobytes()
            assert same, f"{why}: the tensor {name} differs"
    assert mine_values == other_values, f"{why}: the plain values differ"


def same_seed_same_bytes(case: Case) -> None:
    """Two chips of one seed are one chip; another seed is another."""
    x, y = case.examples()
    one, two, other = case.build(), case.build(), case.build(seed=4)
    for chip in (one, two, other):
        chip.learn(x, y)
    _same_state(one, two, "same seed")
    assert np.array_equal(one.predict(x, 0), two.predict(x, 0)), "same seed: the answers differ"
    assert one.ledger() == two.ledger(), "same seed: the ledgers differ"
    mine, others = one.state()[0], other.state()[0]
    differ = any(name in others and not np.array_equal(mine[name], others[name]) for name in mine)
    assert differ, "another seed made the same chip"


def chunk_borders_change_nothing(case: Case) -> None:
    """Examples one at a time, or all at once, with empty chunks between."""
    x, y = case.examples()
    one, two = case.build(), case.build()
    one.learn(x, y)
    for low, high in ((0, 1), (1, 8), (8, 8), (8, 29), (29, LEARNED)):
        two.learn(x[low:high], y[low:high])
    _same_state(one, two, "chunk borders")
    assert one.learned() == two.learned(), "chunk borders change how many examples are counted"


def predict_changes_nothing_learned(case: Case) -> None:
    """Asked before the first example, in the middle of a batch and after it: what is learned is the same."""
    x, y = case.examples()
    quiet, asked = case.build(), case.build()
    asked.predict(x[:5], 0)
    for low, high in ((0, 13), (13, 30), (30, LEARNED)):
        quiet.learn(x[low:high], y[low:high])
        asked.learn(x[low:high], y[low:high])
        asked.predict(x[:5], 0)
    quiet.end_task()
    asked.end_task()
    fresh = case.build()
    before = fresh.state()[0]
    fresh.predict(x[:5], 0)
    own = {name for name, tensor in fresh.state()[0].items() if not np.array_equal(tensor, before[name])}
    mine, other = quiet.state()[0], asked.state()[0]
    assert mine.keys() == other.keys(), "asking made other tensors"
    for name in mine:
        same = np.array_equal(mine[name], other[name])
        assert same or name in own, f"asking changed {name}, which learning reads"
    first, second = quiet.ledger().counts.get("learn"), asked.ledger().counts.get("learn")
    assert first == second, "asking changed what learning counted"
    assert quiet.learned() == asked.learned(), "asking changed how many examples were learned"


def end_of_task_twice_is_once(case: Case) -> None:
    """Saying again that a task is over does nothing."""
    x, y = case.examples()
    one, two = case.build(), case.build()
    for chip in (one, two):
        chip.learn(x, y)
        chip.end_task()
    two.end_task()
    _same_state(one, two, "end_task twice")


def state_resumes_exactly(case: Case) -> None:
    """Stopped in the middle of a batch and loaded into a new chip, it goes on as if nothing had been."""
    whole, second = _resumed(case)
    x, y = case.examples(30, seed=1)
    for chip in (whole, second):
        chip.learn(x, y)
    _same_state(whole, second, "resumed")
    assert np.array_equal(whole.predict(x, 0), second.predict(x, 0)), "resumed: the answers differ"
    assert whole.ledger() == second.ledger(), "resumed: the ledgers differ"
    assert whole.learned() == second.learned(), "resumed: another number of examples"


def every_field_of_state_is_saved(case: Case) -> None:
    """After `load` every array that the chip holds, wherever it hides, is that of the chip that saved it."""
    whole, second = _resumed(case)
    mine, other = held(whole), held(second)
    for path in sorted(mine.keys() & other.keys()):
        same = mine[path].shape == other[path].shape and np.array_equal(mine[path], other[path])
        assert same, f"{path} was not saved; put it into a state, or in a ...Scratch if it holds nothing"


def _resumed(case: Case) -> tuple[Chip, Chip]:
    """A chip in the middle of learning, and a new one that has loaded its state."""
    x, y = case.examples()
    whole, second = case.build(), case.build()
    whole.learn(x, y)
    whole.predict(x[:7], 0)
    tensors, values = whole.state()
    second.learn(*case.examples(23, seed=5))  # something else, to be forgotten
    second.load({name: tensor.copy() for name, tensor in tensors.items()}, values)
    return whole, second


def state_is_a_copy(case: Case) -> None:
    """What `state` hands out stays as it is while the chip goes on."""
    x, y = case.examples()
    chip = case.build()
    chip.learn(x, y)
    tensors = chip.state()[0]
    before = {name: tensor.copy() for name, tensor in tensors.items()}
    chip.learn(*case.examples(30, seed=1))
    chip.end_task()
    for name, tensor in tensors.items():
        assert np.array_equal(tensor, before[name]), f"{name} changed after it was handed out"


def a_missing_tensor_is_refused(case: Case) -> None:
    """Every tensor of the state is asked for, by name."""
    chip = case.build()
    chip.learn(*case.examples())
    tensors, values = chip.state()
    for name in tensors:
        _refused(case, {key: tensor for key, tensor in tensors.items() if key != name}, values, name)


def another_shape_is_refused(case: Case) -> None:
    """A tensor of another shape is refused by name, and so is the state of a chip for other examples."""
    chip = case.build()
    chip.learn(*case.examples())
    tensors, values = chip.state()
    for name, tensor in tensors.items():
        _refused(case, tensors | {name: np.zeros((*tensor.shape, 2), tensor.dtype)}, values, name)
    other = case.build(classes=case.shape.classes + 1)
    other.learn(*case.examples())
    _refused(case, *other.state(), "")


def _refused(case: Case, tensors: dict[str, NDArray[Any]], values: dict[str, Any], name: str) -> None:
    try:
        case.build().load(tensors, values)
    except StateError as error:
        assert name in str(error), f"the error doesn't name {name}: {error}"
    else:
        raise AssertionError(f"a state without its own {name or 'shape'} was loaded")


def twice_the_stream_is_twice_the_work(case: Case) -> None:
    """The same questions again count the same again; another part of the stream counts as much as the one before."""
    x, _ = case.examples(12)
    chip = case.build()
    chip.learn(*case.examples(48))
    chip.end_task()
    ledgers = []
    for _ in range(3):
        ledgers.append(chip.ledger())
        chip.predict(x, 0)
    once, twice = (_grown(a, b, "predict") for a, b in pairwise(ledgers))
    _alike(once, twice, "the same questions")
    parts = []
    for seed in (1, 2, 3):
        before = chip.ledger()
        chip.learn(*case.examples(48, seed))
        chip.end_task()
        parts.append(_grown(before, chip.ledger(), "learn"))
    exact = {key: n for key, n in parts[1].items() if key[1] in ("examples", "steps")}
    for key, n in exact.items():
        assert parts[2][key] == n, f"{key} grew by {n} and then by {parts[2][key]} in equal parts of a stream"
    if ("time", "examples") in exact:
        assert exact["time", "examples"] >= 48, "fewer passes are counted than new examples were learned"


def _grown(before: Ledger, after: Ledger, phase: str) -> dict[tuple[str, str], int]:
    """(part, action) -> what was added in a phase."""
    old = before.counts.get(phase, {})
    return {
        (part, action): n - old.get(part, {}).get(action, 0)
        for part, actions in after.counts.get(phase, {}).items()
        for action, n in actions.items()
    }


def _alike(one: Mapping[tuple[str, str], int], two: Mapping[tuple[str, str], int], what: str) -> None:
    """Counts are the same but for what hangs on chance."""
    for key, n in one.items():
        if key[0] not in STOCHASTIC:
            assert abs(two[key] - n) <= ALMOST * n, f"{what}: {key} grew by {n}, then by {two[key]}"


def answers_are_classes(case: Case) -> None:
    """(examples,) whole numbers from 0 to classes - 1; nothing asked, nothing answered."""
    x, y = case.examples()
    chip = case.build()
    chip.learn(x, y)
    found = chip.predict(x, 0)
    assert found.shape == (len(x),) and found.dtype == np.int64, f"answers {found.shape} {found.dtype}"
    assert found.min() >= 0 and found.max() < case.shape.classes, "an answer is no class"
    assert chip.predict(x[:0], 0).shape == (0,), "no example, and an answer"


def counts_what_it_learned(case: Case) -> None:
    """New examples count at least once, whether they wait or not."""
    chip = case.build()
    assert chip.learned() == 0
    chip.learn(*case.examples())
    assert chip.learned() >= LEARNED, f"{LEARNED} new examples, {chip.learned()} counted"


CHECKS = (
    same_seed_same_bytes,
    chunk_borders_change_nothing,
    predict_changes_nothing_learned,
    end_of_task_twice_is_once,
    state_resumes_exactly,
    every_field_of_state_is_saved,
    state_is_a_copy,
    a_missing_tensor_is_refused,
    another_shape_is_refused,
    twice_the_stream_is_twice_the_work,
    answers_are_classes,
    counts_what_it_learned,
)


def checks(
    kind: Kind,
    settings: Mapping[str, Any] | None = None,
    shape: StreamShape = SHAPE,
    placements: tuple[str, ...] | None = None,
) -> list[Check]:
    """The checks of a chip, for each placement."""
    found = []
    for on in placements or kind.placements:
        found += bound(CHECKS, Case(kind, on, dict(settings or {}), shape), prefix=f"{on}:")
    return found
