"""Task streams: images, sensors, your own arrays; and where their data comes from."""

from cimlearn.streams.arrays import ArrayStream
from cimlearn.streams.base import Chunk, Stream, StreamShape, TaskInfo
from cimlearn.streams.catalog import default_stream, describe, names, open_stream, parameters

__all__ = [
    "ArrayStream",
    "Chunk",
    "Stream",
    "StreamShape",
    "TaskInfo",
    "default_stream",
    "describe",
    "names",
    "open_stream",
    "parameters",
]
