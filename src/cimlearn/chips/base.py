"""The contract of a chip: networks mapped on arrays, a learning rule, replay; it never knows the stream.

`Design` is what can be said of one without a run (experiments/pricing.py); `Kind` declares one, in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from cimlearn.ledger import Ledger
from cimlearn.parameters import ParameterSet
from cimlearn.streams.base import StreamShape


class Chip(Protocol):
    """An accelerator, or a software twin of one.

    `learn`, `start_task`, `end_task` and `load` change the chip and return nothing; everything else only answers,
    except that `predict` counts its work in the ledger and draws its own read noise. What is learned never depends on
    what was asked.
    """

    def start_task(self, task: int) -> None:
        """Say that the examples of task number `task` follow (most chips take no notice)."""

    def end_task(self) -> None:
        """Say that the task's last example was learned: a chip that waits for full batches learns the rest now.

        Calling it twice is calling it once. Most chips take no notice.
        """

    def learn(self, x: NDArray[np.float32], y: NDArray[np.int64]) -> None:
        """Learn examples in order, each once as new: x (examples, steps, features), y (examples,).

        Where the shape has numbers, y is (examples, outputs) float32, those to learn in -1 .. 1.
        """

    def predict(self, x: NDArray[np.float32], task: int | None = None) -> NDArray[Any]:
        """(examples,) the class of each example of x (examples, steps, features); numbers: (examples, outputs).

        `task` is the number of the task that x belongs to, for chips that are told (task-incremental); others take no
        notice.
        """

    def ledger(self) -> Ledger:
        """What was done so far: counts of (phase, part, action), conductance switched on."""

    def writes(self) -> dict[str, NDArray[np.int64]]:
        """Per array: (cells per weight, rows, columns) writes seen by each cell so far; empty for software."""

    def worn(self) -> dict[str, int]:
        """Per array: cells that no longer change (stuck from the start or worn out); empty for software."""

    def learned(self) -> int:
        """Examples learned so far, new and replayed."""

    def memory_bits(self) -> dict[str, int]:
        """Bits of each digital memory that learning needs, by name."""

    def inventory(self) -> dict[str, dict[str, int]]:
        """What the chip is made of: part -> piece -> how many; empty for software."""

    def figures(self) -> dict[str, Any]:
        """What a cell costs and how it fails, where the physics of the device tells; else empty."""

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Everything that `load` needs: named tensors, and plain JSON values."""

    def load(self, tensors: dict[str, NDArray[Any]], values: dict[str, Any]) -> None:
        """Go on exactly from a `state` of a chip built with the same parameters, shape and seed.

        Raises
        ------
        cimlearn.state.StateError
            If a tensor is missing, or has another shape or type.
        """


@runtime_checkable
class Resting(Protocol):
    """A chip for which time passes between tasks. Others have neither method."""

    def rests(self) -> bool:
        """Whether its parameters let anything happen between tasks."""

    def rest(self) -> None:
        """Let the time between two tasks pass, with all that the chip does about it; state, as learning is."""


@runtime_checkable
class Threaded(Protocol):
    """A chip that can share out its work among threads. Others lack the method."""

    def use_threads(self, threads: int) -> None:
        """Learn and predict on up to so many threads from now on; no number of them changes a bit, or is state."""


class Design(NamedTuple):
    """What a chip is and is expected to do, from sizes alone: nothing is trained."""

    ledger: Ledger
    inventory: Mapping[str, Mapping[str, int]]  # as the chip's
    cell: Mapping[str, Any]  # figures of its memory, as the chip's
    cells: int  # that learning writes
    writes: int  # that all of them see in the ledger, together


class Builder(Protocol):
    """How a chip, or one of its software twins, is made."""

    def __call__(self, on: str, *, parameters: ParameterSet, shape: StreamShape, seed: int) -> Chip:
        """Ready to learn examples of `shape`; `on` is one of the kind's placements."""


class Designer(Protocol):
    """What can be said of a chip without a run."""

    def __call__(self, p: ParameterSet, shape: StreamShape, *, learned: int, predicted: int) -> Design:
        """After `learned` new examples of `shape` and `predicted` ones; `p` holds `expected.*` too."""


class Suiter(Protocol):
    """How parameters that the user left open are made to suit a stream."""

    def __call__(
        self,
        p: ParameterSet,
        shape: StreamShape,
        examples: int,
        sample: Callable[[], NDArray[Any] | None],
        given: Collection[str],
    ) -> ParameterSet:
        """`p` for `examples` new examples; `sample` gives the first few, (some, steps, features), if it is asked.

        The user set the names in `given`, which stay.
        """


def _never(p: ParameterSet) -> bool:
    return False


@dataclass(frozen=True)
class Kind:
    """One accelerator, declared in one place: everything that the program asks of a chip before it is built."""

    name: str
    placements: tuple[str, ...]  # 'chip' and its software twins, such as 'float'
    parameters: Callable[[Mapping[str, Any]], ParameterSet]  # all of them, with changes 'part.key' -> value
    build: Builder
    design: Designer | None = None  # None: costs are known after a run only
    device: str | None = None  # the parameter that names its memory cell
    costs: str | None = (
        None  # how it is priced (costs/models.py): 'crossbar', 'layers', 'bitserial', 'bit-layers'; None: not
    )
    prices: tuple[str, ...] = ()  # presets of prices that are its own
    first_streams: tuple[str, ...] = (
        "permuted-mnist",
        "permuted-digits",
    )  # where none is named: the first there
    first_settings: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict
    )  # stream -> settings that keep such a run short
    priced_stream: str = (
        ""  # whose examples a price is for where none is named; "": the first of `first_streams`
    )
    packages: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # placement -> what else decides its bytes
    suit: Suiter | None = None  # None: its parameters are the same for every stream
    told_tasks: Callable[[ParameterSet], bool] = _never  # whether it is told the task when it classifies
    numbers: bool = False  # it learns real numbers too (regression)
