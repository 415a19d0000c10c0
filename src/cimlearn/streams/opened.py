"""What our streams, whatever their source, say of themselves in the same words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cimlearn.streams.base import StreamShape, TaskInfo


class Opened:
    """Name, sizes, tasks and scenario of a stream; a subclass sets them when it is opened."""

    _name: str
    _shape: StreamShape
    _tasks: Sequence[Any]  # each with its `info`
    _scenario: str

    @property
    def name(self) -> str:
        """The name under which the stream was opened."""
        return self._name

    @property
    def shape(self) -> StreamShape:
        """Sizes that a chip is built for."""
        return self._shape

    @property
    def tasks(self) -> tuple[TaskInfo, ...]:
        """The tasks, in the order in which they are learned."""
        return tuple(task.info for task in self._tasks)

    @property
    def scenario(self) -> str:
        """'domain-incremental' or 'class-incremental'."""
        return self._scenario
