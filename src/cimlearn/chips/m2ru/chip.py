"""M2RU: MiRU-2 on two memristor crossbars, learning on the chip with reservoir replay.

The same class runs the float twin: the same rule, stream and replay on plain float arrays.
"""

from __future__ import annotations

import sys
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn import team
from cimlearn.arrays import rules
from cimlearn.arrays.base import ACTIVE_BITS, PULSES, ROW_WRITES, VECTORS, VERIFY_READS
from cimlearn.arrays.build import circuit_of, crossbar
from cimlearn.arrays.circuit import Circuit
from cimlearn.arrays.crossbar import Crossbar
from cimlearn.arrays.crossbar_counts import ArrayTally
from cimlearn.arrays.plain import plain
from cimlearn.chips.m2ru import answering, loop, resting
from cimlearn.chips.m2ru.counts import M2RUTally, PulseTally, phase_counts
from cimlearn.chips.m2ru.fast import FAST, is_transferred
from cimlearn.chips.m2ru.helpers import Crew
from cimlearn.chips.m2ru.loop import LearnState
from cimlearn.chips.m2ru.rested import rests
from cimlearn.chips.m2ru.setup import (
    Float,
    first_feedback,
    initial_weights,
    make_memory,
    make_probed,
    make_rule,
    make_scratch,
    make_work,
)
from cimlearn.chips.m2ru.sizes import (
    check_answer,
    feedback_design,
    feedback_size,
    fitted,
    inventory,
    is_parallel,
    is_probed,
    memory_bits,
)
from cimlearn.devices.catalog import device
from cimlearn.learning.metaplastic import ASKED, RISEN
from cimlearn.learning.replay import BufferState
from cimlearn.ledger import Ledger
from cimlearn.networks.miru import Miru
from cimlearn.parameters import ParameterSet
from cimlearn.random import kernel_state
from cimlearn.state import copied, load
from cimlearn.streams.base import StreamShape

_NONE: Final = np.zeros((0, 0), np.float32)  # no numbers
_ONE_TYPE: Final = ("C", "A", "W")  # of arrays, for numba: in order, aligned, writeable


class M2RUState(NamedTuple):
    """All of the chip that changes; every field is saved with a run."""

    classified: NDArray[np.int64]  # (1,) examples answered by `predict`
    hidden: Any  # state of the hidden array
    output: Any  # state of the output array
    reads: dict[
        str, Any
    ]  # 'hidden.predict', 'output.predict' -> what `predict` changes when it reads an array
    replay: BufferState
    work: LearnState
    fast: dict[
        str, Any
    ]  # 'hidden_fast', 'output_fast', 'transfer' -> state of fast arrays, where there are some
    rested: NDArray[np.int64]  # (RESTED,) rests and calibrations so far


