"""The software twin that Adam trains: the same network, stream and replay memory, and no hardware at all.

A mini-batch is `adam.batch` new examples and as many replayed ones as `replay.ratio` asks for, recalled
before the new ones are offered to the memory. New examples that don't fill a batch wait and are part of the
state, so where chunks begin and end never changes a result.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.chips.m2ru.counts import buffer_counts
from cimlearn.chips.m2ru.setup import initial_weights, make_memory
from cimlearn.chips.m2ru.sizes import check_answer, example_bits
from cimlearn.learning.adam_miru import AdamMiru, AdamSettings, Float
from cimlearn.learning.penalty import PenaltySettings
from cimlearn.learning.replay import BufferState, as_shares, recall_many, store_all, told
from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet
from cimlearn.state import copied, load
from cimlearn.streams.base import StreamShape

NEW: Final = 0  # new examples taken in
WAITING: Final = 1  # of these, not learned yet
REPLAYED: Final = 2  # replayed examples learned
CENTRED: Final = 3  # examples that the input offset was measured on
CLASSIFIED: Final = 4  # examples answered by `predict`
PROGRESS: Final = 5
_FLOAT_BITS: Final = 32
_TOGETHER: Final = 500  # examples that `predict` runs side by side


class Waiting(NamedTuple):
    """New examples that don't fill a batch yet, as they came."""

    x: Float  # (batch, steps, features)
    y: NDArray[Any]  # (batch,) classes; (batch, outputs) numbers


class AdamState(NamedTuple):
    """All of the twin that changes, beside the network's own tensors; every field is saved with a run."""

    replay: BufferState
    waiting: Waiting
    progress: NDArray[np.int64]  # (PROGRESS,)
    offset: NDArray[np.float64]  # (1,) mean input, subtracted


class AdamScratch(NamedTuple):
    """Memory that holds nothing between two batches."""

    old: Float  # (replayed, steps, features) recalled examples
    slots: NDArray[np.int64]  # (replayed,) where they were


