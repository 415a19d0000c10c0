"""The contract of a stream: tasks in order, each with training chunks and a held-out set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cimlearn.parameters import ParameterSet


class StreamShape(NamedTuple):
    """What a chip must know of a stream to be built: sizes, and whether values have a sign."""

    steps: int  # time steps per example
    features: int  # inputs per time step
    classes: int  # outputs
    signed: bool  # values in [-1, 1]; otherwise in [0, 1]

    @property
    def numbers(self) -> bool:
        """Whether the outputs are real numbers (regression); else one of them is the right class."""
        return False


class NumberShape(StreamShape):
    """The shape of a stream whose targets are `classes` real numbers: regression."""

    __slots__ = ()

    @property
    def numbers(self) -> bool:
        """Yes."""
        return True


class TaskInfo(NamedTuple):
    """One task of a stream."""

    name: str
    examples: int  # training examples shown, all passes together
    held_out: int  # test examples


class Chunk(NamedTuple):
    """Some examples in stream order."""

    x: NDArray[np.float32]  # (examples, steps, features) inputs in [0, 1] or [-1, 1]
    y: NDArray[
        Any
    ]  # (examples,) int64 class, 0 <= y < classes; numbers: (examples, outputs) float32, see Targets


class Targets(NamedTuple):
    """What the numbers of a regression stand for: y = (value - offset) / unit; training values lie in -1 .. 1."""

    names: tuple[str, ...]  # (outputs,)
    offset: NDArray[np.float64]  # (outputs,)
    unit: NDArray[np.float64]  # (outputs,) above 0

    def values(self, y: NDArray[Any]) -> NDArray[np.float64]:
        """(examples, outputs) in the targets' own units, of y (examples, outputs)."""
        return y.astype(np.float64) * self.unit + self.offset


class ClassCounts(NamedTuple):
    """How many examples of each class a task has."""

    train: NDArray[np.int64]  # (classes,)
    held_out: NDArray[np.int64]  # (classes,)


@dataclass(frozen=True)
class StreamKind:
    """A stream that lives outside this package: its settings with their owners, and how it is opened."""

    parameters: ParameterSet  # all called 'stream.something'
    open: Opener
    shape: Callable[[Mapping[str, Any]], StreamShape] | None = None  # from the settings alone; None: open it


class Opener(Protocol):
    """How a stream is opened."""

    def __call__(self, settings: Mapping[str, Any], *, seed: int, data: str | Path | None) -> Stream:
        """`settings` are the values without 'stream.' in front; `data` is the folder that the user named, if any."""


class Stream(Protocol):
    """Tasks in order. The same name, settings and seed give the same examples in the same order."""

    @property
    def name(self) -> str:
        """The name under which the stream was opened."""

    @property
    def shape(self) -> StreamShape:
        """Sizes that a chip is built for."""

    @property
    def tasks(self) -> tuple[TaskInfo, ...]:
        """The tasks, in the order in which they are learned."""

    @property
    def scenario(self) -> str:
        """'domain-incremental' or 'class-incremental'."""

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 of each data file (or array) that the stream reads."""

    def chunks(self, task: int, size: int, start: int = 0) -> Iterator[Chunk]:
        """Training examples of `task` from number `start` on, `size` at a time (the last may be shorter).

        Chunk borders never change an example: chunks(k, 10, 20) begins with the 21st one of chunks(k, 500).
        """

    def held_out(self, task: int, size: int) -> Iterator[Chunk]:
        """Test examples of `task`, `size` at a time."""

    def class_counts(self, task: int) -> ClassCounts:
        """Examples of each class in `task`; InputError where the shape has numbers."""


class NumberStream(Stream, Protocol):
    """A stream whose `shape` is a NumberShape: of a regression."""

    @property
    def targets(self) -> Targets:
        """What its numbers stand for."""

    def predictors(self, task: int) -> dict[str, NDArray[np.float32]]:
        """Answers (held_out, outputs) on the held-out set of `task` of whoever learns nothing, scaled as y.

        'mean': the mean of the task's training targets, always. 'last', where there is one: the last value of the
        target that is known when the answer is due.
        """
