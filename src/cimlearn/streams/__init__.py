"""Task streams: images, sensors, your own arrays and tables; and where their data comes from."""

from cimlearn.streams.arrays import ArrayStream
from cimlearn.streams.base import (
    Chunk,
    ClassCounts,
    NumberShape,
    Stream,
    StreamKind,
    StreamShape,
    Targets,
    TaskInfo,
)
from cimlearn.streams.catalog import default_stream, describe, names, open_stream, parameters, source
from cimlearn.streams.datasets import DatasetStream
from cimlearn.streams.described import described
from cimlearn.streams.tables.stream import TableStream

__all__ = [
    "ArrayStream",
    "Chunk",
    "ClassCounts",
    "DatasetStream",
    "NumberShape",
    "Stream",
    "StreamKind",
    "StreamShape",
    "TableStream",
    "Targets",
    "TaskInfo",
    "default_stream",
    "describe",
    "described",
    "names",
    "open_stream",
    "parameters",
    "source",
]
