"""What one task of SAS-MRAM learns with: an INT8 Rep-Net on the chip's cells, or its float32 twin."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays import line_writes, weak
from cimlearn.arrays.faults import ErrorRates, error_rate, misread
from cimlearn.arrays.training import OPERANDS
from cimlearn.arrays.wear import Lines
from cimlearn.chips.sas_mram.setup import wear_law
from cimlearn.devices.risks import Risks
from cimlearn.devices.technology import Cells, Technology
from cimlearn.learning.adam_repnet import RepNetFloat, RepNetSettings
from cimlearn.learning.integer.operands import Operands
from cimlearn.learning.integer.repnet import IntRepNet
from cimlearn.learning.integer.repnet import Tuned as TunedPart
from cimlearn.learning.integer.tensor import Int8, from_float, torch
from cimlearn.learning.integer.update import rate_rule
from cimlearn.learning.integer.wrong import WrongBits
from cimlearn.networks.backbone import Backbone
from cimlearn.networks.baselines import Tuned
from cimlearn.networks.layers import MODULES
from cimlearn.networks.repnet import RepNet, head
from cimlearn.networks.sparsity import pattern
from cimlearn.parameters import ParameterSet
from cimlearn.random import generator
from cimlearn.state import check

Float = NDArray[np.float32]
Labels = NDArray[np.int64]
TUNED: Final[dict[str, TunedPart]] = {
    "repnet": "no",
    "last": "no",
    "repnet+bias": "bias",
    "bias": "bias",
    "full": "full",
}
MEMORY: Final = "memory."  # before the names of what changes beside stored words
LOOKED_AT: Final = 32  # of so many steps one has the ones of its operands counted, the first of a task too
OPERAND_COUNTS: Final = tuple(f"{name}_{kind}" for name in OPERANDS for kind in ("bits", "ones"))
TOGETHER: Final = 100  # images classified together; exponents are found over as many


class Failures(NamedTuple):
    """How often stored bits of each group of weights are wrong while they are used."""

    frozen: ErrorRates
    trained: ErrorRates


class Learner(Protocol):
    """One task: it learns batches and answers; its tensors are its state."""

    def step(self, x: Float, y: Labels, seen: int) -> None:
        """Learn x (examples, 3, side, side), y (examples,); `seen` examples of the task came before."""

    def answers(self, x: Float, rates: Failures, draw: np.random.Generator) -> Labels:
        """(examples,) classes of x (examples, 3, side, side) while stored bits fail at `rates`."""

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything that changes, by name."""

    def load(self, tensors: dict[str, NDArray[Any]], start: str) -> None:
        """Go on from those `tensors` whose names begin with `start`."""


def network(
    backbone: Backbone, p: ParameterSet, norm: str, *, seed: int, task: int, biases: bool = False
) -> RepNet:
    """The Rep-Net of a task; without modules where something else learns."""
    connectors: Any = None if p["network.train"] in MODULES else ()
    return RepNet(
        backbone, norm=norm, resize="nearest", connectors=connectors, biases=biases, seed=seed, task=task
    )


def integers(
    blocks: Any, backbone: Backbone, p: ParameterSet, classes: int, *, seed: int, task: int
) -> IntRepNet:
    """The integer network of a task beside the frozen `blocks`."""
    normed = p["network.norm"] == "batch"
    net = network(backbone, p, "batch" if normed else "none", seed=seed, task=task)
    return IntRepNet(
        blocks,
        net,
        head(net.width, classes, seed=seed, task=task),
        p["network.side"],
        last_exponent=p["network.last_exponent"],
        tuned=TUNED[p["network.train"]],
        accumulator=p["array.accumulator"],
        norm=normed,
        follow=p["network.exponents"] == "last",
        sparsity=pattern(p["rule.sparsity"]),
        refold=p["network.refold"],
    )


