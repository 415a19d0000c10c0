"""The software twin: its gradients, Adam, chunk borders, resume; that the chip's rule asks for the same."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cimlearn import chips
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.streams.base import StreamShape

pytest.importorskip("torch", reason="PyTorch is not installed, and the Adam twin is made of it")

from cimlearn.chips.m2ru.adam import AdamTwin
from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.learning.adam_miru import AdamMiru, AdamSettings
from cimlearn.learning.penalty import PenaltySettings

SHAPE = StreamShape(steps=5, features=4, classes=3, signed=False)
PLAIN = AdamSettings(keep=0.6, feed=0.9, rate=0.01, mean=0.9, square=0.99, epsilon=1e-8, clip=float("inf"))
DIFFERENCE = 1e-6  # step of a finite difference, in float64
SINGLE = 2e-5  # largest relative error of a gradient in float32
CHIP_GRADIENT = 1e-4  # the chip's tanh is a fraction with errors up to 1e-5
Array = NDArray[Any]


def weights(hidden: int = 6, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    rows = SHAPE.features + hidden + 1
    return (
        rng.normal(0, 0.5, (rows, hidden)).astype(np.float32),
        rng.normal(0, 0.5, (hidden + 1, SHAPE.classes)).astype(np.float32),
    )


def examples(count: int, shape: StreamShape = SHAPE, seed: int = 1) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    x = rng.random((count, shape.steps, shape.features), dtype=np.float32)
    return x, rng.integers(0, shape.classes, count)


def plain_loss(first: Array, second: Array, x: Array, target: Array, weight: Array) -> float:
    """The loss as its definition says, one example and one unit at a time, in float64."""
    features, hidden = x.shape[2], first.shape[1]
    total = 0.0
    for n in range(len(x)):
        state = np.zeros(hidden)
        for t in range(x.shape[1]):
            seen = np.concatenate([x[n, t], PLAIN.feed * state, [1.0]])
            assert len(seen) == features + hidden + 1
            state = PLAIN.keep * state + (1 - PLAIN.keep) * np.tanh(seen @ first)
        out = np.concatenate([state, [1.0]]) @ second
        total += weight[n] * (np.log(np.exp(out).sum()) - target[n] @ out)
    return total / len(x)


def relative(found: Array, wanted: Array) -> float:
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def test_gradient_is_that_of_finite_differences() -> None:
    pair = weights()
    x, y = examples(3)
    target = (0.7 * np.eye(3)[y] + 0.1).astype(np.float32)
    weight = np.array([1.0, 3.0, 0.5], np.float32)
    found, _ = AdamMiru(*pair, PLAIN).gradients(x, target, weight)
    exact = [w.astype(np.float64) for w in pair]
    for which, gradient in enumerate(found):
        wanted = np.zeros_like(exact[which])
        for place in np.ndindex(wanted.shape):
            loss = []
            for step in (DIFFERENCE, -DIFFERENCE):
                moved = [w.copy() for w in exact]
                moved[which][place] += step
                loss.append(plain_loss(moved[0], moved[1], x, target, weight))
            wanted[place] = (loss[0] - loss[1]) / (2 * DIFFERENCE)
        assert relative(gradient.numpy(), wanted) < SINGLE


@pytest.mark.parametrize("clip", [float("inf"), 0.05])
def test_adam_is_the_published_algorithm(clip: float) -> None:
    network = AdamMiru(*weights(), PLAIN._replace(clip=clip))
    w, m, v = weights()[0].astype(np.float64), 0.0, 0.0
    for taken in range(1, 6):
        x, y = examples(4, seed=taken)
        target, weight = np.eye(3, dtype=np.float32)[y], np.ones(4, np.float32)
        gradients, before = network.gradients(x, target, weight)
        g = gradients[0].numpy().astype(np.float64)
        norm = np.sqrt(sum(float((part.numpy() ** 2).sum()) for part in gradients))
        assert norm > 0.05  # so that the limit limits
        g *= min(1.0, clip / norm)
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
        w -= 0.01 * (m / (1 - 0.9**taken)) / (np.sqrt(v / (1 - 0.99**taken)) + 1e-8)
        answers = network.step(x, target, weight)
        assert np.array_equal(answers, before)
        assert np.allclose(answers.sum(axis=1), 1.0, atol=1e-6)
        assert relative(network.tensors()["hidden.weight"], w) < SINGLE


def change_and_gradient(settings: dict[str, Any], shape: StreamShape) -> tuple[M2RU, Any, Any]:
    """A float twin that has seen one example and waits to write; autograd's gradients and answers for the same."""
    parameters = chips.parameters("m2ru", settings)
    chip = M2RU(parameters, shape, seed=3, on="float")
    x, y = examples(1, shape)
    before = chip.weights()
    chip.learn(x, y)
    keep, feed = parameters["network.lambda"], parameters["network.beta"]
    network = AdamMiru(before["hidden"], before["output"], PLAIN._replace(keep=keep, feed=feed))
    target = np.eye(shape.classes, dtype=np.float32)[y]
    gradients, answers = network.gradients(x, target, np.ones(1, np.float32))
    return chip, gradients, answers


