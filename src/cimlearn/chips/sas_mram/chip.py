"""SAS-MRAM: a frozen INT8 backbone and a small Rep-Net that learns in INT8, on digital bit-serial arrays of MRAM.

The same class runs the float32 twin. Images are the examples of a stream (steps = rows, features = columns x channels).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.bitserial_counts import inventory
from cimlearn.arrays.faults import ErrorRates, error_rate
from cimlearn.arrays.training import Layer
from cimlearn.chips.sas_mram.counts import SasMramTally, ledger, memory_bits
from cimlearn.chips.sas_mram.images import fitted
from cimlearn.chips.sas_mram.setup import (
    check_exponents,
    check_replay,
    frozen_backbone,
    image_size,
    stick,
    wear_law,
)
from cimlearn.chips.sas_mram.task import (
    OPERAND_COUNTS,
    Failures,
    InSoftware,
    Learner,
    OnChip,
    image_exponent,
    integers,
    read_error,
)
from cimlearn.devices.technology import memory_cells
from cimlearn.learning.adam_miru import pytorch
from cimlearn.learning.integer.graph import IntGraph
from cimlearn.learning.integer.repnet import IntRepNet, frozen
from cimlearn.learning.integer.tensor import Int8, from_float, torch
from cimlearn.learning.reservoir import Reservoir, ReservoirState
from cimlearn.ledger import Ledger
from cimlearn.networks.backbone import prepare
from cimlearn.networks.layers import check_images
from cimlearn.parameters import ParameterSet
from cimlearn.random import generator
from cimlearn.state import copied, load
from cimlearn.streams.base import StreamShape

Float = NDArray[np.float32]
YEAR: Final = 365.25 * 86400.0  # [s]
CALIBRATION: Final = 20  # first images, on which the frozen blocks' exponents are fixed
# places of `progress`
LEARNED, REPLAYED, CLASSIFIED, SEEN, WAITING, STEPS, DRAWS, HELD, CALIBRATED, PLACES = range(10)


class Examples(NamedTuple):
    """New examples that wait."""

    x: NDArray[np.uint8]  # (places, side, side, channels)
    y: NDArray[np.int64]  # (places,)


class SasMramState(NamedTuple):
    """What changes in the chip beside its tasks' networks; every field is saved with a run."""

    progress: NDArray[np.int64]  # (PLACES,)
    steps: NDArray[np.int64]  # (sizes,) steps taken by number of examples in the batch
    calibration: Examples  # the first ones; nothing is learned before they are there
    waiting: Examples  # those that don't fill a batch yet
    replay: ReservoirState