class AdamTwin:
    """MiRU-2 trained by backpropagation through time and Adam, with the chip's replay memory."""

    def __init__(self, parameters: ParameterSet, shape: StreamShape, *, seed: int) -> None:
        check_answer(parameters, shape)
        p = parameters
        self.parameters, self.shape = p, shape
        first, second, _ = initial_weights(p, shape, seed)
        self._input_scale = np.float32(p["adam.input_scale"])
        first[: shape.features] /= self._input_scale
        self.network = AdamMiru(first, second, _settings(p), _penalty(p))
        self.memory = make_memory(p, shape, seed)
        batch = p["adam.batch"]
        replayed = batch * p["replay.ratio"] if p["replay.slots"] else 0
        self._scratch = AdamScratch(
            np.zeros((replayed, shape.steps, shape.features), np.float32), np.zeros(replayed, np.int64)
        )
        y = np.zeros((batch, shape.classes), np.float32) if shape.numbers else np.zeros(batch, np.int64)
        waiting = Waiting(np.zeros((batch, shape.steps, shape.features), np.float32), y)
        self._state = AdamState(self.memory.state, waiting, np.zeros(PROGRESS, np.int64), np.zeros(1))

    def start_task(self, task: int) -> None:
        """Software takes no notice of tasks."""

    def end_task(self) -> None:
        """EWC and SI anchor the weights. Examples that wait go on waiting: the next task fills their batch."""
        if self.network.penalty is not None:
            self.network.penalty.end_task()

    def learn(self, x: Float, y: NDArray[Any]) -> None:
        """Learn x (examples, steps, features) with classes y (examples,), or numbers (examples, outputs)."""
        start = 0
        while start < len(x):
            waiting = int(self._state.progress[WAITING])
            end = min(start + len(self._state.waiting.x) - waiting, len(x))
            self._take_in(x[start:end], y[start:end], waiting)
            if waiting + end - start == len(self._state.waiting.x):
                self._learn_batch()
                self._state.progress[WAITING] = 0
            start = end

    def _take_in(self, x: Float, y: NDArray[Any], waiting: int) -> None:
        """Let x, y wait behind those that wait already, and measure the input offset."""
        self._state.waiting.x[waiting : waiting + len(x)] = x
        self._state.waiting.y[waiting : waiting + len(x)] = y
        for example in x[: max(0, self.parameters["rule.centre_over"] - int(self._state.progress[CENTRED]))]:
            self._state.progress[CENTRED] += 1
            self._state.offset[0] += (
                example.mean(dtype=np.float64) - self._state.offset[0]
            ) / self._state.progress[CENTRED]
        self._state.progress[NEW] += len(x)
        self._state.progress[WAITING] += len(x)

    def _learn_batch(self) -> None:
        """One step on the examples that wait and on recalled ones; then the new ones go to the memory."""
        new, old = len(self._state.waiting.x), len(self._scratch.old) if self.memory.state.seen[0] else 0
        recall_many(self.memory, self._scratch.slots[:old], self._scratch.old[:old])
        x = self._inputs(np.concatenate([self._state.waiting.x, self._scratch.old[:old]]))
        target = np.concatenate([self._hard(self._state.waiting.y), self._soft(self._scratch.slots[:old])])
        weight = np.ones(new + old, np.float32)
        weight[new:] = self.parameters["adam.weight"]
        answers = self.network.step(x, target, weight)
        if self.memory.state.labels.size:
            y = self._state.waiting.y
            labels = np.zeros(new, np.int64) if self.shape.numbers else y
            store_all(self.memory, self._state.waiting.x, labels, self._shares(answers[:new], y))
        self._state.progress[REPLAYED] += old

    def _inputs(self, x: Float) -> Float:
        """What the network sees of x (examples, steps, features)."""
        return (x - np.float32(self._state.offset[0])) * self._input_scale

    def _shares(self, answers: Float, y: NDArray[Any]) -> Float:
        """(examples, classes) what is stored beside an example: its answer as shares; of numbers what was wanted."""
        if self.shape.numbers:
            return as_shares(y)
        if self.network.settings.linear:
            answers = np.clip(answers, 0, 1)
            total = answers.sum(axis=1, keepdims=True)
            answers = np.where(
                total > 0, answers / np.where(total > 0, total, 1), np.float32(1 / answers.shape[1])
            )
        return answers

    def _hard(self, y: NDArray[Any]) -> Float:
        """(examples, classes) 1 at each class of y (examples,); numbers are their own targets."""
        if self.shape.numbers:
            return np.asarray(y, np.float32)
        return np.eye(self.shape.classes, dtype=np.float32)[y]

    def _soft(self, slots: NDArray[np.int64]) -> Float:
        """(examples, classes) targets of stored examples: the label, in part the answer it got when new."""
        if self.shape.numbers:
            return told(self.memory, slots)
        soft = np.float32(self.parameters["adam.soft"])
        stored = self.memory.state.share[slots] / np.float32(self.memory.share_steps)
        return (1 - soft) * self._hard(self.memory.state.labels[slots]) + soft * stored

    def predict(self, x: Float, task: int | None = None) -> NDArray[Any]:
        """(examples,) the class of each of x (examples, steps, features); numbers: (examples, outputs)."""
        self._state.progress[CLASSIFIED] += len(x)
        found = np.zeros((len(x), self.shape.classes), np.float32)
        for start in range(0, len(x), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            found[part] = self.network.outputs(self._inputs(x[part]))
        return found if self.shape.numbers else found.argmax(axis=1)

    def learned(self) -> int:
        """Examples learned so far, new and replayed; new ones that wait count as learned."""
        return int(self._state.progress[NEW] + self._state.progress[REPLAYED])

    def weights(self) -> dict[str, Float]:
        """A copy of the weights of each layer (rows, columns), as on the chip's arrays."""
        tensors = self.network.tensors()
        return {name: tensors[f"{name}.weight"].copy() for name in ("hidden", "output")}

    def writes(self) -> dict[str, NDArray[np.int64]]:
        """No cells, no writes."""
        return {}

    def worn(self) -> dict[str, int]:
        """No cells, no wear."""
        return {}

    def memory_bits(self) -> dict[str, int]:
        """Bits of each memory that learning needs beside the weights."""
        p, shape = self.parameters, self.shape
        weights = sum(w.size for w in self.weights().values())
        bits = {
            "replay": p["replay.slots"] * self._example_bits(),
            "moments": 2 * weights * _FLOAT_BITS,
            "batch": len(self._state.waiting.x) * shape.steps * shape.features * _FLOAT_BITS,
        }
        return bits if self.network.penalty is None else bits | {"penalty": 3 * weights * _FLOAT_BITS}

    def figures(self) -> dict[str, Any]:
        """Nothing: prices tell."""
        return {}

    def inventory(self) -> dict[str, dict[str, int]]:
        """No hardware."""
        return {}

    def _example_bits(self) -> int:
        return example_bits(self.parameters, self.shape, self.parameters["adam.soft"])

    def ledger(self) -> Ledger:
        """Arithmetic done so far, by phase; it follows from the number of passes and steps."""
        learned = self.learned() - int(self._state.progress[WAITING])
        updates = int(self.network.taken[0])
        weights = sum(w.size for w in self.weights().values())
        learn = self._arithmetic(learned, backward=True)
        learn["exp"] = 0 if self.network.settings.linear else learned * self.shape.classes
        learn["adam"] = updates * weights
        if self.network.penalty is not None:  # the pull, and what is gathered
            learn["multiply_add"] += 4 * updates * weights
        predict = self._arithmetic(int(self._state.progress[CLASSIFIED]), backward=False)
        moved = buffer_counts(
            self.parameters,
            self.shape,
            self._example_bits(),
            offered=int(self.memory.state.seen[0]),
            stored=int(self.memory.state.stored[0]),
            replayed=int(self._state.progress[REPLAYED]),
        )
        counts = {"learn": {"digital": learn, "buffer": moved}, "predict": {"digital": predict}}
        return Ledger(counts, {})

    def _arithmetic(self, passes: int, *, backward: bool) -> dict[str, int]:
        """Multiply-adds (one for each weight used) and tanh of `passes` examples."""
        hidden, classes, steps = self.parameters["network.hidden"], self.shape.classes, self.shape.steps
        rows = self.shape.features + hidden + 1
        first, second = steps * rows * hidden, (hidden + 1) * classes
        multiply_add = first + second
        if backward:  # outer products, and the error through W_o and through U
            multiply_add += first + second + hidden * classes + (steps - 1) * hidden * hidden
        return {"multiply_add": passes * multiply_add, "tanh": passes * steps * hidden}

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Everything that `load` needs."""
        return copied(self._named()), {"chip": "m2ru", "on": "adam"}

    def load(self, tensors: dict[str, NDArray[Any]], values: dict[str, Any]) -> None:
        """Go on from `state`; raises StateError where a tensor is missing or has another shape."""
        load(self._named(), tensors)

    def _named(self) -> dict[str, Any]:
        """The state by name; the network's weights and moments have names of their own."""
        return {**self.network.tensors(), **self._state._asdict()}


def _settings(p: ParameterSet) -> AdamSettings:
    """The constants of network and Adam that the parameters ask for."""
    return AdamSettings(
        keep=float(p["adam.lambda"]),
        feed=float(p["adam.beta"]),
        rate=float(p["adam.rate"]),
        mean=float(p["adam.beta1"]),
        square=float(p["adam.beta2"]),
        epsilon=float(p["adam.epsilon"]),
        clip=float("inf") if p["adam.clip"] is None else float(p["adam.clip"]),
        linear=p["rule.answer"] == "linear",
    )


def _penalty(p: ParameterSet) -> PenaltySettings | None:
    """The penalty for leaving what old tasks needed, if one is asked for."""
    kind = p["rule.consolidate"]
    if kind == "none":
        return None
    return PenaltySettings(
        kind=kind,
        strength=float(p[f"adam.{kind}"]),
        mean=float(p["adam.fisher_mean"]),
        decay=float(p["adam.fisher_decay"]),
        damping=float(p["adam.si_damping"]),
    )
