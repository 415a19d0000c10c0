"""The chip behind `model_chip`: a model on arrays that learn in situ, or in software by gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.learning.replay import Buffer, BufferState, as_shares, buffer, recall_many, store_all, told
from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet
from cimlearn.state import copied
from cimlearn.state import load as load_state
from cimlearn.streams.base import StreamShape
from cimlearn.torch import convert
from cimlearn.torch.chip import to_chip
from cimlearn.torch.hardware import Hardware, Kind
from cimlearn.torch.library import nn, torch
from cimlearn.torch.names import Names
from cimlearn.torch.on_bits import OnBits
from cimlearn.torch.on_crossbars import OnCrossbars
from cimlearn.torch.placed import InSoftware, Placed

Float = NDArray[np.float32]
Build = Callable[[StreamShape], nn.Module]
Loss = Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]
SAMPLE: Final = 64  # random examples that ranges are found with
TOGETHER: Final = 256  # examples that are classified at once
RATES: Final = {"crossbar": "rule.rate", "bit-serial": "float.rate"}  # of the twin in software
CLASSIFIED, NEW, REPLAYED, WAITING, UPDATES = range(5)


def usual(_: nn.Module, output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """() mean cross entropy of output (examples, classes) and y (examples,); of numbers the mean-square error."""
    if y.is_floating_point():
        return nn.functional.mse_loss(output, y)
    return nn.functional.cross_entropy(output, y)


class Wanted(NamedTuple):
    """What a user says of a model beside its arrays' parameters."""

    names: Names = Names()
    loss: Loss = usual  # of (model, output, y)
    end_task: Callable[[nn.Module], None] | None = None  # changes buffers of the model
    arrays: Kind = "crossbar"


class Waiting(NamedTuple):
    """New examples that wait for an update."""

    x: Float  # (batch, steps, features)
    y: NDArray[Any]  # (batch,) classes; (batch, outputs) numbers


class ModelState(NamedTuple):
    """What changes beside the model itself."""

    progress: NDArray[np.int64]  # (5,)
    waiting: Waiting
    replay: BufferState


