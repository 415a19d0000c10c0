"""M2RU: MiRU-2 on two memristor crossbars, learning on the chip by direct feedback alignment with replay.

The same class runs the float twin: the same rule, stream and replay on plain float arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import ACTIVE_BITS, PULSES, ROW_WRITES, VECTORS, VERIFY_READS
from cimlearn.arrays.build import crossbar
from cimlearn.arrays.crossbar import Crossbar
from cimlearn.arrays.plain import plain
from cimlearn.chips import onchip
from cimlearn.chips.onchip import PROGRESS, Rule, Work
from cimlearn.devices.build import device
from cimlearn.learning.dfa import feedback
from cimlearn.learning.replay import Buffer, buffer
from cimlearn.ledger import Ledger
from cimlearn.networks.miru import Miru, trace
from cimlearn.parameters import ParameterSet
from cimlearn.random import generator, kernel_state
from cimlearn.streams.base import StreamShape

Float = NDArray[np.float32]
FEEDBACK_BITS = 8  # a feedback number is kept as the converter gives it
WORK_STATE = ("hidden", "output", "output_copy", "recurrent_copy", "progress", "offset")


def initial_weights(p: ParameterSet, shape: StreamShape, seed: int) -> tuple[Float, Float, Float]:
    """(features + hidden + 1, hidden), (hidden + 1, classes) and Psi (hidden, classes).

    Input weights normal, recurrent weights a scaled random orthogonal matrix, biases 0; output weights are Psi
    itself where the rule starts aligned, else independent values of the same spread.
    """
    draw = generator(seed, "initial weights")
    hidden = p["network.hidden"]
    spread = p["network.output_scale"] / np.sqrt(hidden)
    inputs = (
        draw.standard_normal((shape.features, hidden)) * p["network.input_scale"] / np.sqrt(shape.features)
    )
    orthogonal, upper = np.linalg.qr(draw.standard_normal((hidden, hidden)))
    recurrent = orthogonal * np.sign(np.diag(upper)) * p["network.recurrent_scale"]
    reach = spread * np.sqrt(3.0)  # uniform in +-reach has standard deviation `spread`
    psi = draw.uniform(-reach, reach, (hidden, shape.classes))
    own = draw.uniform(-reach, reach, (hidden, shape.classes))
    first = np.concatenate([inputs, recurrent, np.zeros((1, hidden))]).astype(np.float32)
    second = np.concatenate([psi if p["rule.aligned"] else own, np.zeros((1, shape.classes))]).astype(
        np.float32
    )
    return first, second, psi.astype(np.float32)


def make_rule(p: ParameterSet, shape: StreamShape, psi: Float, recurrent: Float) -> Rule:
    """The learning rule's constants; the rate of input weights is divided by the number of features."""
    hidden = p["network.hidden"]
    keep, feed = p["network.lambda"], p["network.beta"]
    hidden_rate = np.concatenate(
        [
            np.full(shape.features, p["rule.rate_input"] / shape.features),
            np.full(hidden, p["rule.rate_recurrent"]),
            np.full(1, p["rule.rate_bias"]),
        ]
    )
    output_rate = np.concatenate(
        [np.full(hidden, p["rule.rate_output"]), np.full(1, p["rule.rate_output_bias"])]
    )
    direct = p["rule.feedback"] != "through"
    steps = shape.steps if direct else 0
    return Rule(
        feedback=feedback(p["rule.feedback"], psi, recurrent, steps, keep, feed),
        refresh=0 if direct else p["rule.refresh"] or 0,
        keep=keep,
        feed=feed,
        hidden_rate=hidden_rate.astype(np.float32),
        output_rate=output_rate.astype(np.float32),
        winners=p["rule.winners"] if p["rule.answer"] == "kwta" else 0,
        winner_gain=float(p["rule.winner_gain"]),
        keep_hidden=p["rule.keep_hidden"] or 0,
        keep_output=p["rule.keep_output"] or 0,
        whole=p["rule.keep_over"] == "array",
        batch=p["rule.batch"],
        ratio=p["replay.ratio"] if p["replay.slots"] > 0 else 0,
        replay_weight=float(p["replay.weight"]),
        soft=float(p["replay.soft"]),
        centre_over=p["rule.centre_over"],
    )


