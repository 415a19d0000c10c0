"""SAS-MRAM: a frozen INT8 backbone and a small Rep-Net that learns in INT8, on digital bit-serial arrays of MRAM.

The same class runs the float32 twin. Images are the examples of a stream (steps = rows, features = columns x channels).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.bitserial_counts import inventory
from cimlearn.arrays.faults import Rates, error_rate
from cimlearn.arrays.training import Layer
from cimlearn.chips.sas_mram.counts import Tally, ledger, memory_bits
from cimlearn.chips.sas_mram.images import fitted
from cimlearn.chips.sas_mram.setup import check_replay, frozen_backbone, image_size, stick, wear_law
from cimlearn.chips.sas_mram.task import (
    TUNED,
    InSoftware,
    Learner,
    OnChip,
    image_exponent,
    network,
)
from cimlearn.devices.technology import memory_cell
from cimlearn.learning.adam_miru import pytorch
from cimlearn.learning.integer.graph import IntGraph
from cimlearn.learning.integer.repnet import IntRepNet, frozen
from cimlearn.learning.integer.tensor import Int8, from_float, torch
from cimlearn.learning.reservoir import Reservoir
from cimlearn.ledger import Ledger
from cimlearn.networks.backbone import prepare
from cimlearn.networks.layers import check_images
from cimlearn.networks.repnet import head
from cimlearn.parameters import ParameterSet
from cimlearn.random import generator
from cimlearn.streams.base import StreamShape

Float = NDArray[np.float32]
YEAR: Final = 365.25 * 86400.0  # [s]
CALIBRATION: Final = 64  # images on which the frozen blocks' exponents are fixed
LEARNED, REPLAYED, CLASSIFIED, SEEN, WAITING, STEPS, DRAWS = range(7)  # places of `progress`


class SasMram:
    """The chip (`on='chip'`) or its float32 twin (`on='float'`)."""

    def __init__(self, parameters: ParameterSet, shape: StreamShape, *, seed: int, on: str = "chip") -> None:
        p = self.parameters = parameters
        pytorch()
        self.shape, self.seed, self.on = shape, seed, on
        self.size = image_size(shape, p["network.side"])
        check_replay(p)
        check_images(p["network.backbone"], p["network.side"], p["network.train"])
        self.backbone = frozen_backbone(p, equal=on == "chip")
        self.cell = memory_cell(p)
        for name in ("faults.write_error", "faults.read_error"):
            error_rate(p, name, 0.0)  # a wrong one is an error now, not after a task
        self.learners: dict[int, Learner] = {}
        self.task = 0
        self.progress = np.zeros(7, np.int64)
        self.steps = np.zeros(1, np.int64)  # (sizes,) steps taken by number of examples in the batch
        batch = p["rule.batch"]
        ratio = p["replay.ratio"] if p["network.tasks"] == "shared" and p["replay.slots"] else 0
        self.steps = np.zeros(batch * (1 + ratio) + 1, np.int64)
        self._x = np.zeros((batch, *self.size), np.uint8)
        self._y = np.zeros(batch, np.int64)
        self._calibration = np.zeros((0, *self.size), np.uint8)
        self._ratio = ratio
        self.memory = Reservoir(p["replay.slots"] if ratio else 0, self.size)
        self._blocks: Any = None

    # --- learning

    def start_task(self, task: int) -> None:
        """The examples of `task` follow; what still waits is learned in a smaller batch."""
        self._learn_waiting()
        self.task = task if self.parameters["network.tasks"] == "own" else 0
        self.progress[SEEN] = 0

    def learn(self, x: Float, y: NDArray[np.int64]) -> None:
        """Learn x (examples, steps, features), y (examples,) in batches; what doesn't fill one waits."""
        images = self._images(x)
        self._calibrate(images)
        start = 0
        while start < len(images):
            waiting = int(self.progress[WAITING])
            end = min(start + len(self._y) - waiting, len(images))
            self._x[waiting : waiting + end - start] = images[start:end]
            self._y[waiting : waiting + end - start] = y[start:end]
            self.progress[WAITING] += end - start
            self.progress[LEARNED] += end - start
            if self.progress[WAITING] == len(self._y):
                self._learn_waiting()
            start = end

    def _learn_waiting(self) -> None:
        """One step on the examples that wait and on recalled ones; then the new ones are offered to the memory."""
        new = int(self.progress[WAITING])
        if new == 0:
            return
        draw = generator(self.seed, "batch", str(int(self.progress[STEPS])))
        x, y = self._x[:new], self._y[:new]
        old, labels = self.memory.recall(new * self._ratio, draw)
        x, y = np.concatenate([x, old]), np.concatenate([y, labels])
        self.progress[REPLAYED] += len(labels)
        prepared = self._prepared(x)
        if self.parameters["rule.flip"]:
            mirrored = draw.random(len(x)) < 0.5
            prepared = np.where(mirrored[:, None, None, None], prepared[..., ::-1], prepared)
        self._learner(self.task).step(prepared, y.copy(), int(self.progress[SEEN]))
        self.memory.offer(self._x[:new], self._y[:new], draw)
        self.steps[len(y)] += 1
        self.progress[STEPS] += 1
        self.progress[SEEN] += new
        self.progress[WAITING] = 0

    def predict(self, x: Float, task: int | None = None) -> NDArray[np.int64]:
        """(examples,) the class of each of x (examples, steps, features), by the Rep-Net of `task`.

        What still waits is learned first.
        """
        self._learn_waiting()
        if not len(x):
            return np.zeros(0, np.int64)
        images = self._images(x)
        self._calibrate(images)
        which = 0 if self.parameters["network.tasks"] == "shared" else self.task if task is None else task
        draw = generator(self.seed, "read", str(int(self.progress[DRAWS])))
        self.progress[DRAWS] += 1
        self.progress[CLASSIFIED] += len(x)
        return self._learner(which).answers(self._prepared(images), self._failures(), draw)

    def _failures(self) -> Rates:
        """Probabilities that a stored bit is wrong while it is used: misread, or lost at rest."""
        p = self.parameters
        read = error_rate(p, "faults.read_error", self.cell.read_error)
        lost = self.cell.retention_failure(p["faults.rest_years"] * YEAR)
        either = read + lost - read * lost
        return Rates(either, either)

    # --- what it is made of

    def _learner(self, task: int) -> Learner:
        """The Rep-Net and head of a task, made when they are first needed."""
        if task not in self.learners:
            p, classes = self.parameters, self.shape.classes
            self.learners[task] = (
                OnChip(self._blocks, self.backbone, p, self.cell, classes, seed=self.seed, task=task)
                if self.on == "chip"
                else InSoftware(self.backbone, p, classes, seed=self.seed, task=task)
            )
        return self.learners[task]

    def _calibrate(self, images: NDArray[np.uint8]) -> None:
        """Quantise the backbone, the exponents of its activations fixed on the first images seen."""
        if self._blocks is not None or self.on != "chip" or not len(images):
            return
        if not len(self._calibration):
            self._calibration = images[:CALIBRATION].copy()
        x = from_float(
            torch.from_numpy(self._prepared(self._calibration)), exponent=image_exponent(self.backbone)
        )
        batches = [x] if self.parameters["network.static"] else []
        self._blocks = self._frozen(batches)
        share = self.parameters["faults.stuck"]
        if share and self.parameters["network.train"] != "full":  # cells that learn have lines of their own
            stick(self._blocks, wear_law(self.parameters, self.cell), seed=self.seed)

    def _frozen(self, batches: list[Int8]) -> list[IntGraph]:
        """The backbone in INT8."""
        p = self.parameters
        return frozen(
            self.backbone,
            batches,
            spread=p["network.spread"],
            clip=p["network.clip"],
            accumulator=p["array.accumulator"],
        )

    def _images(self, x: Float) -> NDArray[np.uint8]:
        """(examples, rows, columns, channels) 8-bit pixels of x (examples, rows, columns x channels) in 0..1."""
        return np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8).reshape(len(x), *self.size)

    def _prepared(self, images: NDArray[np.uint8]) -> Float:
        """(examples, 3, side, side) as the backbone wants them."""
        images = fitted(images, self.parameters["network.side"], self.parameters["network.fit"])
        return np.asarray(prepare(images, self.backbone).expand(-1, 3, -1, -1).numpy(), np.float32)

    def _layout(self) -> IntRepNet:
        """The integer network of one task, for its layers; blocks without calibration if nothing was seen."""
        blocks = self._blocks or self._frozen([])
        net = network(self.backbone, self.parameters, "none", seed=self.seed, task=0)
        top = head(net.width, self.shape.classes, seed=self.seed, task=0)
        tuned = TUNED[self.parameters["network.train"]]
        return IntRepNet(blocks, net, top, self.parameters["network.side"], tuned=tuned)

    def _layers(self) -> list[Layer]:
        """The matrix products of one image, learning."""
        return self._layout().layers(1, self.parameters["network.side"], learning=True)

    def ledger(self) -> Ledger:
        """What was done so far, by phase; the float twin does no work on hardware."""
        if self.on != "chip":
            return Ledger({"learn": {}, "predict": {}}, {})
        chips = [one for one in self.learners.values() if isinstance(one, OnChip)]
        offered, stored = (int(n) for n in self.memory.offered)
        done = Tally(
            steps=[(n, int(times)) for n, times in enumerate(self.steps) if times],
            offered=offered,
            stored=stored,
            replayed=int(self.progress[REPLAYED]),
            flipped=sum(one.flipped for one in chips),
            driven=sum(lines.driven() for one in chips for lines in one.lines.values()),
            classified=int(self.progress[CLASSIFIED]),
        )
        return ledger(self.parameters, self._layers(), self.size, self.shape.classes, done)

    def inventory(self) -> dict[str, dict[str, int]]:
        """What the chip is made of, for the tasks so far; empty for the float twin."""
        if self.on != "chip":
            return {}
        tasks = max(1, len(self.learners))
        return inventory(self._layers(), tasks, self.parameters, self.memory_bits())

    def memory_bits(self) -> dict[str, int]:
        """Bits of each memory that learning needs beside the weights."""
        return memory_bits(self.parameters, self._layers(), self.size, len(self.memory.labels))

    def figures(self) -> dict[str, Any]:
        """What a cell costs and how it fails, from the physics of its device; empty for the float twin."""
        return self.cell.as_dict() if self.on == "chip" else {}

    def writes(self) -> dict[str, NDArray[np.int64]]:
        """Per trained layer (8 bits, outputs, inputs): writes seen by each cell; tasks side by side."""
        chips = [one for _, one in sorted(self.learners.items()) if isinstance(one, OnChip)]
        names = chips[0].lines if chips else {}
        return {name: np.concatenate([one.lines[name].seen() for one in chips], axis=1) for name in names}

    def worn(self) -> dict[str, int]:
        """Per trained layer: cells that no longer change, of all tasks."""
        chips = [one for one in self.learners.values() if isinstance(one, OnChip)]
        return {
            name: sum(one.lines[name].worn() for one in chips) for name in (chips[0].lines if chips else ())
        }

    def learned(self) -> int:
        """Examples learned so far, new and replayed; new ones that wait count as learned."""
        return int(self.progress[LEARNED] + self.progress[REPLAYED])

    # --- state

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Everything that `load` needs."""
        tensors = {name: value.copy() for name, value in self._own().items()}
        tensors["calibration"] = self._calibration.copy()
        for task, learner in self.learners.items():
            tensors |= {f"task{task}.{name}": value for name, value in learner.tensors().items()}
        return tensors, {"chip": "sas-mram", "on": self.on, "task": self.task, "tasks": sorted(self.learners)}

    def load(self, tensors: dict[str, NDArray[Any]], values: dict[str, Any]) -> None:
        """Go on from `state`; raises ValueError where a tensor is missing or has another shape."""
        for name, own in self._own().items():
            given = tensors.get(name)
            if given is None or given.shape != own.shape:
                raise ValueError(f"the state lacks {name} of shape {own.shape}")
            own[...] = given
        self._calibration, self._blocks = tensors["calibration"], None
        self._calibrate(self._calibration)
        self.task, self.learners = int(values["task"]), {}
        for task in values["tasks"]:
            start = f"task{task}."
            mine = {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
            self._learner(int(task)).load(mine)

    def _own(self) -> dict[str, NDArray[Any]]:
        """The chip's own changing arrays, by name."""
        return {
            "progress": self.progress,
            "steps": self.steps,
            "waiting.x": self._x,
            "waiting.y": self._y,
            "replay.x": self.memory.images,
            "replay.y": self.memory.labels,
            "replay.offered": self.memory.offered,
        }