class SasMram:
    """The chip (`on='chip'`) or its float32 twin (`on='float'`)."""

    def __init__(self, parameters: ParameterSet, shape: StreamShape, *, seed: int, on: str = "chip") -> None:
        p = self.parameters = parameters
        pytorch()
        self.shape, self.seed, self.on = shape, seed, on
        self.size = image_size(shape, p["network.side"])
        check_replay(p)
        check_exponents(p)
        check_images(p["network.backbone"], p["network.side"], p["network.train"])
        self.backbone = frozen_backbone(p, equal=on == "chip")
        self.cells = memory_cells(p)
        for name in ("faults.write_error", "faults.read_error"):
            error_rate(p, name, 0.0)  # a wrong one is an error now, not after a task
        self.learners: dict[int, Learner] = {}
        self.task = 0
        batch = p["rule.batch"]
        ratio = p["replay.ratio"] if p["network.tasks"] == "shared" and p["replay.slots"] else 0
        self._ratio = ratio
        self.memory = Reservoir(p["replay.slots"] if ratio else 0, self.size)
        self._state = SasMramState(
            progress=np.zeros(PLACES, np.int64),
            steps=np.zeros(batch * (1 + ratio) + 1, np.int64),
            calibration=self._places(CALIBRATION),
            waiting=self._places(batch),
            replay=self.memory.state,
        )
        self._blocks: Any = None

    def _places(self, count: int) -> Examples:
        """Room for `count` examples."""
        return Examples(np.zeros((count, *self.size), np.uint8), np.zeros(count, np.int64))

    # --- learning

    def start_task(self, task: int) -> None:
        """The examples of `task` follow."""
        self.end_task()
        self.task = task if self.parameters["network.tasks"] == "own" else 0
        self._state.progress[SEEN] = 0

    def end_task(self) -> None:
        """The task is over: what still waits is learned in a smaller batch."""
        if not self._state.progress[CALIBRATED]:
            self._take(*self._calibrated())
        self._learn_waiting()

    def learn(self, x: Float, y: NDArray[np.int64]) -> None:
        """Learn x (examples, steps, features), y (examples,) in batches; what doesn't fill one waits."""
        images = self._images(x)
        self._state.progress[LEARNED] += len(images)
        if not self._state.progress[CALIBRATED]:
            images, y = self._held(images, y)
        self._take(images, y)

    def _held(
        self, images: NDArray[np.uint8], y: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Hold the first images back until there are enough for calibration; what can be learned now."""
        progress, first = self._state.progress, self._state.calibration
        held = int(progress[HELD])
        taken = min(len(images), CALIBRATION - held)
        first.x[held : held + taken], first.y[held : held + taken] = images[:taken], y[:taken]
        progress[HELD] += taken
        if progress[HELD] < CALIBRATION:
            return images[:0], y[:0]
        before, labels = self._calibrated()
        return np.concatenate([before, images[taken:]]), np.concatenate([labels, y[taken:]])

    def _calibrated(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Quantise the backbone for good, on the images that are held; they and their labels."""
        held = int(self._state.progress[HELD])
        images = self._state.calibration.x[:held]
        if held:
            self._state.progress[CALIBRATED] = 1
            self._blocks = self._quantised(images)
        return images, self._state.calibration.y[:held]

    def _take(self, images: NDArray[np.uint8], y: NDArray[np.int64]) -> None:
        """Let images, y wait until they fill a batch, and learn each batch."""
        start, waiting = 0, self._state.waiting
        while start < len(images):
            place = int(self._state.progress[WAITING])
            end = min(start + len(waiting.y) - place, len(images))
            waiting.x[place : place + end - start] = images[start:end]
            waiting.y[place : place + end - start] = y[start:end]
            self._state.progress[WAITING] += end - start
            if self._state.progress[WAITING] == len(waiting.y):
                self._learn_waiting()
            start = end

    def _learn_waiting(self) -> None:
        """One step on the examples that wait and on recalled ones; then the new ones are offered to the memory."""
        progress, waiting = self._state.progress, self._state.waiting
        new = int(progress[WAITING])
        if new == 0:
            return
        draw = generator(self.seed, "batch", str(int(progress[STEPS])))
        old, labels = self.memory.recall(new * self._ratio, draw)
        x, y = np.concatenate([waiting.x[:new], old]), np.concatenate([waiting.y[:new], labels])
        progress[REPLAYED] += len(labels)
        prepared = self._prepared(x)
        if self.parameters["rule.flip"]:
            mirrored = draw.random(len(x)) < 0.5
            prepared = np.where(mirrored[:, None, None, None], prepared[..., ::-1], prepared)
        self._learner(self.task).step(prepared, y, int(progress[SEEN]))
        self.memory.offer(waiting.x[:new], waiting.y[:new], draw)
        self._state.steps[len(y)] += 1
        progress[STEPS] += 1
        progress[SEEN] += new
        progress[WAITING] = 0

    def predict(self, x: Float, task: int | None = None) -> NDArray[np.int64]:
        """(examples,) the class of each of x (examples, steps, features), by the Rep-Net of `task`."""
        if not len(x):
            return np.zeros(0, np.int64)
        images = self._images(x)
        which = 0 if self.parameters["network.tasks"] == "shared" else self.task if task is None else task
        draw = generator(self.seed, "read", str(int(self._state.progress[DRAWS])))
        self._state.progress[DRAWS] += 1
        self._state.progress[CLASSIFIED] += len(x)
        learner = self.learners.get(which) or self._new_learner(
            which, self._blocks or self._quantised(images)
        )
        return learner.answers(self._prepared(images), self._failures(), draw)

    def _failures(self) -> Failures:
        """Probabilities that a stored bit of each group is wrong while it is used: misread, or lost at rest."""
        p = self.parameters
        found = []
        for cell in self.cells.weights:
            read, lost = read_error(p, cell), cell.retention_failure(p["faults.rest_years"] * YEAR)
            either = read + lost - read * lost
            found.append(ErrorRates(either, either))
        return Failures(*found)

    # --- what it is made of

    def _learner(self, task: int) -> Learner:
        """The Rep-Net and head of a task, made when they first learn."""
        if task not in self.learners:
            self.learners[task] = self._new_learner(task, self._blocks)
        return self.learners[task]

    def _new_learner(self, task: int, blocks: Any) -> Learner:
        """The Rep-Net and head of a task that has learned nothing, beside the frozen `blocks`."""
        p, classes = self.parameters, self.shape.classes
        if self.on == "chip":
            return OnChip(blocks, self.backbone, p, self.cells, classes, seed=self.seed, task=task)
        return InSoftware(self.backbone, p, classes, seed=self.seed, task=task)

    def _quantised(self, images: NDArray[np.uint8]) -> Any:
        """The backbone in INT8, the exponents of its activations fixed on images; None for the float twin."""
        if self.on != "chip":
            return None
        x = from_float(
            torch.from_numpy(self._prepared(images[:CALIBRATION])), exponent=image_exponent(self.backbone)
        )
        blocks = self._frozen([x] if self.parameters["network.static"] else [])
        share = self.parameters["faults.stuck"]
        if share and self.parameters["network.train"] != "full":  # cells that learn have lines of their own
            stick(blocks, wear_law(self.parameters, self.cells.frozen), seed=self.seed)
        return blocks

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
        return integers(blocks, self.backbone, self.parameters, self.shape.classes, seed=self.seed, task=0)

    def _layers(self) -> list[Layer]:
        """The matrix products of one image, learning."""
        return self._layout().layers(1, self.parameters["network.side"], learning=True)

    def ledger(self) -> Ledger:
        """What was done so far, by phase; the float twin does no work on hardware."""
        if self.on != "chip":
            return Ledger({"learn": {}, "predict": {}}, {})
        chips = [one for one in self.learners.values() if isinstance(one, OnChip)]
        offered, stored = (int(n) for n in self.memory.state.offered)
        done = SasMramTally(
            steps=[(n, int(times)) for n, times in enumerate(self._state.steps) if times],
            offered=offered,
            stored=stored,
            replayed=int(self._state.progress[REPLAYED]),
            flipped=sum(one.flipped for one in chips),
            driven=sum(lines.driven() for one in chips for lines in one.lines.values()),
            classified=int(self._state.progress[CLASSIFIED]),
            ones={name: sum(int(one.ones[n]) for one in chips) for n, name in enumerate(OPERAND_COUNTS)},
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
        return memory_bits(self.parameters, self._layers(), self.size, len(self.memory.state.y))

    def figures(self) -> dict[str, Any]:
        """What a cell costs and how it fails, from the physics of its device; empty for the float twin."""
        return self.cells.as_dict() if self.on == "chip" else {}

    def writes(self) -> dict[str, NDArray[np.int64]]:
        """Per trained layer (8 bits, outputs, inputs): writes seen by each cell; tasks side by side."""
        chips = [one for _, one in sorted(self.learners.items()) if isinstance(one, OnChip)]
        names = chips[0].lines if chips else {}
        return {name: np.concatenate([one.seen(name) for one in chips], axis=1) for name in names}

    def worn(self) -> dict[str, int]:
        """Per trained layer: cells that no longer change, of all tasks."""
        chips = [one for one in self.learners.values() if isinstance(one, OnChip)]
        return {
            name: sum(one.lines[name].worn() for one in chips) for name in (chips[0].lines if chips else ())
        }

    def learned(self) -> int:
        """Examples learned so far, new and replayed; new ones that wait count as learned."""
        return int(self._state.progress[LEARNED] + self._state.progress[REPLAYED])

    # --- state

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Everything that `load` needs."""
        tensors = copied(self._state)
        for task, learner in self.learners.items():
            tensors |= {f"task{task}.{name}": value.copy() for name, value in learner.tensors().items()}
        return tensors, {"chip": "sas-mram", "on": self.on, "task": self.task, "tasks": sorted(self.learners)}

    def load(self, tensors: dict[str, NDArray[Any]], values: dict[str, Any]) -> None:
        """Go on from `state`; raises StateError where a tensor is missing or has another shape."""
        load(self._state, tensors)
        self._blocks = None
        if self._state.progress[CALIBRATED]:
            self._calibrated()
        self.task, self.learners = int(values["task"]), {}
        for task in values["tasks"]:
            self._learner(int(task)).load(tensors, f"task{task}.")