def make_work(p: ParameterSet, shape: StreamShape, psi: Float, recurrent: Float) -> Work:
    """Memory of the learning loop; feedback copies start as the weights that were programmed."""
    hidden, rows = p["network.hidden"], shape.features + p["network.hidden"] + 1
    widest = max(hidden, shape.classes)
    example = (shape.steps, shape.features)
    return Work(
        trace(shape.steps, shape.features, hidden, shape.classes),
        np.zeros((rows, hidden), np.float32),
        np.zeros((hidden + 1, shape.classes), np.float32),
        np.zeros((shape.steps, hidden), np.float32),
        np.ascontiguousarray(psi.T),
        np.ascontiguousarray(recurrent.T),
        np.zeros(shape.classes, np.float32),
        np.zeros(shape.classes, np.float32),
        np.zeros(example, np.float32),
        np.zeros(example, np.float32),
        np.zeros(widest, np.float32),
        np.zeros(widest, np.float32),
        np.zeros(PROGRESS, np.int64),
        np.zeros(1),
    )


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
        else:
            hidden, output = plain(first), plain(second)
        state_bits = p["network.state_bits"] if on == "chip" else None
        grid = 0.0 if state_bits is None else 2.0 ** (state_bits - 1)
        self.net = Miru(hidden, output, float(p["network.lambda"]), float(p["network.beta"]), grid)
        self.rule = make_rule(p, shape, psi, first[shape.features : -1])
        self.memory: Buffer = buffer(
            p["replay.slots"],
            (shape.steps, shape.features),
            shape.classes,
            bits=p["replay.bits"],
            share_bits=p["replay.soft_bits"],
            kind=p["replay.quantiser"],
            signed=shape.signed,
            lfsr=p["replay.random"] == "lfsr",
            seed=seed,
        )
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
        """Per array (rows, columns): pulses seen by the cells of each weight; empty for the float twin."""
        if self.on != "chip":
            return {}
        return {n: a.cells.writes.sum(axis=0, dtype=np.int64) for n, a in self.arrays().items()}

    def worn(self) -> dict[str, int]:
        """Per array: cells that no longer change."""
        if self.on != "chip":
            return {}
        return {n: int(np.sum(a.cells.writes >= a.cells.limit)) for n, a in self.arrays().items()}

    def memory_bits(self) -> dict[str, int]:
        """Bits of each digital memory that learning needs."""
        p, shape = self.parameters, self.shape
        answer = shape.classes * p["replay.soft_bits"] if p["replay.soft"] > 0 else 0
        label = max(1, int(np.ceil(np.log2(max(2, shape.classes)))))
        example = shape.steps * shape.features * p["replay.bits"] + label + answer
        bits = {"replay": p["replay.slots"] * example, "feedback": self._feedback_words() * FEEDBACK_BITS}
        if self.on == "chip" and p["write.least"] > 0:
            weights = sum(a.weight.size for a in self.arrays().values())
            bits["accumulators"] = weights * (p["write.accumulator_bits"] or 32)
        return bits

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
        """Counts of one phase. What follows from the number of passes is computed, not counted."""
        p, shape = self.parameters, self.shape
        hidden, rows = p["network.hidden"], shape.features + p["network.hidden"] + 1
        steps = passes * shape.steps
        parts: dict[str, dict[str, int]] = {}
        serial = 0
        if self.on == "chip":
            share = p["periphery.columns_per_converter"]
            cycles = (p["periphery.input_bits"] or 2) - 1
            for name, array in (("hidden", net.hidden), ("output", net.output)):
                parts[name] = _array_counts(
                    array, p["tile.columns"], cycles, converts=p["periphery.converter_bits"]
                )
                serial += parts[name]["vectors"] * (cycles + share)
            parts["time"] = {"forward_cycles": serial}
        digital = {
            "multiply_add": steps * 3 * hidden,
            "tanh": steps * hidden,
            "tile_add": steps * hidden * (_tiles(net.hidden) - 1)
            + passes * shape.classes * (_tiles(net.output) - 1),
            "exp": passes * shape.classes if p["rule.answer"] == "softmax" and learning else 0,
            "kwta": passes if p["rule.answer"] == "kwta" and learning else 0,
        }
        if learning:
            updates = int(self.work.progress[onchip.UPDATES])
            weights = rows * hidden + (hidden + 1) * shape.classes
            direct = len(self.rule.feedback) > 0
            projection = steps * hidden * (shape.classes + 3 if direct else hidden + 4)
            outer = steps * rows * hidden + passes * (hidden + 1) * shape.classes
            digital["multiply_add"] += projection + outer
            digital["compare"] = updates * weights if self.rule.keep_hidden or self.rule.keep_output else 0
            digital["scale"] = updates * weights
            parts["buffer"] = self._buffer_counts()
            if self.on == "chip":
                rows_written = sum(int(a.counts[ROW_WRITES]) for a in (net.hidden, net.output))
                parts["time"]["update_row_cycles"] = rows_written
                parts["time"]["updates"] = updates
            if self.rule.refresh:
                parts["feedback"] = {"copies_read": int(self.work.progress[onchip.COPIES])}
        parts["digital"] = digital
        return parts

    def _buffer_counts(self) -> dict[str, int]:
        """Bits moved in and out of the replay memory."""
        slots = self.parameters["replay.slots"]
        example = self.memory_bits()["replay"] // slots if slots else 0
        stored, replayed = int(self.memory.stored[0]), int(self.work.progress[onchip.REPLAYED])
        return {
            "offered": int(self.memory.seen[0]),
            "stored": stored,
            "replayed": replayed,
            "bits_written": stored * example,
            "bits_read": replayed * example,
        }

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


def _tiles(array: Any) -> int:
    """Row tiles of an array; a plain one has one."""
    return len(array.tiles) - 1 if isinstance(array, Crossbar) else 1


def _array_counts(array: Crossbar, widest: int, cycles: int, *, converts: int | None) -> dict[str, int]:
    """Counts of one crossbar in one phase."""
    columns = array.weight.shape[1]
    vectors = int(array.counts[VECTORS])
    return {
        "vectors": vectors,
        "tile_reads": vectors * _tiles(array) * -(-columns // widest),
        "cycles": vectors * cycles,
        "active_bits": int(array.counts[ACTIVE_BITS]),
        "conversions": vectors * _tiles(array) * columns if converts else 0,
        "writes": int(array.counts[PULSES]),
        "verify_reads": int(array.counts[VERIFY_READS]),
    }


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
