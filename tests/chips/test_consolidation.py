"""What holds old weights: importance against a plain program, least squares against their closed form, promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hardware import SIGMAS, Xoshiro
from test_m2ru import RECIPE, SHAPE, examples, make, same

from cimlearn import chips
from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.chips.m2ru.expected import through
from cimlearn.compiled import entry
from cimlearn.errors import InputError
from cimlearn.learning.metaplastic import ASKED, RISEN, ImportanceState, Metaplastic, gate
from cimlearn.random import kernel_state

FIT = 2e-3  # largest difference of a weight from the closed form: P is float32
METAPLASTIC: dict[str, Any] = {"rule__consolidate": "metaplastic", "rule__importance_output": 0.3}
RECURSIVE: dict[str, Any] = {"rule__consolidate": "recursive", "rule__importance_hidden": 0.5}
STILL: dict[str, Any] = {"rule__rate_input": 0.0, "rule__rate_recurrent": 0.0, "rule__rate_bias": 0.0}


@entry
def _gate(rule, importance, rise, change):
    gate(rule, importance, rise, change)


def held(rows: int, columns: int, *, top: int, never: bool, rise: float, seed: int = 5) -> Metaplastic:
    """A rule whose hidden weights are held."""
    state = ImportanceState(
        np.zeros((rows, columns), np.uint8),
        np.zeros((0, 0), np.uint8),
        kernel_state(seed, "importance"),
        np.zeros(2, np.int64),
    )
    return Metaplastic(top, never, rise * 2.0**32, 0.0, state)


@pytest.mark.parametrize("never", [False, True])
def test_gate_is_the_plain_program(never: bool) -> None:
    """Each change, importance and count as one weight after another in Python, with the authors' generator."""
    rule = held(5, 4, top=3, never=never, rise=0.4)
    plain, m, asked, risen = Xoshiro(rule.state.words), np.zeros((5, 4), int), 0, 0
    draw = np.random.default_rng(1)
    for _ in range(60):
        change = draw.standard_normal((5, 4)).astype(np.float32)
        change[draw.random((5, 4)) < 0.3] = 0
        wanted = change.copy()
        for place in zip(*np.nonzero(change), strict=True):
            word, asked = plain.word(), asked + 1
            if word % 2 ** int(m[place]) or (never and m[place] == 3):
                wanted[place] = 0
            elif m[place] < 3 and (word >> 32) / 2.0**32 < 0.4:
                m[place] += 1
                risen += 1
        _gate(rule, rule.state.hidden, rule.hidden_rise, change)
        assert np.array_equal(change, wanted)
        assert np.array_equal(rule.state.hidden, m)
    assert rule.state.counts[ASKED] == asked
    assert rule.state.counts[RISEN] == risen
    assert risen > 30
    assert m.max() == 3


@pytest.mark.parametrize("kind", ["metaplastic", "recursive"])
def test_expected_share_is_the_chain(kind: str) -> None:
    """8,000 weights asked 50 times: written and risen as the chain of chances expects."""
    p = chips.parameters("m2ru", RECIPE | {"rule.consolidate": kind, "rule.importance_hidden": 0.3})
    rule = held(80, 100, top=7, never=kind == "recursive", rise=0.3)
    written = 0
    for _ in range(50):
        change = np.ones((80, 100), np.float32)
        _gate(rule, rule.state.hidden, rule.hidden_rise, change)
        written += int(change.sum())
    told = through(p, SHAPE, "hidden", 50)
    assert written / 400_000 == pytest.approx(told.share, abs=SIGMAS * 0.3 / 8000**0.5)
    assert rule.state.counts[RISEN] / 8000 == pytest.approx(told.risen, abs=SIGMAS * 1.0 / 8000**0.5)


def states(chip: M2RU, x: np.ndarray) -> np.ndarray:
    """(examples, hidden + 1) h_T and 1, in float64, of the hidden weights as they are."""
    p, w = chip.parameters, chip.weights()["hidden"].astype(float)
    n, h = SHAPE.features, np.zeros((len(x), p["network.hidden"]))
    for t in range(SHAPE.steps):
        drive = (x[:, t] - chip.work.state.offset[0]) @ w[:n] + p["network.beta"] * h @ w[n:-1] + w[-1]
        h = p["network.lambda"] * h + (1 - p["network.lambda"]) * np.tanh(drive)
    return np.concatenate([h, np.ones((len(x), 1))], axis=1)


