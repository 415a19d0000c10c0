"""Which checks belong to which object."""

from __future__ import annotations

from typing import Any

from cimlearn.chips.base import Kind
from cimlearn.devices.kind import DeviceKind
from cimlearn.errors import InputError
from cimlearn.learning.dfa import FeedbackKind
from cimlearn.streams.base import StreamKind
from cimlearn.testing.base import Check


def checks(thing: Any, **options: Any) -> list[Check]:
    """The named checks of an object.

    Parameters
    ----------
    thing
        A `cimlearn.devices.DeviceKind`, `cimlearn.chips.Kind`, `cimlearn.streams.StreamKind`,
        `cimlearn.learning.dfa.FeedbackKind`, or `cimlearn.testing.arrays.ArrayKind`.
    options
        device: `settings` 'device.key' -> value. chip: `settings` that make it small and quick, `shape` of examples
        (4 steps of 4 values, 3 classes unless told), `placements` (all unless told). stream: `settings`, `data` folder.

    Raises
    ------
    InputError
        For an object that is none of these.
    """
    if isinstance(thing, DeviceKind):
        from cimlearn.testing import devices as room
    elif isinstance(thing, Kind):
        from cimlearn.testing import chips as room  # type: ignore[no-redef]
    elif isinstance(thing, StreamKind):
        from cimlearn.testing import streams as room  # type: ignore[no-redef]
    elif isinstance(thing, FeedbackKind):
        from cimlearn.testing import feedback as room  # type: ignore[no-redef]
    else:
        from cimlearn.testing import arrays as room  # type: ignore[no-redef]

        if not isinstance(thing, room.ArrayKind):  # type: ignore[attr-defined]
            raise InputError(
                f"there are no checks for a {type(thing).__name__}; give a DeviceKind, ArrayKind, Kind of chip, "
                "StreamKind or FeedbackKind"
            )
    return room.checks(thing, **options)
