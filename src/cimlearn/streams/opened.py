"""What our streams, whatever their source, say of themselves in the same words."""

from __future__ import annotations

from cimlearn.streams.base import StreamShape, TaskInfo


class Opened:
    """Name, sizes, tasks and scenario of a stream; a subclass sets them when it is opened."""

    _name: str
    _shape: StreamShape
    _infos: tuple[TaskInfo, ...]
    _scenario: str

    @property
    def name(self) -> str:
        """The path, or the name that was given."""
        return self._name

    @property
    def shape(self) -> StreamShape:
        """Sizes that a chip is built for; signed if any value is negative."""
        return self._shape

    @property
    def tasks(self) -> tuple[TaskInfo, ...]:
        """The tasks, in the order in which they are learned."""
        return self._infos

    @property
    def scenario(self) -> str:
        """'class-incremental' if no two tasks share a class, otherwise 'domain-incremental'."""
        return self._scenario