class ModelChip:
    """A model on arrays that learns in situ (`on='chip'`), or in software by the same rule (`on='float'`)."""

    def __init__(
        self,
        build: Build,
        parameters: ParameterSet,
        prices: ParameterSet,
        shape: StreamShape,
        *,
        seed: int,
        on: str,
        wanted: Wanted,
    ) -> None:
        self.wanted = wanted
        p = self.parameters = parameters
        self.shape, self.on = shape, on
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            plain = build(shape)
            low = -1.0 if shape.signed else 0.0
            sample = torch.rand(SAMPLE, shape.steps, shape.features) * (1 - low) + low
            labels = _labels(shape)
        self._check(plain, sample)
        hardware, names = Hardware(wanted.arrays, p, prices), wanted.names
        convert.check(plain, hardware, names)
        for name in names.frozen:
            plain.get_submodule(name).requires_grad_(False)
        if on == "chip":
            model = to_chip(
                plain, sample, hardware, seed=seed, learn="in-situ", keep=names.keep, place=names.place
            )

            def step(model: nn.Module) -> None:
                model.train()
                wanted.loss(model, model(sample), labels).backward()

            kind = OnCrossbars if wanted.arrays == "crossbar" else OnBits
            self.placed: Placed = kind(model, p, step=step, examples=SAMPLE, seed=seed)
        else:
            self.placed = InSoftware(plain, p[RATES[wanted.arrays]])
        self.model, self.optimiser = self.placed.model, self.placed.optimiser
        self.memory: Buffer = buffer(
            p["replay.slots"],
            (shape.steps, shape.features),
            shape.classes,
            bits=p["replay.bits"],
            share_bits=p["replay.bits"] if shape.numbers else 1,
            kind=p["replay.quantiser"],
            signed=shape.signed,
            lfsr=p["replay.random"] == "lfsr",
            seed=seed,
        )
        batch = p["rule.batch"]
        y = np.zeros((batch, shape.classes), np.float32) if shape.numbers else np.zeros(batch, np.int64)
        waiting = Waiting(np.zeros((batch, shape.steps, shape.features), np.float32), y)
        self._state = ModelState(np.zeros(5, np.int64), waiting, self.memory.state)

    def _check(self, plain: nn.Module, sample: torch.Tensor) -> None:
        """Raise InputError for a model that doesn't fit the stream."""
        try:
            with torch.no_grad():
                given = plain(sample[:2])
        except RuntimeError as error:
            raise InputError(
                f"the model doesn't take examples of {self.shape.steps} x {self.shape.features}: "
                f"{' '.join(str(error).split())[:200]}"
            ) from None
        wanted = (2, self.shape.classes)
        if not isinstance(given, torch.Tensor) or tuple(given.shape) != wanted:
            shape = tuple(given.shape) if isinstance(given, torch.Tensor) else type(given).__name__
            raise InputError(
                f"the model gives {shape} for 2 examples of {self.shape.classes} "
                f"{'numbers' if self.shape.numbers else 'classes'}; give {wanted}: a value for each"
            )

    def start_task(self, task: int) -> None:
        """It takes no notice of tasks."""

    def end_task(self) -> None:
        """Examples that wait go on waiting: the batch is filled by the next task."""
        if self.wanted.end_task is not None:
            self.wanted.end_task(self.model)

    def learn(self, x: Float, y: NDArray[Any]) -> None:
        """Learn x (examples, steps, features) with classes y (examples,), or numbers (examples, outputs)."""
        batch, progress, waiting = len(self._state.waiting.y), self._state.progress, self._state.waiting
        start = 0
        while start < len(x):
            at = int(progress[WAITING])
            take = min(batch - at, len(x) - start)
            waiting.x[at : at + take], waiting.y[at : at + take] = (
                x[start : start + take],
                y[start : start + take],
            )
            progress[WAITING] += take
            progress[NEW] += take
            start += take
            if progress[WAITING] == batch:
                self._update()
                progress[WAITING] = 0

    def _update(self) -> None:
        """One step on the examples that wait and on recalled ones; then the new ones go to the memory."""
        p, waiting, memory = self.parameters, self._state.waiting, self.memory
        old = len(waiting.y) * p["replay.ratio"] if memory.state.seen[0] else 0
        slots = np.zeros(old, np.int64)
        again = np.zeros((old, *waiting.x.shape[1:]), np.float32)
        recall_many(memory, slots, again)
        x = torch.from_numpy(np.concatenate([waiting.x, again]))
        numbers = self.shape.numbers
        known = told(memory, slots) if numbers else memory.state.labels[slots]
        y = torch.from_numpy(np.concatenate([waiting.y, known]))
        self.model.train()
        self.optimiser.zero_grad()
        self.wanted.loss(self.model, self.model(x), y).backward()
        self.optimiser.step()
        if memory.state.labels.size:
            none = np.zeros((len(waiting.y), self.shape.classes), np.float32)
            labels = np.zeros(len(waiting.y), np.int64) if numbers else waiting.y
            store_all(memory, waiting.x, labels, as_shares(waiting.y) if numbers else none)
        self._state.progress[REPLAYED] += old
        self._state.progress[UPDATES] += 1

    def predict(self, x: Float, task: int | None = None) -> NDArray[Any]:
        """(examples,) the class of each of x (examples, steps, features); numbers: (examples, outputs)."""
        self.model.eval()
        numbers = self.shape.numbers
        found: NDArray[Any] = np.zeros((len(x), self.shape.classes) if numbers else len(x), np.int64)
        found = found.astype(np.float32) if numbers else found
        with torch.no_grad():
            for start in range(0, len(x), TOGETHER):
                part = slice(start, start + TOGETHER)
                out = self.model(torch.from_numpy(np.ascontiguousarray(x[part])))
                found[part] = (out if numbers else out.argmax(1)).numpy()
        self._state.progress[CLASSIFIED] += len(x)
        return found

    def learned(self) -> int:
        """Examples learned so far, new and replayed; new ones that wait count as learned."""
        return int(self._state.progress[NEW] + self._state.progress[REPLAYED])

    def weights(self) -> dict[str, Float]:
        """(outputs, rows) of each array, as the cells hold them."""
        return self.placed.weights()

    def writes(self) -> dict[str, NDArray[np.int64]]:
        """Per array (cells per weight, rows, columns; bits, outputs, rows): writes of learning seen by each cell."""
        return self.placed.writes()

    def worn(self) -> dict[str, int]:
        """Per array: cells that no longer change."""
        return self.placed.worn()

    def memory_bits(self) -> dict[str, int]:
        """Bits of each digital memory that learning needs."""
        p, shape = self.parameters, self.shape
        label = int(np.ceil(np.log2(max(2, shape.classes))))
        label = shape.classes * p["replay.bits"] if shape.numbers else label
        example = shape.steps * shape.features * p["replay.bits"] + label
        return {"replay": p["replay.slots"] * example} | self.placed.memory_bits()

    def inventory(self) -> dict[str, dict[str, int]]:
        """What the chip is made of; empty in software."""
        return self.placed.inventory(self.memory_bits())

    def figures(self) -> dict[str, Any]:
        """What prices take from the arrays themselves; empty in software."""
        return self.placed.figures()

    def ledger(self) -> Ledger:
        """What was done so far, by phase; software counts nothing."""
        progress, memory = self._state.progress, self.memory.state
        found = self.placed.ledger(int(progress[CLASSIFIED]))
        counts = {phase: dict(found.counts.get(phase, {})) for phase in ("learn", "predict")}
        if progress[UPDATES] and self.on == "chip":
            bits = self.memory_bits()["replay"] // max(1, self.parameters["replay.slots"])
            late = max(0, int(memory.seen[0]) - self.parameters["replay.slots"])
            counts["learn"]["buffer"] = {
                "offered": int(memory.seen[0]),
                "stored": int(memory.stored[0]),
                "replayed": int(progress[REPLAYED]),
                "bits_written": int(memory.stored[0]) * bits,
                "bits_read": int(progress[REPLAYED]) * bits,
                "random_numbers": late + int(progress[REPLAYED]),
            }
        on = {phase: found.conductance_on.get(phase, {}) for phase in ("learn", "predict")}
        return Ledger(counts, on if found.conductance_on else {})

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Everything that `load` needs."""
        return copied(self._named()), {"chip": "model", "on": self.on, **self.placed.state()[1]}

    def load(self, tensors: dict[str, NDArray[Any]], values: dict[str, Any]) -> None:
        """Go on from `state`; raises StateError where a tensor is missing or has another shape."""
        named = self._named()
        load_state(named, tensors)
        self.placed.loaded(named, values)

    def _named(self) -> dict[str, Any]:
        """The state by name: numbers, parameters and buffers of the model, cells of the arrays."""
        with torch.no_grad():
            values = {f"model.{n}": one.detach().numpy() for n, one in self.model.named_parameters()}
            values |= {
                f"model.{n}": one.numpy() for n, one in self.model.named_buffers() if ".array." not in n
            }
        return {**self._state._asdict(), **values, **self.placed.state()[0]}


def _labels(shape: StreamShape) -> torch.Tensor:
    """Random answers to the sample."""
    if shape.numbers:
        return torch.rand(SAMPLE, shape.classes) * 2 - 1
    return torch.randint(shape.classes, (SAMPLE,))