def test_the_chips_rule_asks_for_the_true_gradient() -> None:
    """Feedback through time with fresh copies is backpropagation: every change equals autograd's gradient."""
    shape = StreamShape(steps=12, features=7, classes=5, signed=True)
    settings = {
        "network.hidden": 23,
        "rule.feedback": "through",
        "rule.refresh": 1,
        "rule.batch": 2,  # so that the changes of one example wait and can be looked at
        "replay.slots": 0,
        "rule.centre_over": 0,
        "rule.answer": "softmax",
    }
    chip, (hidden, output), answers = change_and_gradient(settings, shape)
    assert np.abs(chip.work.scratch.share[0] - answers[0]).max() < CHIP_GRADIENT
    assert relative(chip.work.state.output, output.numpy()) < CHIP_GRADIENT
    for rows in (slice(0, 7), slice(7, 30), slice(30, 31)):  # W, U and b
        assert relative(chip.work.state.hidden[rows], hidden.numpy()[rows]) < CHIP_GRADIENT


@pytest.mark.parametrize("feedback", ["direct", "decayed", "timed"])
def test_direct_feedback_has_the_true_output_gradient(feedback: str) -> None:
    shape = StreamShape(steps=6, features=7, classes=5, signed=True)
    settings = {
        "network.hidden": 23,
        "rule.feedback": feedback,
        "rule.batch": 2,
        "replay.slots": 0,
        "rule.centre_over": 0,
    }
    chip, (hidden, output), _ = change_and_gradient(settings, shape)
    assert relative(chip.work.state.output, output.numpy()) < CHIP_GRADIENT
    assert relative(chip.work.state.hidden, hidden.numpy()) > 0.1  # alignment is no gradient


def twin(**changes: Any) -> AdamTwin:
    settings = {"network.hidden": 8, "adam.batch": 6, "replay.slots": 20, "rule.centre_over": 15}
    settings |= {name.replace("__", "."): value for name, value in changes.items()}
    return AdamTwin(chips.parameters("m2ru", settings), SHAPE, seed=4)


def same(one: AdamTwin, other: AdamTwin) -> bool:
    a, b = one.state()[0], other.state()[0]
    return a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)


def test_counts_and_memory() -> None:
    chip = twin()
    x, y = examples(27)
    chip.learn(x, y)
    chip.predict(x[:2])
    counts = chip.ledger().counts
    learned = 24 + 18  # 3 wait; the first batch has nothing to replay
    assert counts["learn"]["buffer"]["offered"] == 24
    assert counts["learn"]["buffer"]["replayed"] == 18
    assert counts["learn"]["digital"]["tanh"] == learned * SHAPE.steps * 8
    assert counts["learn"]["digital"]["adam"] == 4 * (13 * 8 + 9 * 3)
    forward = SHAPE.steps * 13 * 8 + 9 * 3
    assert counts["predict"]["digital"]["multiply_add"] == 2 * forward
    backward = forward + 8 * 3 + (SHAPE.steps - 1) * 8 * 8
    assert counts["learn"]["digital"]["multiply_add"] == learned * (forward + backward)
    assert chip.memory_bits()["replay"] == 20 * (20 * 4 + 2 + 3 * 8)
    assert chip.writes() == chip.worn() == {}


