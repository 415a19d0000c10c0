"""One memory cell: its window, what a write does to it, how it wears."""

from cimlearn.devices.kind import DeviceKind

__all__ = ["DeviceKind"]
