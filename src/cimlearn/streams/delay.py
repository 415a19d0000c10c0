"""Labels that arrive late: an example is learned only when as many later ones have arrived as its label needs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.streams import cutting
from cimlearn.streams.base import Chunk, ClassCounts, NumberStream, Stream, StreamShape, Targets, TaskInfo


class Delayed:
    """A stream whose labels arrive `delay` examples late.

    The examples of all tasks arrive one after the other; number n is learned when number n + delay arrives. So the
    last `delay` examples of a task are learned at the beginning of the next one, after the task was tested, and those
    of the last task never. Held-out sets stay as they are.

    Raises
    ------
    InputError
        If the first task has no more than `delay` examples: nothing would be learned in it.
    """

    def __init__(self, stream: Stream, delay: int) -> None:
        first = stream.tasks[0].examples
        if delay >= first:
            raise InputError(
                f"stream.label_delay = {delay}, but the first task has {first} examples, so that nothing would be "
                f"learned in it; choose less than {first}"
            )
        self._stream, self._delay = stream, delay
        arrived = np.cumsum([0, *(task.examples for task in stream.tasks)])
        self._arrived: list[int] = arrived.tolist()  # (tasks + 1,) examples before each task
        self._learned: list[int] = np.maximum(arrived - delay, 0).tolist()

    @property
    def data_from(self) -> list[str]:
        """Where the data sets of the stream were found."""
        return list(getattr(self._stream, "data_from", []))

    @property
    def name(self) -> str:
        """The name under which the stream was opened."""
        return self._stream.name

    @property
    def shape(self) -> StreamShape:
        """Sizes that a chip is built for."""
        return self._stream.shape

    @property
    def tasks(self) -> tuple[TaskInfo, ...]:
        """The tasks, with the examples that are learned in each."""
        learned = np.diff(self._learned).tolist()
        return tuple(task._replace(examples=n) for task, n in zip(self._stream.tasks, learned, strict=True))

    @property
    def scenario(self) -> str:
        """That of the stream."""
        return self._stream.scenario

    @property
    def checksums(self) -> dict[str, str]:
        """Those of the stream."""
        return self._stream.checksums

    @property
    def facts(self) -> dict[str, Any]:
        """Those of the stream, the delay, and how many examples are never learned."""
        late = {"label_delay": self._delay, "never_learned": self._delay}
        return {**getattr(self._stream, "facts", {}), **late}

    def chunks(self, task: int, size: int, start: int = 0) -> Iterator[Chunk]:
        """Examples whose labels arrive in `task`, from number `start` on."""
        cutting.check_request(self.name, self.tasks, task, size, start)
        return _joined(self._between(self._learned[task] + start, self._learned[task + 1], size), size)

    def held_out(self, task: int, size: int) -> Iterator[Chunk]:
        """Test examples of `task`."""
        return self._stream.held_out(task, size)

    def class_counts(self, task: int) -> ClassCounts:
        """Examples of each class that arrive in `task`; the last ones are learned later."""
        return self._stream.class_counts(task)

    @property
    def targets(self) -> Targets:
        """Those of the stream."""
        return cast(NumberStream, self._stream).targets

    def predictors(self, task: int) -> dict[str, NDArray[np.float32]]:
        """Those of the stream."""
        return cast(NumberStream, self._stream).predictors(task)

    def _between(self, first: int, end: int, size: int) -> Iterator[Chunk]:
        """Examples number `first` to `end` - 1 of all tasks together, at most `size` at a time."""
        for task, began in enumerate(self._arrived[:-1]):
            low, high = max(first, began), min(end, self._arrived[task + 1])
            if low < high:
                chunks = self._stream.chunks(task, size, low - began)
                for k, chunk in enumerate(islice(chunks, -(-(high - low) // size))):
                    left = high - low - k * size
                    yield Chunk(chunk.x[:left], chunk.y[:left])


def _joined(chunks: Iterator[Chunk], size: int) -> Iterator[Chunk]:
    """The same examples in chunks of `size`; the last may be shorter."""
    waiting: list[Chunk] = []
    count = 0
    for chunk in chunks:
        waiting.append(chunk)
        count += len(chunk.y)
        if count >= size:
            whole = Chunk(*(np.concatenate(parts) for parts in zip(*waiting, strict=True)))
            yield Chunk(whole.x[:size], whole.y[:size])
            waiting = [Chunk(whole.x[size:], whole.y[size:])] if count > size else []
            count -= size
    if count:
        yield Chunk(*(np.concatenate(parts) for parts in zip(*waiting, strict=True)))