def test_recursive_is_ridge_regression_in_any_order() -> None:
    """With hidden weights that stay: ridge regression of all examples towards the first weights, in any order."""
    settings = RECURSIVE | STILL | {"rule__batch": 4, "rule__centre_over": 0, "rule__ridge": 0.5}
    x, y = examples(80)
    order = np.argsort(y, kind="stable")  # class after class
    found = []
    for these in (np.arange(80), order):
        chip = make("float", **settings)
        first = chip.weights()["output"].astype(float)
        chip.learn(x[these], y[these])
        a, target = states(chip, x), np.eye(SHAPE.classes)[y]
        left = a.T @ a + 0.5 * np.eye(a.shape[1])
        wanted = np.linalg.solve(left, a.T @ target + 0.5 * first)
        assert np.abs(chip.weights()["output"] - wanted).max() < FIT
        assert np.abs(chip.work.state.inverse - np.linalg.inv(left)).max() < FIT
        found.append(chip.weights()["output"])
    assert np.abs(found[0] - found[1]).max() < FIT
    assert np.array_equal(chip.work.state.inverse, chip.work.state.inverse.T)


@pytest.mark.parametrize(
    "settings", [METAPLASTIC, RECURSIVE | {"replay__slots": 9}], ids=["held", "recursive"]
)
def test_resumed_and_cut_the_same(settings: dict[str, Any]) -> None:
    """Chunk borders and a save change no bit; both arrays and the importance did change."""
    x, y = examples(60)
    whole, parts = make(rule__batch=3, **settings), make(rule__batch=3, **settings)
    before = whole.weights()
    whole.learn(x, y)
    parts.learn(x[:17], y[:17])
    resumed = make(rule__batch=3, **settings)
    resumed.load(*parts.state())
    resumed.learn(x[17:], y[17:])
    assert same(whole, resumed)
    assert whole.work.state.importance.hidden.max() > 0
    for name, weight in whole.weights().items():
        assert not np.array_equal(weight, before[name])


def test_held_weights_are_written_less() -> None:
    """The cells see what the gate lets through, and the ledger has it."""
    x, y = examples(60)
    free, kept = make(), make(**METAPLASTIC)
    for chip in (free, kept):
        chip.learn(x, y)
    writes = [chip.ledger().counts["learn"]["hidden"]["writes"] for chip in (free, kept)]
    assert writes[1] < 0.5 * writes[0]
    counts = kept.ledger().counts["learn"]
    asked = counts["digital"]["gated"]
    assert (
        0.98 * 60 * (12 * 8 + 9 * 3) < asked <= 60 * (12 * 8 + 9 * 3)
    )  # a change of exactly 0 asks for nothing
    assert asked == kept.work.state.importance.counts[ASKED]
    assert counts["importance"]["bits_read"] == 60 * (12 * 8 + 9 * 3) * 3
    assert counts["importance"]["bits_written"] == kept.work.state.importance.counts[RISEN] * 64
    assert kept.memory_bits()["importance"] == (12 * 8 + 9 * 3) * 3
    assert "importance" not in free.memory_bits()


def test_probed_feedback_learns_beside_it() -> None:
    """Feedback goes on learning while weights are held."""
    chip = make(rule__feedback="probed", **RECURSIVE)
    before = chip.weights()["feedback"]
    chip.learn(*examples(20))
    assert not np.array_equal(before, chip.weights()["feedback"])
    assert chip.memory_bits()["inverse"] == 9 * 10 // 2 * 32


@pytest.mark.parametrize(("kind", "on"), [("ewc", "chip"), ("si", "float"), ("metaplastic", "adam")])
def test_a_consolidation_that_the_placement_lacks_is_named(kind: str, on: str) -> None:
    p = chips.parameters("m2ru", RECIPE | {"rule.consolidate": kind})
    with pytest.raises(InputError, match=f"rule.consolidate = {kind} .* not --on {on}"):
        chips.build("m2ru", on, parameters=p, shape=SHAPE, seed=0)