class OnChip:
    """INT8, every weight in cells: bits that change are written, and may fail; cells wear; reads may be wrong.

    What is misread is drawn once a step and stored bit: forward, error and gradient products of a step see the same
    wrong bits, in the transposed copy too. The update goes to what is really stored.
    """

    def __init__(
        self,
        blocks: Any,
        backbone: Backbone,
        p: ParameterSet,
        cells: Cells,
        classes: int,
        *,
        seed: int,
        task: int,
    ) -> None:
        self.net = integers(blocks, backbone, p, classes, seed=seed, task=task)
        self.p, self.cells, self.seed, self.task = p, cells, seed, task
        cell = cells.trained
        self.exponent = image_exponent(backbone)
        self.risks = write_risks(p, cell)
        self.read_error = Failures(
            *(ErrorRates(rate, rate) for rate in (read_error(p, one) for one in cells.weights))
        )
        self.lost = 0.0 if cells.learning is None else learning_error(p, cells.learning)
        self.taken = 0
        self.masks = self.net.masks()
        self.stored, law = self.net.weights(), wear_law(p, cell)
        self.lines = {
            name: Lines(w, cell.bits_per_write, law, seed=seed, names=(str(task), name))
            for name, w in self.stored.items()
        }
        if law.stuck:
            self.stored = {name: self.lines[name].born(w) for name, w in self.stored.items()}
            self.net.load(self.stored)
        self.sizes = self.net.sizes()
        self.weak = self._weak()
        self.flipped = 0
        self.ones = np.zeros(len(OPERAND_COUNTS), np.int64)

    def _weak(self) -> dict[str, weak.Weak]:
        """The cells that are misread again and again; frozen ones are the same for every task."""
        if self.p["faults.read_error"] != "device":
            return {}
        found = {}
        for name, words in self.sizes.items():
            margins = (self.cells.trained if name in self.stored else self.cells.frozen).margins
            if margins is None:
                continue
            owner = (str(self.task),) if name in self.stored else ("frozen",)
            found[name] = weak.drawn(words, margins, seed=self.seed, names=(*owner, name))
        return {name: cells for name, cells in found.items() if len(cells.place)}

    def step(self, x: Float, y: Labels, seen: int) -> None:
        """One step on what is read; bits that differ are written, with the device's errors."""
        p = self.p
        stochastic = p["rule.rounding"] == "stochastic"
        draw = (
            torch.Generator().manual_seed(_number(self.seed, self.task, self.taken)) if stochastic else None
        )
        read = generator(self.seed, "read", "learn", str(self.task), str(self.taken))
        if self.lost:
            chance = generator(self.seed, "kept", str(self.task), str(self.taken))
            self.net.err(WrongBits(self.lost, chance))
        with self._misread(self.read_error, read), self._observed():
            self.net.differentiate(self._image(x), torch.from_numpy(y), draw)
        head, modules, backbone, norm = (
            rate_rule(
                _rate(p, f"rule.bits_{part}", seen),
                p["rule.scale"],
                p["rule.rounding"],
                draw,
                momentum=p["rule.momentum"],
                moving=p["rule.exponents"] == "moving",
                residue=p["rule.residue"],
            )
            for part in ("head", "modules", "backbone", "norm")
        )
        self.net.update(head=head, modules=modules, backbone=backbone, norm=norm)
        if self.lost:
            self.net.err(None)
        self._write(self.net.weights())
        self.taken += 1

    @contextmanager
    def _observed(self) -> Iterator[None]:
        """Count the ones of this step's operands if it is one that is looked at."""
        if self.taken % LOOKED_AT:
            yield
            return
        seen = Operands()
        self.net.observe(seen)
        try:
            yield
        finally:
            self.net.observe(None)
        self.ones += np.array([seen.counts[name] for name in OPERAND_COUNTS], np.int64)

    def _write(self, wanted: dict[str, NDArray[np.int8]]) -> None:
        """Put `wanted` into the cells: lines with a changed bit are written whole; a write may fail."""
        chance = generator(self.seed, "write", str(self.task), str(self.taken))
        for name, new in wanted.items():
            old, lines = self.stored[name], self.lines[name]
            self.flipped += int(np.bitwise_count(old.view(np.uint8) ^ new.view(np.uint8)).sum())
            held = lines.write(old, new)
            self.stored[name] = line_writes.written(old, held, lines, self.risks, generator=chance)
        if any(self.stored[name] is not new for name, new in wanted.items()):
            self.net.load(self.stored)

    def answers(self, x: Float, rates: Failures, draw: np.random.Generator) -> Labels:
        """Classes, by batches of 100."""
        found = []
        with self._misread(rates, draw):
            for low in range(0, len(x), TOGETHER):
                out = self.net.forward(self._image(x[low : low + TOGETHER]), keep=False)
                found.append(out.mantissa.argmax(dim=1).numpy())
        return np.concatenate(found).astype(np.int64)

    @contextmanager
    def _misread(self, rates: Failures, draw: np.random.Generator) -> Iterator[None]:
        """While it lasts, stored bits, frozen and trained, are wrong at `rates`, and weak cells are misread."""
        groups = [(self.sizes, rates.trained)]
        if self.cells.hybrid:
            frozen = {name: words for name, words in self.sizes.items() if name not in self.stored}
            groups = [
                (frozen, rates.frozen),
                ({name: self.sizes[name] for name in self.stored}, rates.trained),
            ]
        wrong: dict[str, NDArray[np.int8]] = {}
        for words, rate in groups:
            wrong |= misread(words, self.net.read, rate, generator=draw)
        wrong |= weak.misread(
            self.weak, lambda name: wrong[name] if name in wrong else self.net.read(name), draw=draw
        )
        right = {name: self.net.read(name) for name in wrong}
        self.net.load(wrong)
        try:
            yield
        finally:
            self.net.load(right)

    def _image(self, x: Float) -> Int8:
        return from_float(torch.from_numpy(np.ascontiguousarray(x)), exponent=self.exponent)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Stored weights, writes of each bit, counters."""
        found: dict[str, NDArray[Any]] = {f"weight.{n}": w for n, w in self.stored.items()}
        found |= {f"writes.{n}": lines.writes for n, lines in self.lines.items()}
        found["ones"] = self.ones.copy()
        found |= {f"{MEMORY}{name}": values for name, values in self._memory().items()}
        return found | {"counters": np.array([self.taken, self.flipped], np.int64)}

    def load(self, tensors: dict[str, NDArray[Any]], start: str) -> None:
        """Go on from `tensors`; raises StateError where one is missing or has another shape."""
        for key, own in self.tensors().items():
            check(start + key, tensors, own.shape, own.dtype)
        for name in self.stored:
            self.stored[name] = tensors[f"{start}weight.{name}"].copy()
            self.lines[name].load(tensors[f"{start}writes.{name}"])
        self.ones = tensors[f"{start}ones"].copy()
        self.taken, self.flipped = (int(n) for n in tensors[f"{start}counters"])
        self.net.load(self.stored)
        memory = start + MEMORY
        self.net.remember({n.removeprefix(memory): v for n, v in tensors.items() if n.startswith(memory)})

    def seen(self, name: str) -> NDArray[np.int64]:
        """(8 bits, outputs, inputs) writes of each stored cell of a tensor."""
        found = self.lines[name].seen()
        if name not in self.masks:
            return found
        stored = self.masks[name].reshape(found.shape[1:])
        return found[:, stored].reshape(len(found), len(stored), -1)

    def _memory(self) -> dict[str, NDArray[np.int64]]:
        """What changes beside stored words, where anything does."""
        p = self.p
        more = (
            p["rule.momentum"]
            or p["rule.residue"]
            or p["rule.exponents"] == "moving"
            or p["network.norm"] == "batch"
        )
        return self.net.memory() if more or p["network.exponents"] == "last" else {}


class InSoftware:
    """The float32 twin: the same network, Adam on a cosine over the horizon."""

    def __init__(self, backbone: Backbone, p: ParameterSet, classes: int, *, seed: int, task: int) -> None:
        method = p["network.train"]
        net: Any = (
            Tuned(backbone, method)
            if method in ("bias", "full")
            else network(backbone, p, p["float.norm"], seed=seed, task=task, biases=method == "repnet+bias")
        )
        settings = RepNetSettings(
            rate_head=p["float.rate_head"],
            rate_modules=p["float.rate_modules"],
            batch=p["rule.batch"],
            steps=-(-p["rule.horizon"] // p["rule.batch"]),
        )
        self.learner = RepNetFloat(net, head(net.width, classes, seed=seed, task=task), settings, seed=seed)

    def step(self, x: Float, y: Labels, seen: int) -> None:
        """One step."""
        self.learner.step(x, y)

    def answers(self, x: Float, rates: Failures, draw: np.random.Generator) -> Labels:
        """Classes; nothing fails in software."""
        return self.learner.predict(x)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything that changes."""
        return {name: np.asarray(value.numpy()) for name, value in self.learner.tensors().items()}

    def load(self, tensors: dict[str, NDArray[Any]], start: str) -> None:
        """Go on from `tensors`; raises StateError where one is missing or has another shape."""
        for key, own in self.tensors().items():
            check(start + key, tensors, own.shape, own.dtype)
        mine = {name: tensors[start + name] for name in self.tensors()}
        self.learner.load({name: torch.from_numpy(np.array(value)) for name, value in mine.items()})


