"""M2RU: MiRU-2 on two memristor crossbars, learning on the chip with reservoir replay.

The same class runs the float twin: the same rule, stream and replay on plain float arrays.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.build import crossbar
from cimlearn.arrays.crossbar import Crossbar
from cimlearn.arrays.plain import plain
from cimlearn.chips import onchip
from cimlearn.chips.accounts import array_phase, forward_digital, learning_digital, update_time
from cimlearn.chips.setup import (
    Float,
    buffer_counts,
    check_reach,
    example_bits,
    initial_weights,
    make_memory,
    make_rule,
    make_work,
)
from cimlearn.devices.build import device
from cimlearn.ledger import Ledger
from cimlearn.networks.miru import Miru
from cimlearn.parameters import ParameterSet
from cimlearn.random import kernel_state
from cimlearn.streams.base import StreamShape

FEEDBACK_BITS = 8  # a feedback number is kept as the converter gives it
WORK_STATE = ("hidden", "output", "output_copy", "recurrent_copy", "progress", "offset")


class M2RU:
    """The chip (`on='chip'`) or its float twin (`on='float'`)."""

    def __init__(self, parameters: ParameterSet, shape: StreamShape, *, seed: int, on: str = "chip") -> None:
        p = parameters
        self.parameters, self.shape, self.on = p, shape, on
        first, second, psi = initial_weights(p, shape, seed)
        hidden: Any
        output: Any
        if on == "chip":
            cell = device(p.part("device"))
            hidden = crossbar(cell, p, first, name="hidden", seed=seed)
            output = crossbar(cell, p, second, name="output", seed=seed)
            for name, array in (("hidden", hidden), ("output", output)):
                check_reach(p, name, array.periphery.reach)
        else:
            hidden, output = plain(first), plain(second)
        state_bits = p["network.state_bits"] if on == "chip" else None
        grid = 0.0 if state_bits is None else 2.0 ** (state_bits - 1)
        self.net = Miru(hidden, output, float(p["network.lambda"]), float(p["network.beta"]), grid)
        self.rule = make_rule(p, shape, psi, first[shape.features : -1])
        self.memory = make_memory(p, shape, seed)
        self.work = make_work(p, shape, psi, first[shape.features : -1])
        self._classified = np.zeros(1, np.int64)
        self._testing = self.net._replace(
            hidden=_tester(hidden, seed, "hidden"), output=_tester(output, seed, "output")
        )

    def start_task(self, task: int) -> None:
        """M2RU takes no notice of tasks."""

    def learn(self, x: Float, y: NDArray[np.int64]) -> None:
        """Learn x (examples, steps, features) with classes y (examples,), each once as new."""
        onchip.learn(self.net, self.memory, self.rule, self.work, x, y)

    def predict(self, x: Float) -> NDArray[np.int64]:
        """(examples,) the class of each of x (examples, steps, features)."""
        classes = np.zeros(len(x), np.int64)
        onchip.predict(self._testing, self.work, x, classes)
        self._classified[0] += len(x)
        return classes

    def learned(self) -> int:
        """Examples learned so far, new and replayed."""
        return int(self.work.progress[onchip.LEARNED])

    def arrays(self) -> dict[str, Any]:
        """The arrays by name."""
        return {"hidden": self.net.hidden, "output": self.net.output}

    def weights(self) -> dict[str, Float]:
        """A copy of the effective weights of each array (rows, columns)."""
        return {name: array.weight.copy() for name, array in self.arrays().items()}

    def writes(self) -> dict[str, NDArray[np.int64]]:
        """Per array (cells per weight, rows, columns): pulses seen by each cell; empty for the float twin."""
        if self.on != "chip":
            return {}
        return {n: a.cells.writes.astype(np.int64) for n, a in self.arrays().items()}

    def worn(self) -> dict[str, int]:
        """Per array: cells that no longer change."""
        if self.on != "chip":
            return {}
        return {n: int(np.sum(a.cells.writes >= a.cells.limit)) for n, a in self.arrays().items()}

    def memory_bits(self) -> dict[str, int]:
        """Bits of each digital memory that learning needs."""
        p = self.parameters
        bits = {
            "replay": p["replay.slots"] * self._example_bits(),
            "feedback": self._feedback_words() * FEEDBACK_BITS,
        }
        if self.on == "chip" and p["write.least"] > 0:
            weights = sum(a.weight.size for a in self.arrays().values())
            bits["accumulators"] = weights * (p["write.accumulator_bits"] or 32)
        return bits

    def _example_bits(self) -> int:
        return example_bits(self.parameters, self.shape, self.parameters["replay.soft"])

    def _feedback_words(self) -> int:
        """Numbers that the feedback memory holds."""
        work = self.work
        return int(self.rule.feedback.size or work.output_copy.size + work.recurrent_copy.size)

    def ledger(self) -> Ledger:
        """What was done so far, by phase."""
        counts = {
            "learn": self._phase(self.net, int(self.work.progress[onchip.LEARNED]), learning=True),
            "predict": self._phase(self._testing, int(self._classified[0]), learning=False),
        }
        on: dict[str, dict[str, float]] = {}
        if self.on == "chip":
            for phase, net in (("learn", self.net), ("predict", self._testing)):
                on[phase] = {"hidden": float(net.hidden.on[0]), "output": float(net.output.on[0])}
        return Ledger(counts, on)

    def _phase(self, net: Miru, passes: int, *, learning: bool) -> dict[str, dict[str, int]]:
        """Counts of one phase by part and action."""
        p, shape = self.parameters, self.shape
        parts = array_phase(net, p) if self.on == "chip" else {}
        digital = Counter(forward_digital(net, p, shape, passes))
        if learning:
            progress, rule = self.work.progress, self.rule
            updates = int(progress[onchip.UPDATES])
            sparse, direct = bool(rule.keep_hidden or rule.keep_output), len(rule.feedback) > 0
            digital.update(learning_digital(p, shape, passes, updates, direct=direct, sparse=sparse))
            replayed = int(progress[onchip.REPLAYED])
            parts["buffer"] = buffer_counts(self.memory, self._example_bits(), replayed)
            if self.on == "chip":
                parts["time"].update(update_time(net, updates))
            if rule.refresh:
                parts["feedback"] = {"copies_read": int(progress[onchip.COPIES])}
        return {**parts, "digital": dict(digital)}

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Everything that `load` needs."""
        tensors = {name: value.copy() for name, value in self._tensors()}
        return tensors, {"chip": "m2ru", "on": self.on}

    def load(self, tensors: dict[str, NDArray[Any]], values: dict[str, Any]) -> None:
        """Go on from `state`; raises ValueError where a tensor is missing or has another shape."""
        for name, place in self._tensors():
            if (
                name not in tensors
                or tensors[name].shape != place.shape
                or tensors[name].dtype != place.dtype
            ):
                raise ValueError(f"the state lacks {name} of shape {place.shape} {place.dtype}")
            place[...] = tensors[name]

    def _tensors(self) -> list[tuple[str, NDArray[Any]]]:
        """Every array of numbers that changes during a run, by name."""
        found: list[tuple[str, NDArray[Any]]] = [("classified", self._classified)]
        for name, array in self.arrays().items():
            found += _changing(name, array)
        for name, array in (("hidden", self._testing.hidden), ("output", self._testing.output)):
            found += [(f"{name}.predict.counts", array.counts)]
            if self.on == "chip":
                found += [(f"{name}.predict.on", array.on), (f"{name}.predict.read_words", array.read_words)]
        keep = ("codes", "labels", "share", "seen", "stored", "words", "register")
        found += [(f"replay.{field}", getattr(self.memory, field)) for field in keep]
        found += [(f"work.{field}", getattr(self.work, field)) for field in WORK_STATE]
        return found


def _tester(array: Any, seed: int, name: str) -> Any:
    """The same array as seen by `predict`: own counters and read noise, so that testing never disturbs learning."""
    if isinstance(array, Crossbar):
        return array._replace(
            counts=np.zeros_like(array.counts),
            on=np.zeros(1),
            read_words=kernel_state(seed, name, "read", "predict"),
        )
    return array._replace(counts=np.zeros_like(array.counts))


def _changing(name: str, array: Any) -> list[tuple[str, NDArray[Any]]]:
    """The changing tensors of one array, by name."""
    found: list[tuple[str, NDArray[Any]]] = [
        (f"{name}.weight", array.weight),
        (f"{name}.counts", array.counts),
    ]
    if isinstance(array, Crossbar):
        found += [(f"{name}.cells.{field}", getattr(array.cells, field)) for field in array.cells._fields]
        fields = ("variance", "row_on", "pending", "turn", "read_words", "write_words", "on")
        found += [(f"{name}.{field}", getattr(array, field)) for field in fields]
    return found