def test_replay_can_be_switched_off() -> None:
    chip = twin(replay__slots=0)
    x, y = examples(30)
    chip.learn(x, y)
    assert chip.learned() == 30
    assert "replayed" in chip.ledger().counts["learn"]["buffer"]


DIGITS = {"network.hidden": 32, "stream.tasks": 2, "adam.batch": 4, "adam.rate": 0.005}
LEARNED, KEPT = 0.7, 0.65  # accuracy on digits just learned (1,437 of them, seen once), and on those before


def test_learns_digits_and_remembers_them() -> None:
    stream, chip = Experiment("m2ru", "permuted-digits", "adam", settings=DIGITS).build(0)
    for task in range(2):
        for chunk in stream.chunks(task, 100):
            chip.learn(chunk.x, chunk.y)
        if task == 0:
            assert accuracy(chip, stream, 0) > LEARNED
    assert accuracy(chip, stream, 0) > KEPT
    assert accuracy(chip, stream, 1) > LEARNED


def accuracy(chip: Any, stream: Any, task: int) -> float:
    right = [chip.predict(chunk.x) == chunk.y for chunk in stream.held_out(task, 100)]
    return float(np.concatenate(right).mean())


def test_threads_change_nothing(tmp_path: Path) -> None:
    small = {**DIGITS, "stream.examples": 130, "stream.held_out": 40, "replay.slots": 50}
    experiment = Experiment("m2ru", "permuted-digits", "adam", seeds=(0, 1), settings=small)
    folders = [experiment.run(tmp_path / str(threads), threads=threads) for threads in (1, 2)]
    for name in ("records.jsonl", "seed-0/state.safetensors", "seed-1/state.safetensors"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_without_pytorch_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=r"install cimlearn\[torch\]"):
        twin()


def test_penalties_are_the_published_ones() -> None:
    """EWC: B g^2 in a running mean, added up over tasks; SI: 2 max(0, path) / (way^2 + xi); both in float64."""
    for kind in ("ewc", "si"):
        settings = PenaltySettings(kind, strength=2.0, mean=0.8, decay=0.5, damping=0.1)
        network = AdamMiru(*weights(), PLAIN, settings)
        old = network.tensors()["hidden.weight"].astype(np.float64)
        anchor, importance = old.copy(), 0.0
        for task in range(3):
            gathered = np.zeros_like(old)
            for n in range(4):
                x, y = examples(6, seed=10 * task + n)
                target, weight = np.eye(3, dtype=np.float32)[y], np.ones(6, np.float32)
                g = network.gradients(x, target, weight)[0][0].numpy().astype(np.float64)
                pulled = network.penalty.pulled(network.gradients(x, target, weight)[0])[0].numpy()
                assert relative(pulled, g + 2.0 * importance * (old - anchor)) < SINGLE
                network.step(x, target, weight)
                new = network.tensors()["hidden.weight"].astype(np.float64)
                gathered = 0.8 * gathered + 0.2 * 6 * g * g if kind == "ewc" else gathered - g * (new - old)
                old = new
            network.penalty.end_task()
            if kind == "ewc":
                importance = 0.5 * importance + gathered / (1 - 0.8**4)
            else:
                importance = importance + 2 * np.maximum(gathered, 0) / ((old - anchor) ** 2 + 0.1)
            anchor = old.copy()
            assert relative(network.tensors()["hidden.importance"], importance) < 100 * SINGLE
        assert importance.max() > 0


def test_ewc_resumes_to_the_bit() -> None:
    """Anchor, importance and the running mean are part of the state; the penalty changes what is learned."""
    x, y = examples(60)
    whole, parts, free = twin(rule__consolidate="ewc"), twin(rule__consolidate="ewc"), twin()
    for chip in (whole, parts, free):
        chip.learn(x[:25], y[:25])
        chip.end_task()
        chip.learn(x[25:40], y[25:40])
    resumed = twin(rule__consolidate="ewc")
    resumed.load(*parts.state())
    for chip in (whole, resumed, free):
        chip.learn(x[40:], y[40:])
    assert same(whole, resumed)
    assert not np.array_equal(whole.weights()["hidden"], free.weights()["hidden"])
    assert whole.memory_bits()["penalty"] == 3 * 32 * sum(w.size for w in whole.weights().values())
