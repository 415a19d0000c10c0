"""One memory cell: its window, what a write does to it, how it wears."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cimlearn.devices.kind import DeviceKind

if TYPE_CHECKING:
    from cimlearn.devices.response import pulse_response

__all__ = ["DeviceKind", "pulse_response"]


def __getattr__(name: str) -> Any:
    """`pulse_response`, imported when it is asked for: kernels take a while."""
    if name == "pulse_response":
        from cimlearn.devices.response import pulse_response

        return pulse_response
    raise AttributeError(f"module 'cimlearn.devices' has no attribute '{name}'")