def write_risks(p: ParameterSet, cell: Technology) -> Risks:
    """How often bits of a written line are wrong: the device's risks, or one given probability for every bit of it."""
    if p["faults.write_error"] == "device":
        return cell.risks
    return Risks(*[error_rate(p, "faults.write_error", 0.0)] * 4)


def read_error(p: ParameterSet, cell: Technology) -> float:
    """Probability that any bit is misread at random; 0 where only weak cells are, which `OnChip` has drawn."""
    return error_rate(p, "faults.read_error", 0.0 if cell.margins is not None else cell.read_error)


def learning_error(p: ParameterSet, cell: Technology) -> float:
    """Probability that a bit of what only learning needs is wrong after it was written and read."""
    write = error_rate(p, "faults.write_error", cell.write_error)
    read = error_rate(p, "faults.read_error", cell.read_error)
    return write + read - write * read


def image_exponent(backbone: Backbone) -> int:
    """The exponent that holds every normalised pixel."""
    facts = zip(backbone.facts.mean, backbone.facts.deviation, strict=True)
    largest = max(max(mean, 1 - mean) / deviation for mean, deviation in facts)
    return from_float(torch.tensor([largest])).exponent


def _rate(p: ParameterSet, name: str, seen: int) -> float:
    """The largest change of a weight, in its steps, after `seen` examples of the task.

    cosine    from 2^bits to 2^least on half a cosine over the horizon
    halving   half of it at 1/2, 3/4, 7/8 ... of the horizon
    """
    top, horizon = 2.0 ** p[name], p["rule.horizon"]
    least = min(2.0 ** p["rule.bits_least"], top)
    if p["rule.schedule"] == "cosine":
        return least + (top - least) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, seen / horizon)))
    left = max(horizon - seen, 1)
    return max(least, top * 2.0 ** -((horizon // left).bit_length() - 1))


def _number(*parts: int) -> int:
    """A seed of 63 bits that belongs to `parts`."""
    return int(generator(parts[0], "step", *(str(n) for n in parts[1:])).integers(2**63 - 1))