class M2RU:
    """The chip (`on='chip'`) or its float twin (`on='float'`)."""

    def __init__(self, parameters: ParameterSet, shape: StreamShape, *, seed: int, on: str = "chip") -> None:
        check_answer(parameters, shape)
        p = fitted(parameters, shape)
        self.parameters, self.shape, self.on = p, shape, on
        self._crew = Crew()
        first, second, psi = initial_weights(p, shape, seed)
        hidden: Any
        output: Any
        self._circuits: dict[str, Circuit] = {}  # of arrays whose wires are solved again while they learn
        updates = p["operation.age_interval" if p["periphery.wire"] is None else "periphery.wire_interval"]
        self._interval = updates * p["rule.batch"]  # new examples between two solutions
        if on == "chip":
            cell = device(p.part("device"))
            hidden = crossbar(cell, p, first, name="hidden", seed=seed)
            output = crossbar(cell, p, second, name="output", seed=seed)
            if self._follows():
                for name, weight in (("hidden", first), ("output", second)):
                    self._circuits[name] = circuit_of(cell, p, weight.shape, name=name, seed=seed)
        else:
            hidden, output = plain(first), plain(second)
        feedback = self._feedback_array(first_feedback(p, shape, psi, first[shape.features : -1]), seed)
        state_bits = p["network.state_bits"] if on == "chip" else None
        grid = 0.0 if state_bits is None else 2.0 ** (state_bits - 1)
        self.net = Miru(hidden, output, float(p["network.lambda"]), float(p["network.beta"]), grid)
        self.rule = make_rule(p, shape, psi, first[shape.features : -1], seed=seed, on=on)
        self.memory = make_memory(p, shape, seed)
        probed = make_probed(p, shape, feedback, seed=seed)
        self.work = make_work(
            p, shape, psi, first[shape.features : -1], probed=probed, rule=self.rule, seed=seed, on=on
        )
        reads = {name: _reads(array, seed, name) for name, array in (("hidden", hidden), ("output", output))}
        self._testing = self.net._replace(
            hidden=_reader(hidden, reads["hidden"]), output=_reader(output, reads["output"])
        )
        self._state = M2RUState(
            classified=np.zeros(1, np.int64),
            hidden=hidden.state,
            output=output.state,
            reads={f"{name}.predict": one for name, one in reads.items()},
            replay=self.memory.state,
            work=self.work.state,
            fast=self._fast_states(),
            rested=np.zeros(resting.RESTED, np.int64),
        )
        self._rests = resting.Rests(
            p, self.arrays() if on == "chip" else {}, self._circuits, self._state.rested, seed=seed
        )
        self._rests.begin()
        self._noise = answering.noise(seed)
        self._answering = self.net._replace(
            hidden=_with_noise(self._testing.hidden, self._noise.hidden),
            output=_with_noise(self._testing.output, self._noise.output),
        )

    def _feedback_array(self, weight: Float, seed: int) -> Any:
        """The array of a probed feedback; the twin's has the same range, and where it isn't used it has no rows."""
        p = self.parameters
        if self.on != "chip" or not is_probed(p):
            return plain(weight, p["mapping.feedback_range"])
        feedback_size(p, self.shape)
        p = feedback_design(p)
        cell = device(p.part("device"))
        together = self.shape.classes
        if self._follows():
            self._circuits["feedback"] = circuit_of(
                cell, p, weight.shape, name="feedback", seed=seed, together=together
            )
        return crossbar(cell, p, weight, name="feedback", seed=seed, together=together)

    def _follows(self) -> bool:
        """Whether arrays are solved again while they learn: through wires, or because cells age."""
        return self.parameters["periphery.wire"] is not None or rules.ages(self.parameters)

    def start_task(self, task: int) -> None:
        """M2RU takes no notice of tasks."""

    def end_task(self) -> None:
        """Examples that wait go on waiting: the batch is filled by the next task."""

    def learn(self, x: Float, y: NDArray[Any]) -> None:
        """Learn x (examples, steps, features) with classes y (examples,), or numbers (examples, outputs)."""
        start, wanted = 0, _NONE
        if self.shape.numbers:
            wanted, y = np.ascontiguousarray(y, np.float32), np.full(len(x), loop.NUMBERS)
        while start < len(x):
            end = min(len(x), start + self._until_solved())
            self._learn(x[start:end], y[start:end], wanted[start:end], 0)
            start = end
            if self._circuits and self.work.state.progress[loop.NEW] % self._interval == 0:
                self._rests.age(int(self.work.state.progress[loop.NEW]))

    def _until_solved(self) -> int:
        """New examples until the wires are solved again: at stated updates, whatever the chunks."""
        if not self._circuits:
            return sys.maxsize
        return self._interval - int(self.work.state.progress[loop.NEW]) % self._interval

    def rests(self) -> bool:
        """Whether something happens between tasks."""
        return self.on == "chip" and rests(self.parameters)

    def rest(self) -> None:
        """Let the time between two tasks pass, and do about it what the parameters say."""
        self._rests.rest(int(self.work.state.progress[loop.NEW]))
        if self.parameters["operation.refresh"]:
            none = np.zeros((0, self.shape.steps, self.shape.features), np.float32)
            self._learn(none, np.zeros(0, np.int64), _NONE, self.parameters["operation.refresh"])

    def _learn(self, x: Float, y: NDArray[Any], wanted: Float, again: int) -> None:
        self._ask(loop.Asked(loop.LEARN, x, y, wanted, again), self.net, self.rule)

    def _ask(self, asked: loop.Asked, net: Miru, rule: loop.Rule) -> None:
        """Have the compiled program do what is asked for, whose arrays must be of one type for one program."""
        x = np.require(asked.x, np.float32, _ONE_TYPE)
        asked = asked._replace(x=x, y=np.require(asked.y, np.int64, _ONE_TYPE))
        self._crew.do(net, self.memory, rule, self.work, self._noise, asked)

    def use_threads(self, threads: int) -> None:
        """Learn and predict on up to `threads` threads from now on, on fewer where more don't pay; same bits."""
        p, threads = self.parameters, 1 if team.ALONE else threads
        scratch = make_scratch(p, self.shape, probed=self.work.probed, rule=self.rule, threads=threads)
        self.work = self.work._replace(scratch=scratch)
        self._crew.gather(self.work, threads)

    def predict(self, x: Float, task: int | None = None) -> NDArray[Any]:
        """(examples,) the class of each of x (examples, steps, features); numbers: (examples, outputs)."""
        classes = np.zeros(len(x), np.int64)
        found = np.zeros((len(x), self.shape.classes), np.float32) if self.shape.numbers else _NONE
        self._ask(loop.Asked(loop.TEST, x, classes, found, 0), self._testing, self.rule)
        self._state.classified[0] += len(x)
        return found if self.shape.numbers else classes

    def count_classified(self, examples: int) -> None:
        """Count examples that `predict` would have counted: a card answered them (cimlearn.gpu)."""
        self._state.classified[0] += examples

    def tested(self) -> tuple[Any, Any]:
        """The hidden and the output array as `predict` reads them, with counters of their own."""
        return self._testing.hidden, self._testing.output

    def shares(self, x: Float) -> Float:
        """(examples, classes) the answer to each of x (examples, steps, features): softmax or K-WTA, as in learning.

        The read noise is drawn as in `predict`, but from a generator that the example's own values seed: an answer
        depends on the example and the weights, not on what was asked before or beside it. Counted like `predict`.
        """
        found = np.zeros((len(x), self.shape.classes), np.float32)
        circuit = self.rule.circuit._replace(words=self._noise.circuit)
        rule = self.rule._replace(circuit=circuit)
        asked = loop.Asked(loop.SHARE, x, np.zeros(len(x), np.int64), found, 0)
        self._ask(asked, self._answering, rule)
        self._state.classified[0] += len(x)
        return found

    def learned(self) -> int:
        """Examples learned so far, new and replayed."""
        return int(self.work.state.progress[loop.LEARNED])

    def arrays(self) -> dict[str, Any]:
        """The arrays by name."""
        arrays = {"hidden": self.net.hidden, "output": self.net.output}
        feedback = {"feedback": self.work.probed.array} if is_probed(self.parameters) else {}
        return arrays | feedback | self._fast_arrays()

    def _fast_arrays(self) -> dict[str, Any]:
        """The fast arrays by name."""
        if self.on != "chip" or not is_transferred(self.parameters):
            return {}
        return {FAST["hidden"]: self.work.transfer.hidden, FAST["output"]: self.work.transfer.output}

    def _fast_states(self) -> dict[str, Any]:
        """What changes of the fast arrays and of their transfer."""
        arrays = {name: array.state for name, array in self._fast_arrays().items()}
        return arrays | ({"transfer": self.work.transfer.state} if arrays else {})

    def weights(self) -> dict[str, Float]:
        """A copy of the effective weights of each array (rows, columns)."""
        return {name: array.state.weight.copy() for name, array in self.arrays().items()}

    def writes(self) -> dict[str, NDArray[np.int64]]:
        """Per array (cells per weight, rows, columns): pulses seen by each cell; empty for the float twin."""
        if self.on != "chip":
            return {}
        return {n: a.state.cells.writes.astype(np.int64) for n, a in self.arrays().items()}

    def worn(self) -> dict[str, int]:
        """Per array: cells that no longer change."""
        if self.on != "chip":
            return {}
        return {n: int(np.sum(a.state.cells.writes >= a.state.cells.limit)) for n, a in self.arrays().items()}

    def memory_bits(self) -> dict[str, int]:
        """Bits of each digital memory that learning needs."""
        return memory_bits(self.parameters, self.shape, on_chip=self.on == "chip")

    def figures(self) -> dict[str, Any]:
        """Nothing: prices tell."""
        return {}

    def inventory(self) -> dict[str, dict[str, int]]:
        """What the chip is made of; empty for the float twin."""
        return inventory(self.parameters, self.shape) if self.on == "chip" else {}

    def ledger(self) -> Ledger:
        """What was done so far, by phase."""
        phases = {
            "learn": (self.net, self._learned()),
            "predict": (self._testing, M2RUTally(None, int(self._state.classified[0]))),
        }
        counts, on = {}, {}
        for name, (net, tally) in phases.items():
            if self.on == "chip":
                arrays = {"hidden": _tally(net.hidden), "output": _tally(net.output)}
                if name == "learn" and is_probed(self.parameters):
                    arrays["feedback"] = _tally(self.work.probed.array)
                if name == "learn":
                    arrays |= {fast: _tally(array) for fast, array in self._fast_arrays().items()}
                tally = tally._replace(arrays=arrays)
                on[name] = {array: one.on for array, one in arrays.items()}
            counts[name] = phase_counts(self.parameters, self.shape, tally, learning=name == "learn")
        return Ledger(counts, on)

    def _learned(self) -> M2RUTally:
        """What learning did beside the arrays."""
        progress, probe = self.work.state.progress, self.work.state.probe
        held = self.work.state.importance.counts
        return M2RUTally(
            None,
            passes=int(progress[loop.LEARNED]),
            updates=int(progress[loop.UPDATES]),
            offered=int(self.memory.state.seen[0]),
            stored=int(self.memory.state.stored[0]),
            replayed=int(progress[loop.REPLAYED]),
            copies=int(progress[loop.COPIES]),
            lit=int(progress[loop.LIT]),
            probes=int(probe.probes[0]),
            again=int(probe.again[0]),
            driven=int(probe.driven[0]),
            asked=int(held[ASKED]),
            risen=int(held[RISEN]),
            calibrations=int(self._state.rested[resting.CALIBRATIONS]),
            given=self._given(),
        )

    def _given(self) -> dict[str, PulseTally]:
        """What parallel writes did, by array."""
        if not is_parallel(self.parameters):
            return {}
        counts = self.work.state.pulses._asdict()
        return {name: PulseTally(*(int(n) for n in counts[name])) for name in self.arrays()}

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Everything that `load` needs."""
        return copied(self._named()), {"chip": "m2ru", "on": self.on}

    def load(self, tensors: dict[str, NDArray[Any]], values: dict[str, Any]) -> None:
        """Go on from `state`; raises StateError where a tensor is missing or has another shape."""
        load(self._named(), tensors)

    def _named(self) -> dict[str, Any]:
        """The state by name; what `predict` changes stands beside the arrays, not in a group of its own."""
        fields = self._state._asdict()
        return fields | fields.pop("reads") | fields.pop("fast")


def _tally(array: Crossbar) -> ArrayTally:
    """What the counters of an array say."""
    return ArrayTally(
        vectors=int(array.state.counts[VECTORS]),
        active_bits=int(array.state.counts[ACTIVE_BITS]),
        pulses=int(array.state.counts[PULSES]),
        verify_reads=int(array.state.counts[VERIFY_READS]),
        row_writes=int(array.state.counts[ROW_WRITES]),
        on=float(array.state.on[0]),
    )


class CrossbarReads(NamedTuple):
    """What reading a crossbar changes."""

    counts: NDArray[np.int64]
    on: NDArray[np.float64]
    read_words: NDArray[np.uint64]


class PlainReads(NamedTuple):
    """What reading a plain array changes."""

    counts: NDArray[np.int64]


def _reads(array: Any, seed: int, name: str) -> CrossbarReads | PlainReads:
    """Counters and read noise of `predict` on an array, so that testing never disturbs learning."""
    counts = np.zeros_like(array.state.counts)
    if isinstance(array, Crossbar):
        return CrossbarReads(counts, np.zeros(1), kernel_state(seed, name, "read", "predict"))
    return PlainReads(counts)


def _reader(array: Any, reads: CrossbarReads | PlainReads) -> Any:
    """The same array, read with counters and noise of its own."""
    return array._replace(state=array.state._replace(**reads._asdict()))


def _with_noise(array: Any, words: NDArray[np.uint64]) -> Any:
    """The same array with its read noise from `words` (4,); counters are shared."""
    return (
        array._replace(state=array.state._replace(read_words=words)) if isinstance(array, Crossbar) else array
    )
